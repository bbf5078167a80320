"""Names that a model has bent."""

from __future__ import annotations

import time

import pytest

from linx.core.chat import ChatBody, Chunk, Dialect, ToolDelta
from linx.dialects.adaptation.bent_names import OfferedTools, resolved

OFFERED = ("Bash", "read_file", "mcp__fs__list_dir", "mcp__web__search", "mcp__docs__search", "ns.run", "a", "A")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Bash", "Bash"),
        ("functions.Bash", "Bash"),
        ("default_api.read_file", "read_file"),
        ("default_api:read_file", "read_file"),
        ("tools/read_file", "read_file"),
        ("functions.ns.run", "ns.run"),
        ("run", "ns.run"),
        ("read_file<|channel|>commentary", "read_file"),  # harmony: ollama#12132
        ("functions.read_file<|channel|>analysis", "read_file"),
        ("read_file commentary", "read_file"),
        (" read_file\n", "read_file"),
        ("`read_file`", "read_file"),
        ("read_file(path)", "read_file"),
        ("list_dir", "mcp__fs__list_dir"),
        ("fs__list_dir", "mcp__fs__list_dir"),
        ("mcp__other__read_file", "read_file"),
        ("bash", "Bash"),
        ("ReadFile", "read_file"),
        ("read-file", "read_file"),
        ("mcp_fs_list_dir", "mcp__fs__list_dir"),
        ("search", None),  # two fit
        ("web.search", None),
        ("mcp__web__search", "mcp__web__search"),
        ("mcp-web-search", "mcp__web__search"),
        ("a", "a"),
        ("functions.A", "A"),
        ("write_file", None),
        ("", None),
        ("functions.", None),
        ("<|channel|>", None),
        ("___", None),
    ],
)
def test_a_name_is_resolved_where_exactly_one_tool_fits(name: str, meant: str | None) -> None:
    assert resolved(name, OFFERED) == meant


def test_a_long_name_is_looked_at_in_part_only() -> None:
    assert resolved("x." * 100_000, OFFERED) is None


def called(name: str) -> Chunk:
    source = {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"name": name}}]}}]}
    return Chunk(tools=[ToolDelta(0, "1", name)], source=source, dialect=Dialect.OPENAI)


def test_a_call_gets_the_name_of_the_tool_it_means() -> None:
    body = ChatBody({"tools": [{"type": "function", "function": {"name": "read_file"}}, None, {}]})
    offered = OfferedTools(body)
    chunks = [Chunk(text="functions.read_file"), called("functions.read_file"), called("unknown")]
    for chunk in chunks:
        offered.resolve(chunk)
    assert chunks[0].text == "functions.read_file"
    assert [chunk.tools[0].name for chunk in chunks[1:] if chunk.tools] == ["read_file", "unknown"]
    assert chunks[1].source == called("read_file").source


def test_functions_of_the_old_form_are_offered_too() -> None:
    chunk = called("functions.f")
    OfferedTools(ChatBody({"functions": [{"name": "f"}]})).resolve(chunk)
    assert chunk == called("f")


@pytest.mark.parametrize("name", ["a." * 128, "functions." * 25, "x" * 5000])
def test_many_calls_of_what_is_no_tool_cost_little(name: str) -> None:
    """A model that has lost its way repeats itself, and an answer may have a thousand calls."""
    tools = [f"mcp__server_{number}__tool__name_{number}" for number in range(500)]
    began = time.perf_counter()
    for number in range(50):
        assert resolved(f"{name}{number}!", tools) is None
    assert time.perf_counter() - began < 1.0
