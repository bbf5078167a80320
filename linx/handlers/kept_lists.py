"""The lists of models as finished bytes, kept until something changes that they are made of.

A list of many models takes long to make, and hundreds of clients may ask for it at once. So it is made once, in steps
between which other tasks run, all who ask meanwhile wait for the same making, and all are sent the same bytes.

Rule: nothing has to tell that a list has changed. Before each answer the parts that lists are made of are compared with
those of the making (``Sign``): a provider's models, which are replaced and never changed, by identity, the rest by
value. What a list may be made of is what a ``Sign`` compares, what is fixed at the birth of an object, and no more.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import trio

from linx.providers.auto import ANY_CHAT

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping

    from linx.core.redaction import Redactor
    from linx.providers.model import Model
    from linx.providers.provider import Provider
    from linx.routing.router import Router

    Pieces = tuple[bytes, ...]
    Make = Callable[[], Iterator[bytes]]

MOST_BYTES = 64 * 2**20  # of all lists that are kept; the lists of 20,000 models in all shapes have 42 MB
MOST_LISTS = 64  # pages count as lists, too, and so does what a key with limits may see


class Sign:
    """What lists were made of, to be compared with what they would be made of now.

    It refers to the parts themselves, so that no other object can have the identity of one of them.
    """

    __slots__ = ("_forms", "_parts", "_redactor", "_router")

    def __init__(self, router: Router, redactor: Redactor) -> None:
        self._router, self._redactor, self._forms = router, redactor, redactor.forms
        self._parts = [(provider, *_parts(provider)) for provider in router.providers]

    def holds(self, router: Router, redactor: Redactor) -> bool:
        """Would a list be the same now?"""
        if router is not self._router or redactor is not self._redactor or redactor.forms is not self._forms:
            return False
        for provider, models, is_local, loaded, chosen in self._parts:
            models_now, is_local_now, loaded_now, chosen_now = _parts(provider)
            if models_now is not models or is_local_now is not is_local or loaded_now != loaded:
                return False
            if chosen_now != chosen:
                return False
        return True


def _parts(provider: Provider) -> tuple[Mapping[str, Model], bool, Mapping[str, int], str | None]:
    """All that can change of a provider and stands in a list."""
    chosen = provider.auto("", ANY_CHAT) if provider.mappings.shows_auto else None
    return provider.models, provider.permits.is_local, provider.contexts.all_loaded(), chosen


class _Making:
    """A list that is being made now, and those who wait for it."""

    __slots__ = ("done", "pieces", "sign")

    def __init__(self, sign: Sign) -> None:
        self.sign = sign
        self.done = trio.Event()
        self.pieces: Pieces | None = None
        """None while it is not done, and where the making has failed."""


class KeptLists:
    """The lists of one catalogue, by any key that says what is in them besides the catalogue."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes that are kept."""
        self._sign: Sign | None = None
        self._kept: OrderedDict[Hashable, Pieces] = OrderedDict()
        self._makings: dict[Hashable, _Making] = {}

    async def pieces(self, router: Router, redactor: Redactor, key: Hashable, make: Make) -> Pieces:
        """The list ``key``. If it is not kept, ``make`` makes it piece by piece; after each, other tasks have a turn.

        An empty piece is a turn and no more. Raises what ``make`` raises. No client waits for more than two makings:
        for one that had begun before a change, and for the next.
        """
        has_waited = False
        while True:
            sign = self._current(router, redactor)
            if (kept := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return kept
            making = self._makings.get(key)
            if making is None:
                return await self._made(sign, router, redactor, key, make)
            is_recent = has_waited or making.sign is sign  # a making that was not there before the wait has begun since
            await making.done.wait()
            if is_recent and making.pieces is not None:
                return making.pieces
            has_waited = True

    def _current(self, router: Router, redactor: Redactor) -> Sign:
        """The sign of now. What was made under another is dropped."""
        sign = self._sign
        if sign is None or not sign.holds(router, redactor):
            sign = self._sign = Sign(router, redactor)
            self._kept.clear()
            self.size = 0
        return sign

    async def _made(self, sign: Sign, router: Router, redactor: Redactor, key: Hashable, make: Make) -> Pieces:
        making = self._makings[key] = _Making(sign)
        pieces = []
        try:
            # Others wait for it, so it is finished although the client for whom it was begun may leave meanwhile.
            with trio.CancelScope(shield=True):
                holds = True
                for piece in make():
                    if piece:
                        pieces.append(piece)
                    await trio.lowlevel.checkpoint()
                    # Compared between any two steps, since a part may change back before the end.
                    holds = holds and sign.holds(router, redactor)
            making.pieces = tuple(pieces)
            if holds and self._sign is sign:
                self._keep(key, making.pieces)
            return making.pieces
        finally:
            del self._makings[key]
            making.done.set()

    def _keep(self, key: Hashable, pieces: Pieces) -> None:
        """Keep a list, and drop those that were asked for longest ago; never the one that was just made."""
        self._kept[key] = pieces
        self.size += sum(map(len, pieces))
        while len(self._kept) > 1 and (self.size > MOST_BYTES or len(self._kept) > MOST_LISTS):
            _key, dropped = self._kept.popitem(last=False)
            self.size -= sum(map(len, dropped))
