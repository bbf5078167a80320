"""Which path is relayed, and a form's body with another name in it."""

from __future__ import annotations

import pytest

from linx.core.errors import BadRequest, UnknownEndpoint
from linx.handlers.answers.relay import Payload, inner_path


@pytest.mark.parametrize(
    ("path", "inner"),
    [
        ("/rerank", "/rerank"),
        ("/v1/rerank", "/rerank"),
        ("/v1/v1/rerank/", "/rerank"),
        ("/api/v1/audio/speech", "/audio/speech"),
        ("/cursor/v1/images/edits", "/images/edits"),
        ("/infill", "/infill"),
    ],
)
def test_what_clients_put_in_front_is_taken_off(path: str, inner: str) -> None:
    assert inner_path(path) == inner


@pytest.mark.parametrize(
    "path", ["/v1/audio/..", "/v1/audio/%2e%2e/x", "/v1/audio/a//b", "/v1/audio/a?b", "/v1/audio/ä"]
)
def test_a_path_that_leads_elsewhere(path: str) -> None:
    with pytest.raises(UnknownEndpoint):
        inner_path(path)


def test_names_in_a_payload() -> None:
    json = Payload(b'{"a": 1, "model": "x"}', b"application/json")
    assert json.beginning("x", "x") is json.start
    assert json.beginning("", "x") is json.start
    assert json.beginning("x", "y") == b'{"a":1,"model":"y"}'
    form = Payload(b"..name..", b"multipart/form-data", (2, 6))
    assert form.model == "name"
    assert form.beginning("name", "longer") == b"..longer.."
    with pytest.raises(BadRequest):
        _ = Payload(b"\xff", b"multipart/form-data", (0, 1)).model
