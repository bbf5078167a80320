"""The documents say what Linx does: made parts are fresh, examples are configs, links lead somewhere, commands run."""

from __future__ import annotations

import ast
import getopt
import os
import re
import urllib.request
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote
from xml.etree import ElementTree

import pytest
import trio

from linx import command_line
from linx.cli import main
from linx.config.load import load
from linx.config.shape import json_schema
from linx.core import jsontext
from linx.providers.kinds import KINDS
from linx.setup.clients.table import CLIENTS
from tests.documents import commands, first_minute, pages, reference
from tests.documents.pages import ROOT, documents, made_anew, shown
from tests.documents.terminal import Line, svg
from tests.e2e.linx_process import LinxProcess, config_for
from tests.fakes.provider import FakeProvider

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

DOCUMENTS = documents()
BY_NAME = pytest.mark.parametrize("path", DOCUMENTS, ids=shown)
_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


@BY_NAME
def test_made_parts_are_fresh(path: Path) -> None:
    text = path.read_text()
    assert made_anew(text) == text, "stale: run scripts/docs"


def test_every_client_has_its_page() -> None:
    folder = ROOT / "docs" / "clients"
    assert {path.stem for path in folder.glob("*.md")} == {*CLIENTS, "README"}
    for name, client in CLIENTS.items():
        text = (folder / f"{name}.md").read_text()
        assert text.startswith(f"# {client.title}\n")
        assert f"<!-- made: client {name} -->" in text
        assert f"<!-- made: client-facts {name} -->" in text
        assert f"linx launch {name} " in text


# --- configuration ---


def test_every_key_is_described_in_a_line() -> None:
    for name, part in json_schema()["$defs"].items():
        for key, value in part["properties"].items():
            text = value.get("description", "")
            assert text, f"{name}.{key} has no description"
            assert "\n" not in text


def test_every_part_of_the_schema_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    for name in json_schema()["$defs"]:
        part = reference.ALIKE.get(name, name)
        assert f"\n## {reference.TITLES[part]}\n" in text
        assert f"<!-- made: config {part} -->" in text


class AnyVariable(dict[str, str]):
    """An environment in which every variable has a value."""

    def __missing__(self, name: str) -> str:
        return "http://127.0.0.1:9/" if name.endswith("_URL") else "0123456789abcdef0123456789"

    def __contains__(self, name: object) -> bool:
        return True

    def get(self, name: str, default: Any = None) -> Any:
        return default if name == "LINX_CONFIG" else self[name]


def examples(path: Path) -> Iterator[str]:
    """The blocks of JSON that are a config: those that have one of its keys."""
    keys = json_schema()["$defs"]["FileShape"]["properties"]
    by_hand = pages.PART.sub("", path.read_text())
    for block in re.findall(r"^```json\n(.*?)^```", by_hand, re.MULTILINE | re.DOTALL):
        value = jsontext.loads(block.encode())
        if isinstance(value, dict) and not keys.keys().isdisjoint(value):
            yield block


def test_examples_are_configs(tmp_path: Path) -> None:
    found = 0
    for path in DOCUMENTS:
        for block in examples(path):
            found += 1
            file = tmp_path / f"{found}.json"
            file.touch(0o600)
            file.write_text(block)
            env: Mapping[str, str] = AnyVariable()
            assert load(str(file), env, KINDS).path == str(file), f"{shown(path)}: {block}"
    assert found >= 14


# --- links ---


def anchors(path: Path) -> set[str]:
    """The anchors that GitHub makes of a document's headings."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.*)$", _FENCE.sub("", path.read_text()), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        anchor = re.sub(r"[^\w\- ]", "", plain.lower()).replace(" ", "-")
        number = next(
            number for number in range(99) if f"{anchor}-{number}" not in found and (number or anchor not in found)
        )
        found.add(f"{anchor}-{number}" if number else anchor)
    return found


def links(path: Path) -> list[str]:
    text = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", path.read_text()))
    return re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", text)


@BY_NAME
def test_links_lead_somewhere(path: Path) -> None:
    for link in links(path):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, anchor = unquote(link).partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), link


# --- what Linx says ---


def sentences() -> set[str]:
    """Every text in the program, whole or as far as it goes between two values."""
    found: set[str] = set()
    for path in (ROOT / "linx").rglob("*.py"):
        found |= {
            node.value
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    return found


def test_quoted_words_are_those_of_the_program() -> None:
    """A block of ``text`` in troubleshooting.md: … where a value stands, advice behind a semicolon."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    blocks = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 20
    said = "\n".join(sentences())
    for piece in (piece.strip() for block in blocks for piece in re.split(r"…|; |\n", block)):
        assert len(piece) < 4 or piece in said, piece


