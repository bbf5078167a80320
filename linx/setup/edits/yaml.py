"""Sets top-level keys, and adds entries to a list, in a YAML file, in place.

There is no YAML parser here, so the text is first looked through: only a file whose every line is of a kind that is
known is edited, and anything unusual (several documents, anchors, tabs, texts over several lines without a mark) is
``Unfit``. Added entries stand between two comments, by which they are found again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from linx.core import jsontext
from linx.setup.edits.edit import Unfit, newline_of, without_mark
from linx.setup.edits.lines import YAML, ended, new_line, place, split, with_value

BEGIN = "# >>> linx: written by `linx setup`, taken out by `linx setup CLIENT --undo`"
END = "# <<< linx"
_PLAIN = r"[^\s#'\"&*!|>%@`\[\]{},?:-](?:[^#:\r\n]|:(?=\S)|(?<=\S)#)*|[:?-][^\s#:][^#:\r\n]*"
_SCALAR = rf"(?:\"(?:[^\"\\\r\n]|\\[^\r\n])*\"|'(?:[^'\r\n]|'')*'|{_PLAIN}|\[[^\[\]{{}}\"'#\r\n]*\]|\{{\}})"
_END = r"[ ]*(?:[ ]#.*)?"
_KEY = r"(?:[A-Za-z0-9_.$/-]+|\"[^\"\\\r\n]+\"|'[^'\r\n]+')[ ]*:"
_LINE = re.compile(rf"[ ]*(?:-[ ]+)*(?:{_KEY}(?:[ ]+{_SCALAR})?|{_SCALAR}|-){_END}")
_BLOCK_TEXT = re.compile(rf"([ ]*)(?:-[ ]+)*{_KEY}[ ]+[|>][+-]?{_END}")
_TOP = re.compile(rf"(?:{_KEY}|-(?:[ ]|$)|#|---[ ]*$)")


def check(body: str) -> list[str]:
    """The lines of a file that can be edited; Unfit for any other."""
    lines = split(body)
    text_under: int | None = None
    for number, line in enumerate(lines, 1):
        bare = line.rstrip("\r\n")
        blank = not bare.strip()
        indent = len(bare) - len(bare.lstrip(" "))
        if text_under is not None and (blank or indent > text_under):
            continue
        text_under = None
        if blank or bare.lstrip(" ").startswith("#"):
            continue
        if (number == 1 and bare.rstrip() == "---") or (indent and _LINE.fullmatch(bare)):
            continue
        found = _BLOCK_TEXT.fullmatch(bare)
        if found:
            text_under = len(found[1])
        elif not _TOP.match(bare) or bare.startswith("---") or not _LINE.fullmatch(bare):
            raise Unfit(f"has YAML at line {number} that is left to its owner")
    return lines


def quoted(value: str) -> str:
    """A double-quoted scalar: JSON's strings are YAML's."""
    return jsontext.dumps_ascii(value).decode()


@dataclass(frozen=True, slots=True)
class YamlKeys:
    """Top-level keys with texts as their values."""

    keys: tuple[tuple[str, str], ...]

    def apply(self, text: str) -> str:
        mark, body = without_mark(text)
        for key, value in self.keys:
            body = _set(body, key, quoted(value))
        return mark + body

    def revert(self, text: str, before: str) -> str:
        mark, body = without_mark(text)
        old = split(without_mark(before)[1])
        for key, _value in self.keys:
            was = place(old, key, YAML)
            if was is not None:
                body = _set(body, key, was[1][3])
            elif (found := place(lines := check(body), key, YAML)) is not None:
                del lines[found[0]]
                body = "".join(lines)
        return mark + body


def _set(body: str, key: str, raw: str) -> str:
    lines = check(body)
    _must_be_mapping(lines)
    found = place(lines, key, YAML)
    if found is not None:
        number, match = found
        following = next((line for line in lines[number + 1 :] if line.strip()), "")
        if following[:1] in (" ", "\t") and not following.lstrip().startswith("#"):
            raise Unfit(f"has {key} over several lines")
        lines[number] = with_value(lines[number], match, raw)
        return "".join(lines)
    if any(re.match(rf"[\"']?{re.escape(key)}[\"']?[ ]*:", line) for line in lines):
        raise Unfit(f"has {key} with a value that is left to its owner")
    return "".join(ended(lines, newline_of(body))) + new_line(body, key, raw, YAML)


def _must_be_mapping(lines: list[str]) -> None:
    """A file whose first line with anything in it stands at the margin and is a key."""
    first = next(
        (line for line in lines if line.strip() and not line.lstrip().startswith("#") and line[:3] != "---"), ""
    )
    if first.startswith((" ", "-")):
        raise Unfit("is no mapping of keys at its margin")


@dataclass(frozen=True, slots=True)
class YamlEntries:
    """Entries of a list: that of the top-level key ``key``, or of the file where the key is empty.

    ``entry`` is the lines of the entries without indentation; ``head`` is what a new file begins with.
    """

    key: str
    entry: tuple[str, ...]
    head: tuple[str, ...] = ()

    def apply(self, text: str) -> str:
        mark, body = without_mark(text)
        newline = newline_of(body)
        if not body.strip():
            body = "".join(line + newline for line in self.head)
        lines, _ = _without_block(ended(check(body), newline))
        at, indent = self._place(lines, newline)
        block = [f"{indent}{line}{newline}" for line in (BEGIN, *self.entry, END)]
        return mark + "".join(lines[:at] + block + lines[at:])

    def revert(self, text: str, before: str) -> str:
        mark, body = without_mark(text)
        lines, had_block = _without_block(check(body))
        if had_block and self.key and not re.search(rf"^{self.key}[ ]*:", before, re.MULTILINE):
            at = next((at for at, line in enumerate(lines) if line.startswith(f"{self.key}:")), None)
            if at is not None and not _has_entries(lines[at + 1 :]):
                del lines[at]
        return mark + "".join(lines)

    def _place(self, lines: list[str], newline: str) -> tuple[int, str]:
        """Where the block belongs, and how far in; the key is added where it is missing."""
        start = 0
        if self.key:
            _must_be_mapping(lines)
            heads = [at for at, line in enumerate(lines) if re.match(rf"[\"']?{self.key}[\"']?[ ]*:", line)]
            if not heads:
                lines.append(f"{self.key}:{newline}")
                return len(lines), "  "
            if len(heads) > 1:
                raise Unfit(f"has {self.key} twice")
            if not re.fullmatch(rf"[\"']?{self.key}[\"']?[ ]*:{_END}", lines[heads[0]].rstrip("\r\n")):
                raise Unfit(f"has {self.key} on one line")
            start = heads[0] + 1
        for line in lines[start:]:
            if not line.strip() or line.lstrip().startswith(("#", "---")):
                continue
            indent = line[: len(line) - len(line.lstrip(" "))]
            if line.lstrip(" ").startswith("-"):
                return (start if self.key else len(lines)), indent
            if indent or not self.key:
                raise Unfit(f"has something else than a list {'under ' + self.key if self.key else 'in it'}")
            break
        return start if self.key else len(lines), "  " if self.key else ""


def _has_entries(lines: list[str]) -> bool:
    """Does a list, or anything else that belongs to the key before them, begin with these lines?"""
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    return first.startswith((" ", "-"))


def _without_block(lines: list[str]) -> tuple[list[str], bool]:
    begins = [at for at, line in enumerate(lines) if line.strip().startswith(BEGIN[:10])]
    ends = [at for at, line in enumerate(lines) if line.strip() == END]
    if not begins and not ends:
        return lines, False
    if len(begins) != 1 or len(ends) != 1 or ends[0] < begins[0]:
        raise Unfit("has lost one of the two comments around the part of Linx")
    return lines[: begins[0]] + lines[ends[0] + 1 :], True
