"""The settings of every client as text: for ``linx setup``, and for the dashboard, which asks for all of them."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linx.setup.clients.table import CLIENTS
from linx.setup.target import Target

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.setup.client import Client
    from linx.setup.folders import Folders
    from linx.setup.target import Model

YOUR_KEY = "YOUR_KEY"
"""Stands for the key where the text is for a page, which puts its own in its place."""


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What a user does to connect one client."""

    client: str
    title: str
    steps: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    """The path of each settings file, and what a file with nothing else in it would hold."""
    needs_tunnel: bool

    def as_json(self) -> dict[str, object]:
        return {
            "client": self.client,
            "title": self.title,
            "steps": list(self.steps),
            "files": [{"path": path, "text": text} for path, text in self.files],
            "needs_tunnel": self.needs_tunnel,
        }


def for_shell(line: str, platform: str) -> str:
    """A line of the steps as the shell of that system wants it: PowerShell has no ``export``."""
    name, equals, value = line.strip().removeprefix("export ").partition("=")
    if platform != "win32" or not line.startswith("    export ") or not equals:
        return line
    (word,) = shlex.split(value) or ("",)
    return "    $env:{} = '{}'".format(name, word.replace("'", "''"))


def settings_of(client: Client, target: Target, folders: Folders) -> ClientSettings:
    """The settings of one client."""
    edits = client.edits(target, folders) if client.edits is not None else []
    steps = tuple(for_shell(line, folders.platform) for line in client.steps(target))
    files = tuple((_shown(str(one.path), folders.home), one.edit.apply("")) for one in edits)
    return ClientSettings(client.name, client.title, steps, files, client.needs_tunnel)


def settings(
    address: str, models: Sequence[Model], folders: Folders, *, needs_key: bool, tunnel: str | None = None
) -> list[ClientSettings]:
    """The settings of every client, without any key in them."""
    target = Target(address, YOUR_KEY if needs_key else None, tuple(models), tunnel=tunnel)
    return [settings_of(client, target, folders) for client in CLIENTS.values()]


def too_small(client: Client, target: Target) -> str | None:
    """A line that says so where the client's own prompt does not fit the model."""
    model = target.model(client.prompt_tokens)
    if model.context is None or model.context > client.prompt_tokens:
        return None
    return (
        f"{client.title} begins with about {client.prompt_tokens:,} tokens of its own, and {model.name} holds "
        f"{model.context:,}: it needs a model with a larger context (num_ctx, or --model)"
    )


def _shown(path: str, home: str) -> str:
    """Short, as a user writes it."""
    below = path.removeprefix(home)
    return f"~{below}" if below != path and below[:1] in ("/", "\\") else path
