"""The list as people see it, and the JSON."""

from __future__ import annotations

from linx.core import jsontext
from linx.doctor.checks.table import Found
from linx.doctor.finding import Change, Level, broken, note, ok, warning
from linx.doctor.report import as_json, as_text, cleaned, worst
from linx.ledger.report import Style

FOUND = [
    Found("config", ok("is in force", "config.json")),
    Found("provider", warning("is away", "http://box", "ollama serve")),
    Found("provider", broken("nobody can answer", mend="linx --demo", edits=(Change(("server", "port"), 1),))),
    Found("clock", note("a note")),
]


def test_the_list_is_aligned_and_counts() -> None:
    assert as_text("Linx", FOUND, Style()).splitlines() == [
        "Linx",
        "",
        "  ✓ config   config.json  is in force",
        "  ! provider http://box: is away",
        "             → ollama serve",
        "  ✗          nobody can answer",
        "             → linx --demo",
        "  · clock    a note",
        "",
        "1 broken, 1 warning, 1 note; linx doctor --fix mends 1",
    ]


def test_colour_and_plain_letters() -> None:
    assert "\x1b[1;31m✗\x1b[0m" in as_text("Linx", FOUND, Style(is_coloured=True))
    plain = as_text("Linx", FOUND, Style(is_ascii=True))
    assert plain.isascii()
    assert "-> ollama serve" in plain
    assert as_text("Linx", FOUND[:1], Style()).endswith("nothing to mend\n")


def test_a_long_line_is_wrapped_and_what_is_to_be_copied_is_not() -> None:
    mend = "run " + "x" * 200
    lines = as_text("Linx", [Found("c", note("word " * 40, mend=mend))], Style(), width=60).splitlines()
    assert max(len(line) for line in lines if mend not in line) <= 60
    assert any(line.endswith(mend) for line in lines)


def test_control_characters_are_shown_and_not_obeyed() -> None:
    assert "\x1b" not in as_text("Linx", [Found("c", note("a\x1b[2Jb\nc", "w\x07", "m\r"))], Style())


def test_the_json() -> None:
    told = jsontext.loads(as_json(FOUND, ["done"]).encode())
    assert told["worst"] == "broken"
    assert told["fixed"] == ["done"]
    assert told["findings"][2] == {
        "level": "broken",
        "check": "provider",
        "what": "nobody can answer",
        "where": "",
        "mend": "linx --demo",
        "fixable": True,
    }
    assert worst([]) is Level.OK


def test_secrets_are_taken_out_of_every_text() -> None:
    dirty = [Found("c", warning("what KEY", "where KEY", "mend KEY"))]
    assert "KEY" not in str(cleaned(dirty, lambda text: text.replace("KEY", "…")))
