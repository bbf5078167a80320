"""Checks of each provider: is it there, is it what the config says, does it take the key, is it new enough?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from linx.config.shape import SECTIONS
from linx.core.addresses import DEFAULT_PORTS, Origin, host_and_port, is_loopback, is_near
from linx.core.redaction import escape_controls
from linx.doctor.edit import line_of
from linx.doctor.facts import Trouble
from linx.doctor.finding import Change, Finding, broken, note, ok, warning
from linx.providers.kind import Feature
from linx.providers.kinds import OPENAI, OPENROUTER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from linx.config.model import ProviderConfig
    from linx.doctor.facts import Facts, FoundServer, ProviderFacts
    from linx.doctor.finding import Edit

START = {
    "ollama": "ollama serve",
    "llamacpp": "llama-server -m MODEL.gguf --port {port}",
}
"""How a server of a kind is started on this machine."""
LOW_CREDIT_USD = 1.0
OLLAMA_NEEDS = (
    ((0, 6, 4), "does not say what its models can do, so that tools and images are sent to models without them"),
    ((0, 10, 0), "does not say with which context a model is loaded, so that Linx cannot see prompts being cut"),
    ((0, 12, 6), "cuts prompts that are too long without a word, since it does not know `truncate`"),
)
"""What an Ollama lacks before a version: the capabilities of /api/show (v0.6.4), ``context_length`` of /api/ps
(v0.10.0, OllamaSharp#291), ``truncate`` of /api/chat (v0.12.6)."""
UPDATE_OLLAMA = "update Ollama; on Linux: curl -fsSL https://ollama.com/install.sh | sh"


def where_of(facts: Facts, provider: ProviderFacts, key: str) -> str:
    """A key of the provider's section, with the file that it is in."""
    return f"{provider.config.key_path}.{key} in {facts.config.path or facts.config.place_to_write}"


def change_of(provider: ProviderFacts, key: str, value: object) -> Change:
    return Change((*provider.config.key_path.split(".", 1), key), value)


def mend_by(facts: Facts, *changes: Change) -> tuple[str, tuple[Edit, ...]]:
    """The line of the changes, and the changes."""
    pieces = ", ".join(line_of(change) for change in changes)
    return f"{pieces} in {facts.config.path or facts.config.place_to_write}", changes


def reachable(facts: Facts) -> Iterator[Finding]:
    """Each provider, and whether any of them could answer."""
    for provider in facts.providers:
        if provider.trouble is None:
            yield ok(_summary(provider), provider.config.endpoint)
        elif not is_mistaken(provider):
            what, mend, edits = _TROUBLES[provider.trouble](facts, provider)
            yield warning(escape_controls(what), provider.config.endpoint, mend, edits)
    yield from nobody(facts)


def nobody(facts: Facts) -> Iterator[Finding]:
    """Is there anybody who could answer?"""
    if facts.config.config is None or any(each.trouble in (None, Trouble.LOADING) for each in facts.providers):
        return
    if facts.found and _is_discovering(facts):
        return
    if facts.found:
        first = facts.found[0]
        yield broken(
            f"no provider of the config can answer, and {first.title} at {first.endpoint} is not in it",
            mend="linx doctor --fix",
        )
    elif not facts.providers:
        yield broken("no provider is enabled, and no local server was found", mend="ollama serve, or try linx --demo")
    else:
        yield broken(
            "no provider can answer, and no local server was found",
            mend="mend one of the providers, or try linx --demo",
        )


def _summary(provider: ProviderFacts) -> str:
    count = len(provider.models)
    words = [provider.server or f"{provider.kind.name} {provider.version or ''}".rstrip()]
    words.append(f"{count} model{'' if count == 1 else 's'}")
    if provider.loaded:
        words.append("loaded: " + ", ".join(_loaded(name, tokens) for name, tokens in sorted(provider.loaded.items())))
    if provider.key is not None and provider.key.remaining is not None:
        words.append(f"${provider.key.remaining:,.2f} of credit left")
    if provider.latency_s is not None:
        words.append(f"{provider.latency_s * 1000:.0f} ms")
    return escape_controls(", ".join(words))


def _loaded(name: str, tokens: int) -> str:
    return f"{name} ({tokens:,} tokens)" if tokens else name


# --- what keeps a provider from answering ---------------------------------------------

Told = tuple[str, str, tuple["Edit", ...]]


def _no_name(facts: Facts, provider: ProviderFacts) -> Told:
    return provider.problem, f"correct {where_of(facts, provider, 'endpoint')}", ()


def _refused(facts: Facts, provider: ProviderFacts) -> Told:
    origin = provider.config.origin
    if provider.answering:
        host = provider.answering[0]
        shown = f"[{host}]" if ":" in host else host
        parts = urlsplit(provider.config.endpoint)
        endpoint = parts._replace(netloc=f"{shown}:{origin.port}").geturl()
        mend, edits = mend_by(facts, change_of(provider, "endpoint", endpoint))
        leads = " and ".join(provider.addresses)
        return f"localhost leads to {leads} here, but the server listens on {host}", mend, edits
    start = START.get(provider.kind.name) if is_loopback(origin.host) else None
    if start is not None:
        return provider.problem, start.format(port=origin.port), ()
    return provider.problem, f"start the server, or correct {where_of(facts, provider, 'endpoint')}", ()


_CERTIFICATES: tuple[tuple[str, str], ...] = (
    ("has expired", "renew the certificate of {host}; if it is good, this machine's clock is wrong ({clock})"),
    ("not yet valid", "set this machine's clock ({clock})"),
    (
        "self-signed certificate in certificate chain",
        "put the authority's certificate into a file and: export SSL_CERT_FILE=FILE",
    ),
    ("self-signed|self signed", "put that certificate into a file and: export SSL_CERT_FILE=FILE"),
    ("mismatch|not valid for", "write a name that the certificate has into {key}"),
    ("unable to get local issuer", "put the authority's certificate into a file and: export SSL_CERT_FILE=FILE"),
)


def _tls(facts: Facts, provider: ProviderFacts) -> Told:
    import time

    origin = provider.config.origin
    clock = time.strftime("%Y-%m-%d %H:%M", time.localtime(facts.now))
    key = where_of(facts, provider, "endpoint")
    if provider.speaks_plain and is_near(origin.host):
        plain = "http" + provider.config.endpoint[len("https") :]
        return f"{origin.address} does not speak TLS, and answers http://", *mend_by(
            facts, change_of(provider, "endpoint", plain)
        )
    what = provider.problem.partition("; if a private authority")[0]
    for pattern, mend in _CERTIFICATES:
        if re.search(pattern, what, re.IGNORECASE):
            return what, mend.format(host=origin.host, clock=clock, key=key), ()
    return what, f"correct {key}", ()


def _silent(facts: Facts, provider: ProviderFacts) -> Told:
    return provider.problem, f"start the server there, or correct {where_of(facts, provider, 'endpoint')}", ()


def _key(facts: Facts, provider: ProviderFacts) -> Told:
    name = variable_of(facts, provider)
    if not provider.config.api_key:
        return f"wants a key, and none is configured ({provider.problem})", _give_key(facts, provider, name), ()
    return f"does not take the key ({provider.problem})", _give_key(facts, provider, name), ()


def _host(facts: Facts, provider: ProviderFacts) -> Told:
    host, port = provider.config.origin.host, provider.config.origin.port
    what = f"does not answer to the name {host}: an Ollama that listens on 127.0.0.1 answers to its own names alone"
    near = next((each for each in provider.addresses if is_loopback(each)), None)
    if near is None:
        return what, "on that machine: OLLAMA_HOST=0.0.0.0 ollama serve", ()
    return what, *mend_by(facts, change_of(provider, "endpoint", f"http://{host_and_port(near, port)}"))


def _give_key(facts: Facts, provider: ProviderFacts, name: str) -> str:
    if name:
        return f"export {name}=... with a key that is valid"
    return f"put a key that is valid into {where_of(facts, provider, 'api_key')}"


def variable_of(facts: Facts, provider: ProviderFacts) -> str:
    """The environment variable that the provider's key comes from; "" where it is in the file."""
    if provider.config.name == OPENROUTER.name and facts.env.get("OPENROUTER_API_KEY"):
        return "OPENROUTER_API_KEY"
    section = facts.config.tree
    for step in provider.config.key_path.split(".", 1):
        found = section.get(step)
        section = found if isinstance(found, dict) else {}
    key = section.get("api_key")
    return key.removeprefix("env:") if isinstance(key, str) and key.startswith("env:") else ""


def _credit(_facts: Facts, provider: ProviderFacts) -> Told:
    return provider.problem, f"buy credit there for the key of {provider.config.name}; its free models still answer", ()


def _limit(_facts: Facts, provider: ProviderFacts) -> Told:
    return provider.problem, "wait: it limits how often it is asked", ()


def _status(facts: Facts, provider: ProviderFacts) -> Told:
    return provider.problem, f"correct {where_of(facts, provider, 'endpoint')}, or look into the server's log", ()


def _loading(_facts: Facts, _provider: ProviderFacts) -> Told:
    return "is loading its model", "wait until it is loaded", ()


_TROUBLES: dict[Trouble, Callable[[Facts, ProviderFacts], Told]] = {
    Trouble.NAME: _no_name,
    Trouble.REFUSED: _refused,
    Trouble.TLS: _tls,
    Trouble.SILENT: _silent,
    Trouble.KEY: _key,
    Trouble.HOST: _host,
    Trouble.CREDIT: _credit,
    Trouble.LIMIT: _limit,
    Trouble.STATUS: _status,
    Trouble.SHAPE: _status,
    Trouble.LOADING: _loading,
}


# --- is it what the config says? ------------------------------------------------------


def is_mistaken(provider: ProviderFacts) -> bool:
    """Is it asked as a kind that it is not, so that it fails, or that its chat is not what it seems?

    llama.cpp has a few of Ollama's paths, with answers in OpenAI's dialect. Other programs that imitate an Ollama are
    left alone where they do it well; every server may be asked by its OpenAI dialect.
    """
    really = provider.really
    if really is None or provider.kind is OPENAI:
        return False
    return provider.trouble is not None or Feature.SERVES_FILES in really.features


def kinds(facts: Facts) -> Iterator[Finding]:
    """A provider of one kind at whose address a server of another kind answers."""
    for provider in facts.providers:
        really = provider.really
        if really is None:
            continue
        what = f"is {provider.server or really.name}, and is asked as {provider.kind.name}"
        if is_mistaken(provider):
            mend, edits = mend_by(facts, *_as_it_is(provider, really.name))
            yield warning(what, provider.config.endpoint, mend, edits)
        elif Feature.DESCRIBES_MODELS in really.features and provider.kind is OPENAI:
            mend, edits = mend_by(facts, change_of(provider, "kind", really.name))
            why = "so that Linx cannot ask for a larger context: longer prompts are cut"
            yield warning(f"{what}, {why}", provider.config.endpoint, mend, edits)


def _as_it_is(provider: ProviderFacts, really: str) -> tuple[Change, ...]:
    """The changes after which it is asked as what it is, by the name of that kind."""
    config = provider.config
    if config.key_path != config.name:  # below providers: its kind can be corrected
        return (change_of(provider, "kind", really),)
    section: dict[str, object] = {"enabled": True, "endpoint": config.endpoint}
    place: tuple[str, ...] = (really,)
    if really not in SECTIONS:
        place, section = ("providers", f"{really}-{config.origin.port}"), {"kind": really, "endpoint": config.endpoint}
    return Change(place, section), Change((config.name, "enabled"), False)


def versions(facts: Facts) -> Iterator[Finding]:
    """An Ollama that lacks what Linx asks of it."""
    for provider in facts.providers:
        if Feature.DESCRIBES_MODELS not in provider.kind.features or provider.version is None:
            continue
        version = numbers_of(provider.version)
        lacks = [words for since, words in OLLAMA_NEEDS if version is not None and version < since]
        if lacks:
            yield warning(f"Ollama {provider.version} is old: it {lacks[0]}", provider.config.endpoint, UPDATE_OLLAMA)


def numbers_of(version: str) -> tuple[int, ...] | None:
    """The numbers of a version such as ``0.12.6`` or ``v0.33.0-rc2``; None for 0.0.0, as a private build says."""
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    numbers = tuple(int(each) for each in found.groups()) if found else (0, 0, 0)
    return numbers if any(numbers) else None


def credit(facts: Facts) -> Iterator[Finding]:
    """A key that is accepted and has next to nothing left."""
    for provider in facts.providers:
        key = provider.key
        if key is None:
            continue
        if key.remaining is not None and key.remaining <= 0:
            limit = f" of its ${key.limit:,.2f}" if key.limit is not None else ""
            yield warning(
                f"the key is accepted and has nothing left{limit}: only free models answer",
                provider.config.endpoint,
                "raise the limit of the key in the account that it belongs to",
            )
        elif key.remaining is not None and key.remaining < LOW_CREDIT_USD:
            yield note(f"the key has ${key.remaining:,.2f} left", provider.config.endpoint)
        elif key.is_free_tier:
            yield note("the key is of the free tier: 50 requests a day of free models", provider.config.endpoint)


def unlisted(facts: Facts) -> Iterator[Finding]:
    """Local servers that run and are in no config."""
    if facts.config.config is None:
        return
    for server in facts.found:
        disabled = _disabled(facts, server)
        if disabled is not None:
            line, _not_done = mend_by(facts, Change((*disabled.key_path.split(".", 1), "enabled"), True))
            yield note(f"{escape_controls(server.title)} runs, and is disabled in the config", server.endpoint, line)
            continue
        change = adding(facts, server)
        mend, edits = mend_by(facts, change)
        count = len(server.models)
        has = f", {count} model{'' if count == 1 else 's'}" if count else ""
        title = escape_controls(server.title)
        if _is_discovering(facts):
            yield ok(f"{title}{has}; Linx takes it in by itself", server.endpoint, edits)
        else:
            yield note(f"{title} runs{has}, and is in no config", server.endpoint, mend, edits)


def _disabled(facts: Facts, server: FoundServer) -> ProviderConfig | None:
    """The provider of the config that the server is, and that is switched off there."""
    assert facts.config.config is not None
    here = [each for each in facts.config.config.providers if not each.enabled and each.key_path in _keys(facts)]
    return next((each for each in here if server_of(each.origin) == server_of(_origin(server))), None)


def _origin(server: FoundServer) -> Origin:
    parts = urlsplit(server.endpoint)
    return Origin(parts.scheme, parts.hostname or "", parts.port or DEFAULT_PORTS[parts.scheme])


def server_of(origin: Origin) -> tuple[str, int]:
    """Equal for two addresses of the same port of this machine."""
    return "localhost" if is_loopback(origin.host) else origin.host, origin.port


def _keys(facts: Facts) -> set[str]:
    """The sections of providers that the file has."""
    below = facts.config.tree.get("providers")
    names = below if isinstance(below, dict) else ()
    return {*(name for name in SECTIONS if name in facts.config.tree), *(f"providers.{name}" for name in names)}


def _is_discovering(facts: Facts) -> bool:
    """Does Linx look for local servers itself, with this config?"""
    return facts.config.path is None or facts.config.tree.get("discovery") is True


def adding(facts: Facts, server: FoundServer) -> Change:
    """The change that puts a local server into the config, under a name that is free there."""
    tree = facts.config.tree
    if server.kind in SECTIONS and server.kind not in tree:
        return Change((server.kind,), {"enabled": True, "endpoint": server.endpoint})
    below = tree.get("providers")
    taken = {*(below if isinstance(below, dict) else ()), *SECTIONS}
    port = urlsplit(server.endpoint).port
    names = (server.name, f"{server.name}-{port}", *(f"{server.name}-{port}-{number}" for number in range(2, 99)))
    name = next(each for each in names if each not in taken)
    return Change(("providers", name), {"kind": server.kind, "endpoint": server.endpoint})
