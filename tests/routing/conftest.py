"""What the tests of attempts share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.upstream.dial import Dialer
from linx.upstream.pool import Pool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(Dialer({}))
    yield pool
    pool.close_idle()
