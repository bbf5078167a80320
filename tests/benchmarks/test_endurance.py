"""What an endurance run judges by: a wrong answer is seen in every dialect, a right one is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.endurance import hangups, plan, providers, verdict
from benchmarks.endurance.faces import FACES, Face, Said
from benchmarks.endurance.plan import Plan
from benchmarks.endurance.watch import Sample
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, cut_after

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.exchange import Exchange
    from tests.fakes.scripted import Reply

ASKED = Plan("r1", 3, 2, calls=1)
WORDS = "".join(ASKED.text("one"))
CALL = '{"request":"r1","number":0}'


def test_a_plan_is_read_from_the_prompt() -> None:
    assert plan.read(b'{"messages":[{"content":"' + ASKED.prompt.encode() + b'"}]}') == ASKED
    assert plan.read(b"{}") is None


@pytest.mark.parametrize(
    ("text", "calls", "is_whole", "fault"),
    [
        (WORDS, [CALL], True, ""),
        (WORDS[:20], [], False, ""),
        ("", [], False, ""),
        ("", [], True, "no word"),
        ("Hello", [], False, "no word"),
        (WORDS[:20], [CALL], True, "characters instead of"),
        (WORDS, [], True, "tool calls"),
        (WORDS, [CALL.replace("r1", "r2")], True, "tool calls"),
        (WORDS.replace("r1", "r2"), [CALL], True, "came to the client of r1"),
        (WORDS.replace("one/1", "two/1"), [], False, "other words"),
        (WORDS + WORDS, [CALL], True, "characters instead of"),
    ],
)
def test_what_is_wrong_with_an_answer(text: str, calls: list[str], is_whole: bool, fault: str) -> None:
    found = ASKED.fault_in(text, calls, is_whole=is_whole)
    assert fault in found if fault else not found


@pytest.mark.parametrize("is_stream", [False, True])
@pytest.mark.parametrize("face", FACES, ids=lambda face: face.path)
async def test_an_answer_is_read_in_every_dialect(face: Face, is_stream: bool, tmp_path: Path) -> None:
    asked = ASKED if face.tools else Plan("r1", 3, 2)

    def reply(exchange: Exchange) -> Reply:
        found = plan.read(exchange.body)
        assert found == asked
        answer = Answer(tokens=found.text("one"), calls=found.tool_calls())
        return answer if is_good else cut_after(2, "close", answer)

    async with FakeProvider("ollama", [Model("m", context_length=None)]) as fake, linx_here(
        config_for(fake, names=("one",)), tmp_path
    ) as app:  # fmt: skip
        fake.rule = reply
        for is_good in (True, False):
            answer = await ask(app.bound[0][1], face.path, face.request(asked, is_stream=is_stream))
            if not is_stream and not is_good:
                assert answer.status == 502
                continue
            said = face.read(answer.body, is_stream=is_stream)
            assert (said.is_ended, said.has_error) == (is_good, not is_good)
            assert said.text == WORDS if is_good else WORDS.startswith(said.text)
            assert asked.fault_in(said.text, list(said.calls.values()), is_whole=is_good) == ""


def test_the_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    entry = providers.Entry("r1", "one", 10, 20, 3)
    (tmp_path / "journal").write_text(" ".join(map(str, entry)) + "\n")
    assert list(providers.entries(tmp_path / "journal")) == [entry]


def test_only_failed_requests_may_be_in_the_log() -> None:
    failed = "2026-01-01 12:00:00.000 warning linx.endpoints POST /api/chat: one: reset the connection\n"
    assert verdict.unexpected_lines(failed) == []
    assert len(verdict.unexpected_lines(failed + "Traceback (most recent call last):\n")) == 1


def test_calls_come_in_pieces() -> None:
    said = Said()
    said.call(0, '{"a":')
    said.call(0, "1}")
    assert said.calls == {0: '{"a":1}'}


def test_the_table_says_what_is_wrong() -> None:
    table = verdict.table([verdict.Row("files", "11 → 12", is_well=False), verdict.Row("tasks", "20 → 20")])
    assert "| files | 11 → 12 | **wrong** |" in table
    assert "| tasks | 20 → 20 |  |" in table


FOUND = {"times_us": [900] * 98 + [60_000] * 2, "failed": 0, "seconds": 2.0, "cpu_us": 50_000, "stall_us": 900}
BURST = {**FOUND, "stopped_us": [5_000, 6_000], "whole_us": [9_000, 10_000]}


@pytest.mark.parametrize(
    ("storm", "found", "is_quiet", "is_well", "cells"),
    [
        (hangups.STORMS["steady"][0], FOUND, True, False, "| 100 | 50 | 0.9 | 60.0 | 60.0 | 500 a request |"),
        (hangups.STORMS["steady"][0], {**FOUND, "times_us": [900]}, True, True, "| 1 | 0 | 0.9 | 0.9 | 0.9 |"),
        (hangups.STORMS["steady"][0], FOUND, False, True, "| 500 a request |"),
        (hangups.STORMS["steady"][0], {**FOUND, "stall_us": 40_000}, True, True, "| 40 |"),
        (hangups.STORMS["steady"][2], FOUND, True, True, "| 60.0 |"),
        (hangups.STORMS["steady"][2], {**FOUND, "failed": 1}, False, False, "**wrong**"),
        (hangups.STORMS["bursts"][0], BURST, True, False, "| 110 until stopped, 190 in all |"),
    ],
    ids=["late", "soon", "busy machine", "busy program", "as fast as they can", "one was not seen", "burst"],
)
def test_the_table_of_hang_ups(
    storm: hangups.Storm, found: dict[str, Any], is_quiet: bool, is_well: bool, cells: str
) -> None:
    line, is_as_promised = hangups.row(storm, found, is_quiet=is_quiet)
    assert cells in line
    assert is_as_promised is is_well
    assert ("**wrong**" in line) is not is_well


@pytest.mark.parametrize(
    ("requests", "kept_bytes", "slope_mb", "judged"),
    [(50_000, 0, 0.0, 25_000), (50_000, 430, 4.1, 25_000), (500, 0, 0.0, 250), (0, 0, 0.0, 0)],
    ids=["flat", "leaks", "short", "nothing"],
)
def test_the_slope_of_memory(requests: int, kept_bytes: int, slope_mb: float, judged: int) -> None:
    samples = [
        Sample(float(at), requests * at // 100, 50 + kept_bytes * requests * at // 100 / 2**20, 11) for at in range(101)
    ]
    found, count = verdict.growth(samples)
    assert found == pytest.approx(slope_mb, abs=0.01)
    assert count == judged
    assert (found > verdict.MOST_SLOPE_MB) is bool(kept_bytes)
