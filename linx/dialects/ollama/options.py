"""The ``options`` of an Ollama request: which there are, and of which type.

Checked here because Ollama answers an option of the wrong type with a 500, which would
look like a provider at fault and burn the whole chain of candidates. Options that are
not in the table pass: Ollama logs and ignores those it does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from linx.core.errors import BadRequest

if TYPE_CHECKING:
    from linx.core.chat import JsonObject

_INT64 = 2**63


def _integer(value: Any) -> int | None:
    """A fraction is cut off, as Ollama does (``FromMap`` in its api/types.go)."""
    if isinstance(value, float) and abs(value) < _INT64:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if -_INT64 <= value < _INT64 else None


def _number(value: Any) -> float | None:
    return None if isinstance(value, bool) or not isinstance(value, int | float) else value


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _strings(value: Any) -> list[str] | None:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None
    return value


_Reader = tuple[str, Callable[[Any], Any]]
_INTEGER: _Reader = ("integer", _integer)
_NUMBER: _Reader = ("number", _number)
_BOOLEAN: _Reader = ("boolean", _boolean)

_TYPES: dict[str, _Reader] = {
    "num_keep": _INTEGER,
    "seed": _INTEGER,
    "num_predict": _INTEGER,
    "top_k": _INTEGER,
    "repeat_last_n": _INTEGER,
    "num_ctx": _INTEGER,
    "num_batch": _INTEGER,
    "num_gpu": _INTEGER,
    "main_gpu": _INTEGER,
    "num_thread": _INTEGER,
    "draft_num_predict": _INTEGER,
    "mirostat": _INTEGER,
    "temperature": _NUMBER,
    "top_p": _NUMBER,
    "min_p": _NUMBER,
    "typical_p": _NUMBER,
    "tfs_z": _NUMBER,
    "repeat_penalty": _NUMBER,
    "presence_penalty": _NUMBER,
    "frequency_penalty": _NUMBER,
    "mirostat_tau": _NUMBER,
    "mirostat_eta": _NUMBER,
    "use_mmap": _BOOLEAN,
    "use_mlock": _BOOLEAN,
    "numa": _BOOLEAN,
    "low_vram": _BOOLEAN,
    "penalize_newline": _BOOLEAN,
    "stop": ("array", _strings),
}


def option(name: str, value: Any, called: str | None = None) -> Any:
    """``value`` as Ollama takes it for option ``name``; raises BadRequest.

    ``called`` is what the client called it, where that is another name, and then a fraction is no integer: only
    Ollama cuts it off.
    """
    known = _TYPES.get(name)
    if known is None:
        return value
    kind, read = known
    read_value = read(value)
    if read_value is None or (called is not None and read is _integer and read_value != value):
        where = called or f"options.{name}"
        raise BadRequest(f"{where} must be of type {kind}", param=where)
    return read_value


def options(given: JsonObject) -> JsonObject:
    """All options of ``given``, checked; nulls mean absent."""
    return {name: option(name, value) for name, value in given.items() if value is not None}
