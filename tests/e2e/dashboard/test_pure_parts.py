"""The parts of the page that need no browser, in one process of node: filters, numbers, budgets."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import pytest

from tests.conftest import find_program
from tests.e2e.dashboard import worlds
from tests.e2e.dashboard.fake_linx import STATIC

pytestmark = pytest.mark.needs("node")

NONE = "\u2013"
ROWS = {
    "local": worlds.request(1, id="local", model="qwen3:8b", client="cursor", key="anna"),
    "paid": worlds.remote(2, id="paid", key="Anna"),
    "fallback": worlds.fallback(3, id="fallback", key="ben"),
    "failed": worlds.failed(4, id="failed", client="zed"),
    "running": worlds.running(5, "streaming", 12, id="running"),
}
FILTERS = {
    "": "local paid fallback failed running",
    "model:qwen": "local running",
    "model:claude": "paid",
    "status:failed": "failed",
    "status:502": "failed",
    "status:timed": "failed",
    "key:anna": "local paid",
    "key:anna client:cursor": "local",
    "-key:anna": "fallback failed running",
    "cost>0.01": "paid fallback",
    "cost>$0.02": "paid fallback",
    "cost<=0": "local",
    "time>8": "failed running",
    "time>=12 is:running": "running",
    "first<0.5": "local running",
    "tokens>=220": "local paid fallback running",
    "attempts=2": "fallback failed",
    "is:paid": "paid fallback",
    "is:local": "local failed running",
    "is:fallback": "fallback",
    "provider:ollama": "local fallback failed running",
    "qwen3:8b": "local running",
    "zed": "failed",
    'client:"open webui"': "",
    "nothing-is-called-that": "",
}
PROBLEMS = {
    "is:nothing": "is: takes",
    "costs>1": "No number is called costs",
    "model:x": "",
    "constructor>1": "No number",
}
NUMBERS = {
    "count(null)": NONE,
    "count(9999)": "9,999",
    "count(10000)": "10k",
    "count(50812)": "50.8k",
    "count(999499)": "999k",
    "count(999999)": "1M",
    "count(1204331)": "1.2M",
    "count(2e9)": "2G",
    "money(null)": NONE,
    "money(0)": "$0",
    "money(0.00001)": "<$.0001",
    "money(0.0042)": "$0.0042",
    "money(0.4182)": "$0.42",
    "money(1234)": "$1,234",
    "duration(null)": NONE,
    "duration(380)": "380 ms",
    "duration(4200)": "4.20 s",
    "duration(12345)": "12.3 s",
    "duration(61000)": "1m 01s",
    "duration(3700000)": "1h 01m",
    "pair(341, 812)": "341 / 812 ms",
    "pair(341, 1210)": "0.34 / 1.21 s",
    "ago(12)": "12 s ago",
    "ago(3000)": "50 min ago",
    "ago(200000)": "2 days ago",
    "rate(0)": "0",
    "rate(7.42)": "7.4",
}
PRIMARY, HEDGE = "ollama", "workstation"
GIVEN_UP = worlds.attempt(PRIMARY, "m", ended_ms=1900.0, outcome="lost")
BARS: dict[str, tuple[Any, list[list[Any]]]] = {
    "answered": (ROWS["local"], [["queued", 1], ["waiting", 379], ["streaming", 3820]]),
    "a fallback": (
        ROWS["fallback"],
        [["queued", 1], ["broken", 1479], ["queued", 2], ["waiting", 818], ["streaming", 5600]],
    ),
    "a hedge that won": (
        worlds.request(
            6,
            duration_ms=2000.0,
            attempts=[
                worlds.attempt(PRIMARY, "m", ended_ms=900.0, outcome="lost"),
                worlds.attempt(HEDGE, "m", 500.0, is_hedge=True, first_ms=900.0, ended_ms=2000.0, outcome="ok"),
            ],
        ),
        [["queued", 1], ["waiting", 899], ["streaming", 1100]],
    ),
    "a hedge that lost": (
        worlds.request(
            7,
            duration_ms=2000.0,
            attempts=[
                worlds.attempt(PRIMARY, "m", first_ms=900.0, ended_ms=2000.0, outcome="ok"),
                worlds.attempt(HEDGE, "m", 500.0, is_hedge=True, ended_ms=900.0, outcome="lost"),
            ],
        ),
        [["queued", 1], ["waiting", 899], ["streaming", 1100]],
    ),
    "cancelled while it waited": (
        worlds.cancelled(8, first_token_ms=None, attempts=[GIVEN_UP]),
        [["queued", 1], ["waiting", 1899]],
    ),
    "queued now": (worlds.running(9, "queued", 4), [["queued", 4000]]),
    "streaming now": (worlds.running(10, "streaming", 2), [["queued", 2], ["waiting", 418], ["streaming", 1580]]),
    "refused before any attempt": (worlds.failed(11, attempts=[], duration_ms=3.0), [["broken", 3]]),
}
ODD_VALUES: tuple[Any, ...] = (None, True, 0, "x", [], [None], [[]], [{}], {}, {"toString": 1}, {"__proto__": 1})
ODD_SHAPES = (
    {"error": "ODD"},
    {"error": {"message": "ODD"}},
    {"model": "ODD", "message": "ODD", "response": "ODD", "usage": "ODD", "choices": "ODD"},
    {"usage": {"prompt_tokens": "ODD", "output_tokens": "ODD"}},
    {"choices": ["ODD"]},
    {"choices": [{"delta": "ODD", "finish_reason": "ODD"}]},
    {"choices": [{"delta": {"content": "ODD", "reasoning": "ODD", "tool_calls": ["ODD"]}}]},
    {"choices": [{"delta": {"tool_calls": [{"index": "ODD", "function": {"name": "ODD", "arguments": "ODD"}}]}}]},
    {"choices": [{"delta": {"tool_calls": [{"function": "ODD"}]}}]},
    {"done": True, "done_reason": "ODD", "eval_count": "ODD", "message": {"content": "ODD", "tool_calls": ["ODD"]}},
    {"done": True, "message": {"tool_calls": [{"function": {"name": "ODD", "arguments": "ODD"}}]}},
    {"type": "content_block_start", "index": "ODD", "content_block": "ODD"},
    {"type": "content_block_delta", "index": "ODD", "delta": "ODD"},
    {"type": "message_delta", "delta": {"stop_reason": "ODD"}},
    {"type": "response.output_item.added", "output_index": "ODD", "item": "ODD"},
    {"type": "message", "content": "ODD", "output": "ODD", "stop_reason": "ODD"},
    {"type": "message", "content": [{"type": "tool_use", "id": "ODD", "name": "ODD", "input": "ODD"}]},
    {"type": "message", "content": [{"text": "ODD", "thinking": "ODD", "summary": ["ODD"]}]},
    {"type": "message", "output": [{"type": "function_call", "name": "ODD", "arguments": "ODD"}]},
    {"type": "message", "output": [{"type": "message", "content": ["ODD"]}, "ODD"]},
)
"""Events of every dialect, with a value of any kind in the place of each ODD."""
EVENTS = [json.loads(json.dumps(shape).replace('"ODD"', json.dumps(odd))) for shape in ODD_SHAPES for odd in ODD_VALUES]
LONG_WORDS = ["a" * 20_000 + "@", "a." * 10_000 + "@b", "words " + "a+" * 10_000 + "@"]
SCRIPT = """
const asked = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const {rows, bars, filters, problems, numbers, now, folder, limits, events, words} = asked;
(async () => {
    const {compile} = await import(`${folder}/filter.js`);
    const format = await import(`${folder}/format.js`);
    const facts = await import(`${folder}/facts.js`);
    const budgets = await import(`${folder}/budgets.js`);
    const {partsOf} = await import(`${folder}/answer.js`);
    const {takenApart} = await import(`${folder}/markdown.js`);
    const found = {filters: {}, problems: {}, numbers: {}};
    for (const text of filters) {
        const filter = compile(text);
        found.filters[text] = Object.keys(rows).filter((id) => filter.test(rows[id], now)).join(" ");
    }
    for (const text of problems) found.problems[text] = compile(text).problem;
    const names = Object.keys(format);
    const valueOf = (text) => new Function(...names, `return ${text}`)(...Object.values(format));
    for (const text of numbers) found.numbers[text] = valueOf(text);
    found.pieces = Object.fromEntries(Object.entries(bars).map(([name, row]) => [name, facts.pieces(row, now)]));
    found.share = [10, 1000, 60000, 600000].map(facts.barShare);
    found.budgets = budgets.rowsOf(limits).map(({whose, text, isReached}) => [whose, text, isReached]);
    const {meaningOf} = await import(`${folder}/lanes.js`);
    const ends = ({attempts}) => attempts.map((one) => one.outcome && meaningOf(one, attempts));
    found.ends = Object.fromEntries(Object.entries(bars).map(([name, row]) => [name, ends(row)]));
    const kept = new Map();
    const setItem = (name, value) => kept.set(name, value);
    globalThis.sessionStorage = {getItem: (name) => kept.get(name) ?? null, setItem};
    globalThis.history = {replaceState: (state, title, url) => (found.url = url)};
    globalThis.location = {pathname: "/base/k/a%2Fkey%ff/dashboard", search: "", hash: "#/requests/1"};
    const {BASE, keptKey} = await import(`${folder}/kept.js`);
    found.key = {base: BASE, given: keptKey(), kept: kept.get("linx.key"), url: found.url};
    const partsOrProblem = (event) => {
        try {
            return partsOf(JSON.stringify(event));
        } catch (problem) {
            return String(problem);
        }
    };
    found.parts = events.map(partsOrProblem);
    found.words = words.map(takenApart);
    console.log(JSON.stringify(found));
})();
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Any:
    node = find_program("node")
    assert node is not None
    folder = tmp_path_factory.mktemp("page")
    for path in STATIC.glob("*.js"):
        shutil.copy(path, folder)
    shutil.copytree(STATIC / "vendor", folder / "vendor")
    (folder / "package.json").write_text('{"type": "module"}')  # as a browser reads them
    asked = {
        "rows": ROWS,
        "bars": {name: row for name, (row, _) in BARS.items()},
        "filters": list(FILTERS),
        "problems": list(PROBLEMS),
        "numbers": list(NUMBERS),
        "now": worlds.NOW,
        "folder": folder.as_uri(),
        "events": EVENTS,
        "words": LONG_WORDS,
        "limits": [
            worlds.limit("all", None, spent=0.5),
            worlds.limit("provider", "openrouter", kind="monthly_usd", limit=20.0, spent=20.0, reached=True),
            worlds.limit("key", "anna", kind="daily_tokens", limit=200_000, spent=12_000),
        ],
    }
    done = subprocess.run(
        [node, "-e", SCRIPT],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("text", FILTERS)
def test_a_filter_lets_through(found: Any, text: str) -> None:
    assert found["filters"][text] == FILTERS[text]


@pytest.mark.parametrize("text", PROBLEMS)
def test_a_filter_that_is_not_understood_says_why(found: Any, text: str) -> None:
    assert found["problems"][text].startswith(PROBLEMS[text])
    assert bool(found["problems"][text]) == bool(PROBLEMS[text])


@pytest.mark.parametrize("text", NUMBERS)
def test_a_number_is_written(found: Any, text: str) -> None:
    assert found["numbers"][text] == NUMBERS[text]


@pytest.mark.parametrize("name", BARS)
def test_a_phase_bar_has_the_pieces(found: Any, name: str) -> None:
    assert [[kind, round(length)] for kind, length in found["pieces"][name]] == BARS[name][1]


def test_an_attempt_that_was_stopped_with_its_request_was_not_too_slow(found: Any) -> None:
    ends = found["ends"]
    assert ends["cancelled while it waited"] == ["stopped with its request"]
    assert ends["a hedge that won"] == ["another was faster", "answered"]
    assert ends["a hedge that lost"] == ["answered", "another was faster"]
    assert ends["a fallback"][-1] == "answered"


def test_a_longer_request_has_a_longer_bar(found: Any) -> None:
    assert found["share"] == sorted(found["share"])
    assert found["share"][-1] == 1
    assert found["share"][0] > 0


def test_budgets_are_sentences(found: Any) -> None:
    assert found["budgets"] == [
        ["all providers together", "$0.50 of $2.00 today", False],
        ["openrouter", "$20.00 of $20.00 this month", True],
        ["key anna", "12k tokens of 200k tokens today", False],
    ]


def test_a_key_in_the_address_is_kept_for_the_tab_and_taken_out_of_the_address(found: Any) -> None:
    """Also one that no URL is made of: it is wrong, and the page must say so."""
    key = "a%2Fkey%ff"
    assert found["key"] == {"base": "/base", "given": key, "kept": key, "url": "/base/dashboard#/requests/1"}


def test_an_answer_of_any_shape_is_read_as_words_and_numbers(found: Any) -> None:
    """A provider's bytes are shown as they came, and one that throws would take the whole page with it."""
    for event, parts in zip(EVENTS, found["parts"], strict=True):
        assert isinstance(parts, dict), f"{parts}: {event}"
        texts = [parts[name] for name in ("text", "thinking", "model", "error", "finish")]
        texts += [tool[name] for tool in parts["tools"] for name in ("name", "input")]
        assert all(isinstance(text, str) for text in texts), event
        assert all(isinstance(number, int | None) for number in (parts["tokens"] or {}).values()), event


def test_a_long_word_before_an_at_sign_is_not_taken_apart(found: Any) -> None:
    """Whose length marked takes to the square, looking for addresses: 20,000 characters are some seconds."""
    assert found["words"] == [None] * len(LONG_WORDS)
