"""What stands beside the code says the same as the code: the workflow, the forms, the metadata."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from linx.config.shape import Kind

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORKFLOW = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
NAMES_SCRIPTS = [
    ROOT / ".github" / "workflows" / "ci.yml",
    ROOT / ".github" / "pull_request_template.md",
    ROOT / ".pre-commit-config.yaml",
    ROOT / "CONTRIBUTING.md",
]
SOURCED = {"venv", "system-packages"}


def pythons() -> list[str]:
    """The versions of the classifiers, oldest first."""
    found = [re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", each) for each in PROJECT["classifiers"]]
    return [match[1] for match in found if match]


def test_the_workflow_runs_every_python_that_is_promised() -> None:
    (matrix,) = re.findall(r"^ +python: \[(.+)\]$", WORKFLOW, re.MULTILINE)
    assert re.findall(r'"(3\.\d+)"', matrix) == pythons()
    assert PROJECT["requires-python"] == f">={pythons()[0]}"
    assert set(re.findall(r'python-version: "(.+)"', WORKFLOW)) == {pythons()[0], pythons()[-1]}


def test_the_workflow_may_only_read_and_ends() -> None:
    (permissions,) = re.findall(r"^ *permissions:((?:\n +.+)+)", WORKFLOW, re.MULTILINE)
    assert permissions.split() == ["contents:", "read"]
    assert WORKFLOW.count("runs-on:") == WORKFLOW.count("timeout-minutes:")


@pytest.mark.parametrize("path", NAMES_SCRIPTS, ids=lambda path: path.name)
def test_scripts_that_are_named_exist(path: Path) -> None:
    names = set(re.findall(r"\bscripts/([\w-]+)", path.read_text()))
    assert names
    for name in names:
        assert os.access(ROOT / "scripts" / name, os.R_OK if name in SOURCED else os.X_OK), name


def test_the_repository_has_one_address() -> None:
    home = PROJECT["urls"]["Repository"]
    texts = [str(url) for url in PROJECT["urls"].values()]
    texts += [path.read_text() for path in (*FORMS, ROOT / "SECURITY.md")]
    links = [link for text in texts for link in re.findall(r"https://github\.com/[^\s)]+", text)]
    assert len(links) > len(PROJECT["urls"])
    assert not [link for link in links if link != home and not link.startswith(home + "/")]


def test_the_form_of_a_bug_knows_the_kinds() -> None:
    form = (ROOT / ".github" / "ISSUE_TEMPLATE" / "bug.yml").read_text()
    (options,) = re.findall(r"id: kind\n(?:.+\n)+? +options: \[(.+)\]", form)
    assert tuple(options.split(", ")[:-1]) == get_args(Kind)


def test_headers_that_a_form_asks_for_are_sent() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "linx").rglob("*.py"))
    asked = {name for path in FORMS for name in re.findall(r"`(x-[a-z-]+)`", path.read_text())}
    assert "x-linx-attempts" in asked
    assert not {name for name in asked if f'b"{name}"' not in sources}
