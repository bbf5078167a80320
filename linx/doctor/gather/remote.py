"""Asks a Linx elsewhere as its clients do: is it there, does it take the key, do frames arrive one by one?

Rule: nothing is spent. A model is asked only if the list says that it costs nothing, and the request forbids every
provider that is not local to that Linx.
"""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING, Any

import trio

from linx.config import endpoint_rules
from linx.core import jsontext
from linx.core.attempt_errors import AttemptError
from linx.core.errors import quote
from linx.doctor.facts import KeyState, RemoteFacts, StreamFacts, Trouble
from linx.doctor.gather.ask import Asker, stranger
from linx.doctor.gather.probe import trouble_of
from linx.paths import split_key
from linx.providers.catalog import FEATURES_HEADER, HEALTH_PATH, MAX_LIST
from linx.providers.permits import LOCAL_ONLY_FIELD
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool, Sending

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linx.core.redaction import Redactor
    from linx.upstream.pool import Exchange

HEAD_S = 10.0  # until the head of a short answer has come
STREAM_S = 60.0  # for a whole streamed answer: the model may have to be loaded first
ENDED_S = 3.0  # until a request whose connection was closed has ended
LOOK_S = 0.1  # between two looks at that
MAX_TOKENS, MANY_TOKENS = 48, 2000
MAX_NAME = 200  # characters of the name of a model that is asked
_IS_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
ENOUGH_FRAMES = 3  # before a request is cancelled
PROMPT = "Count from 1 to 200, with spaces between the numbers."
_CHAT, _MODELS, _LOADED, _REQUEST = "/v1/chat/completions", "/v1/models", "/api/ps", "/linx/requests/"
_ENDED = {"done": False, "failed": None, "cancelled": True}
"""By the phase of a request that is over: did it end because its client had left?"""


async def look(url: str, key: str | None, env: Mapping[str, str], redactor: Redactor) -> RemoteFacts:
    """Everything, one after the other. ``url`` has been checked, and may have ``/k/KEY`` in it."""
    pool = Pool(Dialer(env))
    try:
        return await _Look(url, key, pool, redactor).run()
    finally:
        pool.close_idle()


