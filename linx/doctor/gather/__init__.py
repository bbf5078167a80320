"""Finds out the facts: all I/O of a look at this machine. Each part has a limit in time, and all run side by side.

- ``settings``: the config in force; ``ask``: one request at a time, with what its answer tells beside its body
- ``probe``: one provider; ``ports``: which program listens; ``own``: the Linx that runs here; ``disk``: the ledger
- ``programs``: ssh, ngrok, the service manager; ``everything``: all of them at once
- ``remote``: a Linx elsewhere, for ``--from``
"""
