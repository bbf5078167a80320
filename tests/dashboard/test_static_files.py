"""The page's files: every one of a known kind, and nothing else."""

from __future__ import annotations

from pathlib import Path

import linx.dashboard
from linx.dashboard import static_files

FOLDER = Path(linx.dashboard.__file__).parent / "static"


def test_every_file_of_the_page_is_read() -> None:
    files = static_files.read()
    there = {path.relative_to(FOLDER).as_posix(): path for path in FOLDER.rglob("*") if path.is_file()}
    assert files.keys() == {name for name, path in there.items() if path.suffix in static_files.TYPES}
    for name, file in files.items():
        assert file.body == there[name].read_bytes()
        assert file.kind == static_files.TYPES[there[name].suffix]
    assert len({file.etag for file in files.values()}) == len({file.body for file in files.values()})


def test_only_known_kinds_are_read(tmp_path: Path) -> None:
    for name in ("a.js", "b.map", "c", "d.py", "e.html", ".js"):
        (tmp_path / name).write_text(name)
    (tmp_path / "vendor").mkdir()
    (tmp_path / "vendor" / "f.css").write_text("x")
    assert {name for name, _file in static_files._files(tmp_path, "")} == {"a.js", "e.html", ".js", "vendor/f.css"}