class _Look:
    """One look at one Linx."""

    def __init__(self, url: str, key: str | None, pool: Pool, redactor: Redactor) -> None:
        parts = endpoint_rules.endpoint_parts("--from", url)
        inside, _rest = split_key(parts.path)
        if inside is not None:
            redactor.add(inside.decode("utf-8", "replace"), parts.path.split("/")[2])
        self._has_key = key is not None or inside is not None
        self._asker = Asker(stranger(url, key), pool)
        self._redactor = redactor
        self._url = str(self._asker.provider.origin)
        self._is_linx = False
        self._front = ""

    async def run(self) -> RemoteFacts:
        try:
            with trio.fail_after(HEAD_S):
                await self._health()
                status, body = await self._read(_MODELS)
        except trio.TooSlowError:
            return self._facts(trouble=Trouble.SILENT, problem=f"did not answer within {HEAD_S:g} seconds")
        except AttemptError as error:
            error.redact(self._redactor.clean)
            return self._facts(trouble=trouble_of(error), problem=error.problem)
        if status != 200:
            return self._refused(status, body)
        state = await self._key_state()
        entries = _entries(body)
        model = await self._choose(entries)
        if not model:
            return self._facts(key=state, models=len(entries))
        stream = await self._stream(model)
        cancelled = await self._cancel(model) if stream.frames else None
        return self._facts(key=state, models=len(entries), model=model, stream=stream, cancelled=cancelled)

    def _facts(self, **more: Any) -> RemoteFacts:
        asker = self._asker
        return RemoteFacts(
            url=self._url,
            is_linx=self._is_linx,
            front=self._front,
            latency_s=asker.latency_s,
            skew_s=asker.skew_s,
            **more,
        )

    def _note(self, exchange: Exchange) -> None:
        """What the head of any answer tells."""
        if exchange.header(FEATURES_HEADER) is not None or exchange.header("x-linx-attempts") is not None:
            self._is_linx = True
        self._front = self._front or quote(exchange.header("server") or "", 60)

    async def _health(self) -> None:
        with await self._asker.open(self._asker.provider.http.get(HEALTH_PATH)) as exchange:
            self._note(exchange)
            exchange.finish()

    async def _read(self, path: str) -> tuple[int, bytes]:
        with await self._asker.open(self._asker.provider.http.get(path)) as exchange:
            self._note(exchange)
            body = await exchange.read_all(MAX_LIST)
            exchange.finish()
        return exchange.status, body

    def _refused(self, status: int, body: bytes) -> RemoteFacts:
        said = self._redactor.clean(_error_in(body))
        if status == 401:
            return self._facts(key=KeyState.REFUSED if self._has_key else KeyState.MISSING, problem=said)
        return self._facts(
            trouble=Trouble.STATUS, problem=f"answers {_MODELS} with {status}" + (f": {said}" if said else "")
        )

    async def _key_state(self) -> KeyState:
        """Was the key needed? The same is asked without it."""
        if not self._has_key:
            return KeyState.UNNEEDED
        bare = Asker(stranger(self._url), self._asker.pool)
        status = 0
        with trio.move_on_after(HEAD_S), contextlib.suppress(AttemptError):
            exchange = await bare.open(bare.provider.http.get(_MODELS))
            status = exchange.status
            exchange.close()
        return KeyState.UNNEEDED if status == 200 else KeyState.ACCEPTED

    async def _choose(self, entries: list[Mapping[str, Any]]) -> str:
        """A model that costs nothing and stays in that house; one that is loaded, if there is one."""
        free = [entry["id"] for entry in entries if _is_free(entry)]
        with trio.move_on_after(HEAD_S), contextlib.suppress(AttemptError):
            status, body = await self._read(_LOADED)
            loaded = [each.get("model") for each in _entries(body, "models")] if status == 200 else []
            return next((name for name in free if name in loaded), next(iter(free), ""))
        return next(iter(free), "")

    def _sending(self, model: str, most: int) -> Sending:
        body = {
            "model": model,
            "stream": True,
            "max_tokens": most,
            "messages": [{"role": "user", "content": PROMPT}],
        }
        sending = self._asker.provider.http.post(_CHAT, body)
        return Sending(sending.method, sending.target, (*sending.headers, *LOCAL_ONLY_FIELD), sending.body)

    async def _stream(self, model: str) -> StreamFacts:
        began = trio.current_time()
        arrivals: list[tuple[float, int]] = []
        tail = text = b""
        try:
            with trio.fail_after(STREAM_S):
                with await self._asker.open(self._sending(model, MAX_TOKENS)) as exchange:
                    self._note(exchange)
                    provider = quote(exchange.header("x-linx-provider") or "", 64)
                    if exchange.status != 200:
                        problem = self._redactor.clean(_error_in(await exchange.read_all(MAX_LIST)))
                        return StreamFacts(exchange.status, problem or f"status {exchange.status}", provider=provider)
                    while data := await exchange.read():
                        text = tail + data
                        if frames := text.count(b"\ndata: ") + text.startswith(b"data: "):
                            arrivals.append((trio.current_time() - began, frames))
                        tail = (tail + data)[-7:] if not frames else data[-7:]
        except trio.TooSlowError:
            return StreamFacts(200, f"was not whole within {STREAM_S:g} seconds", *_counted(arrivals))
        except AttemptError as error:
            error.redact(self._redactor.clean)
            return StreamFacts(0, error.problem, *_counted(arrivals))
        is_whole = b"[DONE]" in text
        total = trio.current_time() - began
        frames, reads, first = _counted(arrivals)
        problem = "" if is_whole else "ended before its end"
        return StreamFacts(200, problem, frames, reads, first, total, is_whole, provider)

    async def _cancel(self, model: str) -> bool | None:
        """Does a request end when its client leaves? None where that Linx does not show its requests here."""
        request_id = ""
        with trio.move_on_after(STREAM_S), contextlib.suppress(AttemptError):
            exchange = await self._asker.open(self._sending(model, MANY_TOKENS))
            try:
                request_id = exchange.header("x-request-id") or ""
                if not _IS_ID.fullmatch(request_id):
                    return None  # it is no Linx's, and would be put into a path
                seen = 0
                while seen < ENOUGH_FRAMES and (data := await exchange.read()):
                    seen += data.count(b"data: ")
            finally:
                exchange.close()
        if not request_id:
            return None
        with trio.move_on_after(ENDED_S), contextlib.suppress(AttemptError, jsontext.InvalidJSON, AttributeError):
            while True:
                status, body = await self._read(_REQUEST + request_id)
                if status != 200:
                    return None
                phase = str(jsontext.loads(body).get("phase"))
                if phase in _ENDED:
                    return _ENDED[phase]
                await trio.sleep(LOOK_S)
        return False


def _counted(arrivals: list[tuple[float, int]]) -> tuple[int, int, float]:
    """Frames, reads that had any, and when the first came."""
    return sum(count for _at, count in arrivals), len(arrivals), arrivals[0][0] if arrivals else 0.0


def _entries(body: bytes, field: str = "data") -> list[Mapping[str, Any]]:
    """The objects in a list of an answer."""
    try:
        data = jsontext.loads(body).get(field)
    except (jsontext.InvalidJSON, AttributeError):
        return []
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []


def _is_free(entry: Mapping[str, Any]) -> bool:
    """Does the list say that it costs nothing, and that it is no cloud model? Embedders are no models to talk to."""
    price = entry.get("pricing")
    is_free = isinstance(price, dict) and price.get("prompt") == "0" and price.get("completion") == "0"
    name = entry.get("id")
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        return False
    return is_free and entry.get("local") is not False and not name.endswith(":free") and "embed" not in name


def _error_in(body: bytes) -> str:
    """The message of an error in any of Linx's dialects, on one line; "" where there is none."""
    try:
        error = jsontext.loads(body).get("error")
    except (jsontext.InvalidJSON, AttributeError):
        return ""
    message = error.get("message") if isinstance(error, dict) else error
    return quote(message, 300) if isinstance(message, str) else ""
