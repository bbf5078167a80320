"""``linx key``: adds named keys to the config file, lists them, and takes them out again.

A key is made here and shown once, alone on standard output, so that a script can take it. The file gets its SHA-256, so
that nobody who reads the file can use the key. Everything else that is to be said goes to standard error.
"""

from __future__ import annotations

import re
import secrets
import sys
from typing import TYPE_CHECKING, Any

from linx.config import file as config_file
from linx.config import rules as config_rules
from linx.config import save
from linx.config.key_edit import NEW, entries_in, names_of, with_key, without_key
from linx.config.misfit import suggestion
from linx.core.client_key import digest_of
from linx.core.errors import ConfigError, quote
from linx.core.folders import config_file as users_config_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linx.core.chat import JsonObject

KEY_BYTES = 32
PREFIX = "sk-linx-"
"""How a key begins: by the first three characters the log recognises it, though Linx does not know the key itself, and
programs that want a key of OpenAI's form take it."""


def add(path: str | None, env: Mapping[str, str], name: str, limits: Sequence[str]) -> None:
    """Make a key, write its entry, and show the key. Raises ConfigError."""
    fields = _fields(limits)
    key = PREFIX + secrets.token_urlsafe(KEY_BYTES)
    entry = {"name": name, "key_sha256": digest_of(key.encode()).hex(), **fields}
    place = config_file.find(path, env) or str(users_config_file(config_file.NAME))
    label = quote(place, 200)
    before: list[Any] = []

    def edit(old: bytes | None) -> bytes:
        text = NEW if old is None else old
        before[:] = entries_in(text, label)
        return with_key(text, label, entry)

    save.change(place, edit)
    sys.stdout.write(key + "\n")
    sys.stdout.flush()
    _say(f"The key {name} is in {label}, by its SHA-256 alone: it is shown this once and cannot be shown again.")
    _say("A client sends it as its API key, or has it in its base URL: http://HOST:PORT/k/KEY/v1")
    _say("A Linx that runs with this file takes the key within two seconds.")
    if not before:
        _say(
            "It is the first key of this Linx: from now on every client needs a key, and so do the dashboard and "
            "linx tail."
        )
    if fields and not any(_is_owners(each) for each in before):
        _say("There is no key without limits, so nobody may manage this Linx: linx key add NAME makes one for you.")
    _warn_of_environment(env)


def remove(path: str | None, env: Mapping[str, str], name: str) -> None:
    """Take a key out. Raises ConfigError."""
    place = config_file.find(path, env)
    if place is None:
        raise ConfigError("key remove", "there is no config file, so there are no keys")
    label = quote(place, 200)
    left: list[Any] = []

    def edit(old: bytes | None) -> bytes:
        text = without_key(old or b"{}", label, name)
        left[:] = entries_in(text, label)
        return text

    save.change(place, edit)
    _say(f"The key {quote(name)} is out of {label}. A Linx that runs with this file refuses it within two seconds.")
    if not left:
        _say("It was the last key: programs on this machine need none any more.")
    _warn_of_environment(env)


def listed(path: str | None, env: Mapping[str, str]) -> str:
    """The names and limits of all keys, never a key."""
    place = config_file.find(path, env)
    entries = [] if place is None else entries_in(_read(place), quote(place, 200))
    if not entries:
        return "No keys: programs on this machine need none. linx key add NAME makes one.\n"
    names = [quote(name, 64) for name in names_of(entries)]
    width = max(map(len, names))
    return "".join(f"{name:<{width}}  {_limits_of(entry)}\n" for name, entry in zip(names, entries, strict=True))


# --- limits ---

_COUNT = re.compile(r"[1-9][0-9]{0,8}")
_AMOUNT = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


def _patterns(where: str, text: str) -> list[str]:
    patterns = [pattern.strip() for pattern in text.split(",")]
    if not all(patterns):
        raise ConfigError(where, "must be patterns of models with commas between them, such as qwen*,ollama/*")
    return patterns


def _switch(where: str, text: str) -> bool:
    if text not in ("true", "false"):
        raise ConfigError(where, "must be true or false")
    return text == "true"


def _count(where: str, text: str) -> int:
    if not _COUNT.fullmatch(text):
        raise ConfigError(where, "must be a whole number of at least 1")
    return int(text)


def _usd(where: str, text: str) -> float:
    if not _AMOUNT.fullmatch(text):
        raise ConfigError(where, "must be an amount in USD, such as 2 or 0.5")
    return float(text) if "." in text else int(text)


_LIMITS: Mapping[str, Callable[[str, str], Any]] = {
    "models": _patterns,
    "local_only": _switch,
    "max_concurrent": _count,
    "requests_per_minute": _count,
}
_BUDGET: Mapping[str, Callable[[str, str], Any]] = {"daily_usd": _usd, "monthly_usd": _usd, "daily_tokens": _count}
"""What each limit is read by; those of a budget stand below ``budget`` in the config."""


def _fields(limits: Sequence[str]) -> JsonObject:
    """The limits of the command line, ``NAME=VALUE``, as the config has them. Raises ConfigError."""
    found: JsonObject = {}
    budget: JsonObject = {}
    for limit in limits:
        name, equals, text = limit.partition("=")
        known = (*_LIMITS, *_BUDGET)
        if not equals or name not in known:
            raise ConfigError("key add", f"there is no limit {config_rules.shown(name)!r}; {suggestion(name, known)}")
        if name in found or name in budget:
            raise ConfigError(name, "is given twice")
        if name in _BUDGET:
            budget[name] = _BUDGET[name](name, text)
        else:
            found[name] = _LIMITS[name](name, text)
    return {**found, "budget": budget} if budget else found


_AMOUNTS = {"daily_usd": "${} a day", "monthly_usd": "${} a month", "daily_tokens": "{} tokens a day"}
_IN_WORDS: Mapping[str, Callable[[Any], str]] = {
    "models": lambda patterns: "models " + ", ".join(quote(str(each), 64) for each in patterns),
    "local_only": lambda _: "local models alone",
    "max_concurrent": lambda most: f"{most} at a time",
    "requests_per_minute": lambda most: f"{most} requests a minute",
    "budget": lambda budget: ", ".join(_AMOUNTS[each].format(budget[each]) for each in _AMOUNTS if each in budget),
}


def _limits_of(entry: Any) -> str:
    if not isinstance(entry, dict):
        return "no limits (a key without a name, called by its place)"
    return "; ".join(words(entry[limit]) for limit, words in _IN_WORDS.items() if entry.get(limit)) or "no limits"


def _is_owners(entry: Any) -> bool:
    return not isinstance(entry, dict) or not any(entry.get(limit) for limit in _IN_WORDS)


# --- the file, the terminal ---


def _read(place: str) -> bytes:
    try:
        with open(place, "rb") as file:
            return file.read(config_file.MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(quote(place, 200), f"cannot be read: {error.strerror or type(error).__name__}") from None


def _warn_of_environment(env: Mapping[str, str]) -> None:
    if env.get("LINX_API_KEY"):
        _say("LINX_API_KEY is set: a Linx that is started with it takes that key alone, and none of the file's.")


def _say(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text + "\n")
