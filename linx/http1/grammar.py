"""The parts of HTTP's grammar that more than one file reads, each written down once (RFC 9110, RFC 9112)."""

from __future__ import annotations

import re

TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""What a method and the name of a field are made of."""
TOKEN_PATTERN = rb"[" + re.escape(TOKEN_BYTES) + rb"]++"
"""As a part of larger patterns. Possessive: a line that does not match is given up in one pass."""
TOKEN = re.compile(TOKEN_PATTERN)
PLAIN_LENGTH = re.compile(rb"0|[1-9][0-9]{0,15}")
"""A Content-Length as Linx takes it: stricter than the standard, which allows leading zeros and any size."""
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: [^\r\n]*)?\r\n")
"""The first line of a response head, with the status as its group."""
