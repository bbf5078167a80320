"""What keeps a provider from answering: in words, with the line that mends it. One row for each ``Trouble``."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from linx.core.addresses import host_and_port, is_loopback, is_near
from linx.doctor.checks.mends import change_of, mend_by, where_of
from linx.doctor.facts import Trouble
from linx.providers.kinds import OPENROUTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from linx.doctor.facts import Facts, ProviderFacts
    from linx.doctor.finding import Edit

START = {
    "ollama": "ollama serve",
    "llamacpp": "llama-server -m MODEL.gguf --port {port}",
}
"""How a server of a kind is started on this machine."""

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


TROUBLES: dict[Trouble, Callable[[Facts, ProviderFacts], Told]] = {
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
