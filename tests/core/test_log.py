"""The log: its two forms, one record a line, and no secret in any of them."""

from __future__ import annotations

import io
import logging
import re
from typing import TYPE_CHECKING

import pytest

from linx.core import jsontext
from linx.core.log import set_up_log
from linx.core.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterator

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
