"""The command ``linx usage``: reads the ledger, while a Linx writes to it or not, and prints what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from linx.core.errors import quote
from linx.ledger.database import LedgerProblem, open_for_reading
from linx.ledger.ledger import ledger_path
from linx.ledger.questions import TOTALS, Usage, usage
from linx.ledger.report import FORMATS, Style

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from linx.config.shape import LedgerConfig
    from linx.ledger.period import Period


class Asked(NamedTuple):
    """The options of the command, checked."""

    by: str
    period: Period
    format: str


def report(config: LedgerConfig, asked: Asked, style: Style) -> str:
    """The text to print. Raises LedgerProblem, whose text names the file."""
    path = ledger_path(config)
    try:
        database = open_for_reading(path)
    except FileNotFoundError:
        if asked.format == "table":
            reason = "" if config.enabled else ", and ledger.enabled is false"
            return f"No requests yet: there is no ledger at {quote(str(path), 300)}{reason}.\n"
        nothing = Usage(asked.by, asked.period.text, (), (0,) * len(TOTALS))
        return FORMATS[asked.format](nothing, style)
    except (LedgerProblem, OSError) as error:
        raise LedgerProblem(f"the ledger {quote(str(path), 300)} cannot be read: {_words(error)}") from None
    try:
        found = usage(database, asked.by, asked.period)
    except LedgerProblem as error:
        raise LedgerProblem(f"the ledger {quote(str(database.path), 300)} cannot be read: {error}") from None
    finally:
        database.close()
    return FORMATS[asked.format](found, style)


def style_of(stream: TextIO, env: Mapping[str, str]) -> Style:
    """What the terminal, or the file, that ``stream`` leads to can show."""
    encoding = (getattr(stream, "encoding", None) or "ascii").lower().replace("-", "")
    is_terminal = stream.isatty() and env.get("TERM") != "dumb"
    return Style(is_terminal and not env.get("NO_COLOR"), not encoding.startswith("utf"))


def _words(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)
