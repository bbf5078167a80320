"""What ``linx doctor`` has found out, before anything is made of it: values only.

Rule: no key, no prompt and no answer is a fact. Of a variable with a key only its name is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linx.config.model import Config, ProviderConfig
    from linx.core.errors import ConfigError
    from linx.providers.credit import Credit
    from linx.providers.kind import Kind
    from linx.providers.missing import MissingModel
    from linx.providers.model import Model


@dataclass(frozen=True, slots=True)
class ConfigFacts:
    """The config in force, or what is wrong with it."""

    config: Config | None
    """None where it cannot be used."""
    path: str | None
    """The file in force, absolute; None for the built-in defaults."""
    reason: str
    """Why this file, in words."""
    tree: Mapping[str, Any] = field(default_factory=dict)
    """The file's JSON as it stands there, where it can be read."""
    problem: ConfigError | None = None
    passed_over: tuple[str, ...] = ()
    """Files that would be in force, but that are another program's."""
    is_port_chosen: bool = True
    """Does the file or a flag say where to listen? Otherwise Linx takes another port where its usual one is taken."""
    place_to_write: str = "./config.json"


class Trouble(Enum):
    """Why a server gave no list of its models."""

    NAME = auto()
    REFUSED = auto()
    """Nothing listens there, or the network leads nowhere."""
    TLS = auto()
    SILENT = auto()
    KEY = auto()
    """It wants a key, or another one."""
    HOST = auto()
    """An Ollama that does not answer to the name by which it is asked."""
    CREDIT = auto()
    LIMIT = auto()
    STATUS = auto()
    """It answered with an error that says nothing of the above."""
    SHAPE = auto()
    """What came is not what this kind of provider answers."""
    LOADING = auto()


@dataclass(frozen=True, slots=True)
class PropsFacts:
    """What a llama.cpp tells of itself (``GET /props`` and ``/v1/models``)."""

    context: int | None = None
    """Tokens that one request can use."""
    slots: int | None = None
    trained: int | None = None
    """Tokens that its model was trained for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderFacts:
    """One enabled provider, asked now."""

    config: ProviderConfig
    kind: Kind
    trouble: Trouble | None = None
    problem: str = ""
    """In words; "" where there is none. It may have the provider's own words, but no key."""
    models: Mapping[str, Model] = field(default_factory=dict)
    has_list: bool = False
    """Was a list read? Otherwise ``models`` are those that the config names."""
    missing: tuple[MissingModel, ...] = ()
    """The mappings whose models are not there."""
    auto_problem: str = ""
    """Why ``"auto"`` stands for no model there; "" where it does, or is not used."""
    version: str | None = None
    loaded: Mapping[str, int] = field(default_factory=dict)
    """The models that are in memory, with the tokens of their context; 0 where that is not told."""
    skew_s: float | None = None
    """By how much its clock is ahead of ours; None where it does not tell the time."""
    credit: Credit | None = None
    props: PropsFacts | None = None
    addresses: tuple[str, ...] = ()
    """What the endpoint's name leads to."""
    answering: tuple[str, ...] = ()
    """Where the endpoint is ``localhost`` and nothing answers there: the loopback addresses that have a listener."""
    speaks_plain: bool = False
    """Does its port answer http:// where TLS has failed?"""
    elsewhere: str = ""
    """Why it is not local, though it should be."""
    really: Kind | None = None
    """The kind of provider that answers there, where it is not the configured one; None where it is, or is unknown."""
    server: str = ""
    """The program that answers there and its version, for people; "" where that is not known."""
    latency_s: float | None = None


@dataclass(frozen=True, slots=True)
class FoundServer:
    """A local server that runs and that is in no config."""

    title: str
    name: str
    """What a provider there is called."""
    kind: str
    endpoint: str
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListenFacts:
    """The address at which Linx listens, or would."""

    host: str
    port: int
    is_linx: bool = False
    is_taken: bool = False
    owner: str = ""
    """The program that listens there; "" where that cannot be seen."""
    version: str | None = None
    """Of the Linx that runs there; None where it wants a key that is not known here."""
    config_path: str | None = None
    config_problem: str | None = None
    needs_key: bool = False
    cannot: str = ""
    """Why nothing can listen on that address."""


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """The ledger's file."""

    path: str
    is_enabled: bool = True
    exists: bool = False
    problem: str = ""
    is_damaged: bool = False
    is_foreign: bool = False
    """A newer Linx or another program wrote it."""
    is_locked: bool = False
    is_older: bool = False
    size: int = 0
    free: int | None = None
    """Bytes that are left on its disk."""


@dataclass(frozen=True, slots=True)
class BudgetFacts:
    """One limit of a budget, and what is gone of it."""

    scope: str
    kind: str
    amount: float
    spent: float
    ends_at: str
    key: str
    """Where in the config it stands."""


@dataclass(frozen=True, slots=True)
class TunnelFacts:
    """What a tunnel needs, where one is wanted."""

    is_wanted: bool
    program: str
    """ssh or ngrok."""
    path: str = ""
    """Where the program is; "" where it is not."""
    version: str = ""
    problem: str = ""
    """Why this tunnel cannot be opened as configured."""
    known_hosts: str = ""
    is_host_known: bool | None = None


@dataclass(frozen=True, slots=True)
class ServiceFacts:
    """Linx as a service that runs at login."""

    is_installed: bool = False
    is_running: bool = False
    path: str = ""
    problem: str = ""


class KeyState(Enum):
    """What a Linx elsewhere says to the key that it was asked with."""

    UNNEEDED = auto()
    ACCEPTED = auto()
    MISSING = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class StreamFacts:
    """A streamed answer of a Linx elsewhere, as it arrived."""

    status: int = 0
    problem: str = ""
    """What went wrong; "" where nothing did."""
    frames: int = 0
    reads: int = 0
    """How many times something arrived that had a frame in it."""
    first_s: float = 0.0
    total_s: float = 0.0
    is_whole: bool = False
    provider: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFacts:
    """A Linx elsewhere, asked as its clients do."""

    url: str
    """Without a key."""
    trouble: Trouble | None = None
    problem: str = ""
    is_linx: bool = False
    front: str = ""
    """The program that answers in front of it, by its ``Server`` field."""
    key: KeyState = KeyState.UNNEEDED
    models: int = 0
    model: str = ""
    """The local model that was asked; "" where there is none that costs nothing."""
    stream: StreamFacts | None = None
    cancelled: bool | None = None
    """Did a request end when its connection was closed? None: that cannot be seen from here."""
    latency_s: float | None = None
    skew_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything."""

    now: float
    """Seconds since 1970, by this machine's clock."""
    platform: str
    """As Python's ``sys.platform``."""
    env: Mapping[str, str]
    config: ConfigFacts
    listen: ListenFacts
    providers: tuple[ProviderFacts, ...] = ()
    found: tuple[FoundServer, ...] = ()
    ledger: LedgerFacts | None = None
    budgets: tuple[BudgetFacts, ...] = ()
    tunnel: TunnelFacts | None = None
    service: ServiceFacts | None = None
    certificates: str = ""
    """Why no certificate can be verified; "" where they can."""
