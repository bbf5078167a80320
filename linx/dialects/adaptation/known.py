"""What is known of hosts and models before they have refused anything, so that the first ask is right.

Each entry says where that is documented.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from linx.core.chat import Adapted


class Known(NamedTuple):
    """A host (its name, or ``*.`` and the end of it), the models there (a pattern), and how these are asked."""

    host: str
    model: str
    adapted: tuple[Adapted, ...]


KNOWN: tuple[Known, ...] = ()


def known_beforehand(host: str, model: str) -> tuple[Adapted, ...]:
    """What is known of ``model`` at the server ``host``, in the order in which it is to be applied."""
    found: list[Adapted] = []
    for entry in KNOWN:
        if fnmatch.fnmatchcase(host.lower(), entry.host) and fnmatch.fnmatchcase(model.lower(), entry.model):
            found += (one for one in entry.adapted if one not in found)
    return tuple(found)
