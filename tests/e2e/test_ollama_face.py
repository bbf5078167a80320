"""Linx as an Ollama: the official SDKs and the programs that people use, over every kind of provider.

The real llama.cpp stands behind some tests, with a tiny model of random weights; the Ollama
is a fake that is as strict as the real one.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ollama
import openai
import pytest
import trio

from linx.core import jsontext
from tests.e2e.clients import calls, cline, continue_dev, openwebui, roo, vscode, zed
from tests.e2e.http_client import ask
from tests.e2e.linx_process import LinxProcess, config_for, linx_here, url_of
from tests.e2e.llamacpp import KEY as LLAMA_KEY
from tests.fakes.catalogue import Kind, Model, embedding
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Call, Whole
from tests.waiting import HANG_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from tests.e2e.llamacpp import LlamaCpp

KINDS: tuple[Kind, ...] = ("ollama", "llamacpp", "openrouter", "openai")
PROGRAMS = (vscode, continue_dev, zed, cline, roo, openwebui)
ASKED: list[dict[str, Any]] = [
    {"role": "system", "content": "You are a fox."},
    {"role": "user", "content": "What do you see?"},
]
TOOLS = [calls.TOOL]


def name_of(program: ModuleType) -> str:
    return program.__name__.rpartition(".")[2]


async def in_thread(work: Callable[..., Any], *args: Any) -> Any:
    """Blocking clients run beside the Linx of this test."""
    with trio.fail_after(HANG_S):
        return await trio.to_thread.run_sync(work, *args, abandon_on_cancel=True)


@contextlib.contextmanager
def sdk(url: str) -> Any:
    client = ollama.Client(url)
    try:
        yield client
    finally:
        client.close()  # type: ignore[no-untyped-call]


# --- the Python SDK: every call --------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_the_python_sdk_over_every_kind(tmp_path: Path, kind: Kind) -> None:
    model = Model("m", capabilities=("completion", "tools", "thinking", "insert"))
    async with FakeProvider(kind, [model]) as fake, linx_here(config_for(fake), tmp_path) as app:
        await in_thread(_ask_everything, url_of(app), fake, kind)


def _ask_everything(url: str, fake: FakeProvider, kind: Kind) -> None:
    with sdk(url) as client:
        listed = client.list().models[0]
        assert listed.model in ("m:latest", "m")
        assert listed.modified_at is not None
        assert listed.details is not None
        shown = client.show("m")
        assert shown.modelinfo
        assert "tools" in (shown.capabilities or ())
        assert [one.model for one in client.ps().models] == {"ollama": ["m:latest"], "llamacpp": ["m"]}.get(kind, [])

        whole = client.chat("m", ASKED)
        assert whole.message.content == "Hello from the fake."
        assert (whole.done_reason, whole.prompt_eval_count, whole.eval_count) == ("stop", 9, 5)
        pieces = list(client.chat("m", ASKED, stream=True))
        assert "".join(piece.message.content or "" for piece in pieces) == "Hello from the fake."
        assert pieces[-1].done
        assert client.generate("m", "hi").response == "Hello from the fake."
        assert "".join(piece.response for piece in client.generate("m", "hi", stream=True)) == "Hello from the fake."
        assert client.generate("m", "f(", suffix=")").response == "Hello from the fake."
        assert client.generate("m").done_reason == "load"
        assert client.chat("m", [], keep_alive=0).done_reason == "unload"

        fake.next(Answer(tokens=["4"], reasoning=["2+2"]), Answer(tokens=[], calls=[Call("read_file", {"path": "a"})]))
        thought = client.chat("m", ASKED, think=True)
        assert (thought.message.thinking, thought.message.content) == ("2+2", "4")
        called = client.chat("m", ASKED, tools=TOOLS).message
        assert called.tool_calls is not None
        assert called.tool_calls[0].function.arguments == {"path": "a"}
        # The SDK gives back what it got, which is without the ids.
        result = {"role": "tool", "tool_name": "read_file", "content": "text"}
        assert client.chat("m", [*ASKED, called, result], tools=TOOLS).message.content == "Hello from the fake."

        assert client.embed("m", ["a", "b"]).embeddings == [embedding("a"), embedding("b")]
        assert len(client.embeddings("m", "a").embedding) == 8
        with pytest.raises(ollama.ResponseError, match="model 'nope' not found") as caught:
            client.chat("nope", ASKED)
        assert caught.value.status_code == 404


async def test_the_python_sdk_manages_models(tmp_path: Path) -> None:
    def manage(url: str) -> None:
        with sdk(url) as client:
            assert client.pull("new").status == "success"
            assert [step.status for step in client.pull("new", stream=True)][-1] == "success"
            assert client.push("m").status == "success"
            digest = client.create_blob(Path(__file__))
            assert digest.startswith("sha256:")
            assert client.create("made", from_="m", files={"f": digest}).status == "success"
            assert client.copy("m", "copied").status == "success"
            assert "copied:latest" in [one.model for one in client.list().models]
            assert client.delete("copied").status == "success"
            assert "copied:latest" not in [one.model for one in client.list().models]
            with pytest.raises(ollama.ResponseError, match="model 'nope' not found"):
                client.delete("nope")

    async with FakeProvider("ollama", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        await in_thread(manage, url_of(app))


# --- what Ollama's clients break on ------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_line_separators_do_not_cut_lines(tmp_path: Path, kind: Kind) -> None:
    odd = "a\u2028b\u2029c\u0085d\ne\r\nf\x0bg\x1ch"

    def chat(url: str) -> None:
        with sdk(url) as client:
            pieces = list(client.chat("m", ASKED, stream=True))
            assert "".join(piece.message.content or "" for piece in pieces) == odd
            assert client.chat("m", ASKED).message.content == odd
            assert "".join(piece.response for piece in client.generate("m", odd, stream=True)) == odd

    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(tokens=[odd])
        await in_thread(chat, url_of(app))
        answer = await ask(app.bound[0][1], "/api/chat", {"model": "m", "messages": ASKED})
        assert answer.body.endswith(b"\n")
        assert all(line.strip() for line in answer.body[:-1].decode().splitlines())


async def test_an_old_ollamas_frames_are_mended(tmp_path: Path) -> None:
    """No role, arguments as text, no ids and an index of 0 everywhere, as older versions send it."""
    function = {"index": 0, "name": "read_file", "arguments": '{"path": "a"}'}
    made = [{"function": function}, {"function": function}]
    frames = [
        {"model": "m", "created_at": "2024-01-01T00:00:00Z", "message": {"content": None, "tool_calls": made}},
        {"model": "m", "created_at": "2024-01-01T00:00:00Z", "done": True},
    ]

    def chat(url: str) -> None:
        with sdk(url) as client:
            for message in (client.chat("m", ASKED).message, next(client.chat("m", ASKED, stream=True)).message):
                assert message.role == "assistant"
                assert [call.function.arguments for call in message.tool_calls or ()] == [{"path": "a"}] * 2

    async with FakeProvider("ollama", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Whole(200, b"".join(jsontext.dumps(one) + b"\n\n" for one in frames), "application/x-ndjson")
        await in_thread(chat, url_of(app))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("after", ["close", "end", "reset", "garble", "error"])
async def test_a_broken_answer_never_ends_like_a_whole_one(tmp_path: Path, kind: Kind, after: Any) -> None:
    """The SDK takes an end without a done frame for a proper one, so it must get an error."""

    def chat(url: str) -> None:
        with sdk(url) as client:
            said = []
            with pytest.raises(ollama.ResponseError) as caught:
                said += list(client.chat("m", ASKED, stream=True))
            assert caught.value.error
            assert not said

    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Answer(cut=3, after=after)
        await in_thread(chat, url_of(app))


async def test_errors_are_text_never_objects(tmp_path: Path) -> None:
    def chat(url: str) -> None:
        with sdk(url) as client, pytest.raises(ollama.ResponseError) as caught:
            client.chat("m", ASKED)
        assert caught.value.status_code == 400
        assert "no such role" in caught.value.error
        assert "{" not in caught.value.error

    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = Whole(400, b'{"error":{"message":"no such role","type":"invalid_request_error","code":null}}')
        await in_thread(chat, url_of(app))


# --- the programs ------------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
@pytest.mark.parametrize("key", [None, "k-secret"])
async def test_programs_over_every_kind_at_once(tmp_path: Path, program: Any, key: str | None) -> None:
    async with (
        FakeProvider("ollama", ["qwen3:4b"]) as first,
        FakeProvider("llamacpp", ["local"]) as second,
        FakeProvider("openrouter", ["openai/gpt-4o"]) as third,
        FakeProvider("openai", ["remote"]) as fourth,
    ):
        fakes = (first, second, third, fourth)
        mapped = {"ollama1": {"model_mappings": {"alias": "qwen3:4b"}}}
        config = config_for(*fakes, providers=mapped, server={"api_key": key} if key else {})
        async with linx_here(config, tmp_path) as app:
            for model in ("qwen3:4b", "alias", "local", "openai/gpt-4o", "remote"):
                await in_thread(program.run, url_of(app), model, key)


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
async def test_programs_over_the_real_llama_cpp(tmp_path: Path, llamacpp: LlamaCpp, program: Any) -> None:
    async with linx_here(llamacpp.config(), tmp_path) as app:
        await in_thread(program.run, url_of(app), "tiny", None)


async def test_a_program_runs_by_hand(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        config = config_for(fake, providers={"openai1": {"models": ["m"]}})
        async with LinxProcess(config, tmp_path) as linx:
            with trio.fail_after(HANG_S):
                command = [sys.executable, "-m", "tests.e2e.clients.zed", linx.url, "m"]
                done = await trio.run_process(command, capture_stdout=True)
            assert done.stdout.strip() == b"passed"


# --- the same answer as without Linx -----------------------------------------------------


async def test_an_ollama_client_gets_what_llama_cpp_says(tmp_path: Path, llamacpp: LlamaCpp) -> None:
    options = {"temperature": 0, "seed": 7, "num_predict": 12}

    def compare(url: str) -> None:
        direct_body = {"messages": ASKED, "temperature": 0, "seed": 7, "max_tokens": 12, "cache_prompt": False}
        direct = calls.got(llamacpp.endpoint, "/v1/chat/completions", direct_body, key=LLAMA_KEY)
        raw_body = {"prompt": "one small", "temperature": 0, "seed": 7, "max_tokens": 5}
        raw = calls.got(llamacpp.endpoint, "/v1/completions", raw_body, key=LLAMA_KEY)
        text = direct["choices"][0]["message"]["content"]
        assert text
        with sdk(url) as client:
            whole = client.chat("tiny", ASKED, options=options)
            assert whole.message.content == text
            assert whole.done_reason == "length"
            usage = direct["usage"]
            assert (whole.prompt_eval_count, whole.eval_count) == (usage["prompt_tokens"], usage["completion_tokens"])
            pieces = list(client.chat("tiny", ASKED, options=options, stream=True))
            assert "".join(piece.message.content or "" for piece in pieces) == text
            assert pieces[-1].eval_count == usage["completion_tokens"]
            generated = client.generate("tiny", ASKED[1]["content"], system=ASKED[0]["content"], options=options)
            assert generated.response == text
            completed = client.generate("tiny", "one small", raw=True, options={**options, "num_predict": 5})
            assert completed.response == raw["choices"][0]["text"]
            assert client.generate("tiny").done_reason == "load"
            assert client.show("tiny").modelinfo["linx.context_length"] == client.ps().models[0].context_length
            with pytest.raises(ollama.ResponseError, match=r"^llama: does not support embeddings"):
                client.embed("tiny", "a")  # the server was started without

    async with linx_here(llamacpp.config(), tmp_path) as app:
        await in_thread(compare, url_of(app))


async def test_an_openai_client_gets_what_an_ollama_says(tmp_path: Path) -> None:
    answer = Answer(tokens=["It", " is"], calls=[Call("read_file", {"path": "ä", "n": 12345678901234567890})])

    def compare(url: str, fake: FakeProvider) -> None:
        direct = calls.got(fake.url, "/api/chat", {"model": "m", "messages": ASKED, "tools": TOOLS, "stream": False})
        with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
            messages: Any = ASKED
            tools: Any = TOOLS
            whole = client.chat.completions.create(model="m", messages=messages, tools=tools)
        message = whole.choices[0].message
        assert message.content == direct["message"]["content"]
        assert message.tool_calls is not None
        made: Any = message.tool_calls[0]
        wanted = direct["message"]["tool_calls"][0]["function"]
        assert (made.function.name, jsontext.loads_exact(made.function.arguments.encode())) == (
            wanted["name"],
            wanted["arguments"],
        )
        assert whole.choices[0].finish_reason == "tool_calls"
        assert whole.usage is not None
        assert (whole.usage.prompt_tokens, whole.usage.completion_tokens) == (
            direct["prompt_eval_count"],
            direct["eval_count"],
        )

    async with FakeProvider("ollama", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.default = answer
        await in_thread(compare, url_of(app), fake)


# --- the JavaScript SDK ------------------------------------------------------------------

SCRIPT = """
import { Ollama } from 'ollama'
import assert from 'node:assert/strict'
const ollama = new Ollama({ host: process.argv[2] })
const model = 'm', messages = [{ role: 'user', content: 'hi' }], said = 'Hello from the fake.'
assert.ok((await ollama.list()).models[0].digest)
assert.ok((await ollama.show({ model })).capabilities.includes('completion'))
assert.ok(Array.isArray((await ollama.ps()).models))
assert.equal((await ollama.chat({ model, messages })).message.content, said)
let text = ''
for await (const part of await ollama.chat({ model, messages, stream: true })) text += part.message.content
assert.equal(text, said)
text = ''
for await (const part of await ollama.generate({ model, prompt: 'hi', stream: true })) text += part.response
assert.equal(text, said)
assert.equal((await ollama.generate({ model, prompt: 'hi' })).response, said)
assert.equal((await ollama.embed({ model, input: ['a', 'b'] })).embeddings.length, 2)
assert.equal((await ollama.embeddings({ model, prompt: 'a' })).embedding.length, 8)
await assert.rejects(ollama.chat({ model: 'nope', messages }), /model 'nope' not found/)
if (process.argv[3] === 'ollama') {
  let last
  for await (const part of await ollama.pull({ model: 'x', stream: true })) last = part
  assert.equal(last.status, 'success')
  assert.equal((await ollama.push({ model })).status, 'success')
  assert.equal((await ollama.create({ model: 'y', from: model })).status, 'success')
  await ollama.copy({ source: model, destination: 'z' })
  await ollama.delete({ model: 'z' })
}
console.log('passed')
"""


@pytest.mark.needs("npm")
@pytest.mark.needs("node")
@pytest.mark.parametrize("kind", KINDS)
async def test_the_npm_package_over_every_kind(tmp_path: Path, node_packages: str, kind: Kind) -> None:
    await trio.Path(node_packages, "client.js").write_text(SCRIPT)
    async with FakeProvider(kind, ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        node = shutil.which("node")
        assert node is not None
        with trio.fail_after(HANG_S):
            done = await trio.run_process(
                [node, "client.js", url_of(app), kind],
                cwd=node_packages,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
        assert done.stdout.strip() == b"passed", done.stderr.decode()
