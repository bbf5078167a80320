"""Who listens, as Linux's files tell it."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

import pytest

from linx.doctor.gather.ports import owner_of

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell it by programs alone")
def test_this_very_process() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        assert owner_of(port) == "", "it does not listen yet"
        listener.listen()
        assert owner_of(port).endswith(f"(process {os.getpid()})")


@pytest.mark.skipif(os.name != "posix", reason="links")
def test_a_process_by_its_files(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    row = "   0: 0100007F:1F90 00000000:0000 {} 00000000:00000000 00:00000000 00000000  1000        0 {} 1\n"
    (tmp_path / "net" / "tcp").write_text(HEAD + row.format("0A", 41) + row.format("01", 42))
    for number, inode, name in ((7, 42, "client"), (8, 41, "llama-server")):
        (tmp_path / str(number) / "fd").mkdir(parents=True)
        (tmp_path / str(number) / "comm").write_text(f"{name}\n")
        (tmp_path / str(number) / "fd" / "3").symlink_to(f"socket:[{inode}]")
    assert owner_of(8080, tmp_path) == "llama-server (process 8)"
    assert owner_of(8081, tmp_path) == ""
    (tmp_path / "8" / "comm").unlink()
    assert owner_of(8080, tmp_path) == "a program (process 8)"
    assert owner_of(8080, tmp_path / "none") == ""
