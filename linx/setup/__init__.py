"""Clients of Linx: what each needs to be told, written into its settings and out of them again, or for one run.

Rule: the clients are data, the edits are pure, and only ``written``, ``running``, ``own_linx``, ``leash``, ``program``
and ``launch`` touch the system. Serving imports none of it.

- ``edits``: settings files, text in and text out.
- ``folders``: where clients keep their settings.
- ``target``: the Linx that a client is pointed at, and the model for it.
- ``client``: what is known of a client.
- ``clients``: all of them.
- ``settings``: what a user does, as text.
- ``written``: writes files, and puts them back.
- ``running``: finds the Linx that runs.
- ``command``: ``linx setup``.
- ``leash``, ``own_linx``: a Linx for one run.
- ``program``: runs the client's program.
- ``launch``: ``linx launch``.
"""
