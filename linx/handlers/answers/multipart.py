"""Finds the field ``model`` in the first bytes of a multipart form.

A form is relayed as it comes, so it is not parsed completely. Only the parts up to that field
are read, by the strict form of the grammar that clients' libraries write.
"""

from __future__ import annotations

import re

from linx.core.errors import BadRequest

_BOUNDARY = re.compile(
    rb'multipart/form-data[ \t]*(?:;[^"]*?)?;[ \t]*boundary=(?:"([^"\r\n]{1,70})"|([^\s";,]{1,70}))[ \t]*(?:;.*)?',
    re.IGNORECASE | re.DOTALL,
)
_MAY_BE_NAMED = re.compile(rb"(?<!file)name\s*(?:\*|=\s*[\"']?[^\"';]{0,64}model)", re.IGNORECASE)
_PLAIN = re.compile(rb"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
_NAME = re.compile(
    # A file may be called "x; name=model", so what stands in quotes is stepped over as a whole.
    rb'\r\ncontent-disposition:[ \t]*form-data[ \t]*(?:;(?>[^\r\n;"]|"(?>\\"|[^\r\n"])*+")*+)*?'
    rb';[ \t]*+name="?model"?[ \t]*+(?:;|\r\n)',
    re.IGNORECASE,
)
MAX_NAME = 1024  # bytes of a model's name
MAX_PARTS = 256  # that are looked through: a large form could have millions of empty ones
MAX_PART_HEAD = 8192  # bytes of a part's header
_STEP = 2**22
"""Bytes that are searched by one call, during which no other thread runs."""


def boundary_of(content_type: bytes) -> bytes | None:
    """The boundary in a form's content type.

    None if it is not a form, or if the boundary has characters that RFC 2046 does not allow.
    """
    found = _BOUNDARY.fullmatch(content_type.strip())
    if found is None:
        return None
    boundary: bytes = found[1] or found[2]
    return boundary if _PLAIN.fullmatch(boundary) else None


def find_model(start: bytes, boundary: bytes) -> tuple[int, int] | None:
    """Start and end of the value of ``model`` in ``start``; None if it is not completely there.

    A large form is searched in a thread: 64 MiB take 40 ms, and up to 1 s where an attacker has chosen the boundary.
    """
    mark = b"--" + boundary
    place = 0 if start.startswith(mark) else start.find(b"\r\n" + mark) + 2
    if place == 1:
        return None
    for _ in range(MAX_PARTS):
        head_end = start.find(b"\r\n\r\n", place, place + MAX_PART_HEAD)
        if head_end < 0:
            return None
        # The header of the part: from the line end after the boundary up to the first line end of the blank line.
        head = start[place + len(mark) : head_end + 2]
        value = head_end + 4
        end = _find(start, b"\r\n" + mark, value)
        if end < 0:
            return None
        if _NAME.search(head):
            return (value, end) if 0 < end - value <= MAX_NAME else None
        place = end + 2
    return None


def check_one_model(form: bytes, boundary: bytes, place: tuple[int, int]) -> None:
    """Raise BadRequest where another part than that at ``place`` may be taken for the field ``model``.

    Servers differ in which of two they take, and in how they read a name, so in doubt it is refused. For a whole form.
    """
    mark = b"--" + boundary
    parts = [*form[: place[0]].split(mark, MAX_PARTS)[:-1], *form[place[1] :].split(mark, MAX_PARTS)[1:]]
    heads = (part[:MAX_PART_HEAD].partition(b"\r\n\r\n")[0] for part in parts)
    if len(parts) >= MAX_PARTS or any(_MAY_BE_NAMED.search(head) for head in heads):
        raise BadRequest("model: the form may name it more than once", param="model")


def with_model(
    start: bytes, boundary: bytes, place: tuple[int, int] | None, model: bytes
) -> tuple[bytes, tuple[int, int]]:
    """The form with ``model`` for its model, and where that is; a field for it comes first if the form has none."""
    if place is not None:
        first, end = place
    else:
        field = b'--%b\r\nContent-Disposition: form-data; name="model"\r\n\r\n' % boundary
        first = end = len(field)
        start = field + b"\r\n" + start
    return start[:first] + model + start[end:], (first, first + len(model))


def _find(data: bytes, what: bytes, start: int) -> int:
    """As ``data.find(what, start)``, in steps."""
    for place in range(start, len(data), _STEP):
        found = data.find(what, place, place + _STEP + len(what) - 1)
        if found >= 0:
            return found
    return -1
