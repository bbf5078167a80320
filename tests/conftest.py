"""What every test may ask for: the tiny model file, and programs outside Python. And what keeps a run of them cheap."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from tests.fakes.gguf_model import write_tiny_model
from tests.ids import readable

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs(command): a program that must be installed; see scripts/system-packages")
    config.addinivalue_line(
        "markers", "untraced: thousands of cases, or a Linx elsewhere; not counted for the coverage"
    )


def pytest_make_parametrize_id(val: object) -> str | None:
    return readable(val)


def pytest_collection_finish() -> None:
    """What was imported stays until the end: no collection of garbage has to walk through its 400,000 objects again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """Where nothing may be written beside the sources, the processes that tests start share a folder for bytecode.

    Otherwise each of the many Linxes would compile trio and everything else anew, which is most of a start.
    """
    if not sys.dont_write_bytecode:
        yield
        return
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", folder)
        yield


@pytest.fixture(scope="session", autouse=True)
def _state_folders() -> Iterator[str]:
    """Also a Linx that several tests share, and that starts before them, keeps its hands off the user's own files."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", os.path.join(folder, "shared"))
        patch.setenv("XDG_CONFIG_HOME", os.path.join(folder, "shared-config"))
        patch.setenv("LINX_PLACES", "none")  # no test finds the model servers of who runs it by accident
        patch.delenv("OLLAMA_HOST", raising=False)
        yield folder


@pytest.fixture(autouse=True)
def _state_of_its_own(_state_folders: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Linx that a test starts reads and writes files of that test alone, and none of who runs the tests."""
    monkeypatch.setenv("XDG_STATE_HOME", os.path.join(_state_folders, f"{id(request.node):x}"))
    monkeypatch.setenv("XDG_CONFIG_HOME", os.path.join(_state_folders, f"{id(request.node):x}-config"))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("needs"):
        command = marker.args[0]
        if find_program(command) is None:
            missing = f"{command} is not installed"
            if os.environ.get("CI") == "true":
                pytest.fail(missing)
            pytest.skip(missing)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What runs under generated cases and exhaustive tables is not counted for the coverage.

    Before Python 3.14 counting makes every line slow, those of trio and of hypothesis too: such a test takes three
    times as long. What it is about has cheaper tests beside it, and the coverage's floor is to be reached by those.
    Nor is a test counted whose Linx is a process of its own, in which nothing is counted anyway.
    """
    tracer = sys.gettrace()
    is_counted = not any(item.get_closest_marker(name) for name in ("hypothesis", "untraced"))
    if is_counted or "coverage" not in type(tracer).__module__:
        return (yield)
    sys.settrace(None)
    try:
        return (yield)
    finally:
        sys.settrace(tracer)


def find_program(command: str) -> str | None:
    """Where a program is; servers live outside an ordinary user's PATH."""
    return shutil.which(command, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"]))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real GGUF file that llama.cpp loads in well under a second."""
    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf")
