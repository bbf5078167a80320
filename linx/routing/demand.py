"""What a request needs of its route, besides a model's name."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from linx.core.client_key import NO_KEY, ClientKey
from linx.core.secret_shapes import Secret
from linx.dialects.shared.needs import NOTHING
from linx.dialects.shared.secrets import UNREAD
from linx.dialects.shared.tokens import answer_tokens, prompt_tokens
from linx.providers.prices import FREE
from linx.providers.provider import DEFAULT_ANSWER_TOKENS

if TYPE_CHECKING:
    from linx.core.chat import ChatRequest
    from linx.providers.client_credential import ClientCredential
    from linx.routing.candidate import Candidate

Estimate = Callable[[], tuple[int, int]]
"""Estimates the tokens of the prompt and of its answer."""
Search = Callable[[], Secret | None]
"""Looks for a secret in the prompt."""


def unread() -> Secret | None:
    """For a text that Linx does not look through: it may have any secret in it."""
    return UNREAD


def of_size(prompt_tokens: int = 0, answer_tokens: int = DEFAULT_ANSWER_TOKENS) -> Estimate:
    """For a prompt whose size is known."""
    size = prompt_tokens, answer_tokens
    return lambda: size


NO_PROMPT = of_size()


class SizeOf:
    """The size of a chat request, estimated at the first call: every price that is compared asks for it."""

    __slots__ = ("_chat", "_size")

    def __init__(self, chat: ChatRequest) -> None:
        self._chat = chat
        self._size: tuple[int, int] | None = None

    def __call__(self) -> tuple[int, int]:
        size = self._size
        if size is None:
            size = self._size = prompt_tokens(self._chat), answer_tokens(self._chat) or DEFAULT_ANSWER_TOKENS
        return size


class Demand(msgspec.Struct, frozen=True):
    """What a request needs of its route, besides a model's name.

    ``size`` is asked only where it matters: among free candidates without a known context it does not.
    ``conversation`` is a key that stays the same over the turns of one conversation. ``one_model`` keeps only the
    candidates with the same model as the candidate of the highest priority, healthy or not: embedding vectors of
    another model could not be compared with those that the client has.
    """

    size: Estimate = NO_PROMPT
    local_only: bool = False
    conversation: str | None = None
    one_model: bool = False
    key: ClientKey = NO_KEY
    """The key that the client sent."""
    may_cost: bool = True
    """False: the request is none for an answer, so that no budget matters."""
    needs: Callable[[], frozenset[str]] = lambda: NOTHING
    """What a model must be able to do besides text, as ``Model.capabilities`` has it; asked only where it matters."""
    credential: ClientCredential | None = None
    """The client's own key, where a provider is asked with it."""
    secret: Search = unread
    """The secret in the prompt, or None; asked only where the config wants prompts looked through."""

    @property
    def prompt_tokens(self) -> int:
        """An estimate."""
        return self.size()[0]

    @property
    def answer_tokens(self) -> int:
        """What the client allows, or an estimate."""
        return self.size()[1]

    @property
    def embeds(self) -> bool:
        """Are vectors wanted, and no words?"""
        return self.one_model

    def cost_at(self, one: Candidate) -> float:
        """The estimated cost of this request there in USD. An unknown price counts as infinite."""
        price = one.provider.price(one.model)
        return 0.0 if price is FREE else math.inf if price is None else price.estimate(*self.size())


ANY, LOCAL_ONLY = Demand(), Demand(local_only=True)
NAMES_ONLY = Demand(secret=lambda: None)
"""Of a request that says nothing but the name of a model."""
