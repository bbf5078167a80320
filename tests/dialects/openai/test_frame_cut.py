"""What a cut takes for the same frame with other values, and what it does not. See also ``test_splice``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from linx.dialects.openai.frame_cut import MOST_DIGITS, TEXT, Cut, Shape, Template, cut, is_simple

if TYPE_CHECKING:
    from linx.core.chat import JsonObject


def find_text(frame: JsonObject, _index: int) -> tuple[JsonObject, str]:
    return frame["m"], "t"


THEIRS = Shape(b"", b"\n", {"n": False, "o": True}, find_text)
OURS = Shape(b"<", b">", {}, find_text)


def of(event: bytes, text: str, **fields: str | int) -> Cut | None:
    return cut(event, THEIRS, text, 0, fields)


def test_a_frame_cut_at_its_values() -> None:
    assert of(b'{"m":{"t":"a"}}\n', "a") == Cut((TEXT,), (b'{"m":{"t":"', b'"}}\n'), frozenset())
    found = of(b'{"n":5,"m":{"t":"a"},"o": "b"}\n', "a", o="b", n=5)
    assert found is not None
    assert found.names == ("n", TEXT, "o")
    assert found.between == (b'{"n":', b',"m":{"t":"', b'"},"o": "', b'"}\n')
    assert found.numbers == {"n"}


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (b'{"m":{"t":"b"}}\n', {}),
        (b'{"m":{"t":"a"}', {}),
        (b'{"x":"a","m":{"t":"a"}}\n', {}),
        (b'{"a":1,"m":{"t":"a"}}\n', {}),
        (b'{"m":{"t":"a","t":"a"}}\n', {}),
        (b'{"m":{"t":"a"}}\n', {"o": "b"}),
        (b'{"m":{"t":"a"},"o":"c"}\n', {"o": "b"}),
        (b'{"m":{"t":"a","o":"b"},"o":"b"}\n', {"o": "b"}),
        (b'{"m":{"t":"a"},"o":"b","o":"b"}\n', {"o": "b"}),
        (b'{"m":{"t":"a"},"o":true}\n', {"o": 1}),
        (b'{"m":{"t":"a"},"o":1.0}\n', {"o": 1}),
        (b'{"m":{"t":"a"},"o"  :"b"}\n', {"o": "b"}),
    ],
)
def test_a_frame_that_cannot_be_cut(event: bytes, fields: dict[str, Any]) -> None:
    assert of(event, "a", **fields) is None


def test_what_fits_into_a_hole() -> None:
    simple = ["", "a b", "%b", "\x7f", 1, 10**MOST_DIGITS - 1]
    assert [value for value in simple if not is_simple(value)] == []
    odd = [None, True, 0, -1, 1.5, 10**MOST_DIGITS, 'a"', "\\", "\n", "é", "\ud800", [], {}]
    assert [value for value in odd if is_simple(value)] == []


@pytest.fixture
def template() -> Template:
    theirs = of(b'{"n":5,"m":{"t":"a"},"o":"b"}\n', "a", o="b", n=5)
    ours = cut(b'<{"o":"b","%b":7,"m":{"t":"a"}}>', OURS, "a", 0, {"o": "b"})
    assert theirs is not None
    assert ours is not None
    return Template(theirs, ours)


def test_frames_that_fit(template: Template) -> None:
    assert template.frames(b'{"n":17,"m":{"t":"x"},"o":"%b"}\n') == b'<{"o":"%b","%b":7,"m":{"t":"x"}}>'
    several = b'{"n":1,"m":{"t":"x\\n"},"o":""}\n{"n":999999999999999,"m":{"t":"\xc3\xa9"},"o":"z"}\n'
    assert template.frames(several) == b'<{"o":"","%b":7,"m":{"t":"x\\n"}}><{"o":"z","%b":7,"m":{"t":"\xc3\xa9"}}>'
    assert template.joined(several + b"{") == (
        b'<{"o":"z","%b":7,"m":{"t":"x\\n\xc3\xa9"}}>',
        2,
        len(several),
    )
    assert template.joined(b"{") == (b"", 0, 0)


@pytest.mark.parametrize(
    "frame",
    [
        b'{"n":0,"m":{"t":"x"},"o":"b"}\n',
        b'{"n":07,"m":{"t":"x"},"o":"b"}\n',
        b'{"n":,"m":{"t":"x"},"o":"b"}\n',
        b'{"n": 7,"m":{"t":"x"},"o":"b"}\n',
        b'{"n":1000000000000000,"m":{"t":"x"},"o":"b"}\n',
        b'{"n":7,"n":8,"m":{"t":"x"},"o":"b"}\n',
        b'{"n":7,"m":{"t":""},"o":"b"}\n',
        b'{"n":7,"m":{"t":"\\u0041"},"o":"b"}\n',
        b'{"n":7,"m":{"t":"a\\"},"o":"b"}\n',
        b'{"n":7,"m":{"t":"x"},"o":"\\n"}\n',
        b'{"n":7,"m":{"t":"x"},"o":"\xc3\xa9"}\n',
        b'{"n":7,"m":{"t":"x"},"o":"b","p":"q"}\n',
        b'{"n":7,"m":{"t":"x","t":"y"},"o":"b"}\n',
        b'{"n":7,"m":{"t":"x"},"o":"b"}',
        b'{"n":7,"m":{"t":"x"}}\n',
        b' {"n":7,"m":{"t":"x"},"o":"b"}\n',
    ],
)
def test_frames_that_do_not_fit(template: Template, frame: bytes) -> None:
    fits = b'{"n":17,"m":{"t":"x"},"o":"c"}\n'
    assert template.frames(frame) is None
    assert template.frames(fits + frame) is None
    assert template.frames(frame + fits) is None
    assert template.joined(fits + frame)[1:] == (1, len(fits))


@pytest.mark.parametrize("text_first", [True, False])
def test_many_frames_with_two_holes_are_looked_at_together(*, text_first: bool) -> None:
    def write(text: bytes, other: bytes) -> bytes:
        return (
            b'{"m":{"t":"%b"},"o":"%b"}\n' % (text, other)
            if text_first
            else b'{"o":"%b","m":{"t":"%b"}}\n' % (other, text)
        )

    theirs = of(write(b"a", b"b"), "a", o="b")
    ours = cut(b'<{"m":{"t":"a"}}>', OURS, "a", 0, {})
    assert theirs is not None
    assert ours is not None
    template, both = Template(theirs, ours), Template(theirs, theirs)
    fits = [write(b"x%d" % number, b"o" * (number % 3)) for number in range(9)]
    assert both.frames(b"".join(fits)) == b"".join(fits)
    assert template.frames(b"".join(fits)) == b"".join(b'<{"m":{"t":"x%d"}}>' % number for number in range(9))
    texts = b"".join(b"x%d" % number for number in range(9))
    assert both.joined(b"".join(fits)) == (write(texts, b"oo"), 9, len(b"".join(fits)))
    for text, other in (
        *[(b"", b"o"), (b"\\", b"o"), (b"\\u0041", b"o"), (b"\xc3", b"o"), (b'"', b"o"), (b"x", b'"'), (b"x", b"\\n")],
        *[(b"x", b"\xc3\xa9"), (b'x"},"o":"y', b"o"), (b"x", b'o","o":"p'), (b"x\n", b"o"), (b"x", b"o\n")],
    ):
        odd = write(text, other)
        for reads in ([*fits, odd], [odd, *fits], [*fits[:4], odd, *fits[4:]]):
            assert both.frames(b"".join(reads)) is None
        assert both.joined(b"".join([*fits[:4], odd, *fits[4:]]))[1:] == (4, len(b"".join(fits[:4])))
    assert both.frames(b"".join(fits)[:-1]) is None
