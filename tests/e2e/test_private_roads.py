"""What must stay local reaches nobody else, on any road: each road by itself, and all of them in random worlds.

The sockets are the witnesses (``tests.fakes.internet``): they hold every byte that Linx sent, by the address that it
was sent to. ``LINX_PRIVATE_ROUNDS`` sets the number of random worlds; a failure names the seed of its world.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import random
from typing import TYPE_CHECKING, Any

import pytest
import trio

from linx.core.addresses import is_near
from linx.paths import MODEL_PATHS, MODEL_PREFIXES, OLLAMA_PATHS, resolve
from tests.e2e.linx_process import config_for, linx_here
from tests.e2e.private_world import CHAT, FOR_THE_CLOUD, ON_ITS_DISK, ROADS, Road
from tests.fakes.catalogue import Model
from tests.fakes.internet import Internet
from tests.fakes.provider import FakeProvider
from tests.fakes.scripted import Answer, Whole
from tests.test_app import port_of, reload, write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    from tests.fakes.scripted import Reply

NAMES = tuple(f"the-{kind}" for kind in CHAT)
ROUNDS = int(os.environ.get("LINX_PRIVATE_ROUNDS", "6"))
REQUESTS = 25  # in each world
CANARY, FREE = "canary-bird", "free-bird"
TOKEN = "ghp_" + "c4Nary" * 6
NET = ipaddress.ip_network("203.0.113.0/24")
MODELS = ("m", "m", "mapped", "mixed", "q:cloud", "unheard")
EXPERIMENTAL = "/api/experimental/web_search"


@contextlib.asynccontextmanager
async def fakes_of(*kinds: Any) -> AsyncIterator[list[FakeProvider]]:
    async with contextlib.AsyncExitStack() as stack:
        fakes = []
        for kind in kinds:
            fake = await stack.enter_async_context(FakeProvider(kind, ["m", Model("q:cloud"), f"{kind}-m"]))
            for path in (EXPERIMENTAL, "/api/me", "/api/signout"):
                fake.at[path] = Whole(200, b"{}")
            for path in ("/v1/images/generations", "/v1/audio/speech", "/v1/audio/transcriptions", "/detokenize"):
                fake.at[path] = Whole(200, b'{"ok":true}')
            fakes.append(fake)
        yield fakes


def heard(internet: Internet, fakes: list[FakeProvider], text: str) -> set[str]:
    """The addresses to which ``text`` was sent."""
    ports = {fake.port for fake in fakes}
    return {address for (address, port), data in internet.sent.items() if port in ports and text.encode() in data}


# --- each road ---


def test_every_path_that_takes_a_text_is_one_of_the_roads() -> None:
    """A new path needs its line in ``private_world.ROADS``."""
    tried = [(road.method, resolve(road.path, is_anthropic=False).endpoint) for road in ROADS]
    for path, endpoint in [*MODEL_PATHS.items(), *MODEL_PREFIXES.items(), *OLLAMA_PATHS.items()]:
        if path == "/responses/":
            continue  # answered from what Linx keeps itself
        for method in {"POST", "PUT", "PATCH", "DELETE"} & endpoint.handlers.keys():
            # Endpoints are equal where the same handler answers in the same dialect.
            assert (method, endpoint) in tried, f"nobody tries {method} {path}"


def is_looked_through(road: Road) -> bool:
    """Is a text on this road looked through for secrets? What is streamed to an Ollama's disk is not."""
    return not (road.is_unnamed and road.path.startswith("/api/"))


async def test_without_a_secret_every_road_that_is_looked_through_leads_anywhere(tmp_path: Path) -> None:
    async with fakes_of(*CHAT) as fakes:
        providers = {f"the-{fake.kind}": {"local": False, "native": True} for fake in fakes}
        config = config_for(*fakes, names=NAMES, providers=providers, routing={"secrets": "local_only"})
        with Internet() as internet:
            async with linx_here(config, tmp_path) as app:
                for number, road in enumerate(ROADS):
                    for kind in road.kinds:
                        text = f"{FREE}-{number}-{kind}"
                        await road.ask(port_of(app), f"{kind}-m", text)
                        assert bool(heard(internet, fakes, text)) == is_looked_through(road), f"{road} at {kind}"


