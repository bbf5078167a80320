"""The documents say what Linx does: made parts are fresh, examples are configs, links and anchors lead somewhere."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from linx.config.load import load
from linx.config.shape import json_schema
from linx.core import jsontext
from linx.providers.kinds import KINDS
from linx.setup.clients.table import CLIENTS
from tests.documents import pages, reference
from tests.documents.pages import ROOT, documents, made_anew, shown

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
    """In troubleshooting.md a block of ``text`` holds Linx's own words.

    A value is …, and a semicolon stands before advice.
    """
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    blocks = re.findall(r"^```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(blocks) >= 20
    said = "\n".join(sentences())
    for piece in (piece.strip() for block in blocks for piece in re.split(r"…|; |\n", block)):
        assert len(piece) < 4 or piece in said, piece
