"""Laws of the code itself: what varies is a value, not a name that is compared or a method that is overridden."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from linx.config.shape import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
KINDS = frozenset(get_args(Kind))
# Where a kind may be called by its name: the values themselves.
KIND_FILES = {"linx/providers/kind.py", "linx/providers/kinds.py"}


@cache
def trees() -> dict[str, ast.Module]:
    """Every source file by its path, parsed."""
    paths = sorted((ROOT / "linx").rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in paths}


def names_a_kind(node: ast.AST | None) -> bool:
    """Is it a kind's name, or a collection that holds one?"""
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(map(names_a_kind, node.elts))
    return isinstance(node, ast.Constant) and node.value in KINDS


def about_kinds(node: ast.AST) -> bool:
    """Does the expression speak of a provider's kind?"""
    return any(isinstance(one, ast.Attribute | ast.Name) and last_name(one) == "kind" for one in ast.walk(node))


def last_name(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


def test_no_kind_is_compared_by_name() -> None:
    found = []
    for path, tree in trees().items():
        if path in KIND_FILES:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Compare) and about_kinds(node) and any(map(names_a_kind, ast.walk(node))):
                found.append(f"{path}:{node.lineno}: {ast.unparse(node)}")
            if isinstance(node, ast.match_case) and any(map(names_a_kind, ast.walk(node.pattern))):
                found.append(f"{path}:{node.pattern.lineno}: case {ast.unparse(node.pattern)}")
    assert not found, "ask for a Feature of provider.kind instead:\n" + "\n".join(found)


def test_one_table_is_keyed_by_kind() -> None:
    tables = [
        f"{path}:{node.lineno}"
        for path, tree in trees().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict) and sum(map(names_a_kind, node.keys)) > 1 and path not in KIND_FILES
    ]
    # Dialects toward clients have some of the same names, and are no kinds.
    assert [place for place in tables if not place.startswith(("linx/app.py:", "linx/endpoints.py:"))] == []


class Class:
    """A class of the source: its file, its bases by name, and its own methods."""

    def __init__(self, path: str, node: ast.ClassDef) -> None:
        self.path = path
        self.name = node.name
        bases = [base.value if isinstance(base, ast.Subscript) else base for base in node.bases]
        self.bases = [last_name(base) for base in bases if isinstance(base, ast.Attribute | ast.Name)]
        self.methods = {one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_no_class_overrides_a_private_method_of_another_file() -> None:
    classes = [
        Class(path, node) for path, tree in trees().items() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
    ]
    by_name = {one.name: one for one in classes}

    def ancestors(one: Class) -> Iterator[Class]:
        for base in one.bases:
            if base in by_name:
                yield by_name[base]
                yield from ancestors(by_name[base])

    found = []
    for one in classes:
        for base in ancestors(one):
            both = {name for name in one.methods & base.methods if name.startswith("_") and not name.startswith("__")}
            if both and one.path != base.path:
                found.append(f"{one.path}: {one.name} over {base.name}: {', '.join(sorted(both))}")
    assert not found, "what varies is handed in:\n" + "\n".join(found)


def test_every_package_names_its_parts() -> None:
    """A package's ``__init__`` is a docstring that names every file and folder in it, and nothing else."""
    for path, tree in trees().items():
        if not path.endswith("/__init__.py") or path == "linx/__init__.py":
            continue
        assert len(tree.body) == 1, f"{path} holds more than its docstring"
        text = ast.get_docstring(tree) or ""
        folder = (ROOT / path).parent
        parts = {one.stem for one in folder.glob("*.py") if one.stem != "__init__"}
        parts |= {one.parent.name for one in folder.glob("*/__init__.py")}
        missing = sorted(part for part in parts if f"``{part}``" not in text)
        assert not missing, f"{path} does not name {', '.join(missing)}"
