"""Ten turns of an agent with a picky server behind Linx, and what must hold in each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from linx.core import jsontext
from linx.dialects.adaptation.table import BY_NAME
from tests.e2e.agents.claude_code import ClaudeCode
from tests.e2e.agents.codex import PATCH, Codex
from tests.e2e.agents.cursor import CursorChat, CursorResponses
from tests.e2e.agents.offered import CHROME, CHROME_OTHER, DOTTED, SLASHED
from tests.e2e.http_client import ask
from tests.fakes.picky.spoken import Spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.e2e.agents.heard import Agent
    from tests.fakes.picky.server import Asked, PickyServer

MOST_ASKS = 4
"""The first ask, and three rows of the table one after the other."""
ROWS: dict[str, tuple[str, ...]] = {
    "system": ("system_messages",),
    "order of systems": ("system_messages",),
    "order": ("message_order",),
    "ids": ("call_ids",),
    "names": ("tool_names",),
    "reasoning": ("reasoning_history",),
    "extra fields of messages": ("reasoning_history",),
    "extra fields": ("parameter", "stream_options", "answer_limit_name"),
    "extra parameters": ("parameter", "stream_options", "answer_limit_name"),
    "stream_options": ("stream_options",),
    "max_tokens": ("answer_limit_name",),
    "reasoning_effort": ("reasoning_level", "parameter"),
    "think": ("think",),
    "schema": ("schemas",),
    "grammar": ("schemas",),
    "user": ("shorter_text",),
    "signature": ("thought_signature",),
    **dict.fromkeys(("temperature", "top_p", "frequency_penalty", "parallel_tool_calls", "verbosity"), ("parameter",)),
}
"""By the check that refused: the rows of the table that help, one of which the header must name."""
AGENTS: dict[str, Callable[[], Agent]] = {
    "claude-code": ClaudeCode,
    "codex": Codex,
    "cursor-chat": CursorChat,
    "cursor-responses": CursorResponses,
}
_RUN: dict[str, tuple[str, dict[str, Any]]] = {
    "claude-code": ("Bash", {"command": "pytest -q", "description": "Run the tests"}),
    "codex": ("exec_command", {"cmd": "pytest -q"}),
    "cursor-chat": ("run_terminal_cmd", {"command": "pytest -q", "is_background": False}),
    "cursor-responses": ("run_terminal_cmd", {"command": "pytest -q", "is_background": False}),
}
_CURSOR_READ = ("read_file", {"target_file": "a.py"})
_READ: dict[str, tuple[str, dict[str, Any]]] = {
    "claude-code": ("Read", {"file_path": "/w/a.py", "limit": 20}),
    "codex": ("view_image", {"path": "/w/a.png"}),
    "cursor-chat": _CURSOR_READ,
    "cursor-responses": _CURSOR_READ,
}
_SEARCHES: tuple[tuple[str, dict[str, Any]], ...] = ((DOTTED, {"jql": "text ~ a"}), (SLASHED, {}))
_ODD: dict[str, tuple[tuple[str, dict[str, Any]], ...]] = {
    "claude-code": (("TaskList", {}), ("TaskUpdate", {"taskId": "1", "status": "completed"})),
    "codex": (("get_goal", {}), ("apply_patch", {"input": PATCH})),
    "cursor-chat": _SEARCHES,
    "cursor-responses": _SEARCHES,
}


def script(agent: str) -> list[Spoken]:
    """What the model says in the ten turns: calls beside text and alone, two at once, none, one without arguments."""
    run, read, odd = _RUN[agent], _READ[agent], _ODD[agent]
    return [
        Spoken("I run the tests.", "First the tests.", [run]),
        Spoken("", "Two things at once.", [read, run]),
        Spoken("Now the trace.", "", [(CHROME, {"insightName": "LCP"})]),
        Spoken("", "And the others.", [(CHROME_OTHER, {"names": ["LCP", "INP"]})]),
        Spoken("The test fails in a.py. Shall I mend it?", "I know enough."),
        Spoken("", "They said yes.", [run]),
        Spoken("Once more.", "", [odd[0]]),
        Spoken("", "The rest.", [odd[1], read]),
        Spoken("Last run.", "Check it.", [run]),
        Spoken("All tests pass.", "Done."),
    ]


def needs(*rows: str) -> list[pytest.MarkDecorator]:
    """The mark of a test that fails as long as the table of adaptations lacks one of these rows."""
    missing = [row for row in rows if row not in BY_NAME]
    return [pytest.mark.xfail(reason=f"no row {', '.join(missing)} yet", strict=True)] if missing else []


@dataclass
class Trial:
    """What came of one conversation."""

    refused: list[list[str]] = field(default_factory=list)
    """The checks that refused, by turn."""
    adapted: list[str] = field(default_factory=list)
    """``x-linx-adapted`` of each answer."""
    failure: AssertionError | None = None


async def converse(name: str, server: PickyServer, port: int, model: str) -> Trial:
    """All ten turns; stops at the first that fails."""
    trial = Trial()
    try:
        agent = AGENTS[name]()
        marks = ["MARK-SYSTEM", "MARK-MIDDLE", "MARK-FIRST"]
        for number, spoken in enumerate(script(name), 1):
            await _turn(agent, server, port, model, _sayable(spoken, server), marks, number, trial)
    except AssertionError as failure:
        trial.failure = failure
    return trial


def _sayable(spoken: Spoken, server: PickyServer) -> Spoken:
    can_think = "thinking" in server.picky.capabilities
    return spoken if can_think else Spoken(spoken.text or "Well.", "", spoken.calls)


async def _turn(
    agent: Agent,
    server: PickyServer,
    port: int,
    model: str,
    spoken: Spoken,
    marks: list[str],
    number: int,
    trial: Trial,
) -> None:
    server.next[model] = spoken
    before = len(server.of(model))
    answer = await ask(port, agent.path, agent.body(model), headers=dict(agent.headers))
    asks = server.of(model)[before:]
    where = f"turn {number}, asks {[asked.refused_by for asked in asks]}"
    assert answer.status == 200, f"{where}: {answer.status} {answer.body.decode(errors='replace')[:600]}"
    heard = agent.hear(answer)
    assert (heard.text, heard.reasoning) == (spoken.text, spoken.reasoning), where
    assert [(call.name, call.parsed) for call in heard.calls] == [(n, dict(a)) for n, a in spoken.calls], where
    assert heard.end == agent.ends[0 if spoken.calls else 1], where
    _check_asks(asks, where, trial)
    _check_history(asks[-1], marks, where)
    adapted = answer.headers.get("x-linx-adapted", "")
    for check in trial.refused[-1]:
        assert any(row in adapted for row in ROWS[check]), f"{where}: x-linx-adapted is {adapted!r}"
    trial.adapted.append(adapted)
    if heard.calls:
        agent.give_results(heard, f"RESULT-{number}")
        marks.append(f"RESULT-{number} of")
    else:
        agent.say(f"SAID-{number}")
        marks.append(f"SAID-{number}")


def _check_asks(asks: Sequence[Asked], where: str, trial: Trial) -> None:
    """Nothing that was refused in an earlier turn is tried again: it was learnt."""
    refused = [asked.refused_by for asked in asks if asked.refused_by is not None]
    assert asks, f"{where}: the server was not asked"
    assert asks[-1].refused_by is None, where
    assert len(asks) <= MOST_ASKS, where
    learnt = {name for earlier in trial.refused for name in earlier}
    assert learnt.isdisjoint(refused), f"{where}: refused in an earlier turn as well"
    trial.refused.append(refused)


def _check_history(asked: Asked, marks: Sequence[str], where: str) -> None:
    """Nothing that was said is lost, and each call has its result."""
    text = jsontext.dumps(asked.body["messages"]).decode()
    lost = [mark for mark in marks if mark not in text]
    assert not lost, f"{where}: {lost} did not reach the server"
    waiting: list[str] = []
    for message in asked.body["messages"]:
        if message["role"] == "tool":
            if "tool_call_id" in message:
                assert message["tool_call_id"] in waiting, f"{where}: a result without its call"
                waiting.remove(message["tool_call_id"])
        else:
            assert not waiting, f"{where}: {waiting} have no result before a {message['role']} message"
            waiting = [str(call.get("id")) for call in message.get("tool_calls") or () if call.get("id")]
    assert not waiting, f"{where}: {waiting} have no result"