# --- commands ---


def all_commands() -> dict[str, str]:
    """Each command with the document that shows it; a command that is shown twice counts once."""
    return {command: shown(path) for path in reversed(DOCUMENTS) for command in commands.commands(path.read_text())}


def test_commands_of_linx_are_understood() -> None:
    for path in DOCUMENTS:
        text = path.read_text()
        told = [command for command in commands.commands(text) if command.startswith("linx ")]
        for command in {*told, *commands.of_linx(text)}:
            argv = commands.words(command)[1:]
            assert command_line.parse(argv[: argv.index(">")] if ">" in argv else argv), f"{shown(path)}: {command}"


def test_programs_of_ours_exist() -> None:
    for command, path in all_commands().items():
        program, *rest = commands.words(command)
        if program.startswith("scripts/"):
            assert os.access(ROOT / program, os.X_OK), f"{path}: {command}"
        elif program == "python" and rest[:1] == ["-m"] and rest[1].startswith("benchmarks"):
            assert find_spec(rest[1]) is not None, f"{path}: {command}"


def test_what_is_not_run_is_shown_somewhere_or_may_be() -> None:
    """The first word of each form is a program that documents may show; the reasons are words."""
    assert all(why.strip() for why in commands.NOT_RUN.values())
    for command, path in all_commands().items():
        if commands.reason(command) is None:
            assert commands.words(command)[0] in ("linx", "curl"), f"{path}: say in NOT_RUN why no test runs: {command}"


async def test_every_other_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the order of the documents, in an empty home, with one Linx for all of them."""
    config = tmp_path / "linx" / "config.json"
    config.parent.mkdir()
    async with FakeProvider("ollama", ["qwen3:8b"]) as fake:
        sections: dict[str, Any] = {
            "providers": {"ollama1": {"model_mappings": {"gpt-4o": "qwen3:8b", "default": "qwen3:8b"}}}
        }
        async with LinxProcess(config_for(fake, **sections), config.parent) as linx:
            monkeypatch.setenv("HOME", str(tmp_path))
            monkeypatch.chdir(tmp_path)
            ran = 0
            for command, path in all_commands().items():
                if commands.reason(command) is not None:
                    continue
                argv = commands.words(command)
                argv = argv[: argv.index(">")] if ">" in argv else argv
                if argv[0] == "linx":
                    port = ["--port", str(linx.port)] if argv[1] == "setup" else []
                    assert await trio.to_thread.run_sync(main, [*argv[1:], *port]) == 0, f"{path}: {command}"
                    said = capsys.readouterr().out
                else:
                    said = await trio.to_thread.run_sync(curl, argv[1:], linx.port)
                assert said.strip() or argv[:3] == ["linx", "key", "remove"], f"{path}: {command}"
                ran += 1
    assert ran > 20


def curl(words: list[str], port: int) -> str:
    """What ``curl`` would print, for the options that documents use."""
    options, rest = getopt.gnu_getopt(words, "sNX:d:H:")
    given = dict(options)
    url = re.sub(r"^(?:http://)?(?:localhost|127\.0\.0\.1):8080/", f"http://127.0.0.1:{port}/", rest[0])
    assert url.startswith("http://127.0.0.1:"), words
    body = given["-d"].encode() if "-d" in given else b"" if "-X" in given else None
    with urllib.request.urlopen(urllib.request.Request(url, body, method=given.get("-X"))) as answer:
        return str(answer.read().decode())


# --- the picture of a terminal ---


def test_a_terminal_is_drawn() -> None:
    lines = [
        Line(0.3, "$ linx --demo", is_typed=True),
        Line(2, "\x1b[1mLinx\x1b[0m \x1b[32mup\x1b[0m <1>"),
        Line(3, "x" * 150),
    ]
    tree = ElementTree.fromstring(svg(lines, "a & b"))
    texts = ["".join(node.itertext()) for node in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["a & b", "$ ", "linx", "--demo", "Linx up <1>", "x" * 100, "x" * 50]
    assert "http" not in svg(lines, "a & b").replace("http://www.w3.org/2000/svg", "")


def test_the_picture_of_the_first_minute_is_of_the_commands_that_are_run() -> None:
    picture = (ROOT / "docs" / "img" / "first-minute.svg").read_text()
    texts = " ".join("".join(node.itertext()) for node in ElementTree.fromstring(picture).iter())
    for command, _until in first_minute.STEPS:
        assert all(word in texts for word in command.split()[:2]), command
