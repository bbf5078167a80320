"""A pool for probes, and a redactor that knows the key of ``asked``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.core.redaction import Redactor
from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool
from tests.providers.asked import KEY

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(Dialer({}))
    yield pool
    pool.close_idle()


@pytest.fixture
def redactor() -> Redactor:
    redactor = Redactor()
    redactor.add(KEY)
    return redactor