@pytest.mark.parametrize(
    ("where", "how"),
    [
        ("public address", "header"),
        ("public address", "config"),
        ("near name that leads elsewhere", "header"),
        ("near name that leads elsewhere", "pattern"),
        ("said not to be local", "config"),
        ("public address", "secret"),
        ("near name that leads elsewhere", "secret"),
    ],
)
async def test_no_road_leads_to_a_provider_elsewhere(where: str, how: str, tmp_path: Path) -> None:
    """And every one does without the demand: a road that carries nothing would prove nothing."""
    async with fakes_of(*CHAT) as fakes:
        hosts = {"public address": "203.0.113.7", "near name that leads elsewhere": "gpu.local"}
        host = hosts.get(where, "127.0.0.1")
        providers = {
            f"the-{fake.kind}": {"endpoint": fake.endpoint.replace("127.0.0.1", host), "native": True}
            | ({"local": False} if host == "127.0.0.1" else {})
            for fake in fakes
        }
        config = config_for(*fakes, names=NAMES, providers=providers)
        local_only = {"config": True, "pattern": ["*"]}.get(how, False)
        with Internet() as internet:
            internet.names[host] = ["203.0.113.7"]
            internet.hosts["203.0.113.7"] = "127.0.0.1"
            secrets = "local_only" if how == "secret" else "off"
            text = TOKEN if how == "secret" else CANARY
            private = {**config, "routing": {**config["routing"], "local_only": local_only, "secrets": secrets}}
            async with linx_here(private, tmp_path) as app:
                headers = {"x_linx_local_only": "true"} if how == "header" else {}
                for road in ROADS:
                    for kind in road.kinds:
                        answer = await road.ask(port_of(app), f"{kind}-m", text, **headers)
                        told_of_it = road.path in ("/api/show", "/v1/messages/count_tokens") and answer.status == 200
                        assert answer.status == 503 or told_of_it, f"{road} at {kind}: {answer.body!r}"
                        assert not heard(internet, fakes, text), f"{road} at {kind} let it out"
                        assert TOKEN.encode() not in answer.body or road.path == "/api/show"
            async with linx_here(config, tmp_path) as app:
                for number, road in enumerate(ROADS):
                    for kind in road.kinds:
                        text = f"{FREE}-{number}-{kind}"
                        await road.ask(port_of(app), f"{kind}-m", text)
                        assert heard(internet, fakes, text), f"{road} at {kind} carried nothing"
        assert not [fault for fake in fakes for fault in fake.faults]


@pytest.mark.parametrize("how", [{"local_only": True}, {"secrets": "local_only"}], ids=["config", "secret"])
async def test_every_road_leads_to_a_local_provider(how: dict[str, Any], tmp_path: Path) -> None:
    async with fakes_of(*CHAT) as fakes:
        endpoints = [fake.endpoint.replace("127.0.0.1", "gpu.local") for fake in fakes]
        providers = {
            name: {"endpoint": endpoint, "native": True} for name, endpoint in zip(NAMES, endpoints, strict=True)
        }
        config = config_for(*fakes, names=NAMES, providers=providers, routing=how)
        with Internet() as internet:
            internet.names["gpu.local"] = ["203.0.113.7", "127.0.0.1"]
            async with linx_here(config, tmp_path) as app:
                for number, road in enumerate(ROADS):
                    for kind in road.kinds:
                        text = f"{TOKEN}{number}{kind}" if "secrets" in how else f"{CANARY}-{number}-{kind}"
                        answer = await road.ask(port_of(app), f"{kind}-m", text)
                        if road.path.startswith(FOR_THE_CLOUD):
                            assert answer.status == 503
                            assert not heard(internet, fakes, text)
                        else:
                            assert heard(internet, fakes, text) == {"127.0.0.1"}, f"{road} at {kind}: {answer.body!r}"


# --- random worlds ---


