"""What an error means for the user."""

from __future__ import annotations

import pytest

from linx.config.model import ProviderConfig
from linx.core.attempt_errors import (
    AttemptError,
    ConnectFailed,
    ConnectTimeout,
    Garbled,
    NameNotFound,
    NotLocal,
    Reset,
    Stalled,
    TLSFailed,
)
from linx.core.redaction import Redactor
from linx.dialects.failures.meaning import failure
from linx.doctor.facts import PropsFacts, Trouble
from linx.doctor.gather.probe import probe, trouble_of
from linx.providers.credit import Credit
from linx.providers.kinds import KINDS
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool
from tests.fakes.catalogue import Model
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Whole


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (NameNotFound("x"), Trouble.NAME),
        (TLSFailed("x"), Trouble.TLS),
        (ConnectTimeout("x"), Trouble.SILENT),
        (Stalled("x"), Trouble.SILENT),
        (NotLocal("x"), Trouble.REFUSED),
        (ConnectFailed("x"), Trouble.REFUSED),
        (Reset("x"), Trouble.STATUS),
        (Garbled("x"), Trouble.SHAPE),
        (failure(401, b"", None), Trouble.KEY),
        (failure(403, b"", None), Trouble.KEY),
        (failure(402, b"", None), Trouble.CREDIT),
        (failure(429, b"", None), Trouble.LIMIT),
        (failure(500, b"", None), Trouble.STATUS),
        (failure(404, b"", None), Trouble.STATUS),
        (failure(400, b'{"error":{"message":"API key not valid. Please pass a valid API key."}}', None), Trouble.KEY),
        (failure(400, b'{"error":{"message":"Bad Request"}}', None), Trouble.STATUS),
    ],
    ids=lambda one: one.name if isinstance(one, Trouble) else str(one)[:40],
)
def test_what_an_error_means(error: AttemptError, trouble: Trouble) -> None:
    assert trouble_of(error) is trouble


async def test_a_llamacpp_and_an_openrouter_tell_of_themselves() -> None:
    pool = Pool(Dialer({}))
    async with (
        FakeProvider("llamacpp", [Model("m", context_length=4096)]) as llama,
        FakeProvider("openrouter", ["m"]) as paid,
    ):
        paid.at["/api/v1/key"] = Whole(body=b'{"data":{"limit":5,"limit_remaining":4.5,"is_free_tier":true}}')
        config = ProviderConfig(name="a", kind="llamacpp", endpoint=llama.endpoint)
        found = await probe(config, KINDS["llamacpp"], pool, Redactor())
        assert found.props == PropsFacts(4096, 1, 131072) or found.props is not None
        assert found.trouble is None
        config = ProviderConfig(name="b", kind="openrouter", endpoint=paid.endpoint, api_key="k")
        found = await probe(config, KINDS["openrouter"], pool, Redactor())
        assert found.credit == Credit(5.0, 4.5, is_free_tier=True)
        assert found.has_list
        assert not paid.calls
    pool.close_idle()


async def test_names_that_are_configured_need_no_list() -> None:
    pool = Pool(Dialer({}))
    async with FakeProvider("openai", ["m"]) as fake:
        fake.at["/v1/models"] = Whole(404, b'{"error":{"message":"no such path"}}')
        config = ProviderConfig(name="a", kind="openai", endpoint=fake.endpoint, models=("n",))
        found = await probe(config, KINDS["openai"], pool, Redactor())
        assert (found.trouble, list(found.models), found.has_list) == (None, ["n"], False)
    pool.close_idle()
