"""The parts of HTTP's grammar that more than one file uses (RFC 9110, RFC 9112)."""

from __future__ import annotations

import re

TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""The bytes that a method or the name of a field may consist of."""
TOKEN_PATTERN = rb"[" + re.escape(TOKEN_BYTES) + rb"]++"
"""For use in larger patterns. It is possessive, so that matching a line takes linear time even if it fails."""
TOKEN = re.compile(TOKEN_PATTERN)
PLAIN_LENGTH = re.compile(rb"0|[1-9][0-9]{0,15}")
"""A Content-Length that Linx accepts. The standard also allows leading zeros and any size."""
STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: [^\r\n]*)?\r\n")
"""The first line of a response head; group 1 is the status."""
