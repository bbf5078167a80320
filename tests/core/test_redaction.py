from __future__ import annotations

import base64
import html
import json
import logging
import re
import sys
import time
from urllib.parse import quote, quote_plus

import pytest

from linx.core.redaction import RedactingFilter, Redactor, clean_shapes, escape_controls

CANARIES = [
    "canary-client-0123456789",
    'p/ss w"rd+with\\odd&<chars>=?é☃\N{GRINNING FACE}',
    "line\nbreak\tsecret\r\b\f'x",
    "abcdef",
    "2NjkAbCdEf_0123456789-ngroktoken",
    "aaaaaaaaaaaaaaaa",
]


def redactor(*secrets: str) -> Redactor:
    made = Redactor()
    for secret in secrets:
        made.add(secret)
    return made


def encodings(secret: str) -> dict[str, str]:
    data = secret.encode()
    forms = {
        "raw": secret,
        "url": quote(secret, safe=""),
        "url path": quote(secret),
        "url lower": re.sub("%..", lambda found: found[0].lower(), quote(secret, safe="")),
        "url of a browser": quote(secret, safe="!'()*"),
        "form": quote_plus(secret),
        "json": json.dumps(secret)[1:-1],
        "json utf-8": json.dumps(secret, ensure_ascii=False)[1:-1],
        "json slashes": json.dumps(secret)[1:-1].replace("/", "\\/"),
        "json in json": json.dumps(json.dumps(secret)[1:-1])[1:-1],
        "html": html.escape(secret),
        "repr": repr(secret)[1:-1],
    }
    for before in range(7):
        for after in range(4):
            whole = b"u" * before + data + b"z" * after
            forms[f"base64 {before} {after}"] = base64.b64encode(whole).decode()
            forms[f"base64url {before} {after}"] = base64.urlsafe_b64encode(whole).decode()
    return forms


@pytest.mark.parametrize("secret", CANARIES)
def test_a_known_secret_is_found_in_every_encoding(secret: str) -> None:
    clean = redactor(*CANARIES).clean
    for name, form in encodings(secret).items():
        text = f"before {form} after {form}"
        cleaned = clean(text)
        # What is left of a base64 is the neighbours' bits: never so much as two thirds of it.
        assert form not in cleaned, name
        assert cleaned.count("…") >= 2, name
        if name.startswith("base64"):
            assert len(cleaned) < len(text) - len(secret), name
        else:
            assert secret not in cleaned
            assert cleaned.startswith("before ")
            assert cleaned.endswith("…")
            assert len(cleaned) <= len("before  after ") + 2 * 5


def test_at_most_four_characters_stay_and_no_more_than_a_quarter() -> None:
    clean = redactor("abcdef", "abcdefghij", "sk_0123456789abcdef", '"quoted0123456789').clean
    assert clean("abcdef") == "a…"
    assert clean("abcdefghij") == "ab…"
    assert clean("sk_0123456789abcdef") == "sk_0…"
    assert clean('["\\"quoted0123456789"]') == '["…"]'  # still JSON


def test_short_secrets_are_left_alone() -> None:
    assert redactor("", "abc", "12345").clean("abc 12345") == "abc 12345"


def test_a_secret_that_begins_another_does_not_spoil_it() -> None:
    for order in (("secret-one", "secret-one-and-more"), ("secret-one-and-more", "secret-one")):
        assert redactor(*order).clean("secret-one-and-more secret-one") == "secr… se…"


def test_the_repr_tells_nothing() -> None:
    assert "canary" not in repr(redactor("canary-0123456789"))


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("key sk-proj-ABCDEFGH12345678 is bad", "key sk-p… is bad"),
        ("sk-or-v1-0123456789abcdef", "sk-o…"),
        ("gsk_0123456789abcdef, hf_ABCDEFGHIJKLMNOP", "gsk_…, hf_A…"),
        ("AIzaSyA0123456789abcdef", "AIza…"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer abcd…"),
        ("authorization=bearer  tok.en~1+2/3==", "authorization=bearer  tok…"),
        ("(b'authorization', b'Bearer abcdefghijklmnop')", "(b'authorization', b'Bearer abcd…')"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==", "Authorization: Basic dXNl…"),
        ("x-api-key: abcdefghijklmnop", "x-api-key: abcd…"),
        ("api-key: abcdefghijklmnop", "api-key: abcd…"),
        ("(b'api-key', b'abcdefghijklmnop')", "(b'api-key', b'abcd…')"),
        ("(b'x-api-key', b'abcdefghijklmnop')", "(b'x-api-key', b'abcd…')"),
        ("GET /v1?key=abcdefghijklmnop&x=1", "GET /v1?key=abcd…&x=1"),
        ("/x?api_key=abcdefghijklmnop#f", "/x?api_key=abcd…#f"),
        ("?token=abcdefghijklmnop", "?token=abcd…"),
        ("?a=1&access_token=abcdefghijklmnop", "?a=1&access_token=abcd…"),
        ("password='abcdefghijklmnop'", "password='abcd…'"),
        ('{"api_key": "abcdefghijklmnop"}', '{"api_key": "abcd…"}'),
        ("{'password':'abcdefghijklmnop'}", "{'password':'abcd…'}"),
        ("http://user:hunter2secret@host/x", "http://user:hun…@host/x"),
        ("http://:pw@host", "http://:…@host"),
        ("GET /k/linx-test-key-0123456789abcdef/v1/models", "GET /k/linx…/v1/models"),
        ("/k/abcdefghijklmnop", "/k/abcd…"),
        ("/k/abcdefgh", "/k/ab…"),
    ],
)
def test_what_looks_like_a_secret_is_taken_for_one(text: str, cleaned: str) -> None:
    assert clean_shapes(text) == cleaned
    assert Redactor().clean(text) == cleaned
    assert clean_shapes(cleaned) == cleaned


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a risk-assessment of the desk-lamp",
        "send Authorization: Bearer <key>",
        "max_tokens=4096000, monkey=chimpanzee",
        "http://localhost:8080/v1/chat?x=a@b",
        "https://openrouter.ai:443/api",
        "show it as URL/k/<your key>/v1",
        "/k/short/v1",
        '{"token":"Hello world","key":"value of it"}',
        "the bearer came",
        "ratio 1://2",
    ],
)
def test_plain_words_stay(text: str) -> None:
    assert clean_shapes(text) == text


