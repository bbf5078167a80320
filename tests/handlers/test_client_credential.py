"""Which key of a request is the client's own. ``e2e/test_client_key`` shows where it goes."""

from __future__ import annotations

from typing import Any

import pytest

from linx.config.model import Config
from linx.config.shape import ServerConfig
from linx.core.client_key import NO_KEY, key_by_place
from linx.handlers.client_credential import client_credential
from linx.routing.router import Router
from tests.handlers.contexts import context_for
from tests.routing.world import provider

OWN, LINX, INVENTED, FOREIGN = "sk-ant-oat01-0123456789", "linx-key-1", "invented-key-2", "provider-key-3"


class Asked:
    """As much of a request as is looked at."""

    def __init__(self, path_key: str | None, is_known: bool, headers: dict[str, str]) -> None:
        self.path_key = None if path_key is None else path_key.encode()
        self.key = key_by_place(1) if is_known else NO_KEY
        self._headers = headers

    def header(self, name: bytes) -> bytes | None:
        value = self._headers.get(name.decode())
        return None if value is None else value.encode("latin-1")


def found(headers: dict[str, str], *, path_key: str | None = None, is_known: bool = False, wanted: bool = True) -> Any:
    config = Config(server=ServerConfig(api_keys=(LINX,)))
    context = context_for(config, Router([provider("claude", takes_client_key=wanted)], config.routing))
    context.redactor.add(INVENTED, FOREIGN)
    credential = client_credential(context, Asked(path_key, is_known, headers))  # type: ignore[arg-type]
    return credential and (credential._token.decode(), credential.is_bearer)


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({"authorization": f"Bearer {OWN}"}, (OWN, True)),
        ({"authorization": f"bearer  {OWN} "}, (OWN, True)),
        ({"x-api-key": OWN}, (OWN, False)),
        ({"authorization": f"Bearer {OWN}", "x-api-key": "another-1"}, (OWN, True)),
        ({"authorization": f"Bearer {LINX}", "x-api-key": OWN}, (OWN, False)),
        ({"authorization": f"Basic {OWN}"}, None),
        ({"authorization": OWN}, None),
        ({"authorization": "Bearer short"}, None),
        ({"authorization": "Bearer two words of it"}, None),
        ({"authorization": "Bearer \xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9\xe9"}, None),
        ({"authorization": f"Bearer {LINX}"}, None),
        ({"x-api-key": INVENTED}, None),
        ({"x-api-key": FOREIGN}, None),
        ({}, None),
    ],
    ids=[
        *(
            "bearer",
            "odd-spaces",
            "x-api-key",
            "both",
            "linx-beside",
            "basic",
            "no-scheme",
            "short",
            "words",
            "latin-1",
        ),
        *("linx", "invented", "provider", "none"),
    ],
)
async def test_which_key_is_the_clients_own(headers: dict[str, str], own: Any) -> None:
    assert found(headers) == own
    assert found(headers, path_key=LINX, is_known=True) == own
    assert found(headers, wanted=False) is None


async def test_where_linx_has_read_its_own_key_in_a_header_nothing_else_is_looked_for() -> None:
    assert found({"x-api-key": "not-in-the-config", "authorization": f"Bearer {OWN}"}, is_known=True) is None


async def test_the_key_of_the_path_is_never_passed_on() -> None:
    assert found({"authorization": "Bearer same-key-0001"}, path_key="same-key-0001", is_known=True) is None
