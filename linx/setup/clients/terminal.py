"""Python's clients for the terminal: aider and llm."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from linx.setup.client import Client, FileEdit, Launch, Run
from linx.setup.edits.jsonc import JsonEdit
from linx.setup.edits.yaml import YamlEntries, YamlKeys, quoted

if TYPE_CHECKING:
    from pathlib import PurePath

    from linx.setup.folders import Folders
    from linx.setup.target import Target

_KEY_NAME = "linx"


# --- aider ---


def _aider(target: Target) -> dict[str, str]:
    return {
        "model": f"openai/{target.model().name}",
        "openai-api-base": target.openai,
        "openai-api-key": target.sent_key,
    }


def _aider_steps(target: Target) -> list[str]:
    return [
        "In the shell that starts it:",
        f"    export OPENAI_API_BASE={target.openai}",
        f"    export OPENAI_API_KEY={shlex.quote(target.sent_key)}",
        f"    aider --model {shlex.quote(f'openai/{target.model().name}')}",
        "Or for good, in its settings file:",
    ]


def _aider_edits(target: Target, folders: Folders) -> list[FileEdit]:
    return [FileEdit(folders.at_home(".aider.conf.yml"), YamlKeys(tuple(_aider(target).items())))]


def _aider_run(target: Target, _folder: PurePath) -> Run:
    """AIDER_… is each option's own variable, which wins over aider's settings files."""
    env = ((f"AIDER_{key.upper().replace('-', '_')}", value) for key, value in _aider(target).items())
    return Run(env=tuple(env))


AIDER = Client(
    "aider",
    "aider",
    _aider_steps,
    Launch("aider", "python -m pip install aider-install && aider-install", _aider_run),
    _aider_edits,
    tried="0.86.2",
)


# --- llm ---


def _entry(target: Target) -> tuple[str, ...]:
    model = target.model()
    lines = ["- model_id: linx", f"  model_name: {quoted(model.name)}", f"  api_base: {quoted(target.openai)}"]
    lines.append(f"  api_key_name: {_KEY_NAME}")
    if model.has_tools is not False:
        lines += ["  supports_tools: true", "  supports_schema: true"]
    return tuple(lines)


def _llm_folder(folders: Folders) -> PurePath:
    chosen = folders.env.get("LLM_USER_PATH")
    return folders.path(chosen) if chosen else folders.application("io.datasette.llm")


def _llm_steps(_target: Target) -> list[str]:
    return ["Then `llm -m linx 'hello'`. In its settings files:"]


def _models(target: Target) -> YamlEntries:
    return YamlEntries("", _entry(target))


def _keys(target: Target) -> JsonEdit:
    return JsonEdit((((_KEY_NAME,), target.sent_key),))


_MODELS, _KEYS, _DEFAULT = "extra-openai-models.yaml", "keys.json", "default_model.txt"


def _llm_edits(target: Target, folders: Folders) -> list[FileEdit]:
    folder = _llm_folder(folders)
    return [FileEdit(folder / _MODELS, _models(target)), FileEdit(folder / _KEYS, _keys(target))]


def _llm_run(target: Target, folder: PurePath) -> Run:
    files = ((_MODELS, _models(target).apply("")), (_KEYS, _keys(target).apply("")), (_DEFAULT, "linx"))
    return Run(env=(("LLM_USER_PATH", str(folder)),), files=files)


LLM = Client(
    "llm",
    "llm",
    _llm_steps,
    Launch("llm", "pipx install llm", _llm_run),
    _llm_edits,
    tried="0.32.1",
)
