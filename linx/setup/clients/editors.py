"""Editors with windows: Cursor, VS Code and Zed, and Cline, which lives in VS Code and in the terminal."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from linx.core import jsontext
from linx.setup.client import Client, FileEdit, Launch, Run
from linx.setup.edits.jsonc import Item, JsonEdit
from linx.setup.target import USUAL_CONTEXT

if TYPE_CHECKING:
    from pathlib import PurePath

    from linx.setup.folders import Folders
    from linx.setup.target import Model, Target

PROMPT_TOKENS = 12_000
_ANSWER_TOKENS = 4_096


# --- Cursor: its own servers call the address, so it has to be a public one ---


def _cursor_steps(target: Target) -> list[str]:
    if target.tunnel is None:
        base = "https://NAME.lhr.life/v1"
        opening = [
            "Cursor's own servers call the address that you give them, so an address of this machine cannot work:",
            "it works only through the tunnel, which makes Linx's model paths reachable from the internet, with a key.",
            "Open it, and take the address and the key that Linx then shows:",
            "    linx --tunnel",
        ]
    else:
        base = f"{target.tunnel}/v1"
        opening = [
            "Cursor's own servers call the address that you give them, so it goes through the tunnel, which is open.",
        ]
    key = target.key or "(the key that Linx showed when the tunnel opened)"
    return [
        *opening,
        "In Cursor: Settings > Cursor Settings > Models > API Keys:",
        f"    OpenAI API Key: {key}",
        f"    Override OpenAI Base URL: {base}",
        "Switch both on. Then, in the list of models, Add Custom Model:",
        f"    {target.model(PROMPT_TOKENS).name}",
        "While it is switched on, the address counts for all of Cursor's OpenAI models. Names with gpt, claude or",
        "gemini in them mean Cursor's own models to it: give a model of yours another name with model_mappings. Tab",
        "completion and Auto never use the address. A free tunnel's name changes after some hours; Cursor must then be",
        "told the new one.",
    ]


CURSOR = Client(
    "cursor",
    "Cursor",
    _cursor_steps,
    Launch("cursor", "get it from cursor.com, then in it: Shell Command: Install 'cursor' command", waits=("--wait",)),
    prompt_tokens=PROMPT_TOKENS,
    needs_tunnel=True,
)


# --- VS Code: GitHub Copilot Chat, with models of one's own ---


def _vscode_model(target: Target, model: Model) -> dict[str, Any]:
    context = model.context or USUAL_CONTEXT
    answer = min(_ANSWER_TOKENS, context // 2)
    return {
        "id": model.name,
        "name": model.name,
        "url": f"{target.openai}/chat/completions",
        "toolCalling": model.has_tools is not False,
        "vision": model.sees_images,
        "maxInputTokens": context - answer,
        "maxOutputTokens": answer,
    }


def _vscode_edits(target: Target, folders: Folders) -> list[FileEdit]:
    group = Item((("name", "Linx"), ("vendor", "customendpoint")))
    value = {
        "name": "Linx",
        "vendor": "customendpoint",
        "apiKey": target.sent_key,
        "apiType": "chat-completions",
        "models": [_vscode_model(target, model) for model in target.listed(PROMPT_TOKENS)],
    }
    path = folders.application("Code", "User", "chatLanguageModels.json")
    return [FileEdit(path, JsonEdit((((group,), value),), indent="\t"))]


def _vscode_steps(target: Target) -> list[str]:
    return [
        "VS Code 1.122 or newer, with GitHub Copilot Chat, lists the models of the file below in the chat.",
        "An older one takes Linx for an Ollama, by settings.json:",
        f'    "github.copilot.chat.byok.ollamaEndpoint": {jsontext.dumps(target.keyed_address).decode()}',
        "The file (Chat: Open Language Models (JSON)):",
    ]


VSCODE = Client(
    "vscode",
    "VS Code",
    _vscode_steps,
    Launch("code", "get it from code.visualstudio.com", waits=("--wait",)),
    _vscode_edits,
    prompt_tokens=PROMPT_TOKENS,
)


# --- Zed: it knows Linx as an Ollama, and asks it for its models ---


def _zed_edits(target: Target, folders: Folders) -> list[FileEdit]:
    # Zed keeps to XDG's folders on a Mac too.
    path = folders.application("Zed") if folders.platform == "win32" else folders.config("zed")
    values: tuple[tuple[tuple[str, ...], Any], ...] = (
        (("language_models", "ollama", "api_url"), target.keyed_address),
        (("agent", "default_model"), {"provider": "ollama", "model": target.model(PROMPT_TOKENS).name}),
    )
    return [FileEdit(path / "settings.json", JsonEdit(values))]


def _zed_steps(_target: Target) -> list[str]:
    return ["Zed knows Linx as an Ollama, with the models of all providers. In its settings (zed: open settings file):"]


ZED = Client(
    "zed",
    "Zed",
    _zed_steps,
    Launch("zed", "get it from zed.dev", waits=("--wait",)),
    _zed_edits,
    prompt_tokens=PROMPT_TOKENS,
)


# --- Cline ---


def _cline_steps(target: Target) -> list[str]:
    model, key = target.model(PROMPT_TOKENS).name, target.sent_key
    return [
        "In VS Code, in Cline's settings (the gear of its panel), with the API Provider `OpenAI Compatible`:",
        f"    Base URL: {target.openai}",
        f"    OpenAI Compatible API Key: {key}",
        f"    Model ID: {model}",
        "In the terminal:",
        f"    cline auth openai-compatible -b {target.openai} -m {shlex.quote(model)} -k {shlex.quote(key)}",
    ]


def _cline_run(target: Target, folder: PurePath) -> Run:
    settings = {
        "provider": "openai-compatible",
        "apiKey": target.sent_key,
        "model": target.model(PROMPT_TOKENS).name,
        "baseUrl": target.openai,
    }
    entry = {"settings": settings, "updatedAt": "2026-01-01T00:00:00.000Z", "tokenSource": "manual"}
    text = {"version": 1, "lastUsedProvider": "openai-compatible", "providers": {"openai-compatible": entry}}
    files = (("settings/providers.json", jsontext.dumps_pretty(text).decode()),)
    return Run(("--data-dir", str(folder), "--provider", "openai-compatible"), files=files)


CLINE = Client(
    "cline",
    "Cline",
    _cline_steps,
    Launch("cline", "npm install -g cline", _cline_run),
    prompt_tokens=PROMPT_TOKENS,
    tried="cline 3.0.65",
)
