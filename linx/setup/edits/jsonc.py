"""Sets values in a JSON file with comments, in place: every byte outside of these values stays.

A value is named by its path. A step of the path is a key of an object, or ``Item``: the entry of a list that has
certain values, since places in a list change.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from linx.core import jsontext
from linx.setup.edits.edit import Unfit, newline_of, without_mark
from linx.setup.edits.jsonc_tree import Member, Node, parse


@dataclass(frozen=True, slots=True)
class Item:
    """The entry of a list that has these values."""

    having: tuple[tuple[str, Any], ...]

    def is_it(self, value: object) -> bool:
        return isinstance(value, dict) and all(value.get(key) == wanted for key, wanted in self.having)


Step = str | Item
Path = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class JsonEdit:
    """Values to set, by path. ``indent`` is for a file that is new or shows no indentation of its own."""

    values: tuple[tuple[Path, Any], ...]
    indent: str = "  "

    def apply(self, text: str) -> str:
        mark, body = without_mark(text)
        if not body.strip():
            return mark + self._fresh(newline_of(body))
        expected = copy.deepcopy(_read(body).value)
        for path, value in self.values:
            expected = _expect(expected, path, value)
            body = self._set(body, path, value)
        return mark + _checked(body, expected)

    def revert(self, text: str, before: str) -> str:
        mark, body = without_mark(text)
        if not body.strip():
            return text
        _, old = without_mark(before)
        old_root = parse(old)
        expected = copy.deepcopy(_read(body).value)
        for path, _value in self.values:
            was = _lookup(old_root, path)
            root = _read(body)
            if was is not None:
                expected = _expect(expected, path, was.value)
                body = self._set_raw(body, path, old[was.start : was.end], was.value)
            elif _lookup(root, path) is not None:
                _forget(expected, path[: _n_steps_to_cut(root, path, old_root)])
                body = _remove(body, path, old_root)
        return mark + _checked(body, expected)

    def _fresh(self, newline: str) -> str:
        root: Any = {} if isinstance(self.values[0][0][0], str) else []
        for path, value in self.values:
            root = _expect(root, path, value)
        return rendered(root, "", self.indent, newline) + newline

    def _set(self, body: str, path: Path, value: Any) -> str:
        return self._set_raw(body, path, None, value)

    def _set_raw(self, body: str, path: Path, raw: str | None, value: Any) -> str:
        """Set a value; ``raw`` is how it is written, where that is known."""
        root = _read(body)
        node, depth = _deepest(root, path)
        unit = _unit(body, root) or self.indent
        newline = newline_of(body)
        if depth == len(path):
            if raw is None and node.value == value:
                return body
            text = raw if raw is not None else rendered(value, _line_indent(body, node.start), unit, newline)
            return body[: node.start] + text + body[node.end :]
        for step in reversed(path[depth + 1 :]):
            value, raw = ({step: value} if isinstance(step, str) else [value]), None
        return _insert(body, node, path[depth], (raw, value), unit)


def rendered(value: Any, indent: str, unit: str, newline: str) -> str:
    """The value as JSON text, with its further lines indented below ``indent``."""
    if isinstance(value, dict) and value:
        inner = [f"{_text(key)}: {rendered(item, indent + unit, unit, newline)}" for key, item in value.items()]
        return _listed("{", inner, "}", indent, unit, newline)
    if isinstance(value, list) and value:
        inner = [rendered(item, indent + unit, unit, newline) for item in value]
        return _listed("[", inner, "]", indent, unit, newline)
    return _text(value)


def _listed(start: str, parts: list[str], end: str, indent: str, unit: str, newline: str) -> str:
    between = f",{newline}{indent}{unit}"
    return f"{start}{newline}{indent}{unit}{between.join(parts)}{newline}{indent}{end}"


def _text(value: Any) -> str:
    return jsontext.dumps(value).decode()


def _read(body: str) -> Node:
    root = parse(body)
    if root is None:
        raise Unfit("holds nothing but comments")
    return root


def _checked(body: str, expected: Any) -> str:
    """The last look before anything is written: the file must hold what it held, and the settings."""
    if _read(body).value != expected:
        raise Unfit("cannot be edited without changing something else in it")
    return body


def _expect(tree: Any, path: Path, value: Any) -> Any:
    """What the whole value is once ``path`` in it is set."""
    if not path:
        return copy.deepcopy(value)
    step = path[0]
    if isinstance(step, str):
        if not isinstance(tree, dict):
            raise Unfit(f"has something else than an object where {_text(step)} belongs")
        below = tree.get(step, {} if len(path) > 1 and isinstance(path[1], str) else [])
        tree[step] = _expect(below, path[1:], value)
        return tree
    if not isinstance(tree, list):
        raise Unfit("has something else than a list where an entry belongs")
    for at, item in enumerate(tree):
        if step.is_it(item):
            tree[at] = _expect(item, path[1:], value)
            return tree
    tree.append(_expect({}, path[1:], value))
    return tree


def _child(node: Node, step: Step) -> Member | None:
    if isinstance(step, str):
        if not isinstance(node.value, dict):
            raise Unfit(f"has something else than an object where {_text(step)} belongs")
        return node.find(step)
    if not isinstance(node.value, list):
        raise Unfit("has something else than a list where an entry belongs")
    return next((member for member in node.members if step.is_it(member.node.value)), None)


def _deepest(root: Node, path: Path) -> tuple[Node, int]:
    """How far the path exists already: the last node of it, and how many steps lead there."""
    node = root
    for depth, step in enumerate(path):
        member = _child(node, step)
        if member is None:
            return node, depth
        node = member.node
    return node, len(path)


def _lookup(root: Node | None, path: Path) -> Node | None:
    if root is None:
        return None
    try:
        node, depth = _deepest(root, path)
    except Unfit:
        return None
    return node if depth == len(path) else None


def _insert(body: str, node: Node, step: Step, given: tuple[str | None, Any], unit: str) -> str:
    """Put a new member behind the last thing in an object or list."""
    newline = newline_of(body)
    outer = _line_indent(body, node.start)
    first = node.members[0] if node.members else None
    is_inline = first is not None and "\n" not in body[node.start : node.end]
    indent = _line_indent(body, first.start) if first and _starts_line(body, first.start) else outer + unit
    raw, value = given
    if raw is None:
        raw = _text(value) if is_inline else rendered(value, indent, unit, newline)
    text = f"{_text(step)}: {raw}" if isinstance(step, str) else raw
    last = node.members[-1] if node.members else None
    trailing = "," if node.has_trailing_comma else ""
    if is_inline:
        new = f" {text}{trailing}" if trailing else text
        gap = "" if trailing else " "
    else:
        new, gap = f"{newline}{indent}{text}{trailing}", ""
    behind = "" if is_inline or "\n" in body[node.tail : node.end] else newline + outer
    comma_at = last.node.end if last is not None and not trailing else -1
    head = body[: node.tail] if comma_at < 0 else f"{body[:comma_at]},{body[comma_at : node.tail]}"
    return head + gap + new + behind + body[node.tail :]


def _n_steps_to_cut(root: Node, path: Path, old_root: Node | None) -> int:
    """How much of the path goes with its value: also what is empty then, and was not there before."""
    length = len(path)
    while length > 1 and len(_deepest(root, path[: length - 1])[0].members) == 1:
        if _lookup(old_root, path[: length - 1]) is not None:
            break
        length -= 1
    return length


def _remove(body: str, path: Path, old_root: Node | None) -> str:
    """Take a value out of the text, and the objects and lists around it that were made for it."""
    root = _read(body)
    if _lookup(root, path) is None:
        return body
    length = _n_steps_to_cut(root, path, old_root)
    parent, _ = _deepest(root, path[: length - 1])
    member = _child(parent, path[length - 1])
    return body if member is None else _cut(body, parent, member)


def _forget(tree: Any, path: Path) -> None:
    """Take a value out of the value that the text stands for."""
    for step in path[:-1]:
        tree = tree[step] if isinstance(step, str) else next(item for item in tree if step.is_it(item))
    last = path[-1]
    del tree[last if isinstance(last, str) else next(at for at, item in enumerate(tree) if last.is_it(item))]


def _cut(body: str, parent: Node, member: Member) -> str:
    """The text without a member, its line, and the comma that is too many then. Comments stay."""
    if member.comma >= 0:
        start, end = member.start, member.comma + 1
        line_end = body.find("\n", end)
        if _starts_line(body, start) and line_end >= 0 and not body[end:line_end].strip():
            start, end = _line_start(body, start), line_end + 1
        elif not body[end : end + 1].strip(" "):
            end += 1
        return body[:start] + body[end:]
    at = parent.members.index(member)
    head = body[: member.start].rstrip(" \t\r\n")
    behind = body[member.node.end :]
    if at:
        comma = parent.members[at - 1].comma
        head = head[:comma] + head[comma + 1 :]
    if behind.startswith("}") and "\n" in body[len(head) : member.start]:
        behind = newline_of(body) + behind
    return head + (behind.lstrip(" \t\r\n") if not at and head.endswith(("{", "[")) else behind)


def _line_start(text: str, at: int) -> int:
    return text.rfind("\n", 0, at) + 1


def _starts_line(text: str, at: int) -> bool:
    return not text[_line_start(text, at) : at].strip(" \t")


def _line_indent(text: str, at: int) -> str:
    line = text[_line_start(text, at) : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str, root: Node) -> str:
    """The indentation of the first member of the file, which is one step."""
    if not root.members or not _starts_line(text, root.members[0].start):
        return ""
    own = _line_indent(text, root.start)
    return _line_indent(text, root.members[0].start).removeprefix(own)
