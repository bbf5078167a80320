"""Continue: its extension for VS Code and JetBrains, and its program for the terminal, ``cn``, read the same file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.setup.client import Client, FileEdit, Launch, Run
from linx.setup.edits.yaml import YamlEntries, quoted

if TYPE_CHECKING:
    from pathlib import PurePath

    from linx.setup.folders import Folders
    from linx.setup.target import Target

_HEAD = ("name: Linx", "version: 1.0.0", "schema: v1")
_CONFIG = "config.yaml"
PROMPT_TOKENS = 4_000


def _edit(target: Target) -> YamlEntries:
    model = target.model(PROMPT_TOKENS)
    lines = [
        f"- name: {quoted(f'Linx {model.name}')}",
        "  provider: openai",
        f"  model: {quoted(model.name)}",
        f"  apiBase: {quoted(target.openai)}",
        f"  apiKey: {quoted(target.sent_key)}",
        "  roles: [chat, edit, apply]",
    ]
    if model.has_tools is not False:
        lines.append("  capabilities: [tool_use]")
    return YamlEntries("models", tuple(lines), _HEAD)


def _steps(_target: Target) -> list[str]:
    return ["In its settings file, which VS Code, JetBrains and cn share:"]


def _edits(target: Target, folders: Folders) -> list[FileEdit]:
    return [FileEdit(folders.chosen("CONTINUE_GLOBAL_DIR", ".continue") / _CONFIG, _edit(target))]


def _run(target: Target, folder: PurePath) -> Run:
    return Run(("--config", str(folder / _CONFIG)), files=((_CONFIG, _edit(target).apply("")),))


CONTINUE = Client(
    "continue",
    "Continue",
    _steps,
    Launch("cn", "npm install -g @continuedev/cli", _run),
    _edits,
    prompt_tokens=PROMPT_TOKENS,
    tried="cn 1.5.47",
)
