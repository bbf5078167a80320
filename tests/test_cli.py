"""The command line: its text, its mistakes, what the flags become."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import linx
from linx.cli import main, options_from
from linx.command_line import USAGE, parse
from linx.config.layers import Overrides
from linx.config.shape import json_schema
from linx.core import jsontext
from linx.core.errors import ConfigError
from linx.core.redaction import Redactor

if TYPE_CHECKING:
    from linx.config.load import Options

KEY = "sk-or-v1-0123456789abcdef0123456789abcdef"


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("LINX_API_KEY", "LINX_CONFIG", "OPENROUTER_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def options(line: str, env: dict[str, str] | None = None) -> Options:
    return options_from(parse(shlex.split(line)), env or {}, Redactor())


# --- the text ---


@pytest.mark.parametrize("line", ["--help", "-h", "--port 1 --help", "nonsense --help", "doctor -h", "schema --help"])
def test_help_is_given_whatever_stands_beside_it(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(line)) == 0
    assert capsys.readouterr() == (USAGE, "")


@pytest.mark.parametrize("line", ["--version", "--version --port 1", "nonsense --version"])
def test_the_version(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(line)) == 0
    assert capsys.readouterr() == (f"Linx {linx.__version__}\n", "")


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert jsontext.loads(capsys.readouterr().out.encode()) == json_schema()


# --- mistakes ---

MISTAKES = [
    ("--prot 1", "unknown option '--prot'; did you mean --port?"),
    ("--apikey KEY", "unknown option '--apikey'; did you mean --api-key?"),
    ("--no-tunel", "unknown option '--no-tunel'; did you mean --no-tunnel?"),
    ("--qqq", "unknown option '--qqq'; known: --config, --port"),
    ("-p 80", "unknown option '-p'; did you mean --port?"),
    ("-x", "unknown option '-x'; known: "),
    ("--log json", "'--log' could be --log-level or --log-format; see linx --help"),
    ("--port", "--port needs a value: --port PORT"),
    ("--config --", "--config needs a value: --config FILE"),
    ("--config=", "--config: needs a value"),
    ("--demo=yes", "--demo takes no value"),
    ("--port 1 --port 2", "--port is given twice"),
    ("--port x", "--port: must be a number from 0 to 65535"),
    ("--port 65536", "--port: must be a number from 0 to 65535"),
    ("--port -1", "--port: must be a number from 0 to 65535"),
    ("--port ٣", "--port: must be a number from 0 to 65535"),
    ("--host 'a b'", "--host: must be a host name or an IP address"),
    ("--ollama box:11434", "--ollama: must start with http:// or https://"),
    ("--ollama http://u:p4ssw0rd@box", "--ollama: must not contain credentials"),
    ("--api-key 'two words'", "--api-key: must not contain a space"),
    ("--tunnel --no-tunnel", "--tunnel and --no-tunnel cannot be used together"),
    ("--demo-model gone.gguf", "--demo-model: no such file: gone.gguf"),
    ("--config gone.json", "gone.json: no such file (given by --config)"),
    ("--log-level loud", "--log-level: must be one of debug, info, warning, error, not 'loud'"),
    ("--log-format xml", "--log-format: must be one of text, json, not 'xml'"),
    ("docter", "unknown command 'docter'; did you mean doctor?"),
    ("serve", "unknown command 'serve'; Linx serves where no command is given: linx [options]"),
    ("run --port 1", "unknown command 'run'; Linx serves where no command is given: linx [options]"),
    ("quux", "unknown command 'quux'; known: doctor, setup, launch, tail, usage, key, service, schema"),
    ("doctor --fix --from http://127.0.0.1:1", "--fix and --from cannot be used together: nothing is changed"),
    ("doctor --from linx.example", "--from: must start with http:// or https://"),
    ("doctor --format csv", "--format: must be one of table, json, not 'csv'"),
    ("--from http://127.0.0.1:1", "--from works only with the command doctor"),
    ("tail --format json", "--format works only with the commands usage and doctor"),
    ("doctor now", "too many words after doctor; see linx --help"),
    ("--fix", "--fix works only with the command doctor"),
    ("--write", "--write works only with the command setup"),
    ("doctor --undo", "--undo works only with the command setup"),
    ("setup", "setup needs the name of a client: cursor, continue, vscode"),
    ("setup curser", "there is no client 'curser'; did you mean cursor?"),
    ("setup opencod --write", "there is no client 'opencod'; did you mean opencode?"),
    ("launch", "launch needs the name of a client: cursor, continue, vscode"),
    ("launch cluade", "there is no client 'cluade'; did you mean claude-code?"),
    ("launch aider --write", "--write works only with the command setup"),
    ("launch claude hello", "the arguments of the client come after --, as in: linx launch claude -- ARGS"),
    ("launch claude -p hello", "unknown option '-p'; did you mean --port?"),
    ("--model qwen3:8b", "--model works only with the commands setup and launch"),
    ("usage --model qwen3:8b", "--model works only with the commands setup and launch"),
    ("setup cursor --write --undo", "--write and --undo cannot be used together"),
    ("setup cursor zed", "too many words after setup"),
    ("--since 7d", "--since works only with the command usage"),
    ("usage --since soon", "--since: must be a time such as 24h, 7d or 4w"),
    ("usage --by modle", "--by: must be one of model, provider, key, client, day, not 'modle'"),
    ("usage --format xml", "--format: must be one of table, json, csv, not 'xml'"),
    ("usage now", "too many words after usage"),
    ("key", "key needs one of add, list, remove"),
    ("key ad anna", "unknown: key 'ad'; did you mean add?"),
    ("key add", "key add needs the name of the key"),
    ("key add a b", "key add: there is no limit 'b'; known: models, local_only"),
    ("key list a", "too many words after key list"),
    ("key remove", "key remove needs the name of the key"),
    ("key remove a models=m", "too many words after key remove"),
    ("key add anna max_concurrent", "key add: there is no limit 'max_concurrent'; did you mean max_concurrent?"),
    ("key add anna max_concurrent=0", "max_concurrent: must be a whole number of at least 1"),
    ("key add anna max-concurrency=2", "key add: there is no limit 'max-concurrency'; did you mean max_concurrent?"),
    ("key add anna daily_usd=much", "daily_usd: must be an amount in USD, such as 2 or 0.5"),
    ("key add anna models=,", "models: must be patterns of models with commas between them"),
    ("key add anna local_only=yes", "local_only: must be true or false"),
    ("key add anna daily_usd=1 daily_usd=2", "daily_usd: is given twice"),
    ("key add anna/b", "key add: must be at most 64 letters, digits, dots, dashes"),
    ("service", "service needs one of install, remove, status"),
    ("service instal", "unknown: service 'instal'; did you mean install?"),
    ("service install now", "too many words after service install"),
    ("service install --fix", "--fix works only with the command doctor"),
    ("service install --config gone.json", "gone.json: no such file (given by --config)"),
    ("schema --port 1", "schema takes no options"),
    ("-- --port", "unknown command '--'"),
    (KEY, "unknown command (not repeated here); known: doctor"),
    (f"--apikey={KEY}", "unknown option '--apikey'; did you mean --api-key?"),
    (f"--api-key {KEY} docter", "unknown command 'docter'; did you mean doctor?"),
    (f"--log-level {KEY}", "--log-level: must be one of debug, info, warning, error, not (not repeated here)"),
    ("'a\nb\x1b[31m'", "unknown command"),
]


@pytest.mark.parametrize(("line", "complaint"), MISTAKES)
def test_a_mistake_ends_with_one_line_and_code_2(line: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(line)) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"linx: {complaint}")
    assert err.endswith("\n")
    assert err[:-1].isprintable()
    assert not any(secret in err for secret in (KEY, "p4ssw0rd"))


def test_a_bad_config_ends_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.json").write_text('{"openrouter": {"endpoint": "openrouter.ai"}}')
    assert main([]) == 2
    assert capsys.readouterr() == (
        "",
        "linx: config.json: openrouter.endpoint: must start with http:// or https://\n",
    )


def test_a_secret_of_the_environment_is_not_repeated(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINX_API_KEY", "correcthorsebattery")
    assert main(["--config", "correcthorsebattery"]) == 2
    assert "correcthorse" not in capsys.readouterr().err


# --- what flags become ---


def test_without_flags_everything_is_left_to_the_other_layers() -> None:
    found = options("")
    assert found.sources.overrides == Overrides()
    assert (found.sources.path, found.demo, found.demo_model, found.gui) == (None, False, None, False)
    assert found.config.server.port == 8080


def test_every_flag_arrives(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"server": {"port": 5, "drain_s": 1}}')
    os.chmod(tmp_path / "a.json", 0o600)
    (tmp_path / "m.gguf").write_bytes(b"GGUF")
    found = options(
        "--config a.json --port 0 --host ::1 --no-tunnel --ollama http://box:1 --api-key 0123456789abcdef "
        "--demo-model m.gguf --gui --log-level debug --log-format=json"
    )
    config = found.config
    assert (config.server.port, config.server.hostname, config.server.drain_s) == (0, "::1", 1)
    assert (config.server.api_keys, config.tunnel.use_tunnel) == (("0123456789abcdef",), False)
    assert (config.providers[0].endpoint, config.path) == ("http://box:1", str(tmp_path / "a.json"))
    assert (found.demo, found.demo_model, found.gui) == (True, "m.gguf", True)
    assert found.sources.load() == config


@pytest.mark.parametrize("flag", ["--demo-child", "--tunnel-child"])
def test_what_the_binary_starts_itself_as(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[list[str]] = []

    def child(words: list[str]) -> int:
        given.append(words)
        return 7

    for module in ("linx.children.demo.child", "linx.children.tunnel.child"):
        monkeypatch.setattr(f"{module}.main", child)
    # Whatever follows is the child's, and looks like options of Linx or not.
    assert main([flag, "ssh", "--help", "-T"]) == 7
    assert given == [["ssh", "--help", "-T"]]


@pytest.mark.parametrize(("line", "expected"), [("--tunnel", True), ("--no-tunnel", False)])
def test_the_tunnel_can_be_forced_both_ways(line: str, expected: bool) -> None:
    assert options(line).config.tunnel.use_tunnel is expected


def test_the_environment_of_the_start_is_kept_for_reloads() -> None:
    env = {"LINX_API_KEY": "0123456789abcdef"}
    found = options("", env)
    env.clear()
    assert found.sources.load().server.api_keys == ("0123456789abcdef",)


def test_the_redactor_knows_the_keys_from_the_start() -> None:
    redactor = Redactor()
    options_from(parse(["--api-key", "correcthorsebattery"]), {}, redactor)
    assert "correcthorse" not in redactor.clean("key correcthorsebattery")


def test_a_mistake_in_the_config_is_an_error_of_the_options() -> None:
    Path("config.json").write_text('"text"')
    with pytest.raises(ConfigError, match="must hold a JSON object"):
        options("")


def test_the_exit_code_is_that_of_the_running_program(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []

    def serve(given: Any, _redactor: Redactor) -> int:
        ran.append(given)
        return 7

    monkeypatch.setattr("linx.cli._serve", serve)
    monkeypatch.setattr("sys.argv", ["linx", "--port", "5"])
    assert main() == 7
    assert ran[0]["--port"] == "5"


def test_an_interrupt_while_starting_is_an_orderly_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("linx.cli._serve", interrupted)
    assert main([]) == 0


# --- usage ---


@pytest.mark.parametrize("style", ["table", "json", "csv"])
def test_usage_without_a_ledger(style: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["usage", "--format", style]) == 0
    out, err = capsys.readouterr()
    assert out
    assert err == ""


def test_usage_of_a_damaged_ledger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("config.json").write_text('{"ledger": {"path": "money.db"}}')
    Path("money.db").write_text("no ledger " * 500)
    assert main(["usage"]) == 1
    assert capsys.readouterr() == ("", "linx: the ledger money.db cannot be read: it is damaged\n")
