"""How Ollama reads the name of a model (its types/model/name.go and internal/modelref)."""

from __future__ import annotations

import re
from dataclasses import dataclass

HOST, NAMESPACE, TAG = "registry.ollama.ai", "library", "latest"
_PART = re.compile(r"\w[\w.-]{0,79}", re.ASCII)
_NAMESPACE = re.compile(r"\w[\w-]{0,79}", re.ASCII)
_HOST = re.compile(r"\w[\w.:-]{0,349}", re.ASCII)


@dataclass(frozen=True)
class Name:
    host: str
    namespace: str
    model: str
    tag: str

    @property
    def is_valid(self) -> bool:
        return all(
            pattern.fullmatch(part)
            for pattern, part in (
                (_HOST, self.host),
                (_NAMESPACE, self.namespace),
                (_PART, self.model),
                (_PART, self.tag),
            )
        )

    @property
    def full(self) -> str:
        return f"{self.host}/{self.namespace}/{self.model}:{self.tag}"

    @property
    def shortest(self) -> str:
        """As listings and ``model '…' not found`` of /api/show write it: with the tag, without the defaults."""
        head = "" if self.host.lower() == HOST else f"{self.host}/"
        middle = "" if not head and self.namespace.lower() == NAMESPACE else f"{self.namespace}/"
        return f"{head}{middle}{self.model}:{self.tag}"


def parse(text: str) -> Name:
    """A part that a separator promises is not replaced by its default where it is missing."""
    rest, _, tag = text.rpartition(":") if ":" in text.rpartition("/")[2] else (text, "", TAG)
    rest, has_namespace, model = rest.rpartition("/")
    host, has_host, namespace = rest.rpartition("/")
    return Name(host if has_host else HOST, namespace if has_namespace else NAMESPACE, model, tag)


def same(asked: str, name: str) -> bool:
    """Case does not matter, and neither do the registry, ``library/`` and ``:latest``."""
    return parse(asked).full.lower() == parse(name).full.lower()


@dataclass(frozen=True)
class Reference:
    """A name as a request gives it: ``:cloud`` and ``-cloud`` send it to ollama.com, ``:local`` keeps it here."""

    base: str
    source: str | None
    is_contradictory: bool

    @property
    def name(self) -> Name:
        return parse(self.base)


def reference(text: str) -> Reference:
    text = text.strip()
    base, source = _without_suffix(text)
    return Reference(base, source, source is not None and _without_suffix(base)[1] is not None)


def _without_suffix(text: str) -> tuple[str, str | None]:
    head, colon, tag = text.rpartition(":")
    if colon and tag.strip().lower() in ("cloud", "local"):
        return head, tag.strip().lower()
    if colon and "/" not in tag and tag.strip().lower().endswith("-cloud"):
        return f"{head}:{tag.strip()[: -len('-cloud')]}", "cloud"
    return text, None
