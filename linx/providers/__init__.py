"""One configured provider: its kind, its requests, its models, prices, health and places.

``kind`` says what a kind of provider is and ``kinds`` which there are; ``requests`` how each
is asked, ``lists`` what models it has, each a ``model``. ``provider`` is one of them as configured, with its
``health``, its ``slots`` and the ``prices`` of its models; ``catalog`` asks it in the background.
"""
