"""Rerank, audio, images and llama.cpp's own paths, relayed over real sockets."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import h11
import pytest
import trio
import trio.testing

from linx.handlers.answers import payload
from tests.e2e.http_client import Answer as Got
from tests.e2e.http_client import Client, ask
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.openai_sdk import with_sdk
from tests.fakes import scripted
from tests.fakes.provider import FakeProvider, closed_port
from tests.fakes.scripted import Close, Raw, ReadRequest, Send, Stall, Whole
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

    import openai

    from tests.e2e.llamacpp import LlamaCpp
    from tests.fakes.scripted import Reply, Step

RERANK: dict[str, Any] = {"model": "m", "query": "q", "documents": ["a", "longer"], "top_n": 1}
MAPPED = {"model_mappings": {"ranker": "m"}}
BOUNDARY = "XfrontierX"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}


def form(model: str | None = "m", size: int = 10, *, model_last: bool = False) -> bytes:
    mark, field = f"--{BOUNDARY}\r\n".encode(), b"Content-Disposition: form-data; name="
    file = (
        mark + field + b'"file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n' + b"\x00\r\n\xff-" * (size // 5)
    )
    named = b"" if model is None else mark + field + b'"model"\r\n\r\n' + model.encode() + b"\r\n"
    parts = [file + b"\r\n", named] if model_last else [named, file + b"\r\n"]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


# --- JSON -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/rerank", "/v1/rerank", "/v1/v1/rerank", "/api/v1/rerank/", "/k/x/v1/rerank"])
async def test_rerank_by_every_variant_of_the_path(path: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], path, RERANK)
        assert answer.json["results"] == [{"index": 1, "relevance_score": 0.06}]
        assert (answer.headers["x-linx-provider"], answer.headers["x-linx-attempts"]) == ("openai1", "openai1=ok")
        assert fake.requests[-1].path == "/v1/rerank"
        record = next(iter(app.context.telemetry.finished))
        assert (record.status, record.phase, app.context.providers[0].active) == (200, "done", 0)


async def test_a_mapped_name_is_replaced_and_all_else_passes_as_it_is(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, providers={"openai1": MAPPED})
        async with linx_here(config, tmp_path) as app:
            port = app.bound[0][1]
            odd = b'{"model":"ranker",  "query": "q", "documents": ["\\u00e4"], "big": 123456789012345678901234567890}'
            assert (await ask(port, "/v1/rerank", odd)).status == 200
            sent = fake.requests[-1]
            assert (sent.json["model"], sent.json["documents"]) == ("m", ["ä"])
            assert b":123456789012345678901234567890" in sent.body
            plain = odd.replace(b"ranker", b"m")
            await ask(port, "/v1/rerank", plain)
            assert fake.requests[-1].body == plain


async def test_nothing_of_the_client_s_head_reaches_a_provider_or_comes_back(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"], api_key="theirs") as fake:
        async with linx_here(config_for(fake), tmp_path) as app:
            headers = {"authorization": "Bearer mine", "cookie": "a=b", "x-forwarded-for": "1.2.3.4", "accept": "a/b"}
            answer = await ask(app.bound[0][1], "/v1/rerank?key=secret", RERANK, headers=headers)
        call = fake.requests[-1]
        assert call.headers["authorization"] == "Bearer theirs"
        assert call.headers["accept"] == "*/*"
        assert call.path == "/v1/rerank"
        assert not {"cookie", "x-forwarded-for"} & call.headers.keys()
        assert not {"set-cookie", "server"} & answer.headers.keys()


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/rerank", {"query": "q"}, 400),
        ("/v1/rerank", {"model": 5}, 400),
        ("/v1/rerank", b"[]", 400),
        ("/v1/rerank", {"model": "nope/x"}, 404),
        ("/v1/audio/../../../admin", {"model": "m"}, 404),
        ("/v1/audio/a%2e%2e/b", {"model": "m"}, 404),
        ("/v1/audio/" + "a/" * 9, {"model": "m"}, 404),
        ("/v1/audio//speech", {"model": "m"}, 404),
        ("/tokenize", {"content": "x"}, 501),
        ("/infill", {"model": "m"}, 501),
    ],
)
async def test_what_is_refused_before_any_provider(path: str, body: Any, status: int, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        before = len(fake.requests)
        answer = await ask(app.bound[0][1], path, body)
        assert (answer.status, len(fake.requests)) == (status, before)
        assert answer.json["error"]["message"]


async def test_other_methods(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        answer = await ask(app.bound[0][1], "/v1/audio/speech", method="GET")
        assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")


FAULTS: dict[str, Reply] = {
    "reset": scripted.reset(),
    "500": scripted.status(500),
    "404": scripted.status(404, "no"),
    "429": scripted.status(429, retry_after="1"),
    "html": scripted.html(),
    "empty": Whole(200, b""),
    "an error in a 200": scripted.error_in_200(),
    "an error as the first event": Whole(200, b'data: {"error":{"message":"x"}}\n\n', "text/event-stream"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_failure_before_the_first_byte_falls_over(fault: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        bad.at["/v1/rerank"] = FAULTS[fault]
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/rerank", RERANK)
            assert answer.status == 200
            assert answer.headers["x-linx-attempts"].endswith(", good=ok")
            assert good.requests[-1].body == bad.requests[-1].body
            assert [one.active for one in app.context.providers] == [0, 0]


async def test_when_all_fail_the_error_lists_them(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as one, FakeProvider("openai", ["m"]) as two:
        one.at["/v1/rerank"] = scripted.status(401, "bad key sk-abcdefghijklmnop")
        two.at["/v1/rerank"] = scripted.status(500)
        async with linx_here(config_for(one, two, names=("one", "two")), tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/rerank", RERANK)
    assert answer.status == 502
    assert answer.headers["x-linx-attempts"] == "one=http_401, two=http_500"
    assert "abcdefghijklmnop" not in answer.body.decode()


async def test_private_prompts_stay_local(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, providers={"openai1": {"local": False}})
        async with linx_here(config, tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/rerank", RERANK, headers={"x-linx-local-only": "true"})
        assert (answer.status, answer.json["error"]["code"]) == (503, "no_local_provider")


# --- answers --------------------------------------------------------------------------


async def test_sound_of_any_length_passes_with_bounded_memory(tmp_path: Path) -> None:
    """The provider waits in the middle: what it sent until then is with the client already."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = bytes(range(256)) * 256
    steps = [Send(b"%x\r\n%b\r\n" % (len(piece), piece)) for _ in range(64)]
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.at["/v1/audio/speech"] = Raw([ReadRequest(), Send(head), *steps, Send(b"0\r\n\r\n"), Close()])
        answer = await ask(app.bound[0][1], "/v1/audio/speech", {"model": "m", "input": "hi", "voice": "x"})
        assert answer.body == piece * 64
        assert answer.is_whole
        assert answer.headers["content-type"] == "audio/mpeg"
        fake.at["/v1/audio/speech"] = Raw([ReadRequest(), Send(head), *steps[:1], Stall()])
        client = Client(app.bound[0][1])
        await client.open()
        await client.send("POST", "/v1/audio/speech", {"model": "m"})
        got = b""
        await client.event()
        with trio.fail_after(5):
            while len(got) < len(piece):
                got += bytes((await client.event()).data)
        await client.close()
        await fake.until(lambda: fake.connections[-1].closed_at is not None)


