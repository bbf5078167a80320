"""Where the model stands in a form."""

from __future__ import annotations

import time

import pytest

from linx.core.errors import BadRequest
from linx.handlers.answers.multipart import (
    MAX_PART_HEAD,
    MAX_PARTS,
    boundary_of,
    check_one_model,
    find_model,
    with_model,
)

PART = b'Content-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'


def form(*parts: bytes, boundary: bytes = b"XX") -> bytes:
    return b"".join(b"--" + boundary + b"\r\n" + part for part in parts) + b"--" + boundary + b"--\r\n"


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        (b"multipart/form-data; boundary=XX", b"XX"),
        (b'Multipart/Form-Data;charset=utf-8; BOUNDARY="a b"', b"a b"),
        (b"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxk; x=y", b"----WebKitFormBoundary7MA4YWxk"),
        (b"multipart/form-data", None),
        (b"multipart/mixed; boundary=XX", None),
        (b"application/json", None),
        (b'multipart/form-data; boundary="a\xff"', None),
        (b"multipart/form-data; boundary=" + b"x" * 71, None),
        (b"", None),
    ],
)
def test_boundary(content_type: bytes, boundary: bytes | None) -> None:
    assert boundary_of(content_type) == boundary


def found(data: bytes, boundary: bytes = b"XX") -> bytes | None:
    place = find_model(data, boundary)
    return None if place is None else data[place[0] : place[1]]


def test_the_model_first_last_or_in_between() -> None:
    model = PART % (b"model", b"whisper")
    file = b'Content-Disposition: form-data; name="file"; filename="model"\r\nContent-Type: a/b\r\n\r\n\x00\r\n\xff\r\n'
    for parts in ((model, file), (file, model), (file, model, file)):
        assert found(form(*parts)) == b"whisper"
        assert found(b"a preamble\r\n" + form(*parts)) == b"whisper"


def test_a_form_names_one_model() -> None:
    """Servers take the last of two fields, so the first would be no promise."""
    own, other = PART % (b"model", b"own"), PART % (b"model", b"other")
    field = PART % (b"n", b"1")
    for parts in ((own, other), (own, field, other), (own, other, field)):
        with pytest.raises(BadRequest, match="model: the form may name it more than once"):
            check(form(*parts))
    file = b'Content-Disposition: form-data; name="file"; filename="my-model.wav"\r\n\r\nname="model"\r\n'
    for some in ((own,), (own, field), (field, own), (field, own, file), (file, own)):
        check(form(*some))


NAMES = {
    "bare": b"name=model",
    "single quotes": b"name = 'model'",
    "RFC 5987": b"NAME*=utf-8''%6dodel",
    "folded": b'x=y;\r\n name="\\model"',
    "list": b'name="models[]"',
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_a_name_that_some_server_might_read_as_the_model(name: bytes) -> None:
    other = b"Content-Disposition: form-data; " + name + b"\r\n\r\nother\r\n"
    for parts in ((PART % (b"model", b"own"), other), (*[PART % (b"n", b"1")] * MAX_PARTS, PART % (b"model", b"own"))):
        data = form(*parts)
        place = data.index(b"own"), data.index(b"own") + 3
        with pytest.raises(BadRequest, match="model: the form may name it more than once"):
            check_one_model(data, b"XX", place)


def check(data: bytes) -> None:
    place = find_model(data, b"XX")
    assert place is not None
    check_one_model(data, b"XX", place)


def test_headers_in_any_order_and_case() -> None:
    part = b"Content-Type: text/plain\r\nCONTENT-DISPOSITION:form-data;name=model\r\n\r\nm\r\n"
    assert found(form(part)) == b"m"


@pytest.mark.parametrize("file", ["x; name=model; .wav", "x;name=model", 'a\\"; name=model;', "C:\\a\\b;name=model"])
@pytest.mark.parametrize("head", ['name="file"; filename="%s"', 'filename="%s"; name="file"'], ids=["after", "before"])
def test_a_file_s_name_is_no_field_s_name(file: str, head: str) -> None:
    part = b"Content-Disposition: form-data; %b\r\n\r\nthe file\r\n" % (head % file).encode()
    assert found(form(part)) is None
    assert found(form(part, PART % (b"model", b"m"))) == b"m"
    named = b'Content-Disposition: form-data; x="a;b"; name="model"; y=\r\n\r\nm\r\n'
    assert found(form(part, named)) == b"m"


def test_a_header_full_of_marks_takes_no_time() -> None:
    for marks in (b';"', b"; ", b"; name=", b'"', b"\t"):
        part = b"Content-Disposition: form-data" + marks * (MAX_PART_HEAD // len(marks) - 40) + b"\r\n\r\nx\r\n"
        began = time.perf_counter()
        assert found(form(part)) is None
        assert time.perf_counter() - began < 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no form",
        form(PART % (b"models", b"x")),
        form(PART % (b"model", b"")),
        form(PART % (b"model", b"x" * 2000)),
        b'--XX\r\nContent-Disposition: form-data; name="model"\r\n\r\nwhisp',
        b'--XX\r\nContent-Disposition: form-data; name="mod',
        form(b'X: y\r\n\r\nContent-Disposition: form-data; name="model"\r\n\r\n'),
    ],
)
def test_no_model(data: bytes) -> None:
    assert found(data) is None


def test_every_prefix_finds_it_or_nothing() -> None:
    data = form(PART % (b"n", b"1"), PART % (b"model", b"whisper"), PART % (b"z", b"2"))
    values = {found(data[:cut]) for cut in range(len(data))}
    assert values == {None, b"whisper"}


def test_a_boundary_over_two_steps_of_the_search() -> None:
    for size in range(2**22 - 40, 2**22 + 3, 3):
        assert found(form(PART % (b"file", b"x" * size), PART % (b"model", b"m"))) == b"m"


def test_only_so_many_parts_are_looked_through() -> None:
    assert found(form(*[PART % (b"n", b"1")] * (MAX_PARTS - 1), PART % (b"model", b"m"))) == b"m"
    assert found(form(*[PART % (b"n", b"1")] * MAX_PARTS, PART % (b"model", b"m"))) is None
    assert found(form(b"X: " + b"y" * MAX_PART_HEAD + b"\r\n" + PART % (b"model", b"m"))) is None


@pytest.mark.parametrize(
    "parts",
    [(PART % (b"file", b"x"),), (PART % (b"file", b"x"), PART % (b"model", b"other")), ()],
    ids=["none", "other", "empty"],
)
def test_a_form_is_given_its_model(parts: tuple[bytes, ...]) -> None:
    data = form(*parts)
    made, place = with_model(data, b"XX", find_model(data, b"XX"), b"mine")
    assert find_model(made, b"XX") == place
    assert made[slice(*place)] == b"mine"
    assert made.count(b'name="model"') == 1
    assert all(part in made for part in parts if b"model" not in part)
