"""Files of clients: backed up, written in one step, put back byte for byte, and never thrown away."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

import pytest

from linx.setup.client import FileEdit
from linx.setup.edits.jsonc import JsonEdit
from linx.setup.written import NotWritten, Record, for_a_while, undo, write

EDIT = JsonEdit(((("env", "URL"), "http://x"),))
OTHER = JsonEdit(((("env", "URL"), "http://other"),))
MINE = b'{\r\n  // mine\r\n  "a": 1\r\n}'


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path / "state" / "setup.json")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder / "settings.json"


def backup(path: Path) -> Path:
    return path.with_name(path.name + ".linx-backup")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_a_file_that_is_there(path: Path, record: Record) -> None:
    path.write_bytes(MINE)
    path.chmod(0o640)
    told = write(FileEdit(path, EDIT), record, "http://x").text
    assert b'"URL": "http://x"' in path.read_bytes()
    assert b"// mine\r\n" in path.read_bytes()
    assert (backup(path).read_bytes(), mode(path), mode(backup(path))) == (MINE, 0o640, 0o640)
    assert "settings.json.linx-backup beside it" in told
    assert "other users" in told
    assert undo(FileEdit(path, EDIT), record).text == f"put {path} back as it was"
    assert everything(path.parent) == {"settings.json": MINE}
    assert mode(path) == 0o640


def test_a_file_that_is_not_there_and_its_folders(path: Path, record: Record) -> None:
    deep = path.parent / "a" / "b" / "settings.json"
    assert write(FileEdit(deep, EDIT), record, "http://x").text == f"wrote {deep}"
    assert mode(deep) == 0o600
    undo(FileEdit(deep, EDIT), record)
    assert [*path.parent.iterdir()] == []


def test_a_folder_in_which_something_else_lives_now_stays(path: Path, record: Record) -> None:
    deep = path.parent / "a" / "b" / "settings.json"
    write(FileEdit(deep, EDIT), record)
    (path.parent / "a" / "mine").write_text("x")
    undo(FileEdit(deep, EDIT), record)
    assert everything(path.parent) == {"a/mine": b"x"}
    assert not deep.parent.exists()


def test_twice_is_once_and_the_backup_is_that_of_the_first(path: Path, record: Record) -> None:
    path.write_bytes(MINE)
    write(FileEdit(path, EDIT), record)
    once = path.read_bytes()
    assert write(FileEdit(path, EDIT), record).text == f"{path} has these settings already"
    assert path.read_bytes() == once
    write(FileEdit(path, OTHER), record)
    assert backup(path).read_bytes() == MINE
    # The next Linx, and other settings than those that were written: the record knows what was.
    undo(FileEdit(path, EDIT), Record(record._path))
    assert everything(path.parent) == {"settings.json": MINE}


def test_what_its_user_has_changed_since_stays(path: Path, record: Record) -> None:
    path.write_bytes(MINE)
    write(FileEdit(path, EDIT), record)
    path.write_bytes(path.read_bytes().replace(b'"a": 1', b'"a": 2'))
    told = undo(FileEdit(path, EDIT), record).text
    assert told == f"{path} was changed since, so only the settings of Linx were taken out of it"
    assert everything(path.parent) == {"settings.json": MINE.replace(b'"a": 1', b'"a": 2')}


def test_what_is_not_understood_any_more_stays_and_so_does_the_backup(path: Path, record: Record) -> None:
    path.write_bytes(MINE)
    write(FileEdit(path, EDIT), record)
    path.write_bytes(b"{ half")
    with pytest.raises(NotWritten, match=r"was changed since, and it is not JSON .* what it was before is in"):
        undo(FileEdit(path, EDIT), record)
    assert everything(path.parent) == {"settings.json": b"{ half", "settings.json.linx-backup": MINE}


def test_a_file_that_was_deleted_since(path: Path, record: Record) -> None:
    path.write_bytes(MINE)
    write(FileEdit(path, EDIT), record)
    path.unlink()
    undo(FileEdit(path, EDIT), record)
    assert everything(path.parent) == {"settings.json": MINE}


def test_a_backup_that_is_gone(path: Path, record: Record) -> None:
    path.write_bytes(MINE)
    write(FileEdit(path, EDIT), record)
    backup(path).unlink()
    with pytest.raises(NotWritten, match="is gone"):
        undo(FileEdit(path, EDIT), record)
    assert b'"URL"' in path.read_bytes()


def test_a_record_that_is_gone(path: Path, record: Record) -> None:
    path.write_bytes(MINE)
    write(FileEdit(path, EDIT), record)
    record._path.write_text("{ half")
    undo(FileEdit(path, EDIT), Record(record._path))
    assert everything(path.parent) == {"settings.json": MINE}


def test_nothing_to_undo(path: Path, record: Record) -> None:
    assert undo(FileEdit(path, EDIT), record).text == f"nothing to undo in {path}"
    path.write_bytes(MINE)
    undo(FileEdit(path, EDIT), record)
    assert everything(path.parent) == {"settings.json": MINE}


def test_a_symbolic_link_stays_one(path: Path, record: Record, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.json"
    real.write_bytes(MINE)
    path.symlink_to(real)
    write(FileEdit(path, EDIT), record)
    assert path.is_symlink()
    assert b'"URL"' in real.read_bytes()
    undo(FileEdit(path, EDIT), record)
    assert path.is_symlink()
    assert real.read_bytes() == MINE
    assert not backup(real).exists()


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"{ half", "is not JSON"), (b"\xff\xfe{", "is not UTF-8"), (b'{"env": 5}', "something else than an object")],
)
def test_what_is_left_alone(path: Path, record: Record, data: bytes, why: str) -> None:
    path.write_bytes(data)
    with pytest.raises(NotWritten, match=why):
        write(FileEdit(path, EDIT), record)
    assert everything(path.parent) == {"settings.json": data}
    assert record.of(path) is None


def test_what_is_no_file(path: Path, record: Record) -> None:
    path.mkdir()
    with pytest.raises(NotWritten, match="is no regular file"):
        write(FileEdit(path, EDIT), record)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(path: Path, record: Record) -> None:
    path.parent.chmod(0o500)
    with pytest.raises(NotWritten, match="cannot be written: Permission denied"):
        write(FileEdit(path, EDIT), record)


def test_a_crash_before_the_file_was_written_loses_nothing(
    path: Path, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(MINE)
    replace = os.replace

    def crash(source: str, target: Path) -> None:
        if Path(target) == path:
            raise OSError(28, "No space left on device")
        replace(source, target)

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(NotWritten, match="No space left on device"):
        write(FileEdit(path, EDIT), record)
    monkeypatch.undo()
    assert path.read_bytes() == MINE
    undo(FileEdit(path, EDIT), record)
    assert everything(path.parent) == {"settings.json": MINE}


def test_for_a_while(path: Path, record: Record) -> None:
    path.write_bytes(MINE)
    with for_a_while(FileEdit(path, EDIT), record):
        assert b"http://x" in path.read_bytes()
    assert everything(path.parent) == {"settings.json": MINE}
    write(FileEdit(path, EDIT), record)
    lasting = everything(path.parent)
    with contextlib.suppress(KeyError), for_a_while(FileEdit(path, OTHER), record):
        assert b"http://other" in path.read_bytes()
        raise KeyError
    assert everything(path.parent) == lasting
    undo(FileEdit(path, EDIT), record)
    assert everything(path.parent) == {"settings.json": MINE}
