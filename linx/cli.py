"""What each command does, the setup of the log, and the exit codes.

A command line (``command_line``) or config that Linx cannot use ends the program with one line
on standard error and exit code 2. A module that takes long to import is imported only by the
command that needs it.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, cast

import msgspec

import linx
from linx.command_line import (
    ACTIONS,
    CLIENTS,
    COMMANDS,
    OF_SERVING,
    OPTIONS,
    USAGE,
    CommandLineError,
    explain_words,
    one_of,
    parse,
    port_in,
    shown_word,
    suggest_word,
    text_in,
)
from linx.config.layers import Overrides
from linx.config.load import Options, Sources
from linx.config.shape import OTHER_PORTS, ServerConfig, json_schema
from linx.core import jsontext
from linx.core.errors import ConfigError, quote
from linx.core.log import LEVELS, line_log, set_up_log
from linx.core.redaction import Redactor, escape_controls
from linx.starting import restore_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence, Set

    from linx.command_line import Given
    from linx.config.model import Config
    from linx.setup.command import Asked
    from linx.setup.folders import Folders
    from linx.setup.running import Place

OK, FAILED, UNUSABLE = 0, 1, 2


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
    level, style = one_of(given, "--log-level", tuple(LEVELS)), one_of(given, "--log-format", ("text", "json"))
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
    sources, model = sources_from(given, env, redactor), text_in(given, "--demo-model")
    is_demo = bool(given["--demo"]) or model is not None
    return Options(sources.load(), sources, demo=is_demo, demo_model=model, gui=bool(given["--gui"]))


def sources_from(given: Given, env: Mapping[str, str], redactor: Redactor) -> Sources:
    """Where the config is read from, by the flags."""
    if given["--tunnel"] and given["--no-tunnel"]:
        raise CommandLineError("--tunnel and --no-tunnel cannot be used together")
    model = text_in(given, "--demo-model")
    if model is not None and not os.path.isfile(model):
        raise ConfigError("--demo-model", f"no such file: {quote(model, 200)}")
    # Imported here because the kinds import the dialects: a mistake on the command line is told without that wait.
    from linx.providers.kinds import KINDS

    return Sources(
        kinds=KINDS,
        path=text_in(given, "--config"),
        overrides=Overrides(
            port=port_in(text_in(given, "--port")),
            host=text_in(given, "--host"),
            tunnel=True if given["--tunnel"] else False if given["--no-tunnel"] else None,
            ollama=text_in(given, "--ollama"),
            api_key=text_in(given, "--api-key"),
        ),
        env=dict(env),
        redactor=redactor,
    )


# --- the other commands ---


def _schema(_given: Given, _redactor: Redactor) -> int:
    return _print(jsontext.dumps_pretty(json_schema()).decode())


def _doctor(given: Given, redactor: Redactor) -> int:
    from linx.doctor import command
    from linx.providers.kinds import KINDS

    style = one_of(given, "--format", ("table", "json"))
    sources = sources_from(given, os.environ, redactor)
    asked = command.Asked(sources, KINDS, is_fix=bool(given["--fix"]), format=style)
    url = text_in(given, "--from")
    if url is None:
        return OK if command.run(asked, _write) else FAILED
    if given["--fix"]:
        raise CommandLineError("--fix and --from cannot be used together: nothing is changed elsewhere")
    key = text_in(given, "--api-key") or os.environ.get("LINX_API_KEY") or None
    return OK if command.run_from(url, asked, key, _write) else FAILED


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
        raise CommandLineError(explain_words(("launch", str(given["CLIENT"]), "ARGS"), ()))
    launched = Launched(
        args=tuple(args) if isinstance(args, list) else (),
        options=_options_of(given, OF_SERVING),
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

    name = str(given["CLIENT"])
    client = find(name)
    if client is None:
        raise CommandLineError(f"there is no client {shown_word(name)}; {suggest_word(name, CLIENTS)}")
    config = options_from(given, os.environ, redactor).config
    return Asked(client, _places(config), config.server.own_key, text_in(given, "--model"))


def _places(config: Config) -> tuple[Place, ...]:
    """Where the Linx of this config listens: at its port, or at another where that was taken and nobody chose it."""
    from linx.setup.running import Place

    usual = Place.of(config.server.hostname, config.server.port)
    others = () if config.is_port_chosen else OTHER_PORTS
    return (usual, *(Place(usual.host, port) for port in others))


def _options_of(given: Given, names: Set[str]) -> tuple[str, ...]:
    """These options of this command line, for another Linx; the key travels otherwise."""
    found: list[str] = []
    for option, value in OPTIONS.items():
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
    from linx.setup.running import look

    style = one_of(given, "--log-format", ("text", "json"))
    config = options_from(given, os.environ, redactor).config
    usual, *others = _places(config)
    found = look((usual, *others)) if others else None
    try:
        tail.follow(msgspec.structs.replace(config.server, port=(found or usual).port), style, os.environ)
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
        by=one_of(given, "--by", tuple(BY)),
        period=period_of(str(given["--since"]), time.time()),
        format=one_of(given, "--format", tuple(FORMATS)),
    )
    options = options_from(given, os.environ, redactor)
    try:
        return _print(report(options.config.ledger, asked, style_of(sys.stdout, os.environ)))
    except LedgerProblem as error:
        return _fail(FAILED, str(error), redactor)


def _key(given: Given, _redactor: Redactor) -> int:
    # Imported here because only this command writes a config file.
    from linx import key_command

    path, name = text_in(given, "--config"), str(given["NAME"] or "")
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

    action = next(name for name in ACTIONS["service"] if given[name])
    longest_end_s, config, env = ServerConfig().longest_end_s, None, dict(os.environ)
    if action == "install":
        longest_end_s = options_from(given, os.environ, redactor).config.server.longest_end_s
        config = config_file.find(text_in(given, "--config"), os.environ)
        if (key := text_in(given, "--api-key")) is not None:
            env["LINX_API_KEY"] = key
    options = _options_of(given, (OF_SERVING | {"--port"}) - {"--config"})
    try:
        asked = command.asked_for(options, config, longest_end_s, env)
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


# --- standard output and standard error ---


def _print(text: str) -> int:
    sys.stdout.write(text)
    sys.stdout.flush()
    return OK


def _write(text: str) -> None:
    _print(text)


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
