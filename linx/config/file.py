"""Finds a config file and reads it into a tree of JSON. What the keys mean is decided elsewhere.

People and programs write this file, so it is read with care: first its size and kind are
checked, then its encoding, then its JSON; and a key that is given twice is an error,
since one of the two values would be lost without notice.
"""

from __future__ import annotations

import os
import re
import stat
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from linx.config.rules import key_of, shown
from linx.core import binary, folders, jsontext
from linx.core.errors import ConfigError, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "config.json"
OWN_KEYS = frozenset(
    ("ollama", "llamacpp", "openrouter", "providers", "routing", "server", "tunnel", "ledger", "discovery")
)
"""The keys at the top of Linx's own file."""
MAX_BYTES = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"  # editors on Windows put it before UTF-8
_ENV = "env:"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_POSITION = re.compile(r": line ([0-9]+) column ([0-9]+) \(char ([0-9]+)\)$")
_DROPPED = object()  # in place of a value whose environment variable is not set, where that is no error


class CannotRead(ConfigError):
    """The system could not read the file, for a reason that may pass: too many open files, a disk that fails."""


class VariableNotSet(ConfigError):
    """A value refers to an environment variable that is not set."""


class ConfigFile(NamedTuple):
    """A file as read. Errors call it ``label``. ``is_exposed``: other users of this machine can read it."""

    path: str
    label: str
    tree: dict[str, Any]
    is_exposed: bool


def candidates(path: str | None, env: Mapping[str, str]) -> tuple[str, ...]:
    """The paths where a config file may be; the first that exists is used.

    There is only one path if --config or LINX_CONFIG names a file.
    """
    chosen = path or env.get("LINX_CONFIG")
    if chosen:
        return (chosen,)
    own = str(folders.config_file(NAME))
    if binary.is_binary():
        return (NAME, own, os.path.join(os.path.dirname(os.path.realpath(binary.path())), NAME))
    return (NAME, own)


def find(path: str | None, env: Mapping[str, str]) -> str | None:
    """The path of the file to read; None where there is none and the built-in defaults apply."""
    places = candidates(path, env)
    for place in places:
        if os.path.lexists(place) and not (is_foreign(place) and place == NAME and len(places) > 1):
            return place
    if path:
        raise ConfigError(quote(path, 200), "no such file (given by --config)")
    if env.get("LINX_CONFIG"):
        raise ConfigError(quote(places[0], 200), "no such file (given by LINX_CONFIG)")
    return None


def passed_over(path: str | None, env: Mapping[str, str]) -> str | None:
    """A warning where the config.json of this folder is another program's; None otherwise."""
    if len(candidates(path, env)) == 1 or not is_foreign(NAME):
        return None
    return f"{NAME}: belongs to another program, since none of its keys is one of Linx's, and is passed over"


def is_foreign(path: str) -> bool:
    """Is this the file of another program? So it is where it is a list, or no key of it is one of Linx's, or like one.

    What is no JSON may be Linx's with a mistake, which has to be told.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return False
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError:
        return False  # reading it says what is wrong
    try:
        tree = jsontext.loads(data.removeprefix(_BYTE_ORDER_MARK))
    except jsontext.InvalidJSON:
        return False
    if isinstance(tree, dict):
        return bool(tree) and not any(get_close_matches(key, OWN_KEYS, n=1) for key in tree)
    return isinstance(tree, list)


def read(path: str) -> ConfigFile:
    label = quote(path, 200)
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            raise ConfigError(label, "is a directory; name the file in it")
        if not stat.S_ISREG(status.st_mode):
            raise ConfigError(label, "is not a regular file")
        if status.st_size > MAX_BYTES:
            raise ConfigError(label, "is larger than 1 MiB")
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CannotRead(label, f"cannot be read: {error.strerror or type(error).__name__}") from None
    if len(data) > MAX_BYTES:
        raise ConfigError(label, "is larger than 1 MiB")
    is_exposed = _is_exposed(label, status)
    return ConfigFile(os.path.abspath(path), label, parse(data, label), is_exposed)


def parse(data: bytes, label: str) -> dict[str, Any]:
    """The JSON object in a file. Raises ConfigError with line and column."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:4]:
        raise ConfigError(f"{label}:1:1", "is not UTF-8 (it looks like UTF-16); save it as UTF-8")
    data = data.removeprefix(_BYTE_ORDER_MARK)
    if not data.strip():
        raise ConfigError(label, "is empty; the least that works is {}")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{label}:{_line_and_column(data, error.start)}", "is not UTF-8; save it as UTF-8") from None
    try:
        tree = jsontext.loads_strict(data)
    except jsontext.InvalidJSON as error:
        raise _not_json(data, label, str(error)) from None
    if not isinstance(tree, dict):
        raise ConfigError(label, "must hold a JSON object: { ... }")
    repeated = jsontext.repeated_key(data)
    if repeated is not None:
        raise ConfigError(f"{label}: {'.'.join(key_of(str(step)) for step in repeated)}", "is given twice")
    return tree


