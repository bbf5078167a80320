"""opencode, and Kilo, which is made from it. Both answer for no model that their settings do not list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.setup.client import Client, FileEdit, Launch, Run
from linx.setup.edits.jsonc import JsonEdit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import PurePath

    from linx.setup.edits.jsonc import Path
    from linx.setup.folders import Folders
    from linx.setup.target import Model, Target

PROMPT_TOKENS = 13_000
OPENCODE_SCHEMA = "https://opencode.ai/config.json"
KILO_SCHEMA = "https://app.kilo.ai/config.json"
_ANSWER_TOKENS = 8_192  # kept free for the answer, where a quarter of the context is more


def _model(model: Model) -> dict[str, Any]:
    """The context tells when to sum a conversation up."""
    if model.context is None:
        return {}
    return {"limit": {"context": model.context, "output": min(_ANSWER_TOKENS, model.context // 4)}}


def values(target: Target, schema: str) -> tuple[tuple[Path, Any], ...]:
    name = f"linx/{target.model(PROMPT_TOKENS).name}"
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Linx",
        "options": {"baseURL": target.openai, "apiKey": target.sent_key},
        "models": {model.name: _model(model) for model in target.listed(PROMPT_TOKENS)},
    }
    # Both add the schema to a file that has none, which would make it a changed file.
    return ((("$schema",), schema), (("model",), name), (("small_model",), name), (("provider", "linx"), provider))


def _steps(_target: Target) -> list[str]:
    return ["In its settings file:"]


def _run_with(variable: str, schema: str) -> Callable[[Target, PurePath], Run]:
    def run(target: Target, _folder: PurePath) -> Run:
        text = JsonEdit(values(target, schema)).apply("")
        return Run(env=((variable, jsontext.dumps(jsontext.loads(text.encode())).decode()),))

    return run


def _opencode_edits(target: Target, folders: Folders) -> list[FileEdit]:
    return [FileEdit(folders.config("opencode", "opencode.json"), JsonEdit(values(target, OPENCODE_SCHEMA)))]


def _kilo_edits(target: Target, folders: Folders) -> list[FileEdit]:
    return [FileEdit(folders.config("kilo", "kilo.jsonc"), JsonEdit(values(target, KILO_SCHEMA)))]


OPENCODE = Client(
    "opencode",
    "opencode",
    _steps,
    Launch("opencode", "npm install -g opencode-ai", _run_with("OPENCODE_CONFIG_CONTENT", OPENCODE_SCHEMA)),
    _opencode_edits,
    prompt_tokens=PROMPT_TOKENS,
    tried="1.18.33",
)
KILO = Client(
    "kilo",
    "Kilo",
    _steps,
    Launch("kilo", "npm install -g @kilocode/cli", _run_with("KILO_CONFIG_CONTENT", KILO_SCHEMA)),
    _kilo_edits,
    prompt_tokens=PROMPT_TOKENS,
    tried="7.7.7",
)
