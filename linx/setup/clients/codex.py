"""Codex. It speaks Responses alone, and reads the key from a variable of the environment."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.setup.client import Client, FileEdit, Launch, Run
from linx.setup.edits.toml import TomlEdit

if TYPE_CHECKING:
    from pathlib import PurePath

    from linx.setup.folders import Folders
    from linx.setup.target import Target

PROMPT_TOKENS = 9_000
USUAL_WINDOW = 272_000
"""What Codex believes of a model that it does not know; with one that holds less it would never sum up in time."""
KEY_VARIABLE = "LINX_API_KEY"


def _provider(target: Target) -> tuple[tuple[str, str], ...]:
    rows = (("name", "Linx"), ("base_url", target.openai), ("wire_api", "responses"))
    # Codex refuses to start where a variable that it is told to read is not set.
    return (*rows, ("env_key", KEY_VARIABLE)) if target.key else rows


def _keys(target: Target) -> tuple[tuple[str, str | int], ...]:
    model = target.model(PROMPT_TOKENS)
    window = ("model_context_window", model.context or USUAL_WINDOW)
    return (("model", model.name), ("model_provider", "linx"), window)


def _left_to_do(target: Target) -> list[str]:
    if not target.key:
        return []
    return [
        "Codex reads the key from the environment; in the shell that starts it:",
        f"    export {KEY_VARIABLE}={shlex.quote(target.key)}",
    ]


def _steps(target: Target) -> list[str]:
    return [*_left_to_do(target), "In its settings file:"]


def _edits(target: Target, folders: Folders) -> list[FileEdit]:
    path = folders.chosen("CODEX_HOME", ".codex") / "config.toml"
    return [FileEdit(path, TomlEdit(_keys(target), ("model_providers", "linx"), _provider(target)))]


def _run(target: Target, _folder: PurePath) -> Run:
    table = ", ".join(f"{key} = {_text(value)}" for key, value in _provider(target))
    settings = [*((key, _text(value)) for key, value in _keys(target)), ("model_providers.linx", f"{{ {table} }}")]
    args = tuple(word for key, value in settings for word in ("-c", f"{key}={value}"))
    return Run(args, ((KEY_VARIABLE, target.key),) if target.key else ())


def _text(value: str | int) -> str:
    return jsontext.dumps(value).decode()


CODEX = Client(
    "codex",
    "Codex",
    _steps,
    Launch("codex", "npm install -g @openai/codex", _run),
    _edits,
    _left_to_do,
    prompt_tokens=PROMPT_TOKENS,
    tried="0.171.0",
)
