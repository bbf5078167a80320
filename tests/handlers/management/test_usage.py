"""``GET /linx/usage``: the numbers of ``linx usage``, as JSON and CSV."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from linx.core.chat import Usage
from linx.ledger.database import open_for_writing
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here
from tests.ledger.records import row

if TYPE_CHECKING:
    from pathlib import Path


def ledger_in(folder: Path) -> dict[str, str]:
    path = folder / "ledger.db"
    database, _notice = open_for_writing(path)
    now = time.time()
    database.write([row(now, usage=Usage(100, 20)), row(now, usage=Usage(10, 2), is_local=False)])
    database.close()
    return {"path": str(path)}


async def test_the_numbers_by_what_is_asked(tmp_path: Path) -> None:
    async with linx_here(config_for(ledger=ledger_in(tmp_path)), tmp_path) as app:
        port = app.bound[0][1]
        by_provider = (await ask(port, "/linx/usage?by=provider&since=all")).json
        assert by_provider["by"] == "provider"
        assert {one["provider"]: one["prompt_tokens"] for one in by_provider["rows"]} == {"ollama": 100, "paid": 10}
        assert (await ask(port, "/linx/usage")).json["by"] == "model"
        csv = await ask(port, "/linx/usage?by=day&format=csv")
        assert csv.headers["content-type"] == "text/csv; charset=utf-8"
        assert "attachment" in csv.headers["content-disposition"]
        assert csv.body.splitlines()[0].startswith(b"day,requests,")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("by=prompt", "by: must be one of model, provider"),
        ("since=yesterday", "since: must be a time such as"),
        ("format=table", "format: must be one of json, csv"),
        ("limit=1", "Unknown or repeated field"),
        ("by=day&by=key", "Unknown or repeated field"),
        ("&".join(f"a{number}" for number in range(20)), "too many fields"),
    ],
)
async def test_a_wrong_question_is_answered_with_what_is_right(query: str, words: str, tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        answer = await ask(app.bound[0][1], f"/linx/usage?{query}")
        assert answer.status == 400
        assert words in answer.json["error"]["message"]


async def test_without_a_ledger_there_are_no_rows_and_a_broken_one_is_told(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    async with linx_here(config_for(ledger={"enabled": False, "path": str(path)}), tmp_path) as app:
        assert (await ask(app.bound[0][1], "/linx/usage")).json["rows"] == []
        path.write_bytes(b"not a database" * 100)
        answer = await ask(app.bound[0][1], "/linx/usage")
        assert answer.status == 503
        assert "cannot be read" in answer.json["error"]["message"]
