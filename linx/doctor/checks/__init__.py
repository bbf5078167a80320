"""What is made of the facts: each check is a pure function that yields findings; ``table`` names them all.

- ``settings``: the config file and its warnings; ``environment``: variables; ``running``: Linx itself, service, tunnel
- ``providers``: reachable, kind, version, credit; ``troubles``: what keeps one from answering, and ``mends``: the words
  and changes that mend it; ``servers``: local servers in no config; ``models``: contexts, mappings, tools
- ``remote``: a Linx elsewhere, for ``--from``; ``network``: clock, certificates, what is local; ``money``: ledger,
  budgets, clients' keys
"""
