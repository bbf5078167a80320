"""Joins surrogate pairs that a provider split over two frames.

A model writes a character outside the Basic Multilingual Plane (an emoji, say) as several tokens, and a provider that
escapes its JSON token by token sends one surrogate of the pair in each of two frames. Each alone would become U+FFFD.
So the first surrogate is taken off its frame and put before the next text of the same choice and field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_TEXT_FIELDS = ("content", "reasoning_content", "reasoning", "refusal")


class Surrogates:
    """``mend`` takes a frame that was parsed with its lone surrogates, and leaves it without any.

    While there is anything in ``waiting``, every frame of the stream has to be mended.
    """

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: dict[tuple[int, str | int], str] = {}
        """First surrogates, by the choice and by the field, or by the index of the tool call."""

    def mend(self, frame: JsonObject) -> JsonObject:
        choices = frame.get("choices")
        for choice in choices if isinstance(choices, list) else ():
            if not isinstance(choice, dict) or not isinstance(delta := choice.get("delta"), dict):
                continue
            index, is_last = _number(choice.get("index")), bool(choice.get("finish_reason"))
            for field in _TEXT_FIELDS:
                self._join(delta, field, (index, field), is_last)
            fragments = delta.get("tool_calls")
            for fragment in fragments if isinstance(fragments, list) else ():
                if isinstance(fragment, dict) and isinstance(function := fragment.get("function"), dict):
                    self._join(function, "arguments", (index, _number(fragment.get("index"))), is_last)
        mended: JsonObject = jsontext.scrub(frame)
        return mended

    def _join(self, holder: dict[str, Any], field: str, place: tuple[int, str | int], is_last: bool) -> None:
        text = holder.get(field)
        first = self.waiting.get(place)
        if first is not None and (is_last or (isinstance(text, str) and text)):
            del self.waiting[place]
            text = first + (text if isinstance(text, str) else "")
        if not isinstance(text, str) or not text:
            return
        if not is_last and "\ud800" <= text[-1] <= "\udbff":
            self.waiting[place] = text[-1]
            text = text[:-1]
        holder[field] = text


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