def test_cleaning_takes_linear_time() -> None:
    clean = redactor(*CANARIES).clean
    for nasty in ("sk-", "://:", "key=", "/k/", "Bearer ", "Authorization: ", '"api_key":', " " * 10, "a", "://a@"):
        text = nasty * (400_000 // len(nasty))
        start = time.process_time()
        clean(text)
        assert time.process_time() - start < 2, nasty


@pytest.mark.parametrize(
    ("text", "line", "lines"),
    [
        ("plain é☃", "plain é☃", "plain é☃"),
        ("a\nb\tc\r", "a\\nb\\tc\\r", "a\nb\tc\\r"),
        ("\x1b[31mred\x07\x9b", "\\x1b[31mred\\x07\\x9b", "\\x1b[31mred\\x07\\x9b"),
        ("\x00\x7f", "\\x00\\x7f", "\\x00\\x7f"),
        ("\u2028\u202e\ud83d", "\\u2028\\u202e\\ud83d", "\\u2028\\u202e\\ud83d"),
        ("a\u00a0b", "a\u00a0b", "a\u00a0b"),
    ],
)
def test_control_bytes_become_visible(text: str, line: str, lines: str) -> None:
    assert escape_controls(text) == line
    assert escape_controls(text, keep_lines=True) == lines


# --- logging ---------------------------------------------------------------------------

SECRET = "canary-0123456789"


def logged(record: logging.LogRecord, times: int = 1) -> str:
    cleaner = RedactingFilter(redactor(SECRET))
    for _time in range(times):
        assert cleaner.filter(record) is True
    return logging.Formatter("%(message)s").format(record)


def record_of(message: object, *args: object, **more: object) -> logging.LogRecord:
    record = logging.LogRecord("linx", logging.INFO, __file__, 1, message, args, None)
    vars(record).update(more)
    return record


@pytest.mark.parametrize(
    ("message", "args", "text"),
    [
        (f"key {SECRET}", (), "key cana…"),
        ("key %s", (SECRET,), "key cana…"),
        ("error: %s", (ValueError(SECRET),), "error: cana…"),
        ("%r and %d%%", ({"k": SECRET}, 5), "{'k': 'cana…'} and 5%"),
        ("100%", (), "100%"),
        ("forged\n%s", ("\x1b[2J",), "forged\\n\\x1b[2J"),
        ("%d", (SECRET,), "%d ('cana…',)"),
        ("%s %s", (SECRET,), "%s %s ('cana…',)"),
    ],
)
def test_message_and_arguments_are_cleaned(message: str, args: tuple[object, ...], text: str) -> None:
    assert logged(record_of(message, *args)) == text
    assert logged(record_of(message, *args), times=2) == text


def test_a_mapping_as_argument_is_cleaned() -> None:
    assert logged(record_of("%(k)s", {"k": SECRET})) == "cana…"
    assert logged(record_of("%(missing)s", {"k": SECRET})) == "%(missing)s {'k': 'cana…'}"


def test_tracebacks_are_cleaned_and_keep_their_lines() -> None:
    try:
        raise ValueError(f"\x1b[1m{SECRET}")
    except ValueError:
        record = record_of("failed", exc_info=sys.exc_info(), stack_info=f"Stack:\n  {SECRET}")
    text = logged(record, times=2)
    assert SECRET not in text
    assert "\x1b" not in text
    assert "ValueError: \\x1b[1mcana…" in text
    assert text.startswith("failed\nTraceback")
    assert "Stack:\n  cana…" in text
    assert record.exc_info is None


def test_what_a_record_carries_besides_is_cleaned() -> None:
    record = record_of("x", url=f"http://h/?k={SECRET}", count=3)
    logged(record)
    assert vars(record)["url"] == "http://h/?k=cana…"
    assert vars(record)["count"] == 3
    assert record.name == "linx"


def test_it_works_on_a_handler(capsys: pytest.CaptureFixture[str]) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(RedactingFilter(redactor(SECRET)))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.error("no %s", SECRET)
    assert capsys.readouterr().err == "no cana…\n"


def test_thousands_of_secrets_are_added_at_once() -> None:
    """They are sorted once; sorted after each, 3,000 keys took 23 s of a reload."""
    many = [f"sk-canary-{number:06d}-abcdefgh" for number in range(3000)]
    one = Redactor()
    start = time.process_time()
    one.add(*many)
    one.add(*many)
    assert time.process_time() - start < 5
    assert many[0] not in one.clean(many[0])
    assert many[-1] not in one.clean(many[-1])
