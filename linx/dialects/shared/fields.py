"""Reads values from a client's JSON and checks their types.

The rule: errors name a wrong value by its path in the body (``messages[0].content``). An absent field and an explicit
null mean the same: the functions return None, or an empty list; those named ``need_…`` refuse both. All functions raise
BadRequest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core.errors import BadRequest

if TYPE_CHECKING:
    from linx.core.chat import JsonObject


def wrong(where: str, wanted: str) -> BadRequest:
    """The error for a value at the path ``where`` that should be ``wanted``."""
    return BadRequest(f"{where}: must be {wanted}", param=where)


def at(path: str, key: str) -> str:
    """The path of a field in the object at ``path``; "" is the path of the body."""
    return f"{path}.{key}" if path else key


def whole_body(value: Any) -> JsonObject:
    if isinstance(value, dict):
        return value
    raise BadRequest("the body must be a JSON object")


def text(holder: JsonObject, key: str, path: str = "") -> str | None:
    value = holder.get(key)
    if value is None or isinstance(value, str):
        return value
    raise wrong(at(path, key), "a string")


def need_text(holder: JsonObject, key: str, path: str = "") -> str:
    value = holder.get(key)
    if isinstance(value, str):
        return value
    raise wrong(at(path, key), "a string")


def need_name(holder: JsonObject, key: str, path: str = "") -> str:
    value = holder.get(key)
    if isinstance(value, str) and value.strip():
        return value
    raise wrong(at(path, key), "a string that is not empty")


def flag(holder: JsonObject, key: str, path: str = "") -> bool | None:
    value = holder.get(key)
    if value is None or isinstance(value, bool):
        return value
    raise wrong(at(path, key), "true or false")


def number(holder: JsonObject, key: str, path: str = "") -> float | None:
    value = holder.get(key)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise wrong(at(path, key), "a number")


def integer(holder: JsonObject, key: str, path: str = "", *, least: int | None = None) -> int | None:
    value = holder.get(key)
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and (least is None or value >= least):
        return value
    raise wrong(at(path, key), "a whole number" if least is None else f"a whole number of at least {least}")


def mapping(holder: JsonObject, key: str, path: str = "") -> JsonObject | None:
    value = holder.get(key)
    if value is None or isinstance(value, dict):
        return value
    raise wrong(at(path, key), "an object")


def objects(holder: JsonObject, key: str, path: str = "") -> list[JsonObject]:
    """A list of objects; absent means none."""
    value = holder.get(key)
    if value is None:
        return []
    return as_objects(value, at(path, key))


def as_objects(value: Any, where: str) -> list[JsonObject]:
    if not isinstance(value, list):
        raise wrong(where, "a list")
    for item in value:
        if type(item) is not dict:
            raise wrong(f"{where}[{value.index(item)}]", "an object")
    return value


def texts(holder: JsonObject, key: str, path: str = "") -> list[str]:
    """A list of strings; absent means none."""
    value = holder.get(key)
    if value is None:
        return []
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise wrong(at(path, key), "a list of strings")
