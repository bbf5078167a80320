"""Finds secrets in a text by their shapes: private keys, tokens of well-known services, the blocks of ``.env`` files.

Rule: in doubt it is a secret, since a mistake costs no more than that a local model answers; but code, prose and
placeholders (``sk-your-key``) are none. The time is linear in the text's length, whatever the text is: a shape is tried
only where its marker stands, and no expression looks at a character twice.

The shapes are those that the services publish, and that secret scanners know (gitleaks' rules, GitHub's supported
secret scanning patterns); lengths are lower bounds, since services make their tokens longer now and then.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from typing import NamedTuple

STEP = 2**20
"""Characters that are looked at in one go: longer texts go through a thread, in which no call may take long."""
OVERLAP = 2**12  # characters that two steps have in common, so that a secret between them is seen whole
MIN_TOKEN = 15  # characters of the shortest token, with its marker
MIN_BODY = 20  # characters behind ``sk-`` from which on it may be a key
MAX_BODY = 256  # characters of a token that are looked at
MIN_MATERIAL = 40  # characters of base64 in a row that make a private key of what follows its first line
KEY_LOOK = 768  # characters behind the first line of a private key in which its base64 must begin
MIN_LINES = 3  # of a .env block
MAX_LINE = 1024  # characters of a line that are looked at
MAX_NAME = 64  # characters of a variable's name
MIN_VALUE = 6  # characters of a value that may be a password
MIN_RANDOM = 20  # characters of a value that is a secret by its look alone


class Secret(NamedTuple):
    """What was found in a prompt, and where; never the secret itself."""

    kind: str
    """In words for people: ``GitHub token``."""
    place: str
    """``message 7``, ``system``, …"""


class Shape(NamedTuple):
    """One kind of token."""

    kind: str
    """For people: what was found."""
    marker: str
    """A text with which every such token begins."""
    pattern: re.Pattern[str]


def _token(kind: str, marker: str, rest: str) -> Shape:
    # Before it stands no letter, unless that is the end of an escape (\\n) in JSON that is itself in a string.
    start = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
    return Shape(kind, marker, re.compile(rf"{start}{re.escape(marker)}(?P<body>{rest})", re.ASCII))


def _some(least: int, characters: str = "A-Za-z0-9_-", most: int = MAX_BODY) -> str:
    return f"[{characters}]{{{least},{most}}}+"


TOKENS: tuple[Shape, ...] = (
    _token("API key", "sk-", _some(MIN_BODY)),
    _token("Stripe key", "sk_live_", _some(10, "A-Za-z0-9")),
    _token("Stripe key", "rk_live_", _some(10, "A-Za-z0-9")),
    *(_token("GitHub token", f"gh{one}_", _some(36, "A-Za-z0-9")) for one in "pousr"),
    _token("GitHub token", "github_pat_", _some(36, "A-Za-z0-9_")),
    *(_token("AWS key", one, r"[A-Z0-9]{16}(?![A-Za-z0-9])") for one in ("AKIA", "ASIA")),
    _token("Slack token", "xox", r"[abceoprs](?:\.xox[bp])?-" + _some(10, "A-Za-z0-9-")),
    _token("Slack token", "xapp-", "[0-9]-" + _some(20, "A-Za-z0-9-")),
    _token("Google key", "AIza", _some(35)),
    _token("GitLab token", "glpat-", _some(20)),
    _token("Hugging Face token", "hf_", _some(30, "A-Za-z0-9")),
    _token("npm token", "npm_", _some(36, "A-Za-z0-9")),
    _token("PyPI token", "pypi-AgE", _some(50)),
    _token("Groq key", "gsk_", _some(40, "A-Za-z0-9")),
    _token("xAI key", "xai-", _some(40, "A-Za-z0-9")),
    _token("age key", "AGE-SECRET-KEY-1", _some(58, "A-Z0-9")),
    # Header and payload are JSON objects, so that the base64 of both begins with that of {".
    _token("JWT", "eyJ", rf"{_some(10, most=8192)}\.eyJ{_some(10, most=8192)}\.{_some(20)}"),
)
_KEY_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----", re.ASCII)
_MATERIAL = re.compile(rf"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/=]{{{MIN_MATERIAL},}}+", re.ASCII)
_PLACEHOLDER = re.compile(
    r"(?i:your[-_ ]|[-_]here|placeholder|(?:^|[-_.])example|change[-_]?me|redacted|dummy)|x{6}|X{6}|\*{3}|\.{3}|^<"
)
_FILLER = re.compile(r"[xX*.0_-]*")
_PARTS = re.compile("[-_.]")
_RANDOM = tuple(re.compile(some) for some in ("[0-9]", "[A-Z]", "[a-z]"))

_LINE = re.compile(
    # What tools put before a line: the beginning of its text in JSON, its number (cat -n, editors), a diff's sign, a
    # list's dash; then what shells do.
    r"(?:[^=]{0,99}[\"'`])?(?:[ \t]{0,16}[0-9]{1,7}[ \t]?[\t:|→][ \t]?)?[ \t>+-]{0,16}(?:(?:export|ENV|set)[ \t]{1,8})?"
    rf"(?P<name>[A-Z][A-Z0-9_]{{1,{MAX_NAME}}})=(?P<value>[^\r]*)",
    re.ASCII,
)
_NAME_END = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_SECRET_NAME = re.compile(r"KEY|SECRET|TOKEN|PASS|PWD|CREDENTIAL|AUTH|DSN|PRIVATE|SALT|WEBHOOK")
_PUBLIC_NAME = re.compile(r"PUBLIC|_ID$|_URL$|_URI$|_PATH$|_FILE$|_DIR$|_NAME$|_TYPE$|_HOST$|_PORT$|_TTL$|MAX_|MIN_")
_PASSWORD = re.compile(r"[^\s/:@]*+:(?P<body>[^\s/@]{3,}+)@", re.ASCII)
_NO_VALUE = re.compile(r"(?i:true|false|null|none|yes|no|on|off|[0-9.]+)|[$%({\[`<].*", re.DOTALL)
_CALL = re.compile(r"[A-Za-z_][\w.]*[(\[]")


def find_secret(text: str) -> str | None:
    """What kind of secret is in ``text``; None where none is."""
    if len(text) <= STEP:
        return _find(text)
    for start in range(0, len(text), STEP - OVERLAP):
        kind = _find(text[start : start + STEP])
        if kind is not None:
            return kind
    return None


def _find(text: str) -> str | None:
    if "PRIVATE KEY" in text and _has_private_key(text):
        return "private key"
    # A token has no space in it, and most words are shorter than any: nine tenths of a text are done with here.
    words = "\n".join([word for word in text.split() if len(word) >= MIN_TOKEN])
    for kind, marker, pattern in TOKENS:
        if marker in words:
            for found in pattern.finditer(words):
                body = found["body"]
                if not (_PLACEHOLDER.search(body) or _FILLER.fullmatch(body)) and (marker != "sk-" or _is_random(body)):
                    return kind
    return ".env block" if _may_have_env_block(text) and _has_env_block(text) else None


def _has_private_key(text: str) -> bool:
    begins = [found.end() for found in _KEY_BEGIN.finditer(text)]
    runs = [found.start() for found in _MATERIAL.finditer(text)] if begins else []
    for end in begins:
        place = bisect_left(runs, end)
        if place < len(runs) and runs[place] <= end + KEY_LOOK:
            return True
    return False


def _is_random(body: str) -> bool:
    """Does it look like chance, and not like words or the name of a class?"""
    return any(len(run) >= MIN_BODY for run in _PARTS.split(body)) or all(some.search(body) for some in _RANDOM)


def _may_have_env_block(text: str) -> bool:
    """Do capitals stand before enough equals signs? Few texts but those of settings have that."""
    if text.count("=") < MIN_LINES:
        return False
    names = 0
    for before in text.split("="):
        if before and before[-1] in _NAME_END:
            names += 1
            if names >= MIN_LINES:
                return True
    return False


def _has_env_block(text: str) -> bool:
    """Are there MIN_LINES lines ``NAME=value`` in a row, empty ones and comments aside, and a secret among them?"""
    lines, has_secret = 0, False
    for line in text.replace("\\r", "").replace("\\n", "\n").split("\n"):
        found = _LINE.match(line, 0, MAX_LINE) if "=" in line else None
        if found is not None:
            lines += 1
            has_secret = has_secret or _is_secret(*found.groups())
            if lines >= MIN_LINES and has_secret:
                return True
        elif lines and line and not _is_passed_over(line):
            lines, has_secret = 0, False
    return False


def _is_passed_over(line: str) -> bool:
    """Is it an empty line or a comment, perhaps behind what tools put before it?"""
    line = line[:MAX_LINE].lstrip(" \t\r0123456789→:|>+-")
    return not line or line.startswith("#")


def _is_secret(name: str, value: str) -> bool:
    """Is the variable a secret, by its name or by the look of its value?"""
    if len(value) < MIN_VALUE:
        return False
    value = value.split(" #", 1)[0].strip().strip("\"'\\")
    if _PLACEHOLDER.search(value):
        return False
    place = value.find("://")
    if place >= 0 and (login := _PASSWORD.match(value, place + 3)) is not None:
        return not _NO_VALUE.fullmatch(login["body"])
    if _NO_VALUE.fullmatch(value) or _CALL.match(value) or _FILLER.fullmatch(value):
        return False
    if _SECRET_NAME.search(name) and not _PUBLIC_NAME.search(name):
        return len(value) >= MIN_VALUE and " " not in value
    # One run of figures and letters of both cases, as keys look and words do not.
    return len(value) >= MIN_RANDOM and value.isalnum() and all(some.search(value) for some in _RANDOM)
