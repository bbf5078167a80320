"""The commands that documents show, and which of them a test cannot run.

A command is a line of a block of ``sh``, a line behind ``$`` in a block of ``console``, or an indented line that
begins with a program of ours; a line that ends within a quotation or with a backslash goes on in the next one.
What is made from the program is not looked at, and ``export`` is a setting.
"""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from tests.documents.pages import PART

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOT_RUN = {
    "linx": "serves until it is ended; tests/e2e/test_process.py",
    "linx -*": "serves until it is ended; tests/test_cli.py reads the options",
    "linx launch *": "needs the client's program; tests/setup/test_launch.py runs each with a stand-in",
    "linx service *": "needs a service manager; tests/service has one that answers",
    "linx doctor*": "tests/doctor",
    "linx tail*": "follows until it is ended; tests/test_tail.py",
    "curl * localhost:8080/api/tunnel/start": "a service elsewhere; tests/e2e/test_tunnel.py has an sshd",
    "scripts/*": "installs packages, and is what the automatic checks begin with",
    "python -m benchmarks*": "loads this machine for minutes; tests/benchmarks",
    "python -m pip *": "installs packages",
    "python linx.py*": "serves until it is ended; tests/e2e/test_process.py",
    "uv *": "another program, which fetches packages",
    "pipx *": "another program, which fetches packages",
    "git *": "another program, and a repository elsewhere",
    "docker *": "another program; tests/test_container.py reads the Dockerfile",
    "systemctl *": "another system's service manager",
    "journalctl *": "another system's log",
    "loginctl *": "another system's service manager",
    "haproxy *": "another program; tests/e2e/test_fronts.py starts it",
    "nginx *": "another program; tests/e2e/test_fronts.py starts it",
    "ollama *": "another program, and its models",
    "sleep *": "a wait between two of such",
    "dist/linx*": "the single binary, which scripts/build makes and tries",
    "./linx*": "the single binary, which scripts/build makes and tries",
}
"""What a test does not run, by its form, and why. The first form that fits counts."""
_PROGRAMS = ("linx", "curl", "python", "scripts/", "uv", "git", "docker", "systemctl", "pipx")
_BLOCK = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^    [^\s|].*\n)+", re.MULTILINE)
_INLINE = re.compile(r"`(linx [^`\n]+)`")


def commands(text: str) -> list[str]:
    """The commands of a document, each in one piece."""
    text = PART.sub("", text)
    found: list[str] = []
    for _indent, language, block in _BLOCK.findall(text):
        lines = [line.strip("\r") for line in block.splitlines()]
        if language in ("sh", "bash"):
            found += _joined(lines)
        elif language == "console":
            found += _behind_prompts(lines)
        elif not language:
            found += _joined([line for line in lines if line.startswith(_PROGRAMS)])
    for block in _INDENTED.findall(_BLOCK.sub("", text)):
        found += _joined(
            [
                line[4:]
                for line in block.splitlines()
                if line[4:].startswith(("linx ", "curl ", "scripts/", "python -m "))
            ]
        )
    return [command for command in found if not command.startswith(("export ", "cd ", "#"))]


def of_linx(text: str) -> set[str]:
    """Commands of Linx in the running text, but for forms (``linx key add NAME [LIMIT...]``) and names."""
    return {command for command in _INLINE.findall(text) if not re.search(r"[\[(…|]|^linx (?:key )?[a-z]+$", command)}


def words(command: str) -> list[str]:
    return shlex.split(command, comments=True)


def reason(command: str) -> str | None:
    """Why a test does not run the command; None where one does."""
    return next((why for form, why in NOT_RUN.items() if fnmatchcase(command, form)), None)


def _joined(lines: Sequence[str]) -> Iterator[str]:
    kept = ""
    for line in lines:
        kept = f"{kept}\n{line}" if kept else line
        if kept.endswith("\\"):
            continue
        try:
            split = words(kept)
        except ValueError:  # within a quotation
            continue
        if split:
            yield from _single(kept)
        kept = ""
    assert not kept, f"a command without its end: {kept}"


def _single(line: str) -> Iterator[str]:
    """The commands of a line without the remark behind them: ``a && b`` are two."""
    line = re.sub(r"\\\n\s*", " ", line)
    if "\n" not in line:
        line = re.sub(r"\s+#.*", "", line).strip()
    yield from (part.strip() for part in line.split(" && ")) if "'" not in line else (line,)


def _behind_prompts(lines: Sequence[str]) -> Iterator[str]:
    rest = list(lines)
    while rest:
        line = rest.pop(0)
        if not line.startswith("$ "):
            continue
        kept = [line[2:]]
        while True:
            try:
                words("\n".join(kept))
                break
            except ValueError:
                kept.append(rest.pop(0))
        yield from _single("\n".join(kept))
