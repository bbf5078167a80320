"""All clients, by name, in the order in which they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.setup.clients.claude_code import CLAUDE_CODE
from linx.setup.clients.codex import CODEX
from linx.setup.clients.continue_dev import CONTINUE
from linx.setup.clients.editors import CLINE, CURSOR, VSCODE, ZED
from linx.setup.clients.opencode import KILO, OPENCODE
from linx.setup.clients.openwebui import OPENWEBUI
from linx.setup.clients.qwen_code import QWEN_CODE
from linx.setup.clients.terminal import AIDER, LLM

if TYPE_CHECKING:
    from linx.setup.client import Client

CLIENTS: dict[str, Client] = {
    client.name: client
    for client in (
        *(CURSOR, CONTINUE, VSCODE, CLINE, ZED, OPENWEBUI, CLAUDE_CODE, CODEX, AIDER),
        *(OPENCODE, KILO, QWEN_CODE, LLM),
    )
}
ALIASES: dict[str, str] = {alias: client.name for client in CLIENTS.values() for alias in client.aliases}


def find(name: str) -> Client | None:
    """The client of that name or alias, in any case of its letters."""
    word = name.lower()
    return CLIENTS.get(ALIASES.get(word, word))
