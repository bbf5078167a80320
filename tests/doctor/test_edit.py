"""Edits change what they name and leave every other byte."""

from __future__ import annotations

import pytest

from linx.core import jsontext
from linx.doctor.edit import EMPTY, applied, line_of, written
from linx.doctor.finding import Change, Edit, Renaming

TEXT = (
    b'\xef\xbb\xbf{\n\t"$schema": "x",\n\t"server" : {"port":8080, "keep_alive_s": 7.50},\n'
    b'\t"ollama": {"num_ctx": null}\n}\n'
)
CASES: list[tuple[Edit, bytes, bytes]] = [
    (Change(("server", "port"), 8180), b'"port":8080', b'"port":8180'),
    (Change(("ollama", "num_ctx"), "auto"), b'"num_ctx": null', b'"num_ctx": "auto"'),
    (Change(("ollama", "endpoint"), "http://a"), b'"num_ctx": null', b'"num_ctx": null, "endpoint": "http://a"'),
    (Change(("server",), None), b'{"port":8080, "keep_alive_s": 7.50}', b"null"),
    (Change(("server", "port", "deep"), 1), b'"port":8080', b'"port":{"deep": 1}'),
    (Renaming(("server", "port"), "prot"), b'"port":', b'"prot":'),
    (Renaming(("ollama",), "llamacpp"), b'"ollama"', b'"llamacpp"'),
]


@pytest.mark.parametrize(("edit", "before", "after"), CASES, ids=lambda one: getattr(one, "key", ""))
def test_an_edit(edit: Edit, before: bytes, after: bytes) -> None:
    text, done = applied(TEXT, [edit])
    assert text == TEXT.replace(before, after)
    assert len(done) == 1
    if not isinstance(edit, Renaming):
        assert applied(text, [edit]) == (text, []), "a second time changes nothing"


@pytest.mark.parametrize(
    "edit",
    [
        Change(("server", "port"), 8080),
        Renaming(("server", "port"), "keep_alive_s"),
        Renaming(("nowhere", "port"), "x"),
        Renaming(("server", "prot"), "x"),
    ],
)
def test_an_edit_that_changes_nothing(edit: Edit) -> None:
    assert applied(TEXT, [edit]) == (TEXT, [])


def test_a_file_that_does_not_exist_yet() -> None:
    text, done = applied(
        EMPTY, [Change(("providers", "box"), {"kind": "ollama"}), Change(("ollama", "enabled"), False)]
    )
    assert jsontext.loads(text) == {"providers": {"box": {"kind": "ollama"}}, "ollama": {"enabled": False}}
    assert done == ['providers.box: {"kind": "ollama"}', "ollama.enabled: false"]
    assert b"\n  " in text


def test_a_change_as_a_piece_of_the_file() -> None:
    assert line_of(Change(("server", "port"), 8180)) == '"server": {"port": 8180}'
    assert written({"a": [1, "b"], "c": None}) == '{"a": [1, "b"], "c": null}'
