"""What is made of a look at a Linx elsewhere (``--from``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.redaction import escape_controls
from linx.doctor.checks.table import Found
from linx.doctor.facts import KeyState, Trouble
from linx.doctor.finding import Finding, broken, note, ok, warning

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linx.doctor.facts import RemoteFacts, StreamFacts

PAGE = "docs/behind-a-proxy.md"
FEW_FRAMES = 12  # with fewer nothing can be said of how they arrive
TOGETHER = 6
"""So many frames in one read, on the average, are none that came one by one: a model makes one in some milliseconds."""
SLOW_S = 1.0
_UNBUFFERED = {
    "nginx": f"proxy_buffering off; in nginx, as in {PAGE}",
    "cloudflare": "no buffering for this path in Cloudflare",
}


def reached(facts: RemoteFacts) -> Iterator[Finding]:
    """Is it there, and is it a Linx?"""
    if facts.trouble is not None:
        what, mend = _TROUBLES.get(facts.trouble, _other)(facts)
        yield broken(escape_controls(what), facts.url, mend)
    elif facts.is_linx:
        yield ok(f"a Linx answers{_behind(facts)}", facts.url)
    elif facts.key in (KeyState.MISSING, KeyState.REFUSED):
        yield note(f"something answers that wants a key{_behind(facts)}", facts.url)
    elif facts.model:
        yield broken("what answers is no Linx", facts.url, "give the address of a Linx, without /v1 or with it")
    else:
        yield note(
            f"a list of models answers{_behind(facts)}; if it is a Linx, that cannot be seen from here", facts.url
        )


def _behind(facts: RemoteFacts) -> str:
    return f", behind {escape_controls(facts.front)}" if facts.front else ""


Told = tuple[str, str]


def _silent(facts: RemoteFacts) -> Told:
    return facts.problem, "start Linx there, and let the firewall between pass its port"


def _refused(facts: RemoteFacts) -> Told:
    return facts.problem, "start Linx there: linx --host 0.0.0.0, with a key; or open its tunnel: linx --tunnel"


def _name(facts: RemoteFacts) -> Told:
    return (
        facts.problem,
        "give the address as it is now: a tunnel without a domain of its own has another name each time",
    )


def _tls(facts: RemoteFacts) -> Told:
    return facts.problem.partition("; if a private authority")[
        0
    ], "renew the certificate, or: export SSL_CERT_FILE=FILE"


def _other(facts: RemoteFacts) -> Told:
    if "allowed_hosts" in facts.problem or "403" in facts.problem.partition(":")[0]:
        return facts.problem, '"server": {"allowed_hosts": ["NAME"]} in the config there, or a key: linx key add NAME'
    if any(status in facts.problem for status in ("502", "503", "504")):
        return facts.problem, f"start the Linx behind it; its address in the proxy is to be that of {PAGE}"
    return facts.problem, f"let the proxy pass the paths of {PAGE} on" if facts.front else "give the address of a Linx"


_TROUBLES: dict[Trouble, Callable[[RemoteFacts], Told]] = {
    Trouble.SILENT: _silent,
    Trouble.REFUSED: _refused,
    Trouble.NAME: _name,
    Trouble.TLS: _tls,
}


def key(facts: RemoteFacts) -> Iterator[Finding]:
    """Does it want a key, and does it take this one?"""
    if facts.key is KeyState.MISSING:
        yield broken("it wants a key, and none was given", facts.url, f"linx doctor --from {facts.url} --api-key KEY")
    elif facts.key is KeyState.REFUSED:
        yield broken("it does not take the key", facts.url, "linx key add NAME, on the machine of that Linx")
    elif facts.trouble is None and facts.key is KeyState.ACCEPTED:
        yield ok("is taken")


def models(facts: RemoteFacts) -> Iterator[Finding]:
    """What it has."""
    if facts.trouble is not None or facts.key in (KeyState.MISSING, KeyState.REFUSED):
        return
    if not facts.models:
        yield broken("it lists no model", facts.url, "linx doctor, on the machine of that Linx")
    elif not facts.model:
        yield note(
            f"{facts.models} listed, and none of them is local: no answer was asked for, since it would cost money"
        )
    else:
        count = f"{facts.models} model{'' if facts.models == 1 else 's'}"
        yield ok(f"{count}; {escape_controls(facts.model)} was asked, which costs nothing")


def stream(facts: RemoteFacts) -> Iterator[Finding]:
    """Does an answer arrive whole, and frame by frame?"""
    told = facts.stream
    if told is None:
        return
    if told.problem:
        yield broken(
            f"the answer of {escape_controls(facts.model)} failed: {escape_controls(told.problem)}",
            facts.url,
            _after_failure(facts, told),
        )
    elif is_buffered(told):
        by = next((words for name, words in _UNBUFFERED.items() if name in facts.front.lower()), "")
        yield warning(
            f"{told.frames} frames arrived in {told.reads} pieces: a proxy between collects them, so that clients see "
            f"nothing until the end{_behind(facts)}",
            facts.url,
            by or f"switch buffering off in the proxy between, as in {PAGE}",
        )
    elif told.frames < FEW_FRAMES:
        yield note(f"{told.frames} frames in {told.total_s:.1f} s: too few to see whether a proxy collects them")
    else:
        yield ok(f"{told.frames} frames, one by one, the first after {told.first_s:.1f} s, all in {told.total_s:.1f} s")


def is_buffered(told: StreamFacts) -> bool:
    return told.frames >= FEW_FRAMES and told.frames >= TOGETHER * told.reads


def _after_failure(facts: RemoteFacts, told: StreamFacts) -> str:
    if told.status in (502, 504) and facts.front:
        return f"proxy_read_timeout 1h; in nginx, or its like, as in {PAGE}"
    if told.status == 0 or (told.status == 200 and not told.is_whole):
        return f"a proxy between may end answers that take long: see {PAGE}; else look into the log of that Linx"
    return "linx doctor, on the machine of that Linx"


def cancelling(facts: RemoteFacts) -> Iterator[Finding]:
    """Does a model stop when its client leaves?"""
    if facts.stream is None or facts.stream.problem:
        return
    if facts.cancelled is None:
        yield note("whether a model stops when its client leaves cannot be seen from here: requests are not shown")
    elif facts.cancelled:
        yield ok("a request ends when its client leaves")
    else:
        yield warning(
            "a request runs on when its client has left: the model works for nobody",
            facts.url,
            f"proxy_ignore_client_abort off; in nginx, option abortonclose in HAProxy, as in {PAGE}",
        )


def latency(facts: RemoteFacts) -> Iterator[Finding]:
    """How far away it is."""
    if facts.latency_s is None:
        return
    told = f"{facts.latency_s * 1000:,.0f} ms to the head of an answer"
    if facts.latency_s >= SLOW_S:
        yield note(f"{told}: every request waits so long in addition", facts.url)
    else:
        yield ok(told)


CHECKS: tuple[tuple[str, Callable[[RemoteFacts], Iterator[Finding]]], ...] = (
    ("address", reached),
    ("key", key),
    ("models", models),
    ("stream", stream),
    ("cancel", cancelling),
    ("latency", latency),
)


def findings(facts: RemoteFacts) -> list[Found]:
    return [Found(name, finding) for name, look in CHECKS for finding in look(facts)]
