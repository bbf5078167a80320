"""The stand-ins do what they are told."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

from linx.core import jsontext
from tests.fakes.programs import Life, Program, lhr

if TYPE_CHECKING:
    from pathlib import Path


def test_each_start_has_its_life(tmp_path: Path) -> None:
    program = Program(tmp_path / "bin", "ssh", [Life(out=["one"], code=3), Life(err=["two"], code=0)])
    seen = [
        subprocess.run([str(tmp_path / "bin" / "ssh"), "-x"], capture_output=True, text=True, check=False)
        for _ in range(3)
    ]
    assert [(one.returncode, one.stdout, one.stderr) for one in seen] == [
        (3, "one\n", ""),
        (0, "", "two\n"),
        (0, "", "two\n"),
    ]
    assert [call["argv"] for call in program.calls] == [["-x"]] * 3


def test_the_line_of_localhost_run() -> None:
    assert jsontext.loads(lhr("abc.lhr.life").encode())["address"] == "abc.lhr.life"
