"""Each target of the fuzzer on some cases that are the same each time, and that a target can fail."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz.__main__ import main
from benchmarks.fuzz.choices import Broken, Choices
from benchmarks.fuzz.targets import HTTP, TARGETS, new_case
from linx.core import jsontext
from linx.dialects.openai.decoder import OpenAIDecoder
from linx.dialects.shared.sse import SSEDecoder

FEW = settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


@pytest.mark.parametrize("name", TARGETS)
def test_no_rule_is_broken(name: str) -> None:
    @FEW
    @given(st.binary(min_size=4, max_size=120))
    def raw(data: bytes) -> None:
        TARGETS[name](data)

    @FEW
    @given(st.integers(0, 2**32))
    def made(seed: int) -> None:
        TARGETS[name](new_case(name, random.Random(seed)))

    (made if name in HTTP else raw)()


def test_the_same_bytes_are_the_same_case() -> None:
    data = bytes(range(40))
    one, two = Choices(data), Choices(data)
    assert [one.below(7) for _ in range(50)] == [two.below(7) for _ in range(50)]
    assert one.is_spent
    assert one.one_of("abc") == "a"
    assert b"".join(Choices(data).cuts(b"some text")) == b"some text"


@pytest.mark.parametrize(
    ("name", "holder", "attribute", "lax"),
    [
        ("sse", SSEDecoder, "end", lambda _self: []),
        ("json", jsontext, "too_deep", lambda _data, _limit=0: False),
        ("answer chat", OpenAIDecoder, "end", lambda _self: []),
    ],
    ids=["sse", "json", "answer chat"],
)
def test_a_mistake_is_found(
    name: str,
    holder: object,
    attribute: str,
    lax: object,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(holder, attribute, lax)
    cases = [new_case(name, random.Random(seed)) for seed in range(400)]
    with pytest.raises(Broken):
        tried(name, cases)


def tried(name: str, cases: list[bytes]) -> None:
    for case in cases:
        TARGETS[name](case)


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["ndjson", "--plain", "--seconds", "0.05"]) == 0
    assert "ndjson: " in capsys.readouterr().out
    assert main(["--list", "--plain"]) == 0
    assert capsys.readouterr().out.split("\n")[:-1] == list(TARGETS)


def test_the_command_tells_the_case(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SSEDecoder, "end", lambda _self: [])
    assert main(["sse", "--plain", "--seconds", "5"]) == 1
    assert "SSE: " in capsys.readouterr().err
