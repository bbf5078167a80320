"""The law of the house: who may import whom, where I/O may be, that every file has its test."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "linx").rglob("*.py"))
# Top floor first. A room may import from its own package and from floors below.
FLOORS = [
    {"linx.__main__"},
    {"linx.cli"},
    {"linx.app", "linx.doctor"},
    {"linx.endpoints"},
    {"linx.handlers"},
    {"linx.routing", "linx.dashboard", "linx.tunnel", "linx.demo", "linx.demo_child"},
    {"linx.server", "linx.upstream", "linx.dialects", "linx.config", "linx.telemetry", "linx.clients"}
    | {"linx.access", "linx.advice", "linx.log"},
    {"linx.chat", "linx.errors", "linx.jsontext", "linx.transport", "linx.framing", "linx.redaction", "linx.addresses"}
    | {"linx.repeats"}
    | {"linx.worker"},
]
# Inside a package: a room may import only what stands before it in its list.
ORDERS = {
    "linx.tunnel": ["child", "commands", "lines", "explain", "supervisor"],
    "linx.routing": ["prices", "health", "slots", "ways", "provider", "catalog", "router", "attempt", "race"],
}
NO_IO = {"trio", "socket", "ssl", "h11", "time", "random", "secrets", "os"}
ONLY_IN = {
    "h11": {"linx/server/connection.py", "linx/upstream/connection.py"},
    "orjson": {"linx/jsontext.py"},
    "json": {"linx/jsontext.py"},
    "docopt": {"linx/cli.py"},
    "trio_websocket": {"linx/dashboard/feed.py"},
}


def room_of(module: str) -> str | None:
    """The entry of FLOORS that a module belongs to."""
    for floor in FLOORS:
        for room in floor:
            if module == room or module.startswith(room + "."):
                return room
            if module.startswith(room + "_"):  # one room in several files, such as config_file
                return room
    return None


def level_of(room: str) -> int:
    return next(level for level, floor in enumerate(FLOORS) if room in floor)


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            yield node.module
            if node.module.split(".")[0] == "linx":
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_imports_run_downward(path: Path) -> None:
    mine = room_of(name_of(path))
    if mine is None:
        assert name_of(path) == "linx", f"{path} is in no room: add it to FLOORS"
        return
    for module in imports(path):
        theirs = room_of(module)
        if theirs is None or theirs == mine:
            continue
        assert level_of(theirs) > level_of(mine), f"{name_of(path)} imports {module}, which is not below it"


@pytest.mark.parametrize("package", ORDERS)
def test_inside_a_package_too(package: str) -> None:
    order = ORDERS[package]
    folder = ROOT / package.replace(".", "/")
    for path in folder.glob("*.py"):
        if path.stem == "__init__":
            continue
        for module in imports(path):
            room = module.removeprefix(package + ".").split(".")[0]
            if module.startswith(package + ".") and room != path.stem:
                assert order.index(room) < order.index(path.stem), f"{path.stem} imports {room}"


@pytest.mark.parametrize("path", sorted((ROOT / "linx" / "dialects").glob("*.py")), ids=name_of)
def test_dialects_do_no_io(path: Path) -> None:
    assert not {module.split(".")[0] for module in imports(path)} & NO_IO


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_a_library_is_named_in_its_one_place(path: Path) -> None:
    here = str(path.relative_to(ROOT))
    for module in imports(path):
        allowed = ONLY_IN.get(module.split(".")[0])
        assert allowed is None or here in allowed, f"{here} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_file_has_its_test(path: Path) -> None:
    if path.name == "__init__.py":
        return
    inner = path.relative_to(ROOT / "linx")
    name = "test_main.py" if inner.stem == "__main__" else f"test_{inner.stem}.py"
    assert (ROOT / "tests" / inner.parent / name).exists(), f"{inner} has no test file"


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_file_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))
