"""Keys and prompts that must come out nowhere, looked for in everything that a test makes Linx write.

Each provider of ``config_for`` that has no key of its own gets ``PROVIDER_KEY``. The client of the tests
remembers the texts that it sends. After each test its files (the log of a Linx process, what it
keeps) and the log records of a Linx in the test's own process are searched for both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

PROVIDER_KEY = "sk-canary-5Vb0qLwZ81nTxJ"
"""Shown shortened at most: its first four characters and no more."""
PART = 12
"""So many characters of a key in a row are too many."""
PROMPT = range(20, 4000)
"""Lengths of texts that can only be a prompt; shorter texts stand in names and errors as well."""
MAX_PROMPTS = 200
"""Remembered in one test."""
_TEXTS = frozenset({"content", "prompt", "input", "text", "instructions", "system"})


class Canaries:
    """What one test has sent."""

    def __init__(self) -> None:
        self.prompts: set[str] = set()

    def note(self, body: object) -> None:
        """Remember the texts of a request's parsed body."""
        if isinstance(body, dict):
            self._note(body)

    def _note(self, value: Any) -> None:
        todo = [value]
        while todo and len(self.prompts) < MAX_PROMPTS:
            for name, inner in _members(todo.pop()):
                if isinstance(inner, dict | list):
                    todo.append(inner)
                elif name in _TEXTS and isinstance(inner, str) and len(inner) in PROMPT and " " in inner:
                    self.prompts.add(inner)

    def assert_absent(self, where: str, text: str) -> None:
        assert_no_key(where, text)
        for prompt in self.prompts:
            assert prompt not in text, f"{where} has the prompt {prompt!r}"


def _members(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return [("content", inner) for inner in value] if isinstance(value, list) else []


def assert_no_key(where: str, text: str) -> None:
    assert PROVIDER_KEY[:PART] not in text, f"{where} has a provider's key"


def written(folder: Path) -> list[Path]:
    """The files that Linx wrote below a test's folder: all but configs, which the test wrote itself."""
    return [path for path in folder.rglob("*") if path.suffix in {".log", ".db"} or path.name == "adaptations.json"]


CANARIES = Canaries()
"""Those of the running test; emptied before each."""
