"""Laws of the code itself: what varies is handed in, and a room names its parts."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent


@cache
def trees() -> dict[str, ast.Module]:
    """Every source file by its path, parsed."""
    paths = sorted((ROOT / "linx").rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in paths}


def last_name(node: ast.Attribute | ast.Name) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id


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
    found = []
    for path, tree in trees().items():
        if not path.endswith("/__init__.py") or path == "linx/__init__.py":
            continue
        if len(tree.body) != 1:
            found.append(f"{path} holds more than its docstring")
        text = ast.get_docstring(tree) or ""
        folder = (ROOT / path).parent
        parts = {one.stem for one in folder.glob("*.py") if one.stem != "__init__"}
        parts |= {one.parent.name for one in folder.glob("*/__init__.py")}
        missing = sorted(part for part in parts if f"``{part}``" not in text)
        if missing:
            found.append(f"{path} does not name {', '.join(missing)}")
    assert not found, "\n".join(found)
