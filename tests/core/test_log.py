"""The log: its two forms, one record a line, and no secret in any of them."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING, TextIO

import pytest

from linx.core import jsontext
from linx.core.log import has_colour, line_log, set_up_log
from linx.core.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.core.log_stream import LogStream

SECRET = "the-secret-key-of-somebody"
log = logging.getLogger("linx.test")


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, raising = root.handlers[:], root.level, logging.raiseExceptions
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.raiseExceptions = raising


def set_up(style: str, level: str = "info") -> io.StringIO:
    redactor, stream = Redactor(), io.StringIO()
    redactor.add(SECRET)
    set_up_log(level, style, redactor, stream)
    return stream


def test_text_has_time_level_logger_and_message() -> None:
    stream = set_up("text")
    log.warning("%s is %d", "it", 5)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} warning linx\.test it is 5\n", stream.getvalue())


def test_json_has_an_object_a_line_with_the_extra_fields() -> None:
    stream = set_up("json")
    log.info("one", extra={"request": "r1", "ms": 1.5, "parts": {"a": SECRET}, "nothing": None, "ts": "x"})
    log.error("two")
    first, second = (jsontext.loads(line.encode()) for line in stream.getvalue().splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", first.pop("ts"))
    assert SECRET not in first.pop("parts")
    assert first == {
        "level": "info",
        "logger": "linx.test",
        "message": "one",
        "request": "r1",
        "ms": 1.5,
        "nothing": None,
    }
    assert (second["level"], second["message"]) == ("error", "two")


def test_the_level_decides() -> None:
    stream = set_up("text", "warning")
    log.info("quiet")
    log.warning("loud")
    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()


@pytest.mark.parametrize("style", ["text", "json"])
def test_no_secret_and_no_second_line(style: str) -> None:
    stream = set_up(style)
    log.info("key %s\n2026-01-01 error forged \x1b[31m", SECRET, extra={"key": SECRET})
    text = stream.getvalue()
    assert SECRET not in text
    assert text.count("\n") == 1
    assert "\x1b" not in text


@pytest.mark.parametrize("style", ["text", "json"])
def test_a_traceback_is_whole_and_clean(style: str) -> None:
    stream = set_up(style)
    try:
        raise ValueError(f"bad {SECRET}")
    except ValueError:
        log.exception("it broke", stack_info=True)
    text = stream.getvalue()
    assert SECRET not in text
    assert "ValueError: bad the-…" in text
    assert "Stack (most recent call last)" in text
    if style == "json":
        record = jsontext.loads(text.encode())
        assert record["exception"].startswith("Traceback")


def test_what_travels_is_never_logged_by_a_library() -> None:
    stream = set_up("text", "debug")
    logging.getLogger("trio-websocket").debug("a prompt")
    log.debug("ours")
    assert "a prompt" not in stream.getvalue()
    assert "ours" in stream.getvalue()


def test_a_standard_error_that_is_gone_is_no_problem() -> None:
    set_up("text").close()
    log.error("nobody reads this")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "env", "is_coloured"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
        (None, {}, False),
    ],
    ids=["terminal", "no-color", "empty", "dumb", "file", "none"],
)
def test_colour_only_for_a_terminal(stream: TextIO | None, env: dict[str, str], is_coloured: bool) -> None:
    assert has_colour(stream, env) == is_coloured


@pytest.mark.parametrize(("level", "is_there"), [("debug", True), ("info", True), ("warning", False), ("error", False)])
def test_request_lines_are_left_out_where_only_problems_are_wanted(level: str, is_there: bool) -> None:
    stream = io.StringIO()
    handler: logging.StreamHandler[LogStream | TextIO] = logging.StreamHandler(stream)
    lines = line_log(level, "json", handler, {})
    assert (lines is not None) == is_there
    if lines is not None:
        assert (lines.is_json, lines.is_coloured) == (True, False)
        lines.write("a line\n")
        assert stream.getvalue() == "a line\n"
