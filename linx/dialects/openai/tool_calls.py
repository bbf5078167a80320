"""Tool calls of one streamed choice, put in order.

The rule: what leaves here has indices from 0 without gaps, and id and name on the first piece of a call only.

Clients join the fragments of a call by its index and concatenate every string in them, so an id or a name that is
sent twice comes out doubled, and two calls under one index become one. Providers send all of that: indices missing,
all 0 or counted from 1, ids and names repeated or left out, arguments as an object, whole calls without an id.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.core.attempt_errors import Garbled
from linx.core.chat import JsonObject, ToolDelta

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_CALLS = 1024
MAX_KEYS = 4 * MAX_CALLS  # indices and ids of one choice; some providers send a new id on every piece
MAX_LOOK = 16384  # characters of arguments that are kept, and looked through for being a whole object


class _Call:
    """One call as it comes in. ``index`` is None until its name is known and it may be sent."""

    __slots__ = ("call_id", "index", "length", "name", "pieces")

    def __init__(self, call_id: str, name: str) -> None:
        self.call_id = call_id
        self.name = name
        self.index: int | None = None
        self.pieces: list[str] = []
        self.length = 0

    def add(self, text: str) -> None:
        if self.length <= MAX_LOOK:
            self.pieces.append(text)
        self.length += len(text)

    def is_whole(self) -> bool:
        """Are the arguments so far a whole JSON object?"""
        if not 2 <= self.length <= MAX_LOOK:
            return False
        text = "".join(self.pieces).strip()
        if not text.startswith("{") or not text.endswith("}"):
            return False
        try:
            jsontext.loads_plain(text.encode("utf-8", "replace"))
        except ValueError:
            return False
        return True


class ToolCalls:
    """The calls of one choice. ``add`` takes the fragments of each delta in order, ``finish`` ends the calls."""

    __slots__ = ("_by_key", "_calls", "_last", "_new_id", "_sent")

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._calls: list[_Call] = []
        self._by_key: dict[int | str, _Call] = {}  # by the provider's index, or its id where it has no index
        self._last: _Call | None = None
        self._sent = 0

    def __bool__(self) -> bool:
        return bool(self._calls)

    def add(self, fragments: list[Any]) -> tuple[list[ToolDelta], list[JsonObject]]:
        """The clean pieces of a delta's fragments, and the fragments themselves, rewritten to match the pieces."""
        if len(fragments) > MAX_CALLS:
            raise Garbled(f"sent more than {MAX_CALLS} pieces of tool calls in one frame")
        deltas: list[ToolDelta] = []
        kept: list[JsonObject] = []
        touched: list[_Call] = []
        for fragment in fragments:
            if not isinstance(fragment, dict):
                continue
            body, slot = _body(fragment)
            name = _text(body.get("name"))
            arguments = _arguments(body.get(slot))
            call = self._call(fragment, name, arguments, touched)
            touched.append(call)
            call.name = call.name or name
            call.add(arguments)
            if not call.name and call.length <= MAX_LOOK:
                continue  # kept back until the name is known, which belongs on the first piece
            delta = self._send(call, arguments)
            deltas.append(delta)
            kept.append(_rewritten(fragment, body, slot, delta))
        return deltas, kept

    def finish(self, reason: str) -> list[ToolDelta]:
        """The pieces that are still owed when the choice ends.

        A call without any arguments gets ``{}``, since clients parse the arguments as JSON; not so if the answer was
        cut off, where ``{}`` would make a whole call of it.
        """
        owed: list[ToolDelta] = []
        for call in self._calls:
            rest = "" if call.length or reason == "length" else "{}"
            if call.index is None or rest:
                owed.append(self._send(call, rest))
        return owed

    def _call(self, fragment: JsonObject, name: str, arguments: str, touched: list[_Call]) -> _Call:
        """The call that a fragment belongs to, perhaps a new one. ``touched`` are the calls of earlier fragments of
        the same delta."""
        index: Any = fragment.get("index")
        call_id = _text(fragment.get("id"))
        has_index = type(index) is int
        key: int | str = index if has_index else call_id
        call = self._by_key.get(key) if has_index or call_id else self._last
        if call is None and not has_index and not name:
            call = self._last  # some providers send a new id on every piece
        if call is None or _is_another(call, call_id, name, arguments, call in touched):
            if len(self._calls) >= MAX_CALLS:
                raise Garbled(f"sent more than {MAX_CALLS} tool calls")
            if self._last is not None and self._last.index is not None:
                self._last.pieces.clear()
            call = _Call(call_id, "")
            self._calls.append(call)
        if has_index or call_id:
            self._by_key[key] = call
            if len(self._by_key) > MAX_KEYS:
                del self._by_key[next(iter(self._by_key))]
        call.call_id = call.call_id or call_id
        self._last = call
        return call

    def _send(self, call: _Call, arguments: str) -> ToolDelta:
        if call.index is not None:
            return ToolDelta(call.index, arguments=arguments)
        call.index = self._sent
        self._sent += 1
        # Pieces that were kept back while the name was missing go out with the first piece.
        return ToolDelta(
            call.index, call.call_id or f"call_{self._new_id()}", call.name, "".join(call.pieces) or arguments
        )


def _is_another(call: _Call, call_id: str, name: str, arguments: str, is_touched: bool) -> bool:
    """Does a fragment under the key of ``call`` begin another call?"""
    if not name:
        return False  # the first piece of a call has its name
    if call_id and call.call_id:
        return call_id != call.call_id
    if call.name and name != call.name:
        return True
    # The same name and no id to tell them apart: the name is repeated, or the same function is called once more.
    if not call.name:
        return False
    return is_touched or (arguments.lstrip().startswith("{") and call.is_whole())


def _body(fragment: JsonObject) -> tuple[JsonObject, str]:
    """The object in the fragment that holds the name, and the key of the arguments in it."""
    custom = fragment.get("custom")
    if isinstance(custom, dict):
        return custom, "input"
    function = fragment.get("function")
    if not isinstance(function, dict):
        function = fragment["function"] = {}
    return function, "arguments"


def _rewritten(fragment: JsonObject, body: JsonObject, slot: str, delta: ToolDelta) -> JsonObject:
    fragment["index"] = delta.index
    body[slot] = delta.arguments
    if delta.id is None:
        fragment.pop("id", None)
        body.pop("name", None)
    else:
        fragment["id"] = delta.id
        fragment["type"] = "function" if slot == "arguments" else "custom"
        body["name"] = delta.name
    return fragment


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: object) -> str:
    """Arguments as JSON text; some providers send the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else jsontext.dumps(value).decode()
