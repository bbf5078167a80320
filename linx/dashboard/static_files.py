"""The files of the page, read into memory at the start. Only these names are served: no path is joined or looked up."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

INDEX = "index.html"
TYPES = {
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".css": b"text/css; charset=utf-8",
    ".svg": b"image/svg+xml",
    ".png": b"image/png",
    ".ico": b"image/x-icon",
    ".woff2": b"font/woff2",
    ".webmanifest": b"application/manifest+json",
    ".txt": b"text/plain; charset=utf-8",
}
"""The media type of each kind of file that is served."""


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page."""

    body: bytes
    kind: bytes
    etag: bytes


def read() -> Mapping[str, File]:
    """Every file of the page by its name below ``/dashboard/``; files in folders are named with the folder."""
    folder = resources.files("linx.dashboard") / "static"
    return dict(_files(folder, "")) if folder.is_dir() else {}


def _files(folder: Traversable, prefix: str) -> list[tuple[str, File]]:
    found: list[tuple[str, File]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _files(entry, f"{prefix}{entry.name}/")
            continue
        kind = TYPES.get("." + entry.name.rpartition(".")[2])
        if kind is not None:
            body = entry.read_bytes()
            digest = hashlib.blake2b(body, digest_size=12).hexdigest()
            found.append((prefix + entry.name, File(body, kind, b'"%b"' % digest.encode())))
    return found
