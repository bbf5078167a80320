"""Halves of emoji, put together again across frames.

A model writes a character outside the basic plane as several tokens, and a provider that
escapes its JSON token by token sends one half of a surrogate pair in each of two frames.
Alone, each would become U+FFFD. So the first half waits for the next delta of its kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")


class Halves:
    """``mend`` takes a frame parsed with its lone surrogates and leaves it without any.

    While there is anything in ``waiting``, every frame must pass through here.
    """

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: dict[tuple[int, str | int], str] = {}

    def __bool__(self) -> bool:
        return bool(self.waiting)

    def mend(self, frame: JsonObject) -> JsonObject:
        choices = frame.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict) or not isinstance(delta := choice.get("delta"), dict):
                continue
            index, is_last = _number(choice.get("index")), bool(choice.get("finish_reason"))
            for key in _TEXTS:
                self._join(delta, key, (index, key), is_last)
            fragments = delta.get("tool_calls")
            for fragment in fragments if isinstance(fragments, list) else ():
                if isinstance(fragment, dict) and isinstance(body := fragment.get("function"), dict):
                    self._join(body, "arguments", (index, _number(fragment.get("index"))), is_last)
        clean: JsonObject = jsontext.scrub(frame)
        return clean

    def _join(self, holder: dict[str, Any], key: str, kind: tuple[int, str | int], is_last: bool) -> None:
        text = holder.get(key)
        half = self.waiting.get(kind)
        if half is not None and (is_last or (isinstance(text, str) and text)):
            del self.waiting[kind]
            text = half + (text if isinstance(text, str) else "")
        if not isinstance(text, str) or not text:
            return
        if not is_last and "\ud800" <= text[-1] <= "\udbff":
            self.waiting[kind] = text[-1]
            text = text[:-1]
        holder[key] = text


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
