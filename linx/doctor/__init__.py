"""``linx doctor``: looks at everything that Linx stands on, and says what mends what is wrong.

Rule: what is looked at (``gather``, with all I/O) is kept apart from what is made of it (``checks``, pure functions of
the facts), and nothing is connected to but this machine and the providers of the config.

- ``finding``: what is said; ``facts``: what was found out; ``edit``: changes of the config's text
- ``checks``: one file a subject, and the table of all
- ``gather``: the config, the providers, ports and programs of this machine, the ledger
- ``report``: the list for people, JSON for programs; ``fix``: ``--fix``
- ``command``: one run
"""
