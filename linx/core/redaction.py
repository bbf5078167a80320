"""Takes secrets out of a text right before it leaves Linx: in a log, an error, or on the dashboard.

Two searches are made, since neither is enough alone. Known secrets are found in every form
in which they travel (raw, in a URL, in JSON, in HTML, in base64 at any offset). Patterns
find secrets that Linx does not know: another client's key in a provider's error, a password
in a URL. At most the first four characters of a secret stay visible, so that two keys can
be told apart.
"""

from __future__ import annotations

import base64
import html
import logging
import re
from typing import TYPE_CHECKING
from urllib.parse import quote as url_quote
from urllib.parse import quote_plus as url_quote_plus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MIN_SECRET = 6  # characters; shorter texts occur by chance too often to be replaced everywhere
MIN_IN_NAME = 16  # characters of a form that is looked for in names
SHOWN = 4  # characters of a secret that stay visible; at most a quarter of the secret

_PLAIN = re.compile(r"[A-Za-z0-9_-]*")
_PERCENT = re.compile(r"%[0-9A-F]{2}")
_ESCAPED = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}

# Pairs of markers and a pattern. A pattern is tried only if the text in lower case contains one of its markers. The
# text that the group "secret" matches is masked; the text around it stays.
_SHAPES: tuple[tuple[tuple[str, ...], re.Pattern[str]], ...] = (
    (
        ("sk-", "gsk_", "hf_", "xai-", "aiza", "ghp_", "nvapi-"),
        re.compile(r"(?<![A-Za-z0-9])(?P<secret>(?:sk-|gsk_|hf_|xai-|AIza|ghp_|nvapi-)[\w-]{8,})", re.ASCII),
    ),
    (("bearer",), re.compile(r"(?i:\bbearer)(?:\s|%20|\+){1,8}(?P<secret>[\w.~+/=%-]{6,})", re.ASCII)),
    (
        ("authorization", "api-key"),
        re.compile(
            r"(?i:\b(?:proxy-)?authorization|\b(?:x-)?api-key)['\"]?\s{0,8}[:=,]\s{0,8}(?:b?['\"])?"
            r"(?:(?i:basic|token|bearer)\s{1,8})?(?!(?i:basic|token|bearer)\b)(?P<secret>[\w.~+/=:-]{6,})",
            re.ASCII,
        ),
    ),
    (
        ("key=", "token=", "password=", "secret="),
        re.compile(
            r"(?<![A-Za-z0-9])(?i:key|api[_-]?key|token|access_token|authtoken|password|secret)="
            r"['\"]?(?P<secret>[^\s&\"'#<>;,]{6,})"
        ),
    ),
    (
        ("key", "password", "secret", "token"),
        re.compile(
            r"(?i:['\"](?:api[_-]?key|password|secret|client_secret|access_token|refresh_token|authtoken)['\"])"
            r"\s{0,8}:\s{0,8}['\"](?P<secret>[^\s\"']{6,})"
        ),
    ),
    (("://",), re.compile(r"://[^\s/:@\"'?#]{0,256}:(?P<secret>[^\s/@\"'?#…]{1,1024})@")),
    (("/k/",), re.compile(r"/k/(?P<secret>[^\s/?#\"'<>]{6,})")),
)
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSAFE_IN_LINES = re.compile(_UNSAFE.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


class Redactor:
    """Knows the secrets of the config; ``clean`` takes them out of a text.

    Secrets are never removed: a key that a reload has replaced is still a secret.
    """

    def __init__(self) -> None:
        self._forms: dict[str, str] = {}
        """Each form of each secret, and the mask that replaces it; longest form first."""

    @property
    def forms(self) -> Mapping[str, str]:
        """All that ``clean_known`` takes out, and what stands there instead; another object after each change."""
        return self._forms

    @property
    def known(self) -> int:
        """The number of forms that are known. It only grows, so what was cleaned at the same number is still clean."""
        return len(self._forms)

    def add(self, *secrets: str) -> None:
        """May be called in a thread: ``clean`` sees the forms before the call, or all that are known after it."""
        new = [secret for secret in secrets if len(secret) >= MIN_SECRET and secret not in self._forms]
        if not new:
            return
        forms = {form: _mask(secret) for secret in new for form in _forms_of(secret)} | self._forms
        # Longest first, since one key may be the beginning of another key.
        self._forms = dict(sorted(forms.items(), key=lambda item: -len(item[0])))

    def holds_secret(self, name: str) -> bool:
        """Is a known secret in ``name``, in any form? Short secrets are left out: a name may hold one by chance."""
        return any(len(form) >= MIN_IN_NAME and form in name for form in self._forms)

    def clean(self, text: str) -> str:
        return clean_shapes(self.clean_known(text))

    def clean_known(self, text: str) -> str:
        """For a text that a client asked for, such as a licence: only the secrets of the config are taken out."""
        for form, shown in self._forms.items():
            if form in text:
                text = text.replace(form, shown)
        return text


def clean_shapes(text: str) -> str:
    """Take out whatever looks like a secret, known or not."""
    lowered = text.lower()
    for markers, pattern in _SHAPES:
        if any(marker in lowered for marker in markers):
            text = pattern.sub(_hide, text)
    return text


def escape_controls(text: str, keep_lines: bool = False) -> str:
    """Make control characters, ANSI sequences, marks of writing direction and lone surrogates visible.

    Line ends are escaped too unless ``keep_lines`` is set, so that no text in a log record
    can look like a second record.
    """
    if text.isprintable():
        return text
    return (_UNSAFE_IN_LINES if keep_lines else _UNSAFE).sub(_visible, text)


class RedactingFilter(logging.Filter):
    """A filter for every log handler: cleans each record before a formatter sees it."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            # The format does not fit its arguments. Logging's own report of that would print the arguments uncleaned.
            message = f"{record.msg} {record.args!r}"
        record.msg = escape_controls(self._redactor.clean(message))
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        record.exc_info = None  # so that no formatter can format the traceback again, uncleaned
        if record.exc_text:
            record.exc_text = escape_controls(self._redactor.clean(record.exc_text), keep_lines=True)
        if record.stack_info:
            record.stack_info = escape_controls(self._redactor.clean(record.stack_info), keep_lines=True)
        for name, value in vars(record).items():
            if isinstance(value, str) and name not in _STANDARD:
                setattr(record, name, escape_controls(self._redactor.clean(value)))
        return True


def _mask(secret: str) -> str:
    """The first characters of a secret, and an ellipsis. Plain characters only, so that JSON or a URL stays valid."""
    start = secret[: min(SHOWN, len(secret) // 4)]
    plain = _PLAIN.match(start)
    return f"{plain[0] if plain else ''}…"


def _hide(found: re.Match[str]) -> str:
    start, end = found.span("secret")
    offset = found.start()
    whole = found[0]
    return whole[: start - offset] + _mask(found["secret"]) + whole[end - offset :]


def _forms_of(secret: str) -> Iterator[str]:
    yield secret
    # Programs differ in which characters they leave unquoted in a URL.
    quotings = [url_quote(secret, safe=safe) for safe in ("", "/", "!'()*", "/:@!$&'()*+,;=")]
    for quoted in (*quotings, url_quote_plus(secret)):
        yield quoted
        yield _PERCENT.sub(lambda found: found[0].lower(), quoted)
    for ascii_only in (False, True):
        once = _json_escaped(secret, ascii_only)
        yield once
        yield once.replace("/", "\\/")
        yield _json_escaped(once, ascii_only)  # JSON in a string of JSON
    yield html.escape(secret)
    yield repr(secret)[1:-1]
    yield from _base64_forms(secret.encode("utf-8", "surrogatepass"))


def _base64_forms(data: bytes) -> Iterator[str]:
    """The characters that ``data`` always has in the base64 of a longer text, at each of the three alignments.

    Base64 turns three bytes into four characters. The first and last characters that also
    carry bits of the bytes beside ``data`` are left out.
    """
    for before in range(3):
        first = (before * 8 + 5) // 6
        last = (before + len(data)) * 8 // 6
        padded = bytes(before) + data + bytes(2)
        yield base64.b64encode(padded)[first:last].decode()
        yield base64.urlsafe_b64encode(padded)[first:last].decode()


def _json_escaped(text: str, ascii_only: bool) -> str:
    return "".join(_json_char(char, ascii_only) for char in text)


def _json_char(char: str, ascii_only: bool) -> str:
    if char in _ESCAPED:
        return _ESCAPED[char]
    if char >= " " and (char.isascii() or not ascii_only):
        return char
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def _visible(found: re.Match[str]) -> str:
    char = found[0]
    code = ord(char)
    return _NAMED.get(char) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")
