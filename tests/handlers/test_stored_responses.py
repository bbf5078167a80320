"""``/v1/responses/{id}`` and what is under it."""

from __future__ import annotations

import pytest

from tests.fakes.provider import FakeProvider
from tests.handlers.answers.test_responses import PATH, create
from tests.handlers.answers.world import world
from tests.open_responses import check_response


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_an_answer_is_shown_and_forgotten(stream: bool) -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        made = await create(here, stream=stream)
        for variant in (PATH, "/responses", "/v1/v1/responses", "/k/any/api/v1/responses"):
            shown = await here.fetch(f"{variant}/{made['id']}")
            assert (shown.status, shown.json) == ((200, made) if "/k/" not in variant else (404, shown.json))
        check_response(made)
        gone = await here.fetch(f"{PATH}/{made['id']}/", method="DELETE")
        assert gone.json == {"id": made["id"], "object": "response", "deleted": True}
        for method in ("GET", "DELETE"):
            answer = await here.fetch(f"{PATH}/{made['id']}", method=method)
            assert answer.status == 404
            assert answer.json["error"] == {
                "message": f"Response with id '{made['id']}' not found.",
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            }


async def test_another_key_sees_nothing() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake, server={"api_key": ["k1", "k2"]}) as here:
        made = await create(here, key="k1")
        for method, rest in (("GET", ""), ("DELETE", ""), ("GET", "/input_items"), ("POST", "/cancel")):
            path = f"{PATH}/{made['id']}{rest}"
            assert (await here.fetch(path, method=method, headers={"x-api-key": "k2"})).status == 404
            assert (await here.fetch(path, method=method)).status == 401
        assert (await here.fetch(f"{PATH}/{made['id']}", headers={"x-api-key": "k1"})).json == made


async def test_the_items_of_the_input_in_pages() -> None:
    given = [{"role": "user", "content": str(number)} for number in range(5)]
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        made = await create(here, input=given)
        path = f"{PATH}/{made['id']}/input_items"
        whole = (await here.fetch(path)).json
        assert [item["content"][0]["text"] for item in whole["data"]] == ["4", "3", "2", "1", "0"]
        assert (whole["object"], whole["has_more"]) == ("list", False)
        page = (await here.fetch(f"{path}?order=asc&limit=2&after={whole['data'][-1]['id']}")).json
        assert [item["content"][0]["text"] for item in page["data"]] == ["1", "2"]
        assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][1]["id"])
        assert page["has_more"]
        last = (await here.fetch(f"{path}?after={whole['data'][-1]['id']}")).json
        assert last == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}
        many = await here.fetch(f"{path}?{'&'.join(['a=1'] * 17)}")
        assert (many.status, many.json["error"]["message"]) == (400, "The query has too many fields.")
        for query in ("limit=0", "limit=101", "limit=x", "limit=99999999999999", "after=nobody"):
            answer = await here.fetch(f"{path}?{query}")
            assert (answer.status, answer.json["error"]["param"]) == (400, query.partition("=")[0])


async def test_what_ends_by_itself_cannot_be_cancelled() -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        made = await create(here)
        answer = await here.fetch(f"{PATH}/{made['id']}/cancel", method="POST")
        assert (answer.status, answer.json["error"]["message"]) == (400, "Cannot cancel a synchronous response.")
        assert (await here.fetch(f"{PATH}/{made['id']}?stream=true")).status == 400


@pytest.mark.parametrize(
    ("method", "rest"),
    [("GET", "x/y"), ("GET", "x/input_items/y"), ("DELETE", "x/input_items"), ("POST", "x"), ("POST", "x/retry")],
)
async def test_there_is_nothing_else(method: str, rest: str) -> None:
    async with FakeProvider("openai", ["m"]) as fake, world(fake) as here:
        answer = await here.fetch(f"{PATH}/{rest}", method=method)
        assert (answer.status, answer.json["error"]["type"]) == (404, "invalid_request_error")
