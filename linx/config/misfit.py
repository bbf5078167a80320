"""What does not fit the shape, as a sentence: which key, what was wanted, what is there, which known key is nearest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar, get_args

import msgspec

from linx.config.rules import key_of
from linx.config.shape import (
    HedgeConfig,
    Kind,
    PriceShape,
    ReasoningField,
    RoutingConfig,
    Scope,
    ServerConfig,
    Shape,
    TunnelConfig,
    TunnelType,
)
from linx.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_NESTED: dict[str, type[Shape]] = {"hedge": HedgeConfig, "price": PriceShape}
_SHARED: dict[str, type[Shape]] = {"routing": RoutingConfig, "server": ServerConfig, "tunnel": TunnelConfig}
_CHOICES: dict[str, tuple[str, ...]] = {
    "kind": get_args(Kind),
    "scope": get_args(Scope),
    "reasoning_field": get_args(ReasoningField),
    "type": get_args(TunnelType),
}
_WANTED = {
    "after": 'a number of seconds, "auto" or null',
    "api_key": "a string, a list of strings or null",
    "local_only": "true, false or a list of model names",
    "num_ctx": 'a whole number, "auto" or null',
    "price": '{"prompt": 0.5, "completion": 1.5}, or such an object for each model',
    "provider_priority": "a list of names of providers, in which a list is one rank of equals",
}
_WORDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_GOT = {"int": "a number", "float": "a number with a decimal point"}
_SIGNS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_PLACE = re.compile(r" - at `\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[([0-9]+|\.\.\.)\]")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_BOUND = re.compile(r"Expected `\w+` (>=|<=|>|<) (.*)")
_TYPE = re.compile(r"Expected `(.*)`, got `(.*)`")

S = TypeVar("S", bound=Shape)


def fitted(tree: Any, shape: type[S], where: str) -> S:
    """The tree as a ``shape``; ConfigError names the key below ``where`` that does not fit."""
    try:
        return msgspec.convert(tree, shape)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), tree, shape, where) from None


def known_keys(shape: type[Shape]) -> tuple[str, ...]:
    return shape.__struct_encode_fields__


def unknown_key(where: str, key: str, known: Sequence[str]) -> ConfigError:
    """The complaint about a key, or a name, that nobody knows."""
    return ConfigError(place(where, key), "unknown key; " + suggestion(key, known))


def suggestion(word: str, known: Sequence[str]) -> str:
    near = nearest(word, known)
    return f"did you mean {near}?" if near else f"known are {', '.join(known)}"


def nearest(word: str, known: Sequence[str]) -> str | None:
    import difflib  # Only wanted for an error, and not free to load.

    for plain in (_run_together, _in_order):
        forms = {plain(name): name for name in known}
        if found := difflib.get_close_matches(plain(word[:64]), forms, 1, 0.65):
            return forms[found[0]]
    return None


def _run_together(name: str) -> str:
    """apiKey, api-key and API_KEY are all api_key."""
    return re.sub("[_ -]", "", name.lower())


def _in_order(name: str) -> str:
    """enable_fallback is fallback_enabled, nearly."""
    return "".join(sorted(re.split("[_ -]", name.lower())))


def place(where: str, key: str) -> str:
    """One step down: ``config.json`` → ``config.json: server`` → ``config.json: server.port``."""
    return f"{where}{'.' if ': ' in where else ': '}{key_of(key)}"


def _misfit(problem: str, tree: Any, shape: type[Shape], where: str) -> ConfigError:
    found = _PLACE.search(problem)
    steps = [name or number for name, number in _STEP.findall(found[1])] if found else []
    problem = problem[: found.start()] if found else problem
    if "..." in steps:
        _name_the_key(tree, shape, steps)
    for step in steps:
        where = f"{where}[{step}]" if step.isdigit() else place(where, step)
    last = steps[-1] if steps else ""
    if unknown := _UNKNOWN.fullmatch(problem):
        return _unknown(where, unknown[1], _struct_at(steps, shape))
    if missing := _MISSING.fullmatch(problem):
        return ConfigError(place(where, missing[1]), "is missing; it is" + _one_of(missing[1]))
    if bound := _BOUND.fullmatch(problem):
        return ConfigError(where, f"must be {_SIGNS[bound[1]]} {float(bound[2]):.15g}")
    if "of length" in problem:
        return ConfigError(where, "must not be empty")
    if problem.startswith("Invalid enum value") and last in _CHOICES:
        near = nearest(str(_value_at(tree, steps)), _CHOICES[last])
        return ConfigError(where, f"must be{_one_of(last)}" + (f"; did you mean {near}?" if near else ""))
    if kinds := _TYPE.fullmatch(problem):
        wanted = _WANTED.get(last) or _either([_WORDS.get(kind, kind) for kind in kinds[1].split(" | ")])
        got = _GOT.get(kinds[2]) or _WORDS.get(kinds[2], kinds[2])
        return ConfigError(where, f"must be {wanted}, not {got}")
    return ConfigError(where, f"must be {_WANTED[last]}" if last in _WANTED else "has a value that does not fit")


def _struct_at(steps: Sequence[str], shape: type[Shape]) -> type[Shape]:
    return next((_NESTED[step] for step in steps if step in _NESTED), shape)


def _unknown(where: str, key: str, shape: type[Shape]) -> ConfigError:
    """A key in the wrong section is told where it belongs."""
    known = known_keys(shape)
    if nearest(key, known) is None:
        for section, other in _SHARED.items():
            if other is not shape and key in known_keys(other):
                return ConfigError(place(where, key), f"unknown key; did you mean {section}.{key}?")
    return unknown_key(where, key, known)


def _name_the_key(tree: Any, shape: type[Shape], steps: list[str]) -> None:
    """msgspec does not say which key of a free object is at fault; try them one by one."""
    at = steps.index("...")
    holder = _value_at(tree, steps[:at])
    for key, value in list(holder.items()):
        holder.clear()
        holder[key] = value
        try:
            msgspec.convert(tree, shape)
        except msgspec.ValidationError:
            steps[at] = key
            return


def _value_at(tree: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        tree = tree[int(step)] if isinstance(tree, list) else tree.get(step)
    return tree


def _one_of(key: str) -> str:
    return f" one of {', '.join(_CHOICES[key])}" if key in _CHOICES else " needed"


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
