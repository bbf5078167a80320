"""Keys that stand on a line of their own."""

from __future__ import annotations

import pytest

from linx.setup.edits.edit import Unfit
from linx.setup.edits.lines import TOML, YAML, Syntax, ended, new_line, place, split, with_value


@pytest.mark.parametrize(
    ("syntax", "line", "value"),
    [
        (TOML, 'model = "a # b"  # mine', '"a # b"'),
        (TOML, "model='a'", "'a'"),
        (TOML, '"model" = 5', "5"),
        (YAML, "model: gpt-4 turbo # mine", "gpt-4 turbo"),
        (YAML, 'model: "a # b"', '"a # b"'),
        (YAML, "model:  a:b", "a:b"),
    ],
)
def test_a_value_is_found_and_replaced_alone(syntax: Syntax, line: str, value: str) -> None:
    found = place([f"{line}\r\n"], "model", syntax)
    assert found is not None
    assert found[1][3] == value
    assert with_value(f"{line}\r\n", found[1], "X") == line.replace(value, "X") + "\r\n"


@pytest.mark.parametrize(
    ("syntax", "line"),
    [(TOML, 'model = """a'), (TOML, "model = [1]"), (TOML, "# model = 1"), (YAML, "model: |"), (YAML, "model: &a b")],
)
def test_what_goes_on_over_the_line_is_not(syntax: Syntax, line: str) -> None:
    assert place([line], "model", syntax) is None


def test_twice_is_no_place() -> None:
    with pytest.raises(Unfit, match="has model twice"):
        place(["model: a", "model: b"], "model", YAML)


def test_lines() -> None:
    assert split("a\r\nb\x0bc\n\nd") == ["a\r\n", "b\x0bc\n", "\n", "d"]
    assert ended(["a\n", "b"], "\n") == ["a\n", "b\n"]
    assert ended([], "\n") == []
    assert new_line("x\r\n", "model", '"a"', TOML) == 'model = "a"\r\n'