class World:
    """Providers drawn at random, a Linx before them, and names that lead now here and now elsewhere."""

    def __init__(self, seed: int, fakes: list[FakeProvider], internet: Internet) -> None:
        self.random = random.Random(seed)
        self.fakes = fakes
        self.internet = internet
        self.private = ""
        """How the config demands privacy: not at all, ``all``, or ``pattern`` for names that begin with ``m``."""
        self.providers: dict[str, dict[str, Any]] = {}
        for number in range(len(fakes)):
            address = f"203.0.113.{number + 1}"
            internet.hosts[address] = "127.0.0.1"
            internet.names[f"api{number}.example.com"] = [address]
        self.move()

    def move(self) -> None:
        """New answers of the name server."""
        for number in range(len(self.fakes)):
            far = f"203.0.113.{number + 1}"
            self.internet.names[f"gpu{number}.local"] = self.random.choice(
                [["127.0.0.1"], [far], [far, "127.0.0.1"], ["127.0.0.1", far], ["::1", far], []]
            )

    def config(self) -> dict[str, Any]:
        draw = self.random
        self.providers = {}
        for number, fake in enumerate(self.fakes):
            far = f"203.0.113.{number + 1}" if fake.kind == "ollama" else f"api{number}.example.com"
            host = draw.choice(["127.0.0.1", f"gpu{number}.local", f"gpu{number}.local", far])
            entry: dict[str, Any] = {"endpoint": fake.endpoint.replace("127.0.0.1", host)}
            entry["native"] = draw.random() < 0.3
            mappings = {"mapped": "m", "mixed": draw.choice(["m", "q:cloud", "c:cloud", "copy"]), "default": "m"}
            entry["model_mappings"] = {key: value for key, value in mappings.items() if draw.random() < 0.6}
            if draw.random() < 0.3:
                # Whoever calls a public name local insists, and is believed; that is not what is tried here.
                entry["local"] = False if not is_near(host) else draw.random() < 0.5
            self.providers[f"{fake.kind}{number}"] = entry
        self.private = draw.choice(["", "", "all", "pattern"])
        routing = {
            "local_only": {"": False, "all": True, "pattern": ["m*"]}[self.private],
            "cost_optimization": draw.random() < 0.5,
            "fallback_enabled": draw.random() < 0.8,
            "hedge": {"after": draw.choice([None, 0.0, 0.01, "auto"]), "scope": draw.choice(["same", "any"])},
        }
        return config_for(*self.fakes, names=tuple(self.providers), providers=self.providers, routing=routing)

    def stage(self) -> None:
        """How the providers will answer."""
        replies: list[Reply] = [
            Answer(first_s=0.03),
            Whole(500, b"{}"),
            Whole(400, b'{"error":{"message":"Unsupported parameter: max_tokens","code":"x"}}'),
        ]
        for fake in self.fakes:
            fake.forget()
            fake.next(*self.random.choices(replies, k=self.random.randrange(3)))

    def leaks(self, text: str) -> list[str]:
        """Where a private text went that it must not have gone."""
        found = []
        for name, fake in zip(self.providers, self.fakes, strict=True):
            for (address, port), data in self.internet.sent.items():
                is_elsewhere = ipaddress.ip_address(address) in NET or self.providers[name].get("local") is False
                if port == fake.port and is_elsewhere and text.encode() in data:
                    found.append(f"{name} at {address}")
            for one in fake.requests:
                has_name = fake.kind == "ollama" and b":cloud" in one.body and one.path not in ON_ITS_DISK
                is_cloud = has_name or one.path.startswith(FOR_THE_CLOUD)
                if is_cloud and text.encode() in one.body:
                    found.append(f"the cloud of {name}: {one.path} {one.body[:200]!r}")
        return found

    def is_private(self, road: Road, model: str, by_header: bool) -> bool:
        in_config = self.private == "all" or (self.private == "pattern" and (road.is_unnamed or model.startswith("m")))
        return by_header or in_config


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_in_no_world_a_private_text_leaves(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    kinds = [draw.choice(["ollama", "ollama", "llamacpp", "openai", "anthropic"]) for _ in range(draw.randint(2, 4))]
    async with fakes_of(*kinds) as fakes:
        with Internet() as internet:
            world = World(seed, fakes, internet)
            async with linx_here(world.config(), tmp_path) as app:
                for number in range(REQUESTS):
                    if draw.random() < 0.3:
                        world.move()
                    if draw.random() < 0.15:
                        write(tmp_path, world.config())
                        await reload(app)
                    world.stage()
                    road, by_header = draw.choice(ROADS), draw.random() < 0.5
                    model = draw.choice(
                        ["m", "m", "mapped", "mixed", "q:cloud", "unheard", next(iter(world.providers)) + "/m"]
                    )
                    text = f"bird-{seed}-{number}-nest"
                    headers: Mapping[str, str] = {"x_linx_local_only": "1"} if by_header else {}
                    with trio.fail_after(10):
                        answer = await road.ask(port_of(app), model, text, **headers)
                    if world.is_private(road, model, by_header):
                        leaks = world.leaks(text)
                        assert not leaks, f"{road} for {model!r}: {leaks}; {answer.status} {answer.headers}"
                assert internet.sent, "nothing was sent anywhere"
