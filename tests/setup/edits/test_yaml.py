"""Keys and entries set in YAML without a parser: held against PyYAML, and only what is plain is edited."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.setup.edits.edit import Unfit
from linx.setup.edits.yaml import BEGIN, END, YamlEntries, YamlKeys, check

yaml = pytest.importorskip("yaml")

KEYS = YamlKeys((("model", "openai/m:8b"), ("openai-api-base", "http://x/v1")))
MODELS = YamlEntries("models", ('- name: "Linx"', '  model: "m:8b"'), ("name: Linx", "schema: v1"))
LIST = YamlEntries("", ("- model_id: linx", "  n: 1"))
BLOCK = f"{BEGIN}\n- model_id: linx\n  n: 1\n{END}\n"
IN_MODELS = "".join(f"  {line}\n" for line in (BEGIN, '- name: "Linx"', '  model: "m:8b"', END))

EXAMPLES: dict[str, tuple[Any, str, str]] = {
    "keys, a new file": (KEYS, "", 'model: "openai/m:8b"\nopenai-api-base: "http://x/v1"\n'),
    "keys of its user": (
        KEYS,
        "# mine\nmodel: gpt-5  # good\nread:\n- a.md\n",
        '# mine\nmodel: "openai/m:8b"  # good\nread:\n- a.md\nopenai-api-base: "http://x/v1"\n',
    ),
    "entries, a new file": (MODELS, "", f"name: Linx\nschema: v1\nmodels:\n{IN_MODELS}"),
    "entries beside others": (
        MODELS,
        'name: x\nmodels:\n  - name: a\n    prompt: |\n      "open: [\nrules:\n  - b # c\n',
        f'name: x\nmodels:\n{IN_MODELS}  - name: a\n    prompt: |\n      "open: [\nrules:\n  - b # c\n',
    ),
    "entries without a list yet": (MODELS, "name: x\n", f"name: x\nmodels:\n{IN_MODELS}"),
    "entries of the file": (LIST, "- model_id: a\n", f"- model_id: a\n{BLOCK}"),
}


@pytest.mark.parametrize(("edit", "before", "after"), EXAMPLES.values(), ids=EXAMPLES)
def test_there_and_back(edit: Any, before: str, after: str) -> None:
    assert edit.apply(before) == after
    assert edit.apply(after) == after
    if before:
        assert edit.revert(after, before) == before


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        *((KEYS, text) for text in ("model: |\n  a\n", "model:\n  - a\n", "model: a\n  b\n", "- a\n", "{model: a}\n")),
        *((KEYS, text) for text in ("model: &x a\n", "a: 1\n---\nb: 2\n", "a: 'x\n  y'\n", "\ta: 1\n", "%YAML 1.2\n")),
        *((KEYS, text) for text in ("text\n", "? a\n", "a: 1\n...\n", "model: a\nmodel: b\n", "'model': |\n  x\n")),
        *((MODELS, text) for text in ("models: []\n", "models: [a]\n", "models:\n  a: 1\n", "models: *x\n")),
        *(
            (MODELS, text)
            for text in ("models:\n  - a\nmodels:\n  - b\n", f"models:\n  {BEGIN}\n", f"models:\n  {END}\n")
        ),
        (LIST, "a: 1\n"),
    ],
)
def test_what_is_not_understood_is_left_alone(edit: Any, text: str) -> None:
    with pytest.raises(Unfit):
        edit.apply(text)


def test_the_way_back_from_a_file_that_its_user_has_changed() -> None:
    before = "model: gpt-5 # mine\n"
    now = KEYS.apply(before).replace("openai/m:8b", "other") + "dark-mode: true\n"
    assert KEYS.revert(now, before) == "model: gpt-5 # mine\ndark-mode: true\n"
    now = MODELS.apply("name: x\n").replace(f"  {END}\n", f"  {END}\n  - name: mine\n")
    assert MODELS.revert(now, "name: x\n") == "name: x\nmodels:\n  - name: mine\n"


LINES = st.sampled_from(
    [
        *("model: a # b\n", "read:\n", "- a\n", "  - b\n", "  c: 1\n", "    d: [x, y]\n", "# e\n", "\n", "f: 'g'\n"),
        *("models:\n", "  - name: h\n", '    i: "j # k"\n', "l: |\n", "  m: [\n", "   n\n", "o: p: q\n", "r: s:t\n"),
        *(
            'u: "v\n',
            "  w\n",
            "openai-api-base: x\n",
            "y: {}\n",
            "- z: 1\n",
            "  - - aa\n",
            "bb: # cc\n",
            "dd: ee # ff\n",
        ),
    ]
)


def read(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return Unfit


@pytest.mark.untraced
@settings(max_examples=80, deadline=None)
@given(st.lists(LINES, max_size=7).map("".join), st.sampled_from([KEYS, MODELS, LIST]))
def test_every_file(before: str, edit: Any) -> None:
    was = read(before)
    try:
        after = edit.apply(before)
    except Unfit:
        return
    if was is Unfit:
        return  # what no parser reads may be edited as it likes; it stays unreadable
    found = read(after)
    if edit is KEYS:
        assert isinstance(found, dict), (before, after)
        assert found == {**(was or {}), "model": "openai/m:8b", "openai-api-base": "http://x/v1"}
    elif edit is MODELS:
        others = (was or {}).get("models") or [] if before.strip() else []
        assert found["models"] == [{"name": "Linx", "model": "m:8b"}, *others]
        if before.strip():
            assert {**found, "models": 0} == {**(was or {}), "models": 0}
    else:
        assert found == [*(was or []), {"model_id": "linx", "n": 1}]
    assert edit.apply(after) == after
    if before.strip() and before.endswith("\n"):
        assert edit.revert(after, before) == before


def test_lines_that_are_looked_through() -> None:
    assert len(check("---\na: b\nc:\n  - d: 'e'\n  - [f, g]\n# h\ni: >-\n  any: [thing\n\nj: k\n")) == 10
