"""The benchmark's own parts: what is measured, figures that add up, a machine that is too busy."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest

from benchmarks import __main__ as command
from benchmarks import calm, charts, dialects, measure, prompts, report
from benchmarks.contenders import CONTENDERS
from benchmarks.processes import Running, cpu_ns
from benchmarks.prompts import Plan
from benchmarks.proxies.ours import other_checkout
from benchmarks.workloads import GROUPS, WORKLOADS, percentile
from linx.core import jsontext

if TYPE_CHECKING:
    from pathlib import Path


def test_ratios_are_taken_round_by_round() -> None:
    result = report.Result(rounds=3)
    for ours, theirs in ((10.0, 5.0), (40.0, 10.0), (9.0, 3.0)):
        result.add("paced", "linx", {"cpu_us_per_frame": ours}, 0.5, 1.0)
        result.add("paced", "nginx", {"cpu_us_per_frame": theirs}, 0.5, 1.0)
    assert result.median("paced", "linx", "cpu_us_per_frame") == 10.0
    assert result.ratio("paced", "linx", "cpu_us_per_frame") == 3.0
    picture = charts.bars("CPU", [("nginx", 5.0, False), ("Linx <&>", 10.0, True)])
    assert ElementTree.fromstring(picture).tag.endswith("svg")


def test_who_fails_is_shown_with_the_reason() -> None:
    result = report.Result(rounds=1, versions={"linx": "Linx 1"}, missing={"olla": "olla is not on PATH"})
    result.add("small", "linx", {"cpu_us_per_request": 300.0, "ttft_p50_us": 9.0}, 0.5, 1.0)
    result.failed("small", "litellm", "status 500: oh")
    text = report.markdown(result)
    assert "| linx | 300 | 9 |" in text
    assert "| litellm | fails: status 500: oh |" in text
    assert "- olla is missing: olla is not on PATH" in text
    assert "litellm           fails: status 500: oh" in report.table(result)


def test_pairs_are_a_grid() -> None:
    result = report.Result(rounds=1)
    pairs = {"openai < openai": 50.0, "openai < ollama": 60.0, "ollama < openai": 70.0, "ollama < ollama": 80.0}
    result.add("pairs", "linx-kinds", pairs, 0.5, 1.0)
    text = report.markdown(result)
    assert "| linx-kinds | openai | ollama |" in text
    assert "| ollama | 70 | 80 |" in text


def test_percentiles_and_groups() -> None:
    assert percentile([3, 1, 2], 0.5) == 2
    assert percentile(list(range(100)), 0.99) == 99
    assert {name for group in GROUPS.values() for name in group} <= set(WORKLOADS)
    named = {name for one in WORKLOADS.values() for name in (*one.only, *one.also)}
    assert named <= set(CONTENDERS)


def test_which_contenders_a_workload_wants() -> None:
    assert WORKLOADS["small"].wants(CONTENDERS["linx"])
    assert WORKLOADS["small"].wants(CONTENDERS["linx-two"])
    assert not WORKLOADS["paced"].wants(CONTENDERS["linx-two"])
    assert not WORKLOADS["pairs"].wants(CONTENDERS["nginx"])
    assert WORKLOADS["pairs"].wants(other_checkout(CONTENDERS["linx-kinds"], measure.SOURCES))


@pytest.mark.parametrize("provider_dialect", dialects.DECODERS)
@pytest.mark.parametrize("client", dialects.FACES)
def test_every_pair_of_dialects_gives_frames(provider_dialect: str, client: str) -> None:
    decoding, encoding, size = dialects.microseconds(provider_dialect, client, 8, per_read=2)
    assert decoding > 0
    assert encoding > 0
    assert size > 20


def test_requests_are_as_large_as_they_say() -> None:
    agent = prompts.agent(Plan(2))
    assert (len(agent["tools"]), len(agent["messages"])) == (50, 200)
    assert 120_000 < len(jsontext.dumps(agent)) < 130_000
    assert 390_000 < len(jsontext.dumps(prompts.long_chat(Plan(2), 400 * 1024, stream=False))) < 420_000
    for body in (agent, prompts.chat(Plan(2), stream=True, more=3)):
        assert jsontext.dumps(body).count(b"frames=2 interval=0 size=0 burst=1") == 1


def test_a_busy_machine_is_waited_for_and_then_refused() -> None:
    shares = iter([0.9, 0.5, 0.1])
    assert calm.wait(lambda: next(shares)) == 0.1
    now = iter(range(0, 1000, 10))
    with pytest.raises(calm.TooBusy, match="90% of this machine, and after 60 s"):
        calm.wait(lambda: 0.9, clock=lambda: next(now))


@pytest.mark.skipif(sys.platform != "linux", reason="the clock of another process")
def test_cpu_time_counts_threads_that_have_ended(tmp_path: Path) -> None:
    code = "import threading,time\n"
    code += "def work():\n while time.thread_time() < 0.2: pass\n"
    code += "thread = threading.Thread(target=work); thread.start(); thread.join(); print('over', flush=True)\n"
    code += "time.sleep(60)"
    process = Running([sys.executable, "-c", code], tmp_path / "log")
    try:
        deadline = time.monotonic() + 20
        while "over" not in process.output():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert process.cpu_ns() >= cpu_ns(process.pid) >= 200_000_000
    finally:
        process.stop()


def test_without_go_the_command_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(measure, "USUAL_PLACES", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("go") is None
    with pytest.raises(measure.NoProgram, match="there is no go command"):
        measure.program(tmp_path)


def test_what_is_no_workload_or_contender(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nothing", "--contenders", "nobody"]) == 2
    assert "nothing, nobody" in capsys.readouterr().err
    assert command.main(["--list"]) == 0
    assert "agent" in capsys.readouterr().out
