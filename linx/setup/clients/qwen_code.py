"""Qwen Code, as a client of OpenAI."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from linx.setup.client import Client, FileEdit, Launch, Run
from linx.setup.edits.jsonc import JsonEdit

if TYPE_CHECKING:
    from pathlib import PurePath

    from linx.setup.folders import Folders
    from linx.setup.target import Target

PROMPT_TOKENS = 19_500


def _variables(target: Target) -> tuple[tuple[str, str], ...]:
    model = target.model(PROMPT_TOKENS).name
    return (("OPENAI_API_KEY", target.sent_key), ("OPENAI_BASE_URL", target.openai), ("OPENAI_MODEL", model))


def _steps(target: Target) -> list[str]:
    lines = [f"    export {name}={shlex.quote(value)}" for name, value in _variables(target)]
    return ["In the shell that starts it:", *lines, "    qwen --auth-type openai", "Or for good, in its settings file:"]


def _edits(target: Target, folders: Folders) -> list[FileEdit]:
    values = (
        (("security", "auth", "selectedType"), "openai"),
        (("security", "auth", "apiKey"), target.sent_key),
        (("security", "auth", "baseUrl"), target.openai),
        (("model", "name"), target.model(PROMPT_TOKENS).name),
    )
    return [FileEdit(folders.at_home(".qwen", "settings.json"), JsonEdit(values))]


def _run(target: Target, _folder: PurePath) -> Run:
    model = target.model(PROMPT_TOKENS).name
    args = ("--auth-type", "openai", "--openai-base-url", target.openai, "--model", model)
    return Run(args, _variables(target))


QWEN_CODE = Client(
    "qwen-code",
    "Qwen Code",
    _steps,
    Launch("qwen", "npm install -g @qwen-code/qwen-code", _run),
    _edits,
    aliases=("qwen",),
    prompt_tokens=PROMPT_TOKENS,
    tried="0.15.10",
)
