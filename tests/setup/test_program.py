"""A client's program: its exit status, and its signals."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from linx.setup.program import CANNOT_RUN, Signals, is_terminal_ours, run, signals_kept

if TYPE_CHECKING:
    from pathlib import Path

HEARS = """
import os, signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(40))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(41))
os.kill(os.getppid(), int(sys.argv[1]))
while True:
    time.sleep(0.01)
"""


def python(code: str, *args: str) -> list[str]:
    return [sys.executable, "-c", code, *args]


@pytest.mark.parametrize(
    ("code", "status"),
    [("", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 9)", 137), ("import os; os.abort()", 134)],
)
def test_its_exit_status(code: str, status: int) -> None:
    assert run(python(code), os.environ, Signals()) == status


def test_what_cannot_be_run(tmp_path: Path) -> None:
    assert run([str(tmp_path)], os.environ, Signals()) == CANNOT_RUN


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 40), (signal.SIGTERM, 41)])
def test_a_signal_for_this_process_is_the_clients(number: int, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("linx.setup.program.is_terminal_ours", lambda: False)
    with signals_kept() as signals:
        assert run(python(HEARS, str(int(number))), os.environ, signals) == status


def test_ctrl_c_at_the_terminal_reaches_the_client_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The terminal has sent it to the client already, which would take a second one for "now really"."""
    monkeypatch.setattr("linx.setup.program.is_terminal_ours", lambda: True)
    code = "import os, signal; os.kill(os.getppid(), signal.SIGINT); raise SystemExit(5)"
    with signals_kept() as signals:
        assert run(python(code), os.environ, signals) == 5


def test_a_signal_before_the_start_is_not_lost() -> None:
    with signals_kept() as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.is_ended
        code = "import signal; signal.pause()"
        assert run(python(code), os.environ, signals) == 128 + signal.SIGTERM


def test_handlers_are_put_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGCHLD)]
    with signals_kept() as signals:
        assert not signals.is_ended
        run(python(""), os.environ, signals)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGCHLD)] == before


def test_without_a_terminal() -> None:
    assert is_terminal_ours() in (True, False)