def is_reference(value: object) -> bool:
    return isinstance(value, str) and value.startswith(_ENV)


def resolved(value: Any, where: str, env: Mapping[str, str], missing: Literal["refuse", "drop"]) -> Any:
    """The same tree with every ``env:NAME`` replaced by that variable's value.

    ``missing`` says what happens where a variable is not set or is empty: ``refuse`` raises
    VariableNotSet, ``drop`` leaves out the key or list item that refers to it.
    """
    found = _resolved(value, where, env, missing)
    return None if found is _DROPPED else found


def _resolved(value: Any, where: str, env: Mapping[str, str], missing: str) -> Any:
    if isinstance(value, dict):
        items = {
            key: _resolved(item, f"{where}{'.' if ': ' in where else ': '}{key_of(key)}", env, missing)
            for key, item in value.items()
        }
        return {key: item for key, item in items.items() if item is not _DROPPED}
    if isinstance(value, list):
        return [
            item
            for at, given in enumerate(value)
            if (item := _resolved(given, f"{where}[{at}]", env, missing)) is not _DROPPED
        ]
    if not is_reference(value):
        return value
    name = value.removeprefix(_ENV)
    if not _VARIABLE.fullmatch(name):
        raise ConfigError(where, "must have the name of an environment variable after env:")
    text = env.get(name)
    if text:
        return text
    if missing == "drop":
        return _DROPPED
    raise VariableNotSet(where, f"environment variable {shown(name)} is not set")


def _not_json(data: bytes, label: str, problem: str) -> ConfigError:
    found = _POSITION.search(problem)
    if found is None:
        return ConfigError(label, f"is not JSON: {quote(problem, 120)}")
    line, column, char = (int(number) for number in found.groups())
    rest = data.decode()[char:].lstrip()
    reason = problem[: found.start()]
    if rest.startswith(("//", "/*", "#")):
        reason = "comments are not allowed in JSON"
    elif rest.startswith("'"):
        reason = 'strings need double quotes (")'
    return ConfigError(f"{label}:{line}:{column}", f"is not JSON: {reason}")


def _line_and_column(data: bytes, at: int) -> str:
    *before, last = data[:at].split(b"\n")
    return f"{len(before) + 1}:{len(last.decode()) + 1}"


def _is_exposed(label: str, status: os.stat_result) -> bool:
    """Can other users read the file? Raises ConfigError if they can write it: they could send prompts anywhere."""
    if os.name != "posix":
        return False
    mode = stat.S_IMODE(status.st_mode)
    if mode == 0o777:
        return True  # A file system without permissions, such as a Windows drive, gives every file this mode.
    if mode & stat.S_IWOTH:
        raise ConfigError(label, f"can be changed by every user of this machine; run: chmod o-w {label}")
    if mode & stat.S_IWGRP and not _is_private_group(status):
        raise ConfigError(label, f"can be changed by others of its group; run: chmod g-w {label}")
    return bool(mode & stat.S_IROTH) or bool(mode & stat.S_IRGRP and not _is_private_group(status))


def _is_private_group(status: os.stat_result) -> bool:
    """Is the owner the only member of the file's group? Many systems give each user a group of their own."""
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(status.st_uid), grp.getgrgid(status.st_gid)
    except KeyError:
        return status.st_uid == status.st_gid
    return group.gr_name == owner.pw_name and not set(group.gr_mem) - {owner.pw_name}
