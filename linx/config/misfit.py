"""Turns a value that does not fit the shape into an error for people: the key, what it takes, the nearest known key.

msgspec finds the misfit and reports it in a programmer's words, such as ``Expected `int`,
got `str` - at `$.port` ``. READINGS has each form of these reports that Linx understands;
the test of this file makes msgspec produce each form. What a key takes is read from the
shape, so a new key needs no change here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from linx.config.rules import key_of
from linx.config.shape import FileShape, SectionShape, Shape
from linx.core.errors import ConfigError

_TYPE_NAMES = {
    "int": "a whole number",
    "float": "a number",
    "str": "a string",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
_VALUE_NAMES = {**_TYPE_NAMES, "int": "a number", "float": "a number with a decimal point"}
_SIGNS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
_PLACE = re.compile(r" - at `\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[]+)|\[([0-9]+|\.\.\.)\]")
_SOME_KEY = "..."  # how msgspec writes a key of a dict; it does not say which key

S = TypeVar("S", bound=Shape)


def fitted(tree: Any, shape: type[S], where: str) -> S:
    """The tree as a ``shape``. Raises ConfigError, which names the key below ``where`` that does not fit."""
    try:
        return msgspec.convert(tree, shape)
    except msgspec.ValidationError as error:
        raise _misfit(str(error), tree, shape, where) from None


# --- suggestions ---


def known_keys(shape: type[Shape]) -> tuple[str, ...]:
    return shape.__struct_encode_fields__


def unknown_key(where: str, key: str, known: Sequence[str]) -> ConfigError:
    """The error for a key that Linx does not know."""
    return ConfigError(place(where, key), "unknown key; " + suggestion(key, known))


def suggestion(word: str, known: Sequence[str]) -> str:
    near = nearest(word, known)
    return f"did you mean {near}?" if near else f"known: {', '.join(known)}"


def nearest(word: str, known: Sequence[str]) -> str | None:
    import difflib  # imported here: needed for an error only, and slow to import

    for plain in (_without_separators, _with_sorted_words):
        forms = {plain(name): name for name in known}
        if found := difflib.get_close_matches(plain(word[:64]), forms, 1, 0.65):
            return forms[found[0]]
    return None


def _without_separators(name: str) -> str:
    """Makes apiKey, api-key and API_KEY equal to api_key."""
    return re.sub("[_ -]", "", name.lower())


def _with_sorted_words(name: str) -> str:
    """Makes enable_fallback nearly equal to fallback_enabled."""
    return "".join(sorted(re.split("[_ -]", name.lower())))


# --- places ---


def place(where: str, key: str) -> str:
    """``where`` with one more key: ``config.json`` → ``config.json: server`` → ``config.json: server.port``."""
    return f"{where}{'.' if ': ' in where else ': '}{key_of(key)}"


class Spot(NamedTuple):
    """What the shape allows at one place: the types of a value, and the sentence of ``takes``, if there is one."""

    types: tuple[Any, ...]
    sentence: str | None

    @property
    def struct(self) -> type[Shape] | None:
        return next((one for one in self.types if isinstance(one, type) and issubclass(one, Shape)), None)

    @property
    def choices(self) -> tuple[str, ...]:
        """The texts that are allowed here; empty where other values are allowed too."""
        types = [one for one in self.types if one not in (type(None), msgspec.UnsetType)]
        return get_args(types[0]) if len(types) == 1 and get_origin(types[0]) is Literal else ()

    @property
    def one_of(self) -> str:
        return f"one of {', '.join(self.choices)}"

    def below(self, step: str) -> Spot:
        """The place one level below; ``step`` is a key or an index."""
        for one in self.types:
            container = get_origin(one)
            if container is tuple:
                return _spot(get_args(one)[0])
            if container in (dict, Mapping):
                return _spot(get_args(one)[1])
        fields = _fields(self.struct) if self.struct else {}
        return _spot(fields[step]) if step in fields else Spot((), None)


def _spot(annotation: Any) -> Spot:
    metas = annotation.__metadata__ if get_origin(annotation) is Annotated else ()
    sentences = [meta.extra["takes"] for meta in metas if meta.extra and "takes" in meta.extra]
    return Spot(tuple(_alternatives(annotation)), next(iter(sentences), None))


def _alternatives(annotation: Any) -> Iterator[Any]:
    """The types in a union, without their annotations."""
    if get_origin(annotation) is Annotated:
        yield from _alternatives(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for one in get_args(annotation):
            yield from _alternatives(one)
    else:
        yield annotation


def _fields(shape: type[Shape]) -> dict[str, Any]:
    """The annotation of each key, by its name in a file."""
    hints = get_type_hints(shape, include_extras=True)
    names = zip(shape.__struct_encode_fields__, shape.__struct_fields__, strict=True)
    return {key: hints[name] for key, name in names}


def _value_at(tree: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        tree = tree[int(step)] if isinstance(tree, list) else tree.get(step)
    return tree


def _name_the_key(tree: Any, shape: type[Shape], steps: list[str]) -> None:
    """Find the key of a dict whose value does not fit, by trying one key after the other: msgspec does not name it."""
    at = steps.index(_SOME_KEY)
    holder = _value_at(tree, steps[:at])
    for key, value in list(holder.items()):
        holder.clear()
        holder[key] = value
        try:
            msgspec.convert(tree, shape)
        except msgspec.ValidationError:
            steps[at] = key
            return


# --- sentences ---


class Fault(NamedTuple):
    """One value that does not fit: its place as errors name it, and what the shape allows there."""

    where: str
    value: Any
    spot: Spot


def _misfit(problem: str, tree: Any, shape: type[Shape], where: str) -> ConfigError:
    found = _PLACE.search(problem)
    steps = [name or number for name, number in _STEP.findall(found[1])] if found else []
    words = problem[: found.start()] if found else problem
    for _ in range(steps.count(_SOME_KEY)):
        _name_the_key(tree, shape, steps)
    spot = Spot((shape,), None)
    for step in steps:
        where = f"{where}[{step}]" if step.isdigit() else place(where, step)
        spot = spot.below(step)
    fault = Fault(where, _value_at(tree, steps), spot)
    for pattern, error in READINGS.values():
        if said := pattern.fullmatch(words):
            return error(said, fault)
    return ConfigError(where, f"must be {spot.sentence}" if spot.sentence else "has a value that does not fit")


def _unknown(said: re.Match[str], fault: Fault) -> ConfigError:
    """The error for an unknown key. If another section has such a key, the error names that section."""
    key, shape = said[1], fault.spot.struct or Shape
    known = known_keys(shape)
    if nearest(key, known) is None:
        for section, annotation in _fields(FileShape).items():
            other = _spot(annotation).struct
            is_elsewhere = other is not None and other is not shape and not issubclass(other, SectionShape)
            if other is not None and is_elsewhere and key in known_keys(other):
                return ConfigError(place(fault.where, key), f"unknown key; did you mean {section}.{key}?")
    return unknown_key(fault.where, key, known)


def _missing(said: re.Match[str], fault: Fault) -> ConfigError:
    spot = fault.spot.below(said[1])
    return ConfigError(
        place(fault.where, said[1]), f"is missing; it must be {spot.one_of}" if spot.choices else "is missing"
    )


def _out_of_bounds(said: re.Match[str], fault: Fault) -> ConfigError:
    return ConfigError(fault.where, f"must be {_SIGNS[said[1]]} {float(said[2]):.15g}")


def _empty(_said: re.Match[str], fault: Fault) -> ConfigError:
    return ConfigError(fault.where, "must not be empty")


def _no_choice(_said: re.Match[str], fault: Fault) -> ConfigError:
    spot = fault.spot
    if spot.sentence:
        return ConfigError(fault.where, f"must be {spot.sentence}")
    near = nearest(str(fault.value), spot.choices)
    return ConfigError(fault.where, f"must be {spot.one_of}" + (f"; did you mean {near}?" if near else ""))


def _wrong_type(said: re.Match[str], fault: Fault) -> ConfigError:
    takes = fault.spot.sentence or _either([_TYPE_NAMES.get(name, name) for name in said[1].split(" | ")])
    return ConfigError(fault.where, f"must be {takes}, not {_VALUE_NAMES.get(said[2], said[2])}")


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


Reading = tuple[re.Pattern[str], Callable[[re.Match[str], Fault], ConfigError]]
READINGS: Mapping[str, Reading] = {
    "unknown": (re.compile(r"Object contains unknown field `(.*)`", re.DOTALL), _unknown),
    "missing": (re.compile(r"Object missing required field `(.*)`"), _missing),
    "bounds": (re.compile(r"Expected `\w+` (>=|<=|>|<) (.*)"), _out_of_bounds),
    "empty": (re.compile(r"Expected `\w+` of length >= 1"), _empty),
    "choice": (re.compile(r"Invalid enum value (.*)", re.DOTALL), _no_choice),
    "type": (re.compile(r"Expected `(.*)`, got `(.*)`"), _wrong_type),
}
"""The forms of msgspec's reports, without the place at their end; the first pattern that matches is used."""
