"""The page's files over real sockets: without a key, unchanged only once, and under a strict policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.dashboard.static_files import File
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here

if TYPE_CHECKING:
    from pathlib import Path

    from linx.app import App

FILES = {
    "index.html": File(b"<!doctype html>", b"text/html; charset=utf-8", b'"1"'),
    "app.js": File(b"1;", b"text/javascript; charset=utf-8", b'"2"'),
    "vendor/x.css": File(b"a{}", b"text/css; charset=utf-8", b'"3"'),
}


def with_files(app: App) -> int:
    app.dashboard.files = FILES
    return app.bound[0][1]


async def test_the_shell_needs_no_key(tmp_path: Path) -> None:
    async with linx_here(config_for(server={"api_key": "linx-key-0123456789"}), tmp_path) as app:
        port = with_files(app)
        for path, name in (("/dashboard", "index.html"), ("/dashboard/app.js", "app.js")):
            answer = await ask(port, path)
            assert (answer.status, answer.body) == (200, FILES[name].body)
            assert answer.headers["content-type"] == FILES[name].kind.decode()
            head = await ask(port, path, method="HEAD")
            assert (head.status, head.body) == (200, b"")
            assert head.headers["content-length"] == str(len(FILES[name].body))
        assert (await ask(port, "/dashboard/vendor/x.css")).status == 200
        assert (await ask(port, "/dashboard", {})).status == 405


@pytest.mark.parametrize("start", ["", "/k/linx-key-0123456789"])
async def test_with_a_slash_it_is_found_by_its_own_name(start: str, tmp_path: Path) -> None:
    """The addresses in the page are relative, so that it would find nothing below a folder of its own."""
    async with linx_here(config_for(server={"api_key": "linx-key-0123456789"}), tmp_path) as app:
        answer = await ask(with_files(app), start + "/dashboard/")
        assert (answer.status, answer.headers["location"]) == (307, "../dashboard")


async def test_only_names_of_the_table_are_served(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        port = with_files(app)
        for name in ("x.js", "../app.py", "..%2fapp.py", "vendor", "vendor/", "/app.js", "app.js/", "%61pp.js"):
            assert (await ask(port, f"/dashboard/{name}")).status == 404, name
        assert (await ask(port, "/v1/dashboard")).status == 404


async def test_no_script_but_its_own_and_no_frame_around_it(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        headers = (await ask(with_files(app), "/dashboard")).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy == {
            "default-src": "'none'",
            **dict.fromkeys(("script-src", "style-src", "connect-src", "manifest-src"), "'self'"),
            "img-src": "'self' data:",
            **dict.fromkeys(("base-uri", "form-action", "frame-ancestors"), "'none'"),
        }
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


async def test_what_the_browser_has_is_not_sent_again(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        port = with_files(app)
        etag = (await ask(port, "/dashboard/app.js")).headers["etag"]
        for given in (etag, f'"other", W/{etag}'):
            answer = await ask(port, "/dashboard/app.js", headers={"if-none-match": given})
            assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", etag)
        assert (await ask(port, "/dashboard/app.js", headers={"if-none-match": '"x"'})).status == 200


async def test_another_page_may_not_load_it_but_a_link_may_lead_here(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        port = with_files(app)
        embedded = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
        assert (await ask(port, "/dashboard/app.js", headers=embedded)).status == 403
        assert (await ask(port, "/dashboard", headers={"origin": "http://evil.example"})).status == 403
        visit = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert (await ask(port, "/dashboard", headers=visit)).status == 200


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize("accept", [BROWSER, "*/*, Text/HTML;q=0.5", "text/html"])
async def test_a_browser_is_sent_from_the_front_door_to_the_dashboard(accept: str, tmp_path: Path) -> None:
    async with linx_here(config_for(server={"api_key": "linx-key-0123456789"}), tmp_path) as app:
        for method in ("GET", "HEAD"):
            answer = await ask(app.bound[0][1], "/", method=method, headers={"accept": accept})
            assert (answer.status, answer.headers["location"], answer.body) == (307, "/dashboard", b"")


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/html;q=0, */*", "text/*", "xtext/html"])
async def test_ollama_s_clients_read_what_they_look_for(accept: str | None, tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        answer = await ask(app.bound[0][1], "/", headers={} if accept is None else {"accept": accept})
        assert (answer.status, answer.body) == (200, b"Ollama is running")
