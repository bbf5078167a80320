"""Claude Code. It speaks Anthropic's dialect; its base URL has no ``/v1``.

The variables of ``settings.json`` win over those of the environment, so one run is set up by ``--settings``, which
wins over both. ANTHROPIC_API_KEY is emptied because Claude Code would otherwise prefer the user's own key.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from linx.core import jsontext
from linx.setup.client import Client, FileEdit, Launch, Run
from linx.setup.edits.jsonc import JsonEdit

if TYPE_CHECKING:
    from pathlib import PurePath

    from linx.setup.folders import Folders
    from linx.setup.target import Target

PROMPT_TOKENS = 19_000
USUAL_WINDOW = 200_000
"""What Claude Code believes of a model that it does not know; it sums a conversation up when this is nearly full."""
_SETTINGS = "linx-settings.json"


def variables(target: Target) -> dict[str, str]:
    chosen = target.model(PROMPT_TOKENS)
    model, window = chosen.name, min(chosen.context or USUAL_WINDOW, USUAL_WINDOW)
    return {
        "ANTHROPIC_BASE_URL": target.address,
        "ANTHROPIC_AUTH_TOKEN": target.sent_key,
        "ANTHROPIC_API_KEY": "",
        "ANTHROPIC_MODEL": model,
        "ANTHROPIC_DEFAULT_OPUS_MODEL": model,
        "ANTHROPIC_DEFAULT_SONNET_MODEL": model,
        "ANTHROPIC_DEFAULT_HAIKU_MODEL": model,
        "CLAUDE_CODE_AUTO_COMPACT_WINDOW": str(window),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }


def _steps(target: Target) -> list[str]:
    lines = [f"    export {name}={shlex.quote(value)}" for name, value in variables(target).items()]
    return ["In the shell that starts it:", *lines, "    claude", "Or for good, in its settings file:"]


def _edits(target: Target, folders: Folders) -> list[FileEdit]:
    path = folders.chosen("CLAUDE_CONFIG_DIR", ".claude") / "settings.json"
    return [FileEdit(path, JsonEdit(tuple((("env", name), value) for name, value in variables(target).items())))]


def _run(target: Target, folder: PurePath) -> Run:
    text = jsontext.dumps_pretty({"env": variables(target)}).decode()
    return Run(("--settings", str(folder / _SETTINGS)), tuple(variables(target).items()), ((_SETTINGS, text),))


CLAUDE_CODE = Client(
    "claude-code",
    "Claude Code",
    _steps,
    Launch("claude", "npm install -g @anthropic-ai/claude-code", _run),
    _edits,
    aliases=("claude",),
    prompt_tokens=PROMPT_TOKENS,
    tried="2.1.197",
)
