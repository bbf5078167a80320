"""What the tests over real sockets may ask for."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.canaries import CANARIES, written
from tests.e2e.clients.packages import install
from tests.e2e.llamacpp import LlamaCpp, running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def llamacpp(tiny_model: Path) -> Iterator[LlamaCpp]:
    """A real llama.cpp with the tiny model, one for all tests."""
    with running(tiny_model) as llama:
        yield llama


@pytest.fixture(scope="session")
def node_packages(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a folder with the clients of ``clients/node/package.json`` installed, one for all tests.

    A text and no Path, since what is under the Paths of a test is searched for canaries.
    """
    folder = tmp_path_factory.mktemp("npm")
    install(folder)
    return str(folder)


@pytest.fixture(autouse=True)
def _no_canary_comes_out(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture, _state_of_its_own: None
) -> Iterator[None]:
    """No provider's key and no prompt is in what a test made Linx write: logs, log records, files of its own."""
    CANARIES.prompts.clear()
    yield
    records = "\n".join(logging.Formatter().format(record) for record in caplog.get_records("call"))
    CANARIES.assert_absent("the log", records)
    folders = [Path(os.environ["XDG_STATE_HOME"])]
    folders += [path for path in request.node.funcargs.values() if isinstance(path, Path)]
    for folder in folders:
        for path in written(folder):
            CANARIES.assert_absent(path.name, path.read_text(errors="replace"))
