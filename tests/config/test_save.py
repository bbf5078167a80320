"""Config files are written whole or not at all, with the rights that they had."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from linx.config import save
from linx.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable


def to(text: bytes) -> Callable[[bytes | None], bytes]:
    return lambda _old: text


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640])
def test_the_mode_stays(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b"old")
    path.chmod(mode)
    save.change(str(path), lambda old: (old or b"") + b" and new")
    assert (path.read_bytes(), mode_of(path), os.listdir(tmp_path)) == (b"old and new", mode, ["config.json"])


def test_a_new_file_is_its_owners_alone_and_its_folder_is_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "config.json"
    seen: list[bytes | None] = []
    save.change(str(path), lambda old: seen.append(old) or b"new")  # type: ignore[func-returns-value]
    assert (seen, path.read_bytes(), mode_of(path)) == ([None], b"new", 0o600)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles" / "linx.json", tmp_path / "config.json"
    real.parent.mkdir()
    real.write_bytes(b"old")
    link.symlink_to(Path("dotfiles") / "linx.json")
    save.change(str(link), to(b"new"))
    assert (link.is_symlink(), real.read_bytes()) == (True, b"new")


def test_an_edit_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b"old")

    def edit(_old: bytes | None) -> bytes:
        raise ConfigError("config.json", "no")

    with pytest.raises(ConfigError, match=r"config\.json: no"):
        save.change(str(path), edit)
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["config.json"])


def test_a_change_by_another_program_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b"old")

    def edit(_old: bytes | None) -> bytes:
        path.write_bytes(b"changed by an editor")
        return b"new"

    with pytest.raises(ConfigError, match="was changed by another program just now; try again"):
        save.change(str(path), edit)
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"changed by an editor", ["config.json"])


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(b"old")

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ConfigError, match="cannot be written: No space left on device"):
        save.change(str(path), to(b"new"))
    assert (path.read_bytes(), os.listdir(tmp_path)) == (b"old", ["config.json"])


def test_what_is_no_file_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a regular file"):
        save.change(str(tmp_path), to(b"new"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(ConfigError, match="cannot be written: Not a directory"):
        save.change(str(tmp_path / "file" / "config.json"), to(b"new"))