async def test_a_break_in_the_middle_is_no_proper_end(tmp_path: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nContent-Length: 1000\r\n\r\n"
    async with FakeProvider("openai", ["m"]) as fake, FakeProvider("openai", ["m"]) as other:
        fake.at["/v1/audio/speech"] = Raw([ReadRequest(), Send(head + b"x" * 100), Close()])
        async with linx_here(config_for(fake, other), tmp_path) as app:
            answer = await ask(app.bound[0][1], "/v1/audio/speech", {"model": "m"})
            assert (answer.status, answer.body, answer.is_whole) == (200, b"x" * 100, False)
            assert app.context.providers[0].counters.failures == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("audio/mpeg", "audio/mpeg"),
        ("application/json; charset=utf-8", "application/json; charset=utf-8"),
        ("text/x; <script>", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
async def test_the_content_type_is_made_anew(given: str, told: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.at["/v1/images/generations"] = Whole(200, b'{"data":[]}', given)
        answer = await ask(app.bound[0][1], "/v1/images/generations", {"model": "m"})
    assert answer.headers["content-type"] == told
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_stream_of_events_is_not_held_back(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.at["/v1/images/generations"] = Whole(200, b"event: x\ndata: {}\n\n" * 9, "text/event-stream")
        answer = await ask(app.bound[0][1], "/v1/images/generations", {"model": "m", "stream": True})
    assert answer.body == b"event: x\ndata: {}\n\n" * 9


# --- forms ----------------------------------------------------------------------------


async def post_form(port: int, body: bytes, *, chunked: bool = False) -> Got:
    if not chunked:
        return await ask(port, "/v1/audio/transcriptions", body, headers=FORM)
    client = Client(port)
    await client.open()
    try:
        # The client's parser is only told of a request, since this one is written by hand.
        client.parser.send(h11.Request(method="POST", target="/", headers=[("host", "x")]))
        client.parser.send(h11.EndOfMessage())
        head = f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM['content-type']}\r\n"
        await client.stream.send_all(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        for start in range(0, len(body), 9999):
            piece = body[start : start + 9999]
            await client.stream.send_all(b"%x\r\n%b\r\n" % (len(piece), piece))
        await client.stream.send_all(b"0\r\n\r\n")
        return await client.answer()
    finally:
        await client.close()


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("size", [10, 40_000, 300_000, 3_000_000])
async def test_a_form_passes_with_the_name_replaced(size: int, chunked: bool, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, providers={"openai1": MAPPED})
        async with linx_here(config, tmp_path) as app:
            answer = await post_form(app.bound[0][1], form("ranker", size), chunked=chunked)
            assert answer.status == 200
            sent = fake.requests[-1]
            assert sent.body == form("m", size)
            assert sent.headers["content-type"] == f'multipart/form-data; boundary="{BOUNDARY}"'
            is_relayed_as_it_comes = chunked and size > payload.MAX_SEARCHED
            assert is_relayed_as_it_comes <= ("content-length" not in sent.headers)


async def test_a_form_that_is_held_falls_over(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        bad.at["/v1/audio/transcriptions"] = scripted.status(500)
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            answer = await post_form(app.bound[0][1], form(size=500_000))
            assert answer.headers["x-linx-attempts"] == "bad=http_500, good=ok"
            assert good.requests[-1].body == form(size=500_000)


async def test_a_form_that_is_not_held_falls_over_only_while_nothing_was_sent(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        config = config_for(bad, good, names=("bad", "good"))
        config["providers"]["gone"] = {
            "kind": "openai",
            "endpoint": f"http://127.0.0.1:{closed_port()}",
            "models": ["m", "n"],
        }
        config["routing"]["provider_priority"] = ["gone", "bad", "good"]
        bad.at["/v1/audio/transcriptions"] = scripted.status(500)
        async with linx_here(config, tmp_path) as app:
            answer = await post_form(app.bound[0][1], form(size=3_000_000))
            assert answer.headers["x-linx-attempts"] in (
                "gone=connect_failed, bad=http_500",
                "bad=http_500",
            )
            assert (answer.status, answer.json["error"]["type"]) == (502, "server_error")
            assert not any("audio" in request.path for request in good.requests)


@pytest.mark.parametrize("body", [form(None), form(None, 3_000_000), b""], ids=["none", "none, long", "empty"])
async def test_a_form_without_a_model(body: bytes, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        before = len(fake.requests)
        answer = await post_form(app.bound[0][1], body)
        assert (answer.status, answer.json["error"]["param"]) == (400, "model")
        assert len(fake.requests) == before


@pytest.mark.parametrize("size", [50_000, 100_000, 3_000_000])
async def test_the_model_may_stand_behind_the_file(size: int, tmp_path: Path) -> None:
    """As openai-node writes it. Since such a form is held, it can fall over to the next candidate too."""
    async with FakeProvider("openai", ["m"]) as bad, FakeProvider("openai", ["m"]) as good:
        bad.at["/v1/audio/transcriptions"] = scripted.status(500)
        async with linx_here(config_for(bad, good, names=("bad", "good")), tmp_path) as app:
            body = form("m", size, model_last=True)
            answer = await post_form(app.bound[0][1], body)
            assert answer.headers["x-linx-attempts"] == "bad=http_500, good=ok"
            assert good.requests[-1].body == body


async def test_a_form_above_max_body_mb_must_have_its_model_first(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake)
        config["server"]["max_body_mb"] = 2
        async with linx_here(config, tmp_path) as app:
            answer = await post_form(app.bound[0][1], form("m", 3_000_000, model_last=True))
            assert answer.status == 413
            assert "before the files" in answer.json["error"]["message"]
            assert (await post_form(app.bound[0][1], form("m", 3_000_000))).status == 200


@pytest.mark.parametrize("moment", ["while it uploads", "while it waits", "while it reads"])
async def test_a_closed_client_closes_the_upstream(moment: str, tmp_path: Path) -> None:
    body = form(size=3_000_000)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: audio/mpeg\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n"
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        steps: list[Step] = [ReadRequest(), *([Send(head)] if moment == "while it reads" else []), Stall()]
        fake.at["/v1/audio/transcriptions"] = Raw(steps)
        client = Client(app.bound[0][1])
        await client.open()
        sent = body if moment != "while it uploads" else body[: len(body) // 2]
        top = (
            f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Type: {FORM['content-type']}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        before = len(fake.requests)
        await client.stream.send_all(top.encode() + sent)
        await fake.until(lambda: len(fake.requests) > before)
        call = fake.requests[before]
        if moment == "while it reads":
            while b"x" not in await client.stream.receive_some(9999):
                pass
        elif moment == "while it waits":
            await fake.until(lambda: call.received_at is not None)
        await trio.sleep(0.02)
        await client.close()
        with within(0.1):
            await call.connection.closed.wait()
        await trio.testing.wait_all_tasks_blocked()
        assert app.context.providers[0].active == 0
        assert app.context.telemetry.running == {}


async def test_the_sdk_s_audio_and_images(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:

        def work(sdk: openai.OpenAI) -> tuple[Any, ...]:
            heard = sdk.audio.transcriptions.create(model="m", file=("a.wav", io.BytesIO(b"RIFF" * 99)))
            drawn = sdk.images.generate(model="m", prompt="a fox")
            spoken = sdk.audio.speech.create(model="m", voice="alloy", input="hi").read()
            return heard.text, drawn.data, spoken

        heard, drawn, spoken = await with_sdk(app.bound[0][1], work)
    assert "bytes of multipart/form-data" in heard
    assert drawn == []
    assert b"bytes of application/json" in spoken


# --- llama.cpp ------------------------------------------------------------------------


async def test_llama_cpp_s_own_paths(llamacpp: LlamaCpp, tmp_path: Path) -> None:
    async with linx_here(llamacpp.config(model_mappings={"alias": "tiny"}), tmp_path) as app:
        port = app.bound[0][1]
        tokens = (await ask(port, "/tokenize", {"content": "the fox"})).json["tokens"]
        assert tokens == (await ask(port, "/v1/tokenize", {"model": "alias", "content": "the fox"})).json["tokens"]
        text = await ask(port, "/detokenize", {"tokens": tokens})
        assert text.json["content"].replace("▁", " ").strip() == "the fox"
        assert text.headers["x-linx-provider"] == "llama"
        answer = await ask(port, "/infill", {"input_prefix": "a", "input_suffix": "b"})
        assert (answer.status, answer.json["error"]["code"]) == (400, "unsupported_feature")
        assert (await ask(port, "/v1/rerank", {"model": "tiny", "query": "q", "documents": ["a"]})).status == 400


async def test_they_go_to_the_first_llama_cpp_or_to_the_one_with_the_model(tmp_path: Path) -> None:
    async with (
        FakeProvider("openai", ["m"]) as other,
        FakeProvider("llamacpp", ["a"]) as first,
        FakeProvider("llamacpp", ["b"]) as second,
        linx_here(config_for(other, first, second), tmp_path) as app,
    ):
        port = app.bound[0][1]
        assert (await ask(port, "/tokenize", {"content": "x"})).headers["x-linx-provider"] == "llamacpp2"
        assert (await ask(port, "/tokenize", {"model": "b"})).headers["x-linx-provider"] == "llamacpp3"
        infill = await ask(port, "/infill", {"model": "b", "input_prefix": "a", "stream": True})
        assert [event["content"] for event in infill.events][:2] == ["Hello", " from"]
        assert second.requests[-1].path == "/infill"
