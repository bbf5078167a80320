"""Whoever plays a role around an attempt has all that the role asks for."""

from __future__ import annotations

from typing import Any

import pytest

from linx.handlers.answers.relay_attempt import RelayReader, RelayWriter
from linx.handlers.answers.series import Series
from linx.routing.attempt import Attempt
from linx.routing.chat_attempt import ChatWriter
from linx.routing.chunk_reader import ChunkReader
from linx.routing.roles import Reader, RequestWriter, Try


@pytest.mark.parametrize(
    ("player", "role"),
    [
        (Attempt, Try),
        (Series, Try),
        (ChatWriter, RequestWriter),
        (RelayWriter, RequestWriter),
        (ChunkReader, Reader),
        (RelayReader, Reader),
    ],
)
def test_every_part_of_a_role_is_there(player: type, role: Any) -> None:
    parts = {name for name in vars(role) if callable(vars(role)[name]) or isinstance(vars(role)[name], property)}
    own = {name for name in parts if not name.startswith("_") or name in ("__enter__", "__exit__")}
    assert own, "a role without parts would be played by anybody"
    assert own <= set(dir(player))
