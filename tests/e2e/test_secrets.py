"""What a hostile provider says leaves no key behind, and no prompt but at the client whose prompt it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest

from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Raw, ReadRequest, Send, Stall, Whole

if TYPE_CHECKING:
    from pathlib import Path

    from linx.app import App
KEY = "Plain-Words-Without-Any-Shape-77"
"""A key that nothing but the config shows to be one."""
TENANT = "tenant-northwind-0123456789"
PROMPT = "the patient of room 12 has a rare illness"
PATH = "/v1/chat/completions"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": PROMPT}]}
LEFT = 9
"""Characters of a secret that may not be seen in a row; four are shown on purpose."""


def error(status: int = 400, **fields: Any) -> Whole:
    return Whole(status, jsontext.dumps({"error": fields}))


def raw(data: str) -> Raw:
    return Raw([ReadRequest(), Send(data.encode())])


SAYINGS: dict[str, Whole | Raw] = {
    # The cut falls into the secret, so that half of it would no longer be recognised.
    "message": error(message="x" * 185 + KEY + " " + TENANT),
    "message in capitals": error(500, message=f"Incorrect API key provided: {KEY} for {TENANT}"),
    "many": error(message=f"{KEY}, {TENANT} " * 400),
    "param": error(message="no", param="y" * 70 + KEY),
    "code": error(message="no", code=KEY),
    "code in small letters": error(message="no", type=TENANT, code=TENANT),
    "status line": raw(f"ICAP/1.0 {KEY} {TENANT}\r\n\r\n"),
    "part of a status line": Raw([ReadRequest(), Send(KEY[:20].encode()), Stall()]),
    "short status line": raw(f"{KEY}\r\n\r\n"),
    "no stream": Whole(200, f"you sent {KEY} and {TENANT}".encode(), content_type="text/plain"),
}


async def told(app: App) -> str:
    """Everything that Linx keeps and shows of what has happened."""
    port = app.bound[0][1]
    paths = ("/v1/providers/status", "/linx/requests", "/metrics", "/v1/models", "/api/tags")
    return "\n".join([(await ask(port, path)).body.decode() for path in paths])


def assert_absent(secret: str, text: str) -> None:
    for start in range(len(secret) - LEFT + 1):
        part = secret[start : start + LEFT]
        assert part.lower() not in text.lower(), part


@pytest.mark.parametrize("name", SAYINGS)
@pytest.mark.parametrize("kind", ["openai", "ollama"])
async def test_no_secret_comes_back(
    kind: Literal["openai", "ollama"], name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "linx")
    async with FakeProvider(kind, ["m"]) as fake:
        config = config_for(fake, names=("box",), providers={"box": {"api_key": KEY, "headers": {"X-Tenant": TENANT}}})
        async with linx_here(config, tmp_path) as app:
            for stream in (False, True):
                fake.next(SAYINGS[name])
                answer = await ask(app.bound[0][1], PATH, {**CHAT, "stream": stream})
                assert answer.status >= 400, answer.body
                seen = f"{answer.body.decode()}\n{answer.headers}\n{caplog.text}\n{await told(app)}"
                for secret in (KEY, TENANT):
                    assert_absent(secret, seen)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 503])
async def test_a_prompt_that_comes_back_is_seen_by_its_client_alone(
    status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "linx")
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        for _ in range(3):
            fake.next(error(status, message=f"cannot make sense of {PROMPT!r}"))
            answer = await ask(app.bound[0][1], PATH, CHAT)
            assert PROMPT in answer.body.decode()
        others = await ask(app.bound[0][1], PATH, {**CHAT, "model": "unknown"})
        assert_absent(PROMPT, f"{others.body.decode()}\n{caplog.text}\n{await told(app)}")


async def test_a_name_in_a_list_that_is_a_secret_is_no_model(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m", KEY, f"org/{TENANT}"]) as fake:
        config = config_for(fake, names=("box",), providers={"box": {"api_key": KEY, "headers": {"X-Tenant": TENANT}}})
        async with linx_here(config, tmp_path) as app:
            seen = await told(app)
            assert app.context.providers[0].models.keys() == {"m"}
            for secret in (KEY, TENANT):
                assert_absent(secret, seen)


@pytest.mark.parametrize("length", [100, 1 << 20])
async def test_what_an_ollama_says_of_its_models_tells_no_key(length: int, tmp_path: Path) -> None:
    text = f"MIT{'.' * length}{KEY} and {TENANT} api_key=theirs-and-not-ours"
    listed = {"models": [{"name": "m", "model": "m", "details": {"family": text}}]}
    async with FakeProvider("ollama", ["m"]) as fake:
        fake.at["/api/show"] = Whole(200, jsontext.dumps({"license": text, "details": {}, "model_info": {}}))
        fake.at["/api/tags"] = fake.at["/api/ps"] = Whole(200, jsontext.dumps(listed))
        config = config_for(fake, names=("box",), providers={"box": {"api_key": KEY, "headers": {"X-Tenant": TENANT}}})
        async with linx_here(config, tmp_path) as app:
            port = app.bound[0][1]
            for path, body in (("/api/show", {"model": "m"}), ("/api/tags", None), ("/api/ps", None)):
                answer = await ask(port, path, body)
                told = answer.body.decode()
                assert answer.status == 200
                assert "MIT." in told, path
                # What only looks like a secret is the model's own text.
                assert "api_key=theirs-and-not-ours" in told
                for secret in (KEY, TENANT):
                    assert_absent(secret, told)
