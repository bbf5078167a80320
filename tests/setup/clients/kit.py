"""A Linx to point clients at, and what a client's settings files hold then."""

from __future__ import annotations

import tomllib
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from linx.core import jsontext
from linx.setup.folders import Folders
from linx.setup.target import Model, Target

if TYPE_CHECKING:
    from linx.setup.client import Client, Run

KEY = "key-of-linx-0123456789"
MODELS = (
    Model("acme/large", 131_072, True, sees_images=True),
    Model("qwen3:8b", 65_536, True, True),
    Model("plain", None, False, True),
)
OPEN = Target("http://127.0.0.1:8080", None, MODELS)
LOCKED = Target("http://127.0.0.1:8080", KEY, MODELS)
FOLDERS = Folders.of("linux", {"HOME": "/home/ann"})
READERS = {".json": lambda text: jsontext.loads(text.encode()), ".jsonc": lambda text: jsontext.loads(text.encode())}


def files(client: Client, target: Target) -> dict[str, Any]:
    """What each file holds, read by a parser of its format, by its path."""
    assert client.edits is not None
    found = {}
    for one in client.edits(target, FOLDERS):
        text = one.edit.apply("")
        reader = READERS.get(one.path.suffix) or (tomllib.loads if one.path.suffix == ".toml" else yaml.safe_load)
        found[str(one.path)] = reader(text)
    return found


def started(client: Client, target: Target) -> Run:
    assert client.launch.run is not None
    return client.launch.run(target, PurePosixPath("/run"))
