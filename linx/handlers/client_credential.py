"""Finds the client's own key in a request, for providers that are asked with it (``api_key: "client"``).

Rule: a key of Linx's own is never taken for the client's, in whatever header it stands. Where Linx wants a key, the
client's own can only be told from it when Linx's stands in the path (``/k/KEY/``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.core.client_key import NO_KEY, digest_of
from linx.providers.client_credential import ClientCredential

if TYPE_CHECKING:
    from linx.handlers.context import Context
    from linx.providers.kind import Headers
    from linx.server.request import Request

IDENTITY = (b"user-agent", b"x-app")
"""Headers by which Anthropic knows its own program, for which alone the token of a subscription is good."""
_TOKEN = re.compile(rb"[\x21-\x7e]{8,8192}")
_PLAIN = re.compile(rb"[\x21-\x7e][\x20-\x7e]{0,255}")


def client_credential(context: Context, request: Request) -> ClientCredential | None:
    """None where no provider wants it, or the client sent none."""
    if not context.router.passes_client_keys or (request.key is not NO_KEY and request.path_key is None):
        return None
    authorization = request.header(b"authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(b" ")
        token = token.strip()
        if scheme.lower() == b"bearer" and _is_the_clients(context, request, token):
            return ClientCredential(token, is_bearer=True, identity=_identity(request))
    own = request.header(b"x-api-key")
    if own is not None and _is_the_clients(context, request, own):
        return ClientCredential(own, is_bearer=False)
    return None


def _is_the_clients(context: Context, request: Request, token: bytes) -> bool:
    """Is it no key that Linx knows: one of its own, on any listener, or a provider's?"""
    if not _TOKEN.fullmatch(token) or token == request.path_key:
        return False
    return token.decode("ascii") not in context.redactor.forms and (
        digest_of(token) not in context.config.server.accepted_keys()
    )


def _identity(request: Request) -> Headers:
    found = ((name, request.header(name)) for name in IDENTITY)
    return tuple((name, value) for name, value in found if value is not None and _PLAIN.fullmatch(value))
