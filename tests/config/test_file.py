"""Finding and reading the file: where it may be, what is no file, who may change it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from linx.config import file as config_file
from linx.config.misfit import known_keys
from linx.config.shape import FileShape
from linx.core import binary, folders, jsontext
from linx.core.errors import ConfigError


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(name: str, text: str = "{}", mode: int = 0o600) -> str:
    Path(name).write_text(text)
    os.chmod(name, mode)
    return name


# --- the search ---


def test_the_flag_then_the_variable_then_the_working_directory() -> None:
    env = {"LINX_CONFIG": written("b.json")}
    assert config_file.find(None, {}) is None
    written("config.json")
    assert config_file.find(None, {}) == "config.json"
    assert config_file.find(None, env) == "b.json"
    assert config_file.find(written("a.json"), env) == "a.json"


def test_one_that_was_asked_for_has_no_substitute() -> None:
    written("config.json")
    with pytest.raises(ConfigError, match=r"^a\.json: no such file \(given by --config\)$"):
        config_file.find("a.json", {})
    with pytest.raises(ConfigError, match=r"^b\.json: no such file \(given by LINX_CONFIG\)$"):
        config_file.find(None, {"LINX_CONFIG": "b.json"})


def test_only_the_single_binary_looks_beside_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "bin"
    home.mkdir()
    (home / "config.json").write_text("{}")
    monkeypatch.setattr(sys, "executable", str(home / "linx"))
    assert config_file.find(None, {}) is None
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert config_file.find(None, {}) == str(home / "config.json")
    own = str(folders.config_file("config.json"))
    assert config_file.candidates(None, {}) == ("config.json", own, str(home / "config.json"))
    os.makedirs(os.path.dirname(own))
    written(own)
    assert config_file.find(None, {}) == own
    written("config.json")
    assert config_file.find(None, {}) == "config.json"


def test_the_file_beside_the_binary_and_not_beside_what_it_has_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where a link in a folder of the PATH is what was started."""
    for place in ("cache", "opt", "bin"):
        (tmp_path / place).mkdir()
    (tmp_path / "opt" / "linx").touch()
    (tmp_path / "bin" / "linx").symlink_to(tmp_path / "opt" / "linx")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "cache" / "linx"))
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setenv(binary.VARIABLE, str(tmp_path / "bin" / "linx"))
    assert config_file.candidates(None, {})[-1] == os.path.realpath(tmp_path / "opt" / "config.json")


@pytest.mark.parametrize("text", ['{"name": "x", "dependencies": {}}', "[1]", '{"$schema": "https://example.org"}'])
def test_the_file_of_another_program_is_passed_over(text: str) -> None:
    written("config.json", text)
    assert config_file.find(None, {}) is None
    assert "belongs to another program" in str(config_file.passed_over(None, {}))
    assert config_file.find("config.json", {}) == "config.json"
    assert config_file.passed_over("config.json", {}) is None
    own = str(folders.config_file("config.json"))
    os.makedirs(os.path.dirname(own))
    assert config_file.find(None, {}) is None
    written(own)
    assert config_file.find(None, {}) == own


@pytest.mark.parametrize("text", ["{}", '{"server": {}, "sever": {}}', "{", '{"a": 1,}', ""])
def test_a_file_that_may_be_linxs_is_read(text: str) -> None:
    written("config.json", text)
    assert config_file.find(None, {}) == "config.json"
    assert config_file.passed_over(None, {}) is None


def test_the_keys_at_the_top_are_those_of_the_shape() -> None:
    assert set(known_keys(FileShape)) == config_file.OWN_KEYS


# --- reading ---


def test_a_file_is_read_with_its_whole_path(tmp_path: Path) -> None:
    found = config_file.read(written("a.json", '{"server": {}}'))
    assert (found.path, found.label, found.tree) == (str(tmp_path / "a.json"), "a.json", {"server": {}})


def test_a_link_is_followed_and_a_dangling_one_is_no_missing_file() -> None:
    written("real.json", '{"server": {}}')
    os.symlink("real.json", "config.json")
    assert config_file.read("config.json").tree == {"server": {}}
    os.unlink("real.json")
    assert config_file.find(None, {}) == "config.json"
    with pytest.raises(ConfigError, match=r"config\.json: cannot be read: No such file"):
        config_file.read("config.json")


def test_what_is_no_file_is_not_waited_for() -> None:
    os.mkdir("d.json")
    with pytest.raises(ConfigError, match=r"^d\.json: is a directory"):
        config_file.read("d.json")
    os.mkfifo("f.json")
    with pytest.raises(ConfigError, match=r"^f\.json: is not a regular file"):
        config_file.read("f.json")


