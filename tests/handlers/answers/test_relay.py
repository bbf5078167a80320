"""Which path is relayed, by whom, and what becomes of the answer."""

from __future__ import annotations

import pytest

from linx.core.errors import UnknownEndpoint
from linx.handlers.answers.relay import inner_path


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
