"""The clients, as data: one value for each, in a file for each family.

Rule: a line is here because it has worked, or because the client's documentation or source says so (``Client.tried``).

- ``table``: all of them, by name.
- ``claude_code``, ``codex``, ``qwen_code``: agents of the model makers.
- ``opencode``: opencode and Kilo.
- ``continue_dev``: Continue.
- ``editors``: Cursor, VS Code, Zed and Cline.
- ``openwebui``: Open WebUI.
- ``terminal``: aider and llm.
"""
