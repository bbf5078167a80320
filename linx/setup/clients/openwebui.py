"""Open WebUI. It keeps what it was first started with, unless it is told not to."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from linx.setup.client import Client, Launch, Run

if TYPE_CHECKING:
    from pathlib import PurePath

    from linx.setup.target import Target

PORT = 3000
"""Its own default is 8080, which is also Linx's."""


def _variables(target: Target) -> tuple[tuple[str, str], ...]:
    """One of its two kinds of connection is enough; with both it would list every model twice."""
    return (
        ("OPENAI_API_BASE_URL", target.openai),
        ("OPENAI_API_KEY", target.sent_key),
        ("ENABLE_OLLAMA_API", "False"),
    )


def _steps(target: Target) -> list[str]:
    lines = [f"    export {name}={shlex.quote(value)}" for name, value in _variables(target)]
    return [
        "At its first start (it keeps these, and later starts do not change them):",
        *lines,
        f"    open-webui serve --host 127.0.0.1 --port {PORT}",
        "One that has run before: Admin Panel > Settings > Connections > OpenAI API > +:",
        f"    URL: {target.openai}",
        f"    Key: {target.sent_key}",
        "In a container this machine is host.docker.internal (or use --network=host), and Linx must listen there:",
        "    linx --host 0.0.0.0",
    ]


def _run(target: Target, _folder: PurePath) -> Run:
    env = (*_variables(target), ("ENABLE_PERSISTENT_CONFIG", "False"))
    return Run(("serve", "--host", "127.0.0.1", "--port", str(PORT)), env)


OPENWEBUI = Client(
    "openwebui",
    "Open WebUI",
    _steps,
    Launch("open-webui", "pip install open-webui", _run),
    aliases=("open-webui",),
    tried="0.12.4",
)
