"""Edits of settings files: text in, text out, and back. Pure, and without a YAML or JSON library for comments.

Rule: every byte outside of Linx's own settings stays, and what is not understood for certain is left alone.

- ``edit``: what an edit is, and how it refuses.
- ``jsonc_tree``: reads JSON with comments, and remembers where everything stands.
- ``jsonc``: sets values in such a file.
- ``lines``: top-level keys that stand on a line of their own.
- ``toml``: top-level keys and one table.
- ``yaml``: top-level keys, and entries of a list.
"""
