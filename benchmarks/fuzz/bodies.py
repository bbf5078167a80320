"""Bodies that are almost right: a full one, of which a few values, keys or items have been changed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from tests.handlers.answers.test_odd_types import ODD, places

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.fuzz.choices import Choices

_ODD = (
    *ODD, -1, 1, 255, 2**31, 2**63, 2**64, -(10**25), 0.1, -1e-9, "null", "true", "0", "auto", "none", "any", "user",
    "assistant", "system", "tool", "developer", "stop", "\x00", "\u2028", "a" * 600, "\udc00x", "data:,",
    "data:x;base64,%", "https://example.org/a.png", '{"a": [1', "{}", "[]", "sha256:00",
    [[[[]]]], [{"type": None}], [True], [0.5, "x"],
    {"type": 5}, {"type": "function"}, {"type": "object", "properties": []}, {"$ref": "#"}, {"name": ""}, {"": ""},
    {"role": "user"}, {"role": "user", "content": None}, {"role": "tool", "content": []},
)  # fmt: skip
MOST = 4
"""Changes of one body."""


def almost(bases: Sequence[Any], choices: Choices, parts: Sequence[Any] = ()) -> Any:
    """One of ``bases``, changed a few times; parts of it may come from ``parts``, or else from any of the bases."""
    body = copy.deepcopy(choices.one_of(bases))
    for _ in range(choices.below(MOST + 1)):
        body = _changed(body, parts or bases, choices)
    return body


def _changed(body: Any, parts: Sequence[Any], choices: Choices) -> Any:
    found = list(places(body))
    if not found:
        return choices.one_of(_ODD)
    path = choices.one_of(found)
    holder = _at(body, path[:-1])
    key: Any = path[-1]
    how = choices.below(9)
    if how <= 2:
        holder[key] = copy.deepcopy(choices.one_of(_ODD))
    elif how == 3:
        del holder[key]
    elif how == 4:  # a part of another body
        other = choices.one_of(parts)
        elsewhere = list(places(other))
        if elsewhere:
            holder[key] = copy.deepcopy(_at(other, choices.one_of(elsewhere)))
    elif how == 5:
        holder[key] = [holder[key]] * choices.one_of((1, 2, 3, 30))
    elif how == 6:
        holder[key] = {str(choices.one_of(found)[-1]): holder[key]}
    elif how == 7 and isinstance(holder, dict):  # under another name
        holder[str(choices.one_of(found)[-1])] = holder.pop(key)
    elif isinstance(holder, list):
        holder.insert(choices.below(len(holder) + 1), copy.deepcopy(holder[key]))
    elif isinstance(holder[key], str):
        at = choices.below(len(holder[key]) + 1)
        holder[key] = holder[key][:at] + choices.take(6).decode("utf-8", "replace") + holder[key][at:]
    else:
        holder[choices.take(8).decode("latin-1")] = holder[key]
    return body


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value
