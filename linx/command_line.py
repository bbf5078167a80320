"""The words of the command line: the help text, by which docopt reads them, what is wrong with them, and their values.

A mistake is one line with the nearest known word. The value of an option is never repeated, since it may be a key.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import docopt

from linx.core.errors import ConfigError, quote

if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE = """\
Linx: one address for every local and remote language model.

Usage:
  linx [options]
  linx doctor [--fix] [--from URL] [--format FORMAT] [options]
  linx setup CLIENT [--write | --undo] [--model NAME] [options]
  linx launch CLIENT [--model NAME] [options] [-- ARGS...]
  linx tail [options]
  linx usage [--since PERIOD] [--by WHAT] [--format FORMAT] [options]
  linx key add NAME [LIMIT...] [options]
  linx key remove NAME [options]
  linx key list [options]
  linx service (install | remove | status) [options]
  linx schema

Commands:
  (none)          Serve.
  doctor          Look for problems and for local servers, and say what to do.
  setup CLIENT    Print the settings of a client: cursor, continue, vscode, cline,
                  zed, openwebui, claude-code (or claude), codex, aider, opencode,
                  kilo, qwen-code, llm.
  launch CLIENT   Start a client, set up for this run only; ARGS are for the client.
                  Starts a Linx for that long where none runs.
  tail            Follow the request lines of the Linx that runs here.
  usage           Show tokens, money and what local models saved.
  key             Named keys for clients: add makes a key, shows it once and writes its
                  hash to the config file. Limits: 'models=qwen*,ollama/*' local_only=true
                  max_concurrent=2 requests_per_minute=20 daily_usd=1 monthly_usd=10
                  daily_tokens=200000
  service         Run at login, with the options and config of this command line: by a
                  systemd user unit, a LaunchAgent or a scheduled task.
  schema          Print the JSON Schema of config.json.

Options:
  --config FILE        Read this config file.
  --port PORT          Listen on this port; 0 means any free port.
  --host HOST          Listen on this address.
  --tunnel             Open the tunnel at start.
  --no-tunnel          Open no tunnel at start.
  --ollama URL         Use the Ollama at this address, even if the config disables it.
  --api-key KEY        The key that clients must send. Other users of this machine can
                       see the command line; LINX_API_KEY in the environment is safer.
  --demo               Serve a small model that comes with Linx.
  --demo-model GGUF    Like --demo, with this model file.
  --gui                Open the dashboard in a window of its own.
  --log-level LEVEL    debug, info, warning or error [default: info].
  --log-format FORMAT  text or json [default: text].
  --fix                With doctor: write a config for what was found.
  --from URL           With doctor: look at the Linx at this address, also by a tunnel.
  --write              With setup: write the settings, keeping a backup.
  --undo               With setup: restore the settings from before.
  --model NAME         With setup and launch, the model that the client begins with.
  --since PERIOD       With usage, since 24h, 7d, 4w, 2026-01-31 or all [default: 7d].
  --by WHAT            With usage, model, provider, key, client or day [default: model].
  --format FORMAT      With usage, table, json or csv; with doctor, table or json
                       [default: table].
  -h --help            Show this text.
  --version            Show the version.

Config file: --config, else LINX_CONFIG, else ./config.json, else linx/config.json in your
config folder, else config.json beside the single binary, else built-in defaults. Linx
reads the file again when it changes.

Environment:
  LINX_CONFIG          Like --config.
  LINX_API_KEY         The key that clients must send; wins over config.json.
  OPENROUTER_API_KEY   The key for OpenRouter; wins over config.json.

