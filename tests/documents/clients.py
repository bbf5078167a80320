"""The settings of clients as Markdown, from the table that ``linx setup`` and ``linx launch`` act by."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from linx.setup.clients.table import CLIENTS
from linx.setup.folders import Folders
from linx.setup.settings import settings_of
from linx.setup.target import Model, Target

if TYPE_CHECKING:
    from linx.setup.client import Client

ADDRESS = "http://127.0.0.1:8080"
MODEL = Model("qwen3:30b-a3b", 65_536, True, True)
TARGET = Target(ADDRESS, None, (MODEL,))
FOLDERS = Folders.of("linux", {"HOME": "/home/ann"})
SYSTEMS = (
    ("Linux", FOLDERS),
    ("macOS", Folders.of("darwin", {"HOME": "/home/ann"})),
    ("Windows", Folders.of("win32", {"USERPROFILE": r"C:\Users\ann"})),
)
_LANGUAGES = {".json": "json", ".jsonc": "jsonc", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml"}


def settings_part(name: str) -> str:
    """What ``linx setup NAME`` prints, laid out."""
    told = settings_of(CLIENTS[name], TARGET, FOLDERS)
    lines: list[str] = []
    for step in told.steps:
        is_code = step.startswith("    ")
        if is_code and (not lines or lines[-1] != "```"):
            lines += ["", f"```{_language(step)}", step[4:], "```"]
        elif is_code:
            lines[-1:] = [step[4:], "```"]
        else:
            lines += ["", step] if lines and lines[-1] == "```" else [step]
    for path, text in told.files:
        language = _LANGUAGES[PurePosixPath(path).suffix]
        lines += ["", f"`{path}`:", "", f"```{language}", text.rstrip("\n"), "```"]
    return "\n".join(lines)


def _language(line: str) -> str:
    """The colouring of a block by its first line: commands, or something to type into a window."""
    words = ("export ", "linx ", "cline ", "claude", "aider ", "open-webui ")
    return "sh" if line.strip().startswith(words) else "text"


def facts_part(name: str) -> str:
    """What the table of clients knows of a client, beside its settings."""
    client = CLIENTS[name]
    rows = [
        ("for one run", f"`linx launch {client.name}`{_launched(client)}"),
        ("for good", _written(client)),
        ("install it", _install(client)),
        ("its own prompt", _prompt(client)),
        ("tried", client.tried or "not run; the settings are from its documentation and source"),
    ]
    return "\n".join(["| | |", "| --- | --- |", *(f"| {what} | {text} |" for what, text in rows)])


def _launched(client: Client) -> str:
    if client.launch.run is None:
        if client.edits is None:
            return ", which prints what to click"
        return ": its settings file is written until its window is closed, then put back"
    run = client.launch.run(TARGET, PurePosixPath("FOLDER"))
    options = dict.fromkeys(arg for arg in run.args if arg.startswith("-"))
    given = []
    if options:
        given.append(f"options ({', '.join(f'`{option}`' for option in options)})")
    if run.env:
        given.append(f"variables ({', '.join(f'`{name}`' for name, _value in run.env)})")
    if run.files:
        given.append("files of the run's own, which are deleted afterwards")
    return f": starts `{client.launch.program}` with {' and '.join(given)}"


def _written(client: Client) -> str:
    command = f"`linx setup {client.name}`"
    if client.edits is None:
        return f"{command} prints what to do"
    # A Windows path that differs by its slashes alone needs no mention of its own.
    paths: dict[str, tuple[str, list[str]]] = {}
    for system, folders in SYSTEMS:
        files = settings_of(client, TARGET, folders).files
        text = ", ".join(f"`{path}`" for path, _text in files)
        paths.setdefault(text.replace("\\", "/"), (text, []))[1].append(system)
    where = "; ".join(text + (f" ({', '.join(systems)})" if len(paths) > 1 else "") for text, systems in paths.values())
    return f"`linx setup {client.name} --write` edits {where}; `--undo` puts it back"


def _install(client: Client) -> str:
    text = client.launch.install
    return text if text.startswith("get ") else f"`{text}`"


def _prompt(client: Client) -> str:
    if not client.prompt_tokens:
        return "small"
    return f"about {client.prompt_tokens:,} tokens: the model needs a larger context than that"


def table_part(_argument: str) -> str:
    """The index: every client with its page, its program, its own prompt and the version that was tried."""
    rows = ["| client | program | own prompt, tokens | tried |", "| --- | --- | --- | --- |"]
    for client in CLIENTS.values():
        tokens = f"about {client.prompt_tokens:,}" if client.prompt_tokens else "small"
        tried = client.tried or "from its documentation and source"
        rows.append(f"| [{client.title}]({client.name}.md) | `{client.launch.program}` | {tokens} | {tried} |")
    return "\n".join(rows)
