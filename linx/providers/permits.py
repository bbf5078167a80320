"""The permits for requests to one provider, and what connections to it have shown.

``local`` in the config, or the look of the endpoint's host, says that a provider may be local. Whether it is, its
connections show. Rule: what must stay local goes out on a private permit only, and a private permit demands a local
peer, unless the user insists (``local: true``) and nothing speaks against it:

- over TLS the certificate shows whose machine it is, wherever that is;
- a host that is written as a public name or address cannot be taken for a local one by mistake; without TLS the status
  warns of it.

No provider with ``local: true`` is reached through a proxy of the environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from linx.core.addresses import is_near
from linx.upstream.permit import Permit, Reach

if TYPE_CHECKING:
    from linx.config.model import ProviderConfig
    from linx.core.addresses import Origin

LOCAL_ONLY_HEADER = b"x-linx-local-only"
LOCAL_ONLY_FIELD = ((LOCAL_ONLY_HEADER, b"true"),)


class Permits:
    """Makes them once for one provider, so that a request only picks one."""

    __slots__ = (
        "_private",
        "_to_linx",
        "elsewhere",
        "is_linx",
        "is_plain",
        "may_be_local",
        "nearest",
        "open",
        "was_asked",
    )

    def __init__(self, config: ProviderConfig) -> None:
        self.may_be_local = config.is_local
        self.is_plain = self.may_be_local and config.origin.scheme != "https" and not is_near(config.origin.host)
        """Does the user insist that a server with a public name is local, without TLS?"""
        insists = config.local is True
        self.open = Permit(config.origin, Reach.DIRECT if insists else Reach.ANY)
        """For what may go anywhere."""
        self._private = Permit(config.origin, _private_reach(config, insists=insists))
        self._to_linx = Permit(config.origin, self._private.reach, LOCAL_ONLY_FIELD)
        self.nearest = self._private if self.may_be_local else self.open
        """For Linx's own questions: local if the provider may be."""
        self.elsewhere: str | None = None
        """Why the last try at a local connection was given up; None if it was not."""
        self.is_linx: bool | None = None
        """Is the server a Linx, which must hear that a prompt is to stay local? None: it has not said so."""
        self.was_asked = False
        """Was the server asked that, since it was last away?"""

    @property
    def is_local(self) -> bool:
        """Is the provider local, as far as is known?"""
        return self.may_be_local and self.elsewhere is None

    @property
    def warning(self) -> str | None:
        """What the user should know of how private prompts reach this provider."""
        if self.elsewhere is not None:
            return self.elsewhere
        if self.is_plain:
            return (
                "counts as local since the config says so, but its name is a public one and the connection is not "
                "encrypted; use https:// for prompts that must stay private"
            )
        return None

    def private(self) -> Permit:
        """For what must stay local. Only for a model that is local, see ``Provider.permit``.

        A server that has not said whether it is a Linx is treated as one.
        """
        return self._private if self.is_linx is False else self._to_linx

    def with_key(self, permit: Permit, headers: tuple[tuple[bytes, bytes], ...]) -> Permit:
        """The same permit for one request with a client's own key."""
        return Permit(permit.origin, permit.reach, (*permit.headers, *headers), is_secret=True)

    def forget_linx(self) -> None:
        """The server is away: another may be there the next time."""
        self.is_linx, self.was_asked = None, False

    def inherit(self, old: Permits) -> None:
        """Take over what was learnt before a reload. The permits themselves follow from the new config."""
        self.is_linx, self.was_asked = old.is_linx, old.was_asked
        if old.nearest == self.nearest:
            self.elsewhere = old.elsewhere


def _private_reach(config: ProviderConfig, *, insists: bool) -> Reach:
    if not insists:
        return Reach.LOCAL
    if config.origin.scheme == "https" or not is_near(config.origin.host):
        return Reach.DIRECT
    return Reach.SHARED


def permit_to_ask(origin: Origin) -> Permit:
    """For a question to an address that is no provider yet: what is it? A near host must be as near as it looks."""
    return Permit(origin, Reach.LOCAL if is_near(origin.host) else Reach.DIRECT)