Exit codes: 0 after SIGINT or SIGTERM; 1 when Linx cannot listen, no Linx runs for tail to
follow, the ledger cannot be read, setup, launch or service cannot do what was asked, the
service does not run, or doctor finds something broken; 2 when it cannot use the command
line or the config. launch ends with the exit code of the client.
"""

Given = Mapping[str, "str | bool | list[str] | None"]
COMMANDS = ("doctor", "setup", "launch", "tail", "usage", "key", "service", "schema")
ACTIONS = {"key": ("add", "list", "remove"), "service": ("install", "remove", "status")}
_SERVING_WORDS = ("serve", "start", "run")
CLIENTS = (
    *("cursor", "continue", "vscode", "cline", "zed", "openwebui", "claude-code", "codex", "aider"),
    *("opencode", "kilo", "qwen-code", "llm"),
)
"""As in ``linx.setup.clients.table``, which is not imported for a mistake on the command line."""
OF_CLIENTS = ("setup", "launch")
OPTIONS = dict(re.findall(r"^  (?:-h )?(--[a-z-]+)(?: ([A-Z]+))?  ", USAGE, re.MULTILINE))
"""Each option and the name of its value, empty for a switch."""
_COMMANDS_OF: dict[str, tuple[str, ...]] = {
    "--model": OF_CLIENTS,
    "--format": ("usage", "doctor"),
    **dict.fromkeys(("--fix", "--from"), ("doctor",)),
    **dict.fromkeys(("--write", "--undo"), ("setup",)),
    **dict.fromkeys(("--since", "--by"), ("usage",)),
}
"""The options that work with some commands only, and those commands."""
OF_SERVING = frozenset(
    {
        "--config",
        "--host",
        "--tunnel",
        "--no-tunnel",
        "--ollama",
        "--demo",
        "--demo-model",
        "--log-level",
        "--log-format",
    }
)
_SEE_HELP = "see linx --help"


class CommandLineError(ConfigError):
    """The command line cannot be used. Its text is the problem alone, without a file or key before it."""

    def __init__(self, problem: str) -> None:
        super().__init__("command line", problem)

    def __str__(self) -> str:
        return self.problem


def parse(argv: Sequence[str]) -> Given:
    """The command line as docopt reads it; ConfigError where it cannot be read."""
    try:
        return dict(docopt.docopt(USAGE, list(argv), default_help=False))
    except (docopt.DocoptExit, docopt.DocoptLanguageError):
        # --help and --version work even beside arguments that are wrong.
        for flag, names in {"--help": {"-h", "--help"}, "--version": {"--version"}}.items():
            if names & set(argv):
                return {flag: True}
        raise CommandLineError(explain(argv)) from None


# --- what is wrong with a command line ---


def explain(argv: Sequence[str]) -> str:
    """One line that says why docopt refused the command line, with the nearest known word.

    The value of an option is never repeated, since it may be a key.
    """
    words: list[str] = []
    seen: list[str] = []
    rest = list(argv)
    while rest:
        token = rest.pop(0)
        if token == "--":
            words += [token, *rest]
            break
        if not token.startswith("-") or token == "-":
            words.append(token)
            continue
        typed, equals, _value = token.partition("=")
        matches = [name for name in OPTIONS if name.startswith(typed)] if typed.startswith("--") else []
        if typed in OPTIONS:
            matches = [typed]
        if len(matches) > 1:
            return f"{shown_word(typed)} could be {' or '.join(matches)}; {_SEE_HELP}"
        if not matches:
            return f"unknown option {shown_word(typed)}; {suggest_word(typed, tuple(OPTIONS))}"
        option = matches[0]
        if option in seen:
            return f"{option} is given twice"
        seen.append(option)
        if not OPTIONS[option] and equals:
            return f"{option} takes no value"
        if OPTIONS[option] and not equals:
            if not rest or rest[0] == "--":
                return f"{option} needs a value: {option} {OPTIONS[option]}"
            rest.pop(0)
    return explain_words(words, seen)


def explain_words(words: Sequence[str], options: Sequence[str]) -> str:
    """One line that says what is wrong with the words of a command line whose options are known."""
    command = words[0] if words else ""
    if command in _SERVING_WORDS:
        return f"unknown command '{command}'; Linx serves where no command is given: linx [options]"
    if command and command not in COMMANDS:
        return f"unknown command {shown_word(command)}; {suggest_word(command, COMMANDS)}"
    for option in options:
        commands = _COMMANDS_OF.get(option, (command,))
        if command not in commands:
            return f"{option} works only with the command{'s' * (len(commands) > 1)} {' and '.join(commands)}"
    if command == "schema" and options:
        return "schema takes no options"
    if command in ACTIONS:
        return _explain_action(command, words[1:])
    if command in OF_CLIENTS and len(words) == 1:
        return f"{command} needs the name of a client: {', '.join(CLIENTS)}"
    if {"--write", "--undo"} <= set(options):
        return "--write and --undo cannot be used together"
    if command == "launch" and len(words) > 2:
        return f"the arguments of the client come after --, as in: linx launch {quote(words[1], 32)} -- ARGS"
    most = 2 if command in OF_CLIENTS else 1
    if len(words) > most:
        return f"too many words after {command}; {_SEE_HELP}"
    return f"the command line cannot be understood; {_SEE_HELP}"


def _explain_action(command: str, words: Sequence[str]) -> str:
    known, action = ACTIONS[command], words[0] if words else ""
    if not action:
        return f"{command} needs one of {', '.join(known)}"
    if action not in known:
        return f"unknown: {command} {shown_word(action)}; {suggest_word(action, known)}"
    if command == "key" and action != "list" and len(words) == 1:
        return f"key {action} needs the name of the key"
    return f"too many words after {command} {action}; {_SEE_HELP}"


def suggest_word(word: str, known: Sequence[str]) -> str:
    """The known word that is nearest to a mistyped one, or all known words."""
    if len(word) == 2 and word.startswith("-"):
        near = [name for name in known if name.startswith(f"-{word.lower()}")][:1]
    else:
        near = difflib.get_close_matches(word[:64].lower(), known, 1, 0.5)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def shown_word(word: str) -> str:
    """A word of the command line in quotes, or a placeholder where the word may be a key in the wrong place."""
    return repr(quote(word, 32)) if len(word) <= 32 and not re.search(r"[0-9]{4}", word) else "(not repeated here)"


# --- the values of options ---


def text_in(given: Given, option: str) -> str | None:
    """The value of an option; None where it is not given. Raises ConfigError for an empty one."""
    value = given[option]
    if value is None:
        return None
    if not str(value).strip():
        raise ConfigError(option, "needs a value")
    return str(value)


def port_in(text: str | None) -> int | None:
    """A port number. Raises ConfigError."""
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ConfigError("--port", "must be a number from 0 to 65535")
    return int(text)


def one_of(given: Given, option: str, known: Sequence[str]) -> str:
    """The value of an option that has a few; upper case counts as lower case. Raises ConfigError."""
    value = str(given[option]).lower()
    if value not in known:
        raise ConfigError(option, f"must be one of {', '.join(known)}, not {shown_word(value)}")
    return value
