"""Documents that are made from the program, so that a page and Linx cannot disagree; and what holds the others to it.

Rule: nothing here is imported by Linx. ``scripts/docs`` writes what ``tests/test_docs.py`` compares.

- ``pages``: which documents there are, and the parts of them that are made.
- ``clients``: the settings of each client.
- ``reference``: the keys of config.json.
- ``commands``: the commands that documents show.
- ``terminal``: a picture of a terminal.
- ``first_minute``: the picture of a first minute, from a run.
- ``write``: writes all parts anew.
"""
