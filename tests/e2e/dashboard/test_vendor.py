"""The files of the page: those of others are the released ones, ours parse, and nothing points outside."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from typing import Any

import pytest

from tests.conftest import find_program
from tests.e2e.dashboard.fake_linx import STATIC

VENDOR = STATIC / "vendor"
LIST: list[dict[str, Any]] = json.loads((VENDOR / "versions.json").read_text())
OWN = sorted(path for path in STATIC.iterdir() if path.is_file())
TEXTS = [path for path in OWN if path.suffix in (".js", ".css", ".html")]


@pytest.mark.parametrize("entry", LIST, ids=lambda entry: f"{entry['name']} {entry['file']}")
def test_a_file_of_others_is_the_one_that_was_chosen(entry: dict[str, Any]) -> None:
    assert hashlib.sha256((VENDOR / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert (VENDOR / entry["licence_file"]).stat().st_size > 500


def test_every_file_of_others_is_listed() -> None:
    there = {path.name for path in VENDOR.iterdir() if path.is_file()} - {"versions.json"}
    assert there == {entry["file"] for entry in LIST}


@pytest.mark.needs("node")
def test_every_module_parses() -> None:
    node = find_program("node")
    assert node is not None
    script = (
        "const {SourceTextModule} = require('node:vm'); const {readFileSync} = require('node:fs');"
        "process.argv.slice(1).forEach((file) => new SourceTextModule(readFileSync(file, 'utf8'), {identifier: file}));"
    )
    files = [str(path) for path in OWN if path.suffix == ".js"]
    done = subprocess.run(
        [node, "--experimental-vm-modules", "--no-warnings", "-e", script, *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_a_file_of_ours_is_small_documented_and_names_no_other_origin(path: Any) -> None:
    text = path.read_text()
    assert text.count("\n") <= 220
    if path.suffix != ".html":
        assert text.startswith("/* ")
    outside = re.findall(r"(?:https?:)?//[a-z][\w.-]+\.[a-z]+[\w./-]*", re.sub(r"http://www\.w3\.org/\S+", "", text))
    assert not outside


def test_the_page_has_no_script_or_style_inside() -> None:
    html = (STATIC / "index.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]* src=)", html)


def test_the_page_is_light() -> None:
    """What a browser loads before the first row, compressed."""
    import gzip

    loaded = [path for path in STATIC.rglob("*") if path.suffix in (".js", ".css", ".html")]
    assert sum(len(gzip.compress(path.read_bytes())) for path in loaded) < 160_000
