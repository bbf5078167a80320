"""What pages of the dashboard are told by a whole Linx: no key, nothing through the tunnel, little for a stuck one."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio_websocket

from linx.access import Policy
from linx.core import jsontext
from linx.core.client_key import digest_of, key_by_place
from linx.dashboard import frames
from linx.dashboard.viewers import MOST_WAITING
from tests.e2e.canaries import PROVIDER_KEY
from tests.e2e.http_client import ask
from tests.e2e.linx_process import LinxProcess, config_for, linx_here
from tests.e2e.test_secrets import KEY, SAYINGS, TENANT, assert_absent
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer
from tests.waiting import HANG_S, within

if TYPE_CHECKING:
    from pathlib import Path

PATH = "/v1/chat/completions"
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
LINX_KEY = "linx-canary-0123456789"


@contextlib.asynccontextmanager
async def page_at(port: int, path: str = "/linx/events") -> Any:
    async with trio_websocket.open_websocket(
        "127.0.0.1", port, path, use_ssl=False, max_message_size=1 << 24, message_queue_size=2
    ) as page:
        yield page
    await page._stream.aclose()


@pytest.mark.parametrize("name", ["message in capitals", "many", "code", "no stream"])
async def test_no_key_is_told(name: str, tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake:
        provider = {"api_key": KEY, "headers": {"X-Tenant": TENANT}}
        config = config_for(fake, names=("box",), providers={"box": provider}, server={"api_key": LINX_KEY})
        async with linx_here(config, tmp_path) as app, page_at(app.bound[0][1], f"/k/{LINX_KEY}/linx/events") as page:
            port, auth = app.bound[0][1], {"authorization": f"Bearer {LINX_KEY}", "cookie": f"a={LINX_KEY}"}
            body = {**CHAT, "user": LINX_KEY, "messages": [{"role": "user", "content": f"say {LINX_KEY}"}]}
            fake.next(SAYINGS[name])
            failed = await ask(port, f"/k/{LINX_KEY}{PATH}", body, headers=auth)
            fake.next(Answer(tokens=[KEY, " ", LINX_KEY]))
            await ask(port, PATH, {**body, "stream": True}, headers={**auth, "user-agent": LINX_KEY})
            seen: list[str] = []
            with trio.fail_after(HANG_S):
                while sum('"phase":"done"' in one for one in seen) < 1:
                    seen.append(await page.get_message())
            for record in app.context.telemetry.newest():
                shown = await ask(port, f"/linx/requests/{record.id}", headers=auth)
                assert shown.json["client_request"]["body"]
                seen.append(shown.body.decode())
            assert failed.status >= 400
            for secret in (KEY, TENANT, LINX_KEY):
                assert_absent(secret, "\n".join(seen))


async def test_nothing_of_it_is_served_through_the_tunnel(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        accepted = {digest_of(LINX_KEY.encode()): key_by_place(1)}
        app.access.policy = Policy(accepted, frozenset({"localhost"}), model_paths_only=True)
        auth = {"authorization": f"Bearer {LINX_KEY}"}
        for path in (
            "/dashboard",
            "/dashboard/app.js",
            "/linx/events",
            "/linx/requests",
            "/linx/requests/x",
            "/linx/usage",
        ):
            assert (await ask(app.bound[0][1], path, headers=auth)).status == 403, path
        for action in ("cancel", "replay"):
            assert (await ask(app.bound[0][1], f"/linx/requests/x/{action}", {}, headers=auth)).status == 403


async def test_a_stuck_page_has_little_waiting_and_is_sent_a_snapshot_when_it_reads_again(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app, page_at(app.bound[0][1]) as page:
        await page.get_message()
        [viewer] = app.dashboard.hub.viewers
        large = frames.text(b'"' + b"x" * 2_000_000 + b'"')
        with within(20):
            while not viewer._waiting or viewer.is_behind:  # the page's side takes no more than its queue holds
                app.dashboard.hub.viewers.tell("large", large)
                await trio.sleep(0.15)
            for _ in range(50):
                app.dashboard.hub.viewers.tell("large", large)
            assert len(viewer._waiting) < 20  # one of each thing, and not fifty of one
            for number in range(2 * MOST_WAITING):
                app.dashboard.hub.viewers.tell(str(number), frames.text(b"{}"))
            assert viewer.is_behind
            assert not viewer._waiting
            while not (await page.get_message()).startswith('{"type":"snapshot"'):
                pass


async def test_the_end_of_linx_does_not_wait_for_pages(tmp_path: Path) -> None:
    async with FakeProvider("openai", ["m"]) as fake, LinxProcess(config_for(fake), tmp_path) as linx:
        async with page_at(linx.port) as page:
            assert jsontext.loads((await page.get_message()).encode())["type"] == "snapshot"
            linx.process.send_signal(signal.SIGTERM)
            with trio.fail_after(HANG_S), contextlib.suppress(trio_websocket.ConnectionClosed):
                while True:
                    await page.get_message()
            assert page.closed.code == 1001
        with trio.fail_after(HANG_S):
            assert await linx.process.wait() == 0
        assert PROVIDER_KEY not in linx.log.read_text()