def test_a_large_file_is_refused_without_reading_it() -> None:
    with open("big.json", "wb") as file:
        file.truncate(100 << 20)
    with pytest.raises(ConfigError, match=r"^big\.json: is larger than 1 MiB"):
        config_file.read("big.json")
    written("fits.json", "{" + " " * (config_file.MAX_BYTES - 2) + "}")
    assert config_file.read("fits.json").tree == {}


def test_a_strange_name_stays_on_one_line() -> None:
    with pytest.raises(ConfigError) as caught:
        config_file.find("a\nb\x1b[31m.json", {})
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("mode", [0o602, 0o606, 0o666, 0o622])
def test_a_file_that_everybody_can_change_is_refused(mode: int) -> None:
    with pytest.raises(ConfigError, match=r"^a\.json: can be changed by every user of this machine; run: chmod o-w"):
        config_file.read(written("a.json", mode=mode))


@pytest.mark.parametrize(("mode", "is_exposed"), [(0o600, False), (0o400, False), (0o644, True), (0o604, True)])
def test_a_file_that_others_can_read_is_noted(mode: int, is_exposed: bool) -> None:
    assert config_file.read(written("a.json", mode=mode)).is_exposed is is_exposed


def test_a_file_system_without_permissions_is_no_reason_to_refuse() -> None:
    assert config_file.read(written("a.json", mode=0o777)).is_exposed


def test_the_group_counts_unless_it_is_the_owners_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_file, "_is_private_group", lambda _status: True)
    assert not config_file.read(written("a.json", mode=0o660)).is_exposed
    monkeypatch.setattr(config_file, "_is_private_group", lambda _status: False)
    assert config_file.read(written("a.json", mode=0o640)).is_exposed
    with pytest.raises(ConfigError, match=r"can be changed by others of its group; run: chmod g-w a\.json"):
        config_file.read(written("a.json", mode=0o660))


def test_whose_group_it_is(tmp_path: Path) -> None:
    # Not a name of anybody: the ids decide.
    path = tmp_path / "x"
    path.write_text("")
    status = os.stat(path)
    fields = list(status)
    assert isinstance(config_file._is_private_group(status), bool)
    fields[4], fields[5] = 987_654, 987_654
    assert config_file._is_private_group(os.stat_result(fields))
    fields[5] = 987_655
    assert not config_file._is_private_group(os.stat_result(fields))


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'{"a": 1, "b": {"a": 1}, "c": [{"a": 1}, {"a": 2}]}', None),
        (b'{"a": 1, "a": 2}', ("a",)),
        (b'{"x": {"y": [0, {"a": 1, "b": 2, "a": 3}]}}', ("x", "y", 1, "a")),
        (b'{"x": {"a": 1, "a": 2}, "x": 3}', ("x",)),
        (b'{"\\u0061": 1, "a": 2}', ("a",)),
    ],
)
def test_the_path_of_a_key_given_twice(text: bytes, path: tuple[str | int, ...] | None) -> None:
    assert jsontext.repeated_key(text) == path


# --- env: ---


def test_references_are_replaced_once_and_everywhere() -> None:
    tree = {"a": "env:ONE", "b": ["env:TWO", 1, None], "c": {"d": "env:ONE", "e": "plain env:ONE"}}
    env = {"ONE": "env:TWO", "TWO": "2"}
    assert config_file.resolved(tree, "c", env, "refuse") == {
        "a": "env:TWO",
        "b": ["2", 1, None],
        "c": {"d": "env:TWO", "e": "plain env:ONE"},
    }


@pytest.mark.parametrize("env", [{}, {"GONE": ""}])
def test_a_missing_variable_is_an_error_or_drops_its_key(env: dict[str, str]) -> None:
    tree = {"a": {"b": ["x", "env:GONE"]}, "c": "env:GONE"}
    assert config_file.resolved(tree, "c.json: s", env, "drop") == {"a": {"b": ["x"]}}
    with pytest.raises(ConfigError, match=r"^c\.json: s\.a\.b\[1\]: environment variable GONE is not set$"):
        config_file.resolved(tree, "c.json: s", env, "refuse")


def test_a_secret_after_env_is_not_repeated() -> None:
    with pytest.raises(ConfigError) as caught:
        config_file.resolved("env:sk-or-v1-0123456789abcdef", "x", {}, "refuse")
    assert str(caught.value) == "x: must have the name of an environment variable after env:"
