"""What is made of a look at a Linx elsewhere: cases beside those over sockets."""

from __future__ import annotations

from typing import Any

import pytest

from linx.doctor.checks.remote import findings, is_buffered
from linx.doctor.facts import KeyState, RemoteFacts, StreamFacts, Trouble
from linx.doctor.finding import Level
from linx.doctor.report import worst

WELL: dict[str, Any] = {
    "url": "https://x.lhr.life",
    "is_linx": True,
    "key": KeyState.ACCEPTED,
    "models": 3,
    "model": "m",
    "stream": StreamFacts(200, "", 40, 38, 0.2, 1.9, is_whole=True, provider="box"),
    "cancelled": True,
    "latency_s": 0.03,
}
COLLECTED = StreamFacts(200, "", 40, 2, 1.8, 1.9, is_whole=True)


@pytest.mark.parametrize(
    ("change", "level", "words"),
    [
        ({}, Level.OK, "one by one"),
        ({"key": KeyState.MISSING, "model": "", "stream": None}, Level.BROKEN, "none was given"),
        ({"key": KeyState.REFUSED, "model": "", "stream": None}, Level.BROKEN, "does not take the key"),
        ({"is_linx": False}, Level.BROKEN, "is no Linx"),
        ({"models": 0, "model": "", "stream": None}, Level.BROKEN, "lists no model"),
        ({"cancelled": False}, Level.WARNING, "runs on when its client has left"),
        ({"cancelled": None}, Level.NOTE, "cannot be seen from here"),
        ({"latency_s": 2.5}, Level.NOTE, "2,500 ms"),
        (
            {"stream": StreamFacts(200, "", 40, 2, 1.8, 1.9, is_whole=True), "front": "cloudflare"},
            Level.WARNING,
            "Cloudflare",
        ),
        ({"stream": COLLECTED}, Level.WARNING, "switch buffering off"),
        ({"stream": StreamFacts(200, "", 3, 1, 0.2, 0.3, is_whole=True)}, Level.NOTE, "too few"),
        ({"stream": StreamFacts(504, "status 504"), "front": "nginx/1.22"}, Level.BROKEN, "proxy_read_timeout 1h"),
        ({"stream": StreamFacts(200, "ended before its end", 9, 9)}, Level.BROKEN, "may end answers that take long"),
        ({"stream": StreamFacts(503, "nobody is there")}, Level.BROKEN, "on the machine of that Linx"),
        ({"trouble": Trouble.NAME, "problem": "cannot find it"}, Level.BROKEN, "has another name each time"),
        ({"trouble": Trouble.TLS, "problem": "certificate has expired"}, Level.BROKEN, "renew the certificate"),
        ({"trouble": Trouble.STATUS, "problem": "answers /v1/models with 403"}, Level.BROKEN, "allowed_hosts"),
        ({"trouble": Trouble.STATUS, "problem": "answers /v1/models with 404"}, Level.BROKEN, "address of a Linx"),
    ],
)
def test_a_case(change: dict[str, Any], level: Level, words: str) -> None:
    found = findings(RemoteFacts(**{**WELL, **change}))
    assert worst(found) is level
    assert words in str(found)
    assert all(one.finding.mend for one in found if one.finding.level >= Level.WARNING)


@pytest.mark.parametrize(
    ("frames", "reads", "buffered"), [(40, 40, False), (40, 8, False), (40, 4, True), (5, 1, False)]
)
def test_frames_that_come_together_were_collected(frames: int, reads: int, buffered: bool) -> None:
    assert is_buffered(StreamFacts(200, "", frames, reads)) is buffered
