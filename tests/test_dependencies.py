"""What runs beside everybody's keys: few packages, each file of them chosen by its hash."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import requires
from pathlib import Path

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements.lock").read_text()
DECLARED: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
MAX_PACKAGES = 18
"""With what each dependency needs itself. Whoever adds another says why."""


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", name.strip(), maxsplit=1)[0]).lower()


def locked() -> dict[str, str]:
    """What is written for each locked package: its version, marker and hashes."""
    lines = "".join(line for line in LOCK.splitlines(keepends=True) if not line.startswith("#"))
    entries = re.split(r"\n(?=\S)", lines.strip())
    return {plain(entry): entry for entry in entries}


def test_every_dependency_is_locked_by_hash() -> None:
    entries = locked()
    for name, entry in entries.items():
        assert re.match(r"\S+==\S+( ;[^\\]*)? \\\n", entry), name
        assert re.findall(r"--hash=sha256:[0-9a-f]{64}\b", entry), name
    needed = {plain(one) for one in DECLARED}
    for name in [*needed]:
        needed |= {plain(one) for one in requires(name) or () if ";" not in one}
    assert needed <= entries.keys(), "make requirements.lock anew; its first lines say how"


def test_few_packages_run_beside_the_keys() -> None:
    assert len(locked()) <= MAX_PACKAGES


def test_nothing_starts_with_python_itself() -> None:
    """A .pth file runs code at every start of Python, whatever is started."""
    assert not [*(ROOT / "linx").rglob("*.pth")]


def test_the_scripts_install_what_is_locked() -> None:
    venv = (ROOT / "scripts/venv").read_text()
    assert '--require-hashes --no-deps --requirement "$1"' in venv
    assert "    install_locked requirements.lock\n" in venv
    assert "\ninstall_locked requirements.lock\n" in (ROOT / "scripts/build").read_text()
