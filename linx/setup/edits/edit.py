"""What an edit of a settings file is: text in, text out, and back.

An edit changes only what belongs to Linx: every other byte of the text stays. Where it does not understand the
text for certain it raises ``Unfit`` and changes nothing.
"""

from __future__ import annotations

from typing import Protocol

BYTE_ORDER_MARK = "\ufeff"


class Unfit(Exception):
    """The text cannot be edited safely; the message says why, without the file's name."""


class Edit(Protocol):
    """One change of one file. Both functions are pure, and applying twice is the same as applying once."""

    def apply(self, text: str) -> str:
        """The text with the settings in it. An empty text stands for a file that does not exist."""

    def revert(self, text: str, before: str) -> str:
        """The text with these settings as they were in ``before``, and everything else as it is in ``text``."""


def newline_of(text: str) -> str:
    """How the lines of the text end."""
    end = text.find("\n")
    return "\r\n" if end > 0 and text[end - 1] == "\r" else "\n"


def without_mark(text: str) -> tuple[str, str]:
    """The byte order mark that the text begins with, or nothing, and the rest."""
    return (BYTE_ORDER_MARK, text[1:]) if text.startswith(BYTE_ORDER_MARK) else ("", text)
