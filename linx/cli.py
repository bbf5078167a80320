"""The command line: the help text, the parsing, the setup of the log, and the exit codes.

docopt parses the command line by ``USAGE``, which is also what ``--help`` prints. A command
line or config that Linx cannot use ends the program with one line on standard error and
exit code 2. A module that takes long to import is imported only by the command that needs it.
"""

from __future__ import annotations

import difflib
import os
import re
import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import docopt

import linx
from linx.config.layers import Overrides
from linx.config.load import Options, Sources
from linx.config.shape import ServerConfig, json_schema
from linx.core import jsontext
from linx.core.errors import ConfigError, quote
from linx.core.log import LEVELS, line_log, set_up_log
from linx.core.redaction import Redactor, escape_controls
from linx.starting import restore_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence, Set

    from linx.setup.command import Asked
    from linx.setup.folders import Folders

USAGE = """\
Linx: one address for every local and remote language model.

Usage:
  linx [options]
  linx doctor [--fix] [options]
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
  --write              With setup: write the settings, keeping a backup.
  --undo               With setup: restore the settings from before.
  --model NAME         With setup and launch, the model that the client begins with.
  --since PERIOD       With usage, since 24h, 7d, 4w, 2026-01-31 or all [default: 7d].
  --by WHAT            With usage, model, provider, key, client or day [default: model].
  --format FORMAT      With usage, table, json or csv [default: table].
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
follow, the ledger cannot be read, setup, launch or service cannot do what was asked, or
the service does not run; 2 when it cannot use the command line or the config. launch ends
with the exit code of the client.
"""

