"""Takes the vectors out of a large answer while it arrives.

Two thousand vectors in one text of 50 MiB take JSON's parser half a second in one call, and 200 MB as numbers; all
other clients wait meanwhile. Here each list of numbers is taken out as text as soon as it is complete; what is left,
the skeleton, is small. Rule: the work for a read is in proportion to the read.
"""

from __future__ import annotations

from typing import Any

from linx.core import jsontext

LARGE = jsontext.LARGE  # bytes; a smaller answer is parsed as a whole
LONGEST = 2 * 2**20  # bytes of one vector: about 100,000 numbers
LEAST = 64  # bytes; a shorter list stays in the skeleton, so that "[1]" in a text is no vector
MOST = jsontext.MOST_MARKS  # lists, and brackets or quotes of the skeleton; 2048 texts have about 20,000
MOST_VALUES = 1_000_000  # in the skeleton: 50 ms for the parser
_OF_NUMBERS = b"0123456789+-.eE, \t\r\n"
_MARK = b'{"":%d}'  # in the skeleton, in place of a vector
_DEEPEST = 8  # levels of the skeleton in which vectors are put back; the known shapes have three


class TooMuch(ValueError):
    """The answer is no answer to a request for embeddings; the message says what it has."""


class VectorTexts:
    """The bytes of one answer. ``size`` is how many have come."""

    __slots__ = ("_behind", "_lists", "_rest", "_searched", "_skeleton", "_vectors", "size")

    def __init__(self) -> None:
        self.size = 0
        self._rest = bytearray()  # not yet looked through, or without a vector so far
        self._searched = 0  # bytes of it in which there is no further closing bracket
        self._behind = 0  # where it goes on behind its last closing bracket
        self._lists = 0
        self._skeleton = bytearray()
        self._vectors: list[jsontext.Raw] = []

    def add(self, data: bytes) -> None:
        """Raises TooMuch."""
        self.size += len(data)
        self._rest += data
        if self.size > LARGE:
            self._take_out()

    def value(self) -> Any:
        """The whole answer, with a ``Raw`` in place of each vector of a large one. Raises TooMuch, InvalidJSON."""
        skeleton = bytes(self._skeleton + self._rest)
        if max(map(skeleton.count, (b'"', b"{", b"["))) > MOST:
            raise TooMuch(f"more than {MOST:,} lists, objects or texts")
        if self.size <= LARGE:
            return jsontext.loads(skeleton)
        if skeleton.count(b",") > MOST_VALUES:
            raise TooMuch(f"more than {MOST_VALUES:,} values beside its vectors")
        return self._put_back(jsontext.loads(skeleton), 0)

    def _take_out(self) -> None:
        rest, taken = self._rest, 0
        while (end := rest.find(b"]", self._searched)) >= 0:
            start = rest.rfind(b"[", self._behind, end)
            self._searched = self._behind = end + 1
            self._lists += 1
            if self._lists > MOST:
                raise TooMuch(f"more than {MOST:,} lists, objects or texts")
            if start < 0 or end - start < LEAST or rest[start + 1 : end].translate(None, _OF_NUMBERS):
                continue
            if end - start > LONGEST:
                raise TooMuch(f"a vector of more than {LONGEST >> 20} MiB")
            self._skeleton += rest[taken:start]
            self._skeleton += _MARK % len(self._vectors)
            self._vectors.append(jsontext.Raw(bytes(rest[start : end + 1])))
            taken = end + 1
        del rest[:taken]
        self._searched, self._behind = len(rest), self._behind - taken

    def _put_back(self, value: Any, depth: int) -> Any:
        if depth > _DEEPEST:
            return value
        if type(value) is list:
            return [self._put_back(one, depth + 1) for one in value]
        if type(value) is not dict:
            return value
        place = value.get("")
        if len(value) == 1 and type(place) is int and 0 <= place < len(self._vectors):
            return self._vectors[place]
        return {key: self._put_back(one, depth + 1) for key, one in value.items()}
