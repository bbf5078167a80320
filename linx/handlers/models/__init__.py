"""What clients ask about models, answered from memory: a slow provider delays no list.

- ``openai``: ``/v1/models``, the union of what every provider maps and has.
- ``other_shapes``: the same list as Anthropic's clients and Codex read it.
- ``ollama``: ``/api/tags``, ``/api/show``, ``/api/ps`` and ``/api/version``, for every provider's models.
"""