OK, FAILED, UNUSABLE = 0, 1, 2
Given = Mapping[str, "str | bool | list[str] | None"]
COMMANDS = ("doctor", "setup", "launch", "tail", "usage", "key", "service", "schema")
_ACTIONS = {"key": ("add", "list", "remove"), "service": ("install", "remove", "status")}
_SERVING_WORDS = ("serve", "start", "run")
CLIENTS = (
    *("cursor", "continue", "vscode", "cline", "zed", "openwebui", "claude-code", "codex", "aider"),
    *("opencode", "kilo", "qwen-code", "llm"),
)
"""As in ``linx.setup.clients.table``, which is not imported for a mistake on the command line."""
_OF_CLIENTS = ("setup", "launch")
_OPTIONS = dict(re.findall(r"^  (?:-h )?(--[a-z-]+)(?: ([A-Z]+))?  ", USAGE, re.MULTILINE))
"""Each option and the name of its value, empty for a switch."""
_COMMAND_OF = {
    "--fix": "doctor",
    **dict.fromkeys(("--write", "--undo"), "setup"),
    **dict.fromkeys(("--since", "--by", "--format"), "usage"),
}
"""The options that work with one command only, and that command."""
_OF_SERVING = frozenset(
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


class _CommandLineError(ConfigError):
    """The command line cannot be used. Its text is the problem alone, without a file or key before it."""

    def __init__(self, problem: str) -> None:
        super().__init__("command line", problem)

    def __str__(self) -> str:
        return self.problem


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    words = sys.argv[1:] if argv is None else list(argv)
    if words and words[0] in _CHILDREN:
        restore_signals()
        return _CHILDREN[words[0]](words[1:])
    redactor = Redactor()
    for name in ("LINX_API_KEY", "OPENROUTER_API_KEY"):
        redactor.add(os.environ.get(name, ""))
    try:
        return _command(words, redactor)
    except ConfigError as error:
        return _fail(UNUSABLE, str(error), redactor)
    except KeyboardInterrupt:
        return OK
    except BrokenPipeError:
        # The program that read the help or the schema has closed the pipe. Standard output is replaced, since the
        # interpreter flushes it at exit and would fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK


def parse(argv: Sequence[str]) -> Given:
    """The command line as docopt reads it; ConfigError where it cannot be read."""
    try:
        return dict(docopt.docopt(USAGE, list(argv), default_help=False))
    except (docopt.DocoptExit, docopt.DocoptLanguageError):
        # --help and --version work even beside arguments that are wrong.
        for flag, names in {"--help": {"-h", "--help"}, "--version": {"--version"}}.items():
            if names & set(argv):
                return {flag: True}
        raise _CommandLineError(explain(argv)) from None


def _command(argv: Sequence[str], redactor: Redactor) -> int:
    given = parse(argv)
    if given.get("--help"):
        return _print(USAGE)
    if given.get("--version"):
        return _print(f"Linx {linx.__version__}\n")
    redactor.add(str(given["--api-key"] or ""))
    command = next((name for name in COMMANDS if given[name]), None)
    if command is None:
        return _serve(given, redactor)
    restore_signals()
    return _RUN[command](given, redactor)


def _serve(given: Given, redactor: Redactor) -> int:
    level, style = _one_of(given, "--log-level", tuple(LEVELS)), _one_of(given, "--log-format", ("text", "json"))
    options = options_from(given, os.environ, redactor)
    lines = line_log(level, style, set_up_log(level, style, redactor), os.environ)
    # Imported here because it imports nearly all of Linx: a mistake on the command line is told without that wait.
    from linx.app import run
    from linx.console import let_go

    try:
        return run(options, lines)
    finally:
        let_go(sys.stdout)
        let_go(sys.stderr)


def options_from(given: Given, env: Mapping[str, str], redactor: Redactor) -> Options:
    """The flags as Options, with the config read for the first time."""
    if given["--tunnel"] and given["--no-tunnel"]:
        raise _CommandLineError("--tunnel and --no-tunnel cannot be used together")
    model = _text(given, "--demo-model")
    if model is not None and not os.path.isfile(model):
        raise ConfigError("--demo-model", f"no such file: {quote(model, 200)}")
    # Imported here because the kinds import the dialects: a mistake on the command line is told without that wait.
    from linx.providers.kinds import KINDS

    sources = Sources(
        kinds=KINDS,
        path=_text(given, "--config"),
        overrides=Overrides(
            port=_port(_text(given, "--port")),
            host=_text(given, "--host"),
            tunnel=True if given["--tunnel"] else False if given["--no-tunnel"] else None,
            ollama=_text(given, "--ollama"),
            api_key=_text(given, "--api-key"),
        ),
        env=dict(env),
        redactor=redactor,
    )
    is_demo = bool(given["--demo"]) or model is not None
    return Options(sources.load(), sources, demo=is_demo, demo_model=model, gui=bool(given["--gui"]))


# --- the other commands ---


def _schema(_given: Given, _redactor: Redactor) -> int:
    return _print(jsontext.dumps_pretty(json_schema()).decode())


def _doctor(_given: Given, _redactor: Redactor) -> int:
    return _not_yet("doctor")


def _setup(given: Given, redactor: Redactor) -> int:
    from linx.setup.command import DO, Refused

    action = "write" if given["--write"] else "undo" if given["--undo"] else "show"
    try:
        is_done = DO[action](_asked(given, redactor), _folders(), _say, _tell)
    except Refused as why:
        return _fail(FAILED, str(why), redactor)
    return OK if is_done else FAILED


def _launch(given: Given, redactor: Redactor) -> int:
    from linx.setup.command import Refused
    from linx.setup.launch import Given as Launched
    from linx.setup.launch import launch

    args = given["ARGS"]
    if args and not given["--"]:  # docopt takes every part of "[-- ARGS...]" for optional by itself
        raise _CommandLineError(_explain_words(("launch", str(given["CLIENT"]), "ARGS"), ()))
    launched = Launched(
        args=tuple(args) if isinstance(args, list) else (),
        options=_options_of(given, _OF_SERVING),
        is_port_chosen=given["--port"] is not None,
    )
    try:
        return launch(_asked(given, redactor), launched, _folders(), _tell, os.environ)
    except Refused as why:
        return _fail(FAILED, str(why), redactor)


def _asked(given: Given, redactor: Redactor) -> Asked:
    """What setup and launch are asked for."""
    from linx.setup.clients.table import find
    from linx.setup.command import Asked
    from linx.setup.running import OTHER_PORTS, Place

    name = str(given["CLIENT"])
    client = find(name)
    if client is None:
        raise _CommandLineError(f"there is no client {_shown(name)}; {_suggest(name, CLIENTS)}")
    server = options_from(given, os.environ, redactor).config.server
    usual = Place.of(server.hostname, server.port)
    others = OTHER_PORTS if given["--port"] is None and server.port == ServerConfig().port else ()
    places = (usual, *(Place(usual.host, port) for port in others))
    return Asked(client, places, server.own_key, _text(given, "--model"))


def _options_of(given: Given, names: Set[str]) -> tuple[str, ...]:
    """These options of this command line, for another Linx; the key travels otherwise."""
    found: list[str] = []
    for option, value in _OPTIONS.items():
        told = given[option]
        if told and option in names:
            told = os.path.abspath(str(told)) if option == "--demo-model" else str(told)
            found += [option, told] if value else [option]
    return tuple(found)


def _folders() -> Folders:
    from linx.setup.folders import Folders

    return Folders.of(sys.platform, dict(os.environ))


def _tail(given: Given, redactor: Redactor) -> int:
    from linx import tail

    style = _one_of(given, "--log-format", ("text", "json"))
    server = options_from(given, os.environ, redactor).config.server
    try:
        tail.follow(server, style, os.environ)
    except tail.NotFollowed as why:
        return _fail(FAILED, str(why), redactor)
    return OK


def _usage(given: Given, redactor: Redactor) -> int:
    # Imported here because sqlite3 and the config's kinds take long to import.
    from linx.ledger.database import LedgerProblem
    from linx.ledger.period import parse as period_of
    from linx.ledger.questions import BY
    from linx.ledger.report import FORMATS
    from linx.ledger.usage import Asked, report, style_of

    asked = Asked(
        by=_one_of(given, "--by", tuple(BY)),
        period=period_of(str(given["--since"]), time.time()),
        format=_one_of(given, "--format", tuple(FORMATS)),
    )
    options = options_from(given, os.environ, redactor)
    try:
        return _print(report(options.config.ledger, asked, style_of(sys.stdout, os.environ)))
    except LedgerProblem as error:
        return _fail(FAILED, str(error), redactor)


def _key(given: Given, _redactor: Redactor) -> int:
    # Imported here because only this command writes a config file.
    from linx import key_command

    path, name = _text(given, "--config"), str(given["NAME"] or "")
    if given["list"]:
        return _print(key_command.listed(path, os.environ))
    if given["remove"]:
        key_command.remove(path, os.environ, name)
        return OK
    key_command.add(path, os.environ, name, cast("list[str]", given["LIMIT"]))
    return OK


def _service(given: Given, redactor: Redactor) -> int:
    from linx.config import file as config_file
    from linx.service import command

    action = next(name for name in _ACTIONS["service"] if given[name])
    drain_s, config, env = ServerConfig().drain_s, None, dict(os.environ)
    if action == "install":
        drain_s = options_from(given, os.environ, redactor).config.server.drain_s
        config = config_file.find(_text(given, "--config"), os.environ)
        if (key := _text(given, "--api-key")) is not None:
            env["LINX_API_KEY"] = key
    options = _options_of(given, (_OF_SERVING | {"--port"}) - {"--config"})
    try:
        asked = command.asked_for(options, config, drain_s, env)
        return OK if command.DO[action](asked, _say) else FAILED
    except command.Refused as why:
        return _fail(FAILED, str(why), redactor)


_RUN: dict[str, Callable[[Given, Redactor], int]] = {
    "doctor": _doctor,
    "setup": _setup,
    "launch": _launch,
    "tail": _tail,
    "usage": _usage,
    "key": _key,
    "service": _service,
    "schema": _schema,
}


# --- how the single binary starts its child processes: it has no other Python interpreter to run them ---


def _demo_child(words: list[str]) -> int:
    from linx.children.demo import child as demo_child

    return demo_child.main(words)


def _tunnel_child(words: list[str]) -> int:
    from linx.children.tunnel import child

    return child.main(words)


def _launched_child(words: list[str]) -> int:
    from linx.setup import leash

    return leash.main(words)


def _service_child(words: list[str]) -> int:
    from linx.service.child import prepare

    return main(prepare(words))


_CHILDREN: dict[str, Callable[[list[str]], int]] = {
    "--demo-child": _demo_child,
    "--tunnel-child": _tunnel_child,
    "--launched-child": _launched_child,
    "--service-child": _service_child,
}


def _not_yet(what: str) -> int:
    raise _CommandLineError(f"{what} does not exist in this version of Linx yet")


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
        matches = [name for name in _OPTIONS if name.startswith(typed)] if typed.startswith("--") else []
        if typed in _OPTIONS:
            matches = [typed]
        if len(matches) > 1:
            return f"{_shown(typed)} could be {' or '.join(matches)}; {_SEE_HELP}"
        if not matches:
            return f"unknown option {_shown(typed)}; {_suggest(typed, tuple(_OPTIONS))}"
        option = matches[0]
        if option in seen:
            return f"{option} is given twice"
        seen.append(option)
        if not _OPTIONS[option] and equals:
            return f"{option} takes no value"
        if _OPTIONS[option] and not equals:
            if not rest or rest[0] == "--":
                return f"{option} needs a value: {option} {_OPTIONS[option]}"
            rest.pop(0)
    return _explain_words(words, seen)


def _explain_words(words: Sequence[str], options: Sequence[str]) -> str:
    command = words[0] if words else ""
    if command in _SERVING_WORDS:
        return f"unknown command '{command}'; Linx serves where no command is given: linx [options]"
    if command and command not in COMMANDS:
        return f"unknown command {_shown(command)}; {_suggest(command, COMMANDS)}"
    if "--model" in options and command not in _OF_CLIENTS:
        return "--model works only with the commands setup and launch"
    for option in options:
        if _COMMAND_OF.get(option, command) != command:
            return f"{option} works only with the command {_COMMAND_OF[option]}"
    if command == "schema" and options:
        return "schema takes no options"
    if command in _ACTIONS:
        return _explain_action(command, words[1:])
    if command in _OF_CLIENTS and len(words) == 1:
        return f"{command} needs the name of a client: {', '.join(CLIENTS)}"
    if {"--write", "--undo"} <= set(options):
        return "--write and --undo cannot be used together"
    if command == "launch" and len(words) > 2:
        return f"the arguments of the client come after --, as in: linx launch {quote(words[1], 32)} -- ARGS"
    most = 2 if command in _OF_CLIENTS else 1
    if len(words) > most:
        return f"too many words after {command}; {_SEE_HELP}"
    return f"the command line cannot be understood; {_SEE_HELP}"


def _explain_action(command: str, words: Sequence[str]) -> str:
    known, action = _ACTIONS[command], words[0] if words else ""
    if not action:
        return f"{command} needs one of {', '.join(known)}"
    if action not in known:
        return f"unknown: {command} {_shown(action)}; {_suggest(action, known)}"
    if command == "key" and action != "list" and len(words) == 1:
        return f"key {action} needs the name of the key"
    return f"too many words after {command} {action}; {_SEE_HELP}"


def _suggest(word: str, known: Sequence[str]) -> str:
    if len(word) == 2 and word.startswith("-"):
        near = [name for name in known if name.startswith(f"-{word.lower()}")][:1]
    else:
        near = difflib.get_close_matches(word[:64].lower(), known, 1, 0.5)
    return f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"


def _shown(word: str) -> str:
    """A word of the command line in quotes, or a placeholder where the word may be a key in the wrong place."""
    return repr(quote(word, 32)) if len(word) <= 32 and not re.search(r"[0-9]{4}", word) else "(not repeated here)"


def _text(given: Given, option: str) -> str | None:
    value = given[option]
    if value is None:
        return None
    if not str(value).strip():
        raise ConfigError(option, "needs a value")
    return str(value)


def _port(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65535:
        raise ConfigError("--port", "must be a number from 0 to 65535")
    return int(text)


def _one_of(given: Given, option: str, known: Sequence[str]) -> str:
    value = str(given[option]).lower()
    if value not in known:
        raise ConfigError(option, f"must be one of {', '.join(known)}, not {_shown(value)}")
    return value


# --- standard output and standard error ---


def _print(text: str) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    return OK


def _say(text: str) -> None:
    sys.stdout.write(f"{escape_controls(text, keep_lines=True)}\n")
    sys.stdout.flush()


def _tell(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(f"linx: {escape_controls(text, keep_lines=True)}\n")
        sys.stderr.flush()


def _fail(code: int, problem: str, redactor: Redactor) -> int:
    if sys.stderr is not None:
        sys.stderr.write(f"linx: {escape_controls(redactor.clean(problem))}\n")
    return code
