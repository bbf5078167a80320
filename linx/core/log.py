"""The log: one record a line on standard error, as text or as JSON, without secrets.

The command line calls ``set_up_log`` once. All other files use ``logging.getLogger``, and
may pass ``extra`` fields, which the JSON form shows. ``flush_log`` is called now and then by whoever has a clock.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, TextIO

from linx.core import jsontext
from linx.core.log_stream import standard_error
from linx.core.redaction import RedactingFilter, Redactor, escape_controls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.core.log_stream import LogStream

    LogHandler = logging.StreamHandler[LogStream | TextIO]

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_TALKATIVE = ("trio-websocket", "wsproto")
"""Libraries that log the bytes they carry: prompts and answers do not belong in a log, at any level."""


def flush_log() -> None:
    """Write the lines for which there was no room before."""
    for handler in logging.getLogger().handlers:
        handler.flush()


def set_up_log(level: str, style: str, redactor: Redactor, stream: TextIO | None = None) -> LogHandler:
    """Send all records of ``level`` and above to standard error; ``style`` is ``text`` or ``json``."""
    handler = logging.StreamHandler(stream or standard_error())
    handler.addFilter(RedactingFilter(redactor))
    handler.setFormatter(_FORMATTERS[style](redactor))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(LEVELS[level])
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    # If standard error is closed, logging would otherwise try to print a traceback for each further record.
    logging.raiseExceptions = False
    return handler


class LineLog:
    """Writes whole lines to where a handler writes its records, past ``logging``, which costs more than a request may.

    Nothing is cleaned here: the writer of a line answers for it.
    """

    __slots__ = ("_handler", "is_coloured", "is_json")

    def __init__(self, handler: LogHandler, *, is_json: bool, is_coloured: bool) -> None:
        self._handler = handler
        self.is_json = is_json
        self.is_coloured = is_coloured

    def write(self, line: str) -> None:
        """Threads of Linx may log too, so the handler is locked meanwhile."""
        handler = self._handler
        handler.acquire()
        try:
            handler.stream.write(line)
            handler.stream.flush()
        except (OSError, ValueError):
            pass  # a standard error that is closed, on a system without LogStream
        finally:
            handler.release()


def line_log(level: str, style: str, handler: LogHandler, env: Mapping[str, str]) -> LineLog | None:
    """Where request lines are written; None at a level that leaves them out."""
    if LEVELS[level] > logging.INFO:
        return None
    return LineLog(handler, is_json=style == "json", is_coloured=style == "text" and has_colour(sys.stderr, env))


def has_colour(stream: TextIO | None, env: Mapping[str, str]) -> bool:
    """Is ``stream`` a terminal whose user has not asked for plain text (no-color.org)?"""
    if env.get("NO_COLOR") or env.get("TERM") == "dumb":
        return False
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # it is closed
        return False


class TextFormatter(logging.Formatter):
    """``2026-01-31 12:00:00.000 warning linx.app what happened``, followed by the traceback if there is one."""

    def __init__(self, _redactor: Redactor) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        lines = [
            f"{when}.{int(record.msecs):03d} {record.levelname.lower():<7} {record.name} {record.getMessage()}",
            *filter(None, (_trace(record), record.stack_info)),
        ]
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """One object a line: ts, level, logger, message, then the ``extra`` fields of the record."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        fields = {
            "ts": f"{when}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        trace = _trace(record)
        if trace:
            fields["exception"] = trace
        if record.stack_info:
            fields["stack"] = record.stack_info
        extras = {name: self._plain(value) for name, value in vars(record).items() if name not in _STANDARD}
        return jsontext.dumps({**fields, **{name: v for name, v in extras.items() if name not in fields}}).decode()

    def _plain(self, value: object) -> object:
        """An ``extra`` value as JSON shows it. A list or object becomes a text, so that secrets in it can be found."""
        if value is None or isinstance(value, bool | int | float):
            return value
        return value if isinstance(value, str) else escape_controls(self._redactor.clean(str(value)))


_FORMATTERS: dict[str, Callable[[Redactor], logging.Formatter]] = {"text": TextFormatter, "json": JsonFormatter}


def _trace(record: logging.LogRecord) -> str | None:
    """The traceback, which RedactingFilter has already formatted and cleaned."""
    return record.exc_text or None
