"""Sets top-level keys and one table in a TOML file, in place. The result is read by Python's parser and compared."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from typing import Any

from linx.core import jsontext
from linx.setup.edits.edit import Unfit, newline_of, without_mark
from linx.setup.edits.lines import TOML, ended, new_line, place, split, with_value

_HEADER = re.compile(r"[ \t]*\[")


@dataclass(frozen=True, slots=True)
class TomlEdit:
    """Keys at the top of the file, and a table ``table`` with all that is in it."""

    keys: tuple[tuple[str, str | int], ...]
    table: tuple[str, ...]
    rows: tuple[tuple[str, str], ...]

    def apply(self, text: str) -> str:
        mark, body = without_mark(text)
        expected = _read(body)
        _at(expected, self.table[:-1])[self.table[-1]] = dict(self.rows)
        for key, value in self.keys:
            expected[key] = value
            body = _set(body, key, _raw(value))
        body = self._set_table(body, self._table(newline_of(body)))
        return mark + _checked(body, expected)

    def revert(self, text: str, before: str) -> str:
        mark, body = without_mark(text)
        _, old = without_mark(before)
        expected, was = _read(body), _read(old)
        for key, _value in self.keys:
            found = place(_top(old)[0], key, TOML)
            expected.pop(key, None)
            if key in was:
                if found is None:
                    raise Unfit(f"had {key} written in a way that cannot be put back alone")
                expected[key] = was[key]
                body = _set(body, key, found[1][3])
            else:
                body = _drop(body, key)
        region = self._region(split(old))
        parent = _at(expected, self.table[:-1])
        parent.pop(self.table[-1], None)
        if region is None:
            body = self._without_table(body)
            self._drop_empty(expected, was)
        else:
            parent[self.table[-1]] = _at(was, self.table)
            body = self._set_table(body, "".join(split(old)[slice(*region)]))
        return mark + _checked(body, expected)

    def _drop_empty(self, expected: dict[str, Any], was: dict[str, Any]) -> None:
        name = self.table[0]
        if len(self.table) > 1 and not expected[name] and name not in was:
            del expected[name]

    def _table(self, newline: str) -> str:
        rows = "".join(f"{key} = {_raw(value)}{newline}" for key, value in self.rows)
        return f"[{'.'.join(self.table)}]{newline}{rows}"

    def _region(self, lines: list[str]) -> tuple[int, int] | None:
        """The lines of the table, without the blank lines and comments that stand before the next one."""
        header = re.compile(
            r"[ \t]*\[[ \t]*" + r"[ \t]*\.[ \t]*".join(map(re.escape, self.table)) + r"[ \t]*\][ \t]*(?:#.*)?"
        )
        start = next((at for at, line in enumerate(lines) if header.fullmatch(line.rstrip("\r\n"))), None)
        if start is None:
            return None
        end = next((at for at in range(start + 1, len(lines)) if _HEADER.match(lines[at])), len(lines))
        while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#")):
            end -= 1
        return start, end

    def _set_table(self, body: str, table: str) -> str:
        newline = newline_of(body)
        lines = ended(split(body), newline)
        region = self._region(lines)
        if region is None:
            gap = newline if lines and lines[-1].strip() else ""
            return "".join(lines) + gap + table
        lines[slice(*region)] = [table]
        return "".join(lines)

    def _without_table(self, body: str) -> str:
        lines = split(body)
        region = self._region(lines)
        if region is None:
            return body
        start, end = region
        if start and not lines[start - 1].strip():
            start -= 1
        return "".join(lines[:start] + lines[end:])


def _raw(value: str | int) -> str:
    """A number, or a basic string: JSON's escapes are among TOML's."""
    return jsontext.dumps(value).decode().replace("\x7f", "\\u007f")


def _read(body: str) -> dict[str, Any]:
    try:
        return tomllib.loads(body.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Unfit(f"is not TOML: {error}") from None


def _checked(body: str, expected: dict[str, Any]) -> str:
    """The last look before anything is written: the file must hold what it held, and the settings."""
    if repr(_read(body)) != repr(_sorted_like(expected, _read(body))):
        raise Unfit("cannot be edited without changing something else in it")
    return body


def _sorted_like(value: Any, like: Any) -> Any:
    """``value`` with the keys of its tables in the order of ``like``; compared as text, since NaN equals nothing."""
    if isinstance(value, dict) and isinstance(like, dict):
        keys = [*(key for key in like if key in value), *(key for key in value if key not in like)]
        return {key: _sorted_like(value[key], like.get(key)) for key in keys}
    return value


def _at(tree: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    for step in path:
        below = tree.setdefault(step, {})
        if not isinstance(below, dict):
            raise Unfit(f"has something else than a table under {step}")
        tree = below
    return tree


def _top(body: str) -> tuple[list[str], list[str]]:
    """The lines before the first table, and the rest."""
    lines = split(body)
    end = next((at for at, line in enumerate(lines) if _HEADER.match(line)), len(lines))
    return lines[:end], lines[end:]


def _set(body: str, key: str, raw: str) -> str:
    top, rest = _top(body)
    found = place(top, key, TOML)
    if found is None:
        return new_line(body, key, raw, TOML) + body
    number, match = found
    top[number] = with_value(top[number], match, raw)
    return "".join(top + rest)


def _drop(body: str, key: str) -> str:
    top, rest = _top(body)
    found = place(top, key, TOML)
    if found is not None:
        del top[found[0]]
    return "".join(top + rest)
