"""``/linx/requests``: the list, one in detail, and stopping one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from linx.core import jsontext
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Whole
from tests.waiting import within

if TYPE_CHECKING:
    from pathlib import Path

    from linx.app import App
    from tests.e2e.http_client import Answer as Response

KEY = "linx-key-0123456789"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
PATH = "/v1/chat/completions"


async def running(app: App, phase: str) -> str:
    """The id of the one request, once it is in a phase."""
    with within(5):
        while True:
            for record in app.context.telemetry.running.values():
                if record.phase == phase:
                    return record.id
            await trio.sleep(0.005)


async def test_a_request_in_detail_without_its_keys(tmp_path: Path) -> None:
    async with (
        FakeProvider("openai", ["m"]) as fake,
        linx_here(config_for(fake, server={"api_key": KEY}), tmp_path) as app,
    ):
        port, auth = app.bound[0][1], {"authorization": f"Bearer {KEY}"}
        body = {**CHAT, "messages": [{"role": "user", "content": f"is {KEY} a good key?"}]}
        answer = await ask(port, PATH, body, headers=auth)
        request_id = answer.headers["x-request-id"]
        shown = await ask(port, f"/linx/requests/{request_id}", headers=auth)
        assert KEY.encode() not in shown.body
        assert (shown.json["id"], shown.json["phase"], shown.json["key"]) == (request_id, "done", "key-1")
        asked = shown.json["client_request"]
        assert ["authorization", "…"] in asked["headers"]
        assert jsontext.loads(asked["body"].encode())["model"] == "m"
        [sent] = shown.json["provider_requests"]
        assert (sent["attempt"], sent["provider"], sent["path"]) == (0, "openai1", PATH)
        assert jsontext.loads(sent["body"].encode())["stream"] is True
        assert jsontext.loads(shown.json["answer"]["body"].encode()) == answer.json
        assert (await ask(port, f"/linx/requests/{request_id}")).status == 401
        record = app.context.telemetry.find(request_id)
        assert record is not None
        assert record.kept is not None
        assert KEY.encode() not in b"".join(value for _name, value in record.kept.headers)


async def test_without_capture_nothing_is_kept(tmp_path: Path) -> None:
    async with (
        FakeProvider("openai", ["m"]) as fake,
        linx_here(config_for(fake, server={"capture": False}), tmp_path) as app,
    ):
        port = app.bound[0][1]
        request_id = (await ask(port, PATH, CHAT)).headers["x-request-id"]
        shown = (await ask(port, f"/linx/requests/{request_id}")).json
        assert (shown["has_body"], shown["client_request"], shown["provider_requests"], shown["answer"]) == (
            *(False, None, []),
            None,
        )
        assert not app.context.kept_bodies._records


async def test_a_refused_answer_is_shown_as_it_was_sent(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Whole(500, b'{"error":{"message":"broken"}}'))
        port = app.bound[0][1]
        answer = await ask(port, PATH, CHAT)
        assert answer.status == 502
        shown = (await ask(port, f"/linx/requests/{answer.headers['x-request-id']}")).json
        assert (shown["answer"]["status"], shown["answer"]["body"]) == (502, answer.body.decode())
        assert shown["attempts"][0]["outcome"] == "http_500"


async def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        port = app.bound[0][1]
        assert (await ask(port, "/linx/requests/none")).status == 404
        assert (await ask(port, "/linx/requests/none/cancel", {})).status == 404
        assert (await ask(port, "/linx/requests/none/other", {})).status == 404
        assert (await ask(port, "/linx/requests/none/cancel")).status == 404
        assert (await ask(port, "/linx/requests/none", method="DELETE")).status == 405


async def test_a_cancelled_request_stops_its_provider_at_once(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Answer(cut=3, after="hang"))
        port = app.bound[0][1]
        answers: list[Response] = []
        async with trio.open_nursery() as nursery:

            async def client() -> None:
                answers.append(await ask(port, PATH, {**CHAT, "stream": True}))

            nursery.start_soon(client)
            request_id = await running(app, "streaming")
            begun = trio.current_time()
            shown = await ask(port, f"/linx/requests/{request_id}/cancel", {})
            assert shown.status == 200
            await fake.calls[0].hung_up.wait()
            assert trio.current_time() - begun < 0.1
        assert b"cancelled on the dashboard" in answers[0].body
        row = (await ask(port, f"/linx/requests/{request_id}")).json
        assert (row["phase"], row["outcome"]) == ("cancelled", "cancelled")
        again = await ask(port, f"/linx/requests/{request_id}/cancel", {})
        assert again.status == 409
        assert (await ask(port, f"/linx/requests/{request_id}/cancel", {"x": 1})).status == 400


async def test_a_request_that_waits_can_be_cancelled_too_and_is_told_not_to_try_again(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, linx_here(config_for(fake), tmp_path) as app:
        fake.next(Answer(head_s=60))
        port = app.bound[0][1]
        answers: list[Response] = []
        async with trio.open_nursery() as nursery:

            async def client() -> None:
                answers.append(await ask(port, PATH, CHAT))

            nursery.start_soon(client)
            request_id = await running(app, "waiting")
            await ask(port, f"/linx/requests/{request_id}/cancel", {})
        assert (answers[0].status, answers[0].headers["x-should-retry"]) == (499, "false")
        assert answers[0].json["error"]["code"] == "cancelled"
