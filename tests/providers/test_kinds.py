"""Every kind knows every task, is a word of the config, and is compared by its name nowhere."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any, get_args

import pytest

from linx.config.shape import SECTIONS
from linx.config.shape import Kind as Word
from linx.core.chat import Task
from linx.providers.kind import Feature, Kind
from linx.providers.kinds import KINDS

ROOT = Path(__file__).parents[2]
PLACES = ("linx/providers/kind.py", "linx/providers/kinds.py")
OTHER_TABLES = {
    "linx/app.py": "the faces, by the client's dialect",
    "linx/config/layers.py": "the sections of a file that are on without one",
    "linx/doctor/checks/troubles.py": "how a server of the kind is started by hand",
}
PATHS = {
    "ollama": ("/api/chat", "/api/generate", "/api/generate", "/api/embed"),
    "llamacpp": ("/chat/completions", "/completions", "/infill", "/embeddings"),
    "openrouter": ("/chat/completions", "/completions", "/completions", "/embeddings"),
    "openai": ("/chat/completions", "/completions", "/completions", "/embeddings"),
    "anthropic": ("/messages", "/", "/", "/"),
}
OWN = {
    "ollama": {
        "ollama": "/api/chat",
        "ollama_generate": "/api/generate",
        "ollama_embed": "/api/embed",
        "ollama_embeddings": "/api/embeddings",
    },
    "anthropic": {"anthropic": "/messages"},
}


def test_the_config_has_a_word_for_each() -> None:
    assert tuple(KINDS) == get_args(Word)
    assert all(KINDS[section].endpoint for section in SECTIONS)
    assert all(name == kind.name for name, kind in KINDS.items())


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_says_how_it_does_every_task_or_that_it_cannot(kind: Kind, task: Task) -> None:
    request = kind.requests[task]
    assert request.path("m") == PATHS[kind.name][list(Task).index(task)]
    assert request.decoder(str).problem is None
    assert request.accept
    # A kind means many servers, and of those not every one knows every path.
    assert request.lacks is not None or task is Task.CHAT or kind.name == "ollama"


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_its_own_dialect_is_asked_at_the_same_endpoint(kind: Kind) -> None:
    own = {dialect: request.path("m") for dialect, request in kind.own.items()}
    assert own == OWN.get(kind.name, {})


@pytest.mark.parametrize(
    ("kind", "task", "takes"),
    [
        ("openai", Task.COMPLETE, (True, True)),
        ("openrouter", Task.INSERT, (True, True)),
        ("llamacpp", Task.COMPLETE, (True, False)),
        ("llamacpp", Task.INSERT, (False, False)),
        ("ollama", Task.COMPLETE, (False, False)),
        ("ollama", Task.INSERT, (False, False)),
    ],
)
def test_how_much_is_asked_for_at_a_time(kind: str, task: Task, takes: tuple[bool, bool]) -> None:
    request = KINDS[kind].requests[task]
    assert (request.takes_lists, request.has_echo) == takes


def test_every_feature_is_some_kind_s() -> None:
    assert set().union(*(kind.features for kind in KINDS.values())) == set(Feature)


@pytest.mark.parametrize("path", sorted((ROOT / "linx").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_nobody_compares_the_name_of_a_kind(path: Path) -> None:
    if str(path.relative_to(ROOT)) in PLACES:
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            words = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
            assert not words & KINDS.keys(), f"{path}:{node.lineno}: {ast.unparse(node)}"
        elif isinstance(node, ast.match_case):
            assert not {one.value for one in _constants(node.pattern)} & KINDS.keys(), f"{path}: {ast.unparse(node)}"
        elif isinstance(node, ast.Dict) and str(path.relative_to(ROOT)) not in OTHER_TABLES:
            keys = {one.value for one in node.keys if isinstance(one, ast.Constant)}
            assert len(keys & KINDS.keys()) < 2, f"{path}:{node.lineno}: a second table of the kinds"


def _constants(pattern: ast.AST) -> list[Any]:
    return [one for one in ast.walk(pattern) if isinstance(one, ast.Constant)]
