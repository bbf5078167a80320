"""Where the API of an endpoint may be."""

from __future__ import annotations

import pytest

from linx.providers.known_hosts import known_host
from linx.providers.places import Places, list_base, only_model, possible_places

PLAIN = known_host("box.test")


@pytest.mark.parametrize(
    ("path", "places"),
    [
        ("", ("/v1", "", "/api", "/api/v1", "/openai/v1")),
        ("/v1", ("/v1", "")),
        ("/v1/", ("/v1", "")),
        ("/api/v1", ("/api/v1", "/api")),
        ("/api/paas/v4", ("/api/paas/v4", "/api/paas")),
        ("/v1beta/openai", ("/v1beta/openai", "/v1beta/openai/v1")),
        ("/x", ("/x/v1", "/x")),
        ("/openai/deployments/gpt", ("/openai/deployments/gpt",)),
        ("/serving-endpoints/x/invocations", ("/serving-endpoints/x/invocations",)),
    ],
)
def test_the_places_of_a_path(path: str, places: tuple[str, ...]) -> None:
    assert possible_places(path, PLAIN, has_query=False) == places


@pytest.mark.parametrize(
    ("place", "base", "model"),
    [
        ("/v1", "/v1", None),
        ("", "", None),
        ("/openai/deployments/gpt", "/openai", "gpt"),
        ("/openai/deployments/{model}", "/openai", None),
        ("/serving-endpoints/x/invocations", None, "x"),
    ],
)
def test_where_a_list_would_be(place: str, base: str | None, model: str | None) -> None:
    assert (list_base(place), only_model(place)) == (base, model)


def test_a_place_is_sure_once_it_answered() -> None:
    places = Places(("/v1", "", "/api"))
    assert (places.current, places.is_sure) == ("/v1", False)
    places.found("/api")
    assert (places.current, places.is_sure, places.in_order()) == ("/api", True, ("/api", "/v1", ""))
    places.reopen()
    assert not places.is_sure
    only = Places(("/v1",))
    only.reopen()
    assert only.is_sure
