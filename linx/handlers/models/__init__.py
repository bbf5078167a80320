"""Requests about models. They are answered from memory, so that a slow provider delays no list.
Whole lists are kept as finished bytes (``linx.handlers.kept_lists``).

- ``pieces``: long lists in short steps.
- ``openai``: ``/v1/models``, all names that any provider maps or has.
- ``other_shapes``: the same list in the shapes for Anthropic's clients and for Codex.
- ``ollama``: ``/api/tags``, ``/api/show``, ``/api/ps`` and ``/api/version``, for every provider's models.
"""
