"""What is kept of the lists is what would be made now, whatever has changed; and no list reads what is not compared."""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
from typing import TYPE_CHECKING, Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from linx.config.shape import PriceShape, RoutingConfig
from linx.core import jsontext
from linx.core.client_key import NO_KEY, ClientKey
from linx.handlers.kept_lists import KeptLists
from linx.handlers.models import ollama, openai
from linx.providers.contexts import Contexts
from linx.providers.health import Health
from linx.providers.http_requests import HttpRequests
from linx.providers.model import Model
from linx.providers.permits import Permits
from linx.providers.prices import FREE, Price
from linx.providers.provider import Provider
from linx.providers.slots import Slots
from linx.routing.router import Router
from tests.handlers.contexts import context_for
from tests.routing.world import provider, told

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from linx.config.model import Config
    from linx.handlers.context import Context

NAMES = ("a", "b:latest", "c:cloud", "d:free", "e-embed")
SECRET = "very-secret-key"
ANTHROPIC = {b"anthropic-version": b"2023-06-01"}
ASKED: Mapping[str, tuple[Callable[..., Any], str, Mapping[bytes, bytes]]] = {
    "OpenAI": (openai.list_models, "", {}),
    "Codex": (openai.list_models, "client_version=1", {}),
    "Anthropic": (openai.list_models, "", ANTHROPIC),
    "an Anthropic page": (openai.list_models, "limit=2&lifecycle=active", ANTHROPIC),
    "tags": (ollama.tags, "", {}),
}


KEYS = (
    NO_KEY,
    ClientKey(name="anna", models=("a", "b*", "*cloud", "gpt")),
    ClientKey(name="ben", local_only=True),
)


class Asking:
    """A request for a list, as far as its handler looks."""

    def __init__(self, query: str, headers: Mapping[bytes, bytes], key: ClientKey) -> None:
        self.query = query
        self.key = key
        self.header = headers.get


class Heard:
    """What a client hears."""

    def __init__(self) -> None:
        self.body = b""

    async def shared(self, _status: int, pieces: Sequence[bytes]) -> None:
        self.body = b"".join(pieces)


def made(**config: Any) -> list[Provider]:
    """An Ollama here whose contexts are its own affair, and a service elsewhere."""
    here = {"kind": "ollama", "num_ctx": 65536, **config}
    return [provider("ollama", **here), provider("far", kind="openrouter", local=False, models=["named"])]


class World:
    """The catalogue of a running Linx, and what may happen to it."""

    def __init__(self, config: Config) -> None:
        router = Router(made(), RoutingConfig())
        self.context = context_for(config, router)
        self.now = 0.0

    def at(self, far: bool) -> Provider:
        return self.context.providers[far]

    def read(self, far: bool, models: Mapping[str, Model]) -> None:
        one = self.at(far)
        one.models = models
        one.models_changed()

    def learn(self, far: bool, name: str, known: Mapping[str, Any]) -> None:
        if name in self.at(far).models:
            told(self.at(far), name, **known)

    def lose(self, far: bool, name: str) -> None:
        self.at(far).lost(name)

    def load(self, far: bool, loaded: Mapping[str, int]) -> None:
        self.now += 10
        self.at(far).contexts.seen(loaded, self.now)

    def ask_context(self, far: bool, name: str, tokens: int) -> None:
        self.at(far).contexts.choose(name, tokens, None, self.now)

    def move(self, far: bool, elsewhere: str | None) -> None:
        self.at(far).permits.elsewhere = elsewhere

    def reload(self, mappings: Mapping[str, str], usd: float | None, num_ctx: int | str | None) -> None:
        price = {} if usd is None else {"*": PriceShape(prompt=usd, completion=usd)}
        new = made(model_mappings=mappings, price=price, num_ctx=num_ctx)
        for one, old in zip(new, self.context.providers, strict=True):
            one.inherit(old)
        self.context.router = Router(new, RoutingConfig())

    def add_secret(self) -> None:
        self.context.redactor.add(SECRET)

    def health(self, far: bool, problem: str | None) -> None:
        self.now += 1
        self.at(far).health.probed(self.now, problem)

    async def answers(self, context: Context) -> dict[str, bytes]:
        found = {}
        for name, (handler, query, headers) in ASKED.items():
            for key in KEYS:
                heard = Heard()
                await handler(context, None, Asking(query, headers, key), heard)
                found[f"{name} for {key.name}"] = heard.body
        return found

    async def check(self) -> None:
        fresh = copy.copy(self.context)
        fresh.lists = KeptLists()
        assert await self.answers(self.context) == await self.answers(fresh)


names = st.sampled_from(NAMES)
fars = st.booleans()
known: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "context_length": st.sampled_from([None, 2048, 131072]),
        "capabilities": st.sampled_from([None, frozenset(), frozenset({"completion", "vision"})]),
        "price": st.sampled_from([None, FREE, Price(1e-6, 2e-6)]),
        "created": st.sampled_from([None, 1_700_000_000]),
        "set_context": st.sampled_from([None, 4096]),
        "is_remote": st.booleans(),
        "listed": st.sampled_from([{}, {"lifecycle": "retired"}, {"digest": "x", "size": 5, "note": SECRET}]),
    },
)
models = st.dictionaries(names, known).map(
    lambda found: {name: Model(name, **fields) for name, fields in found.items()},
)
CHANGES: Mapping[str, st.SearchStrategy[tuple[Any, ...]]] = {
    "read": st.tuples(fars, models),
    "learn": st.tuples(fars, names, known),
    "lose": st.tuples(fars, names),
    "load": st.tuples(fars, st.dictionaries(names, st.sampled_from([1024, 8192]))),
    "ask_context": st.tuples(fars, names, st.sampled_from([10, 5000])),
    "move": st.tuples(fars, st.sampled_from([None, "is elsewhere"])),
    "reload": st.tuples(
        st.dictionaries(st.sampled_from(["gpt", "a", "default"]), names),
        st.sampled_from([None, 1.0]),
        st.sampled_from([None, "auto", 4096]),
    ),
    "add_secret": st.tuples(),
    "health": st.tuples(fars, st.sampled_from([None, "is down"])),
}
changes = st.one_of(*(st.tuples(st.just(name), arguments) for name, arguments in CHANGES.items()))


def full_world() -> World:
    world = World(None)  # type: ignore[arg-type]  # no list looks at the config itself
    for far in (False, True):
        listed = {"digest": "x", "size": 5, "note": SECRET, "supported_parameters": ["tools"]}
        able = frozenset({"completion", "vision"})
        world.read(far, {name: Model(name, 131072, able, Price(1e-6, 2e-6), listed=listed) for name in NAMES})
    world.load(False, {"a": 8192})
    return world


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(changes, max_size=3), max_size=6))
def test_after_any_changes_the_answers_are_those_of_now(happens: list[list[tuple[str, tuple[Any, ...]]]]) -> None:
    async def run() -> None:
        world = full_world()
        await world.check()
        for several in happens:
            for name, arguments in several:
                getattr(world, name)(*arguments)
            await world.check()

    trio.run(run)


SEEN: Mapping[str, tuple[str, tuple[Any, ...]]] = {
    "a list": ("read", (False, {"new": Model("new")})),
    "a capability": ("learn", (False, "a", {"capabilities": frozenset({"thinking"})})),
    "a loss": ("lose", (False, "a")),
    "a loaded context": ("load", (False, {"a": 1024})),
    "a server that is not local": ("move", (False, "is elsewhere")),
    "a reload": ("reload", ({"gpt": "a"}, 1.0, 4096)),
    "a secret": ("add_secret", ()),
}


@pytest.mark.parametrize("change", SEEN)
async def test_each_change_shows(change: str) -> None:
    """So the property above does not hold for the reason that nothing of this is in a list."""
    world = full_world()
    before = await world.answers(world.context)
    name, arguments = SEEN[change]
    getattr(world, name)(*arguments)
    assert await world.answers(world.context) != before
    await world.check()


FIXED: Mapping[type[Any], set[str]] = {
    Provider: {"config", "cuts_prompts", "kind", "local", "name", "_prices"},
    Permits: {"may_be_local"},
}
"""What an object is born with, and keeps."""
COMPARED: Mapping[type[Any], set[str]] = {
    # ``_canonical`` and ``mappings`` are made of ``models``, and with them.
    Provider: {"models", "_canonical", "mappings", "permits", "contexts"},
    Permits: {"elsewhere"},
    Contexts: {"_models"},
}
"""What ``Sign`` compares, or asks for what it compares."""
ELSEWHERE: Mapping[type[Any], set[str]] = {Provider: {"read_at"}}
"""What ``Router.lists_shown`` looks at."""


@pytest.mark.parametrize("cls", FIXED)
def test_what_is_fixed_is_assigned_at_birth_only(cls: type[Any]) -> None:
    (body,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    for method in ast.iter_child_nodes(body):
        assigned = {
            node.attr
            for node in ast.walk(method)
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        }
        is_birth = isinstance(method, ast.FunctionDef) and method.name == "__init__"
        assert is_birth == bool(assigned & FIXED[cls])


async def test_lists_are_made_of_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever puts something new into a list is told here that ``Sign`` has to compare it."""
    world = full_world()
    world.reload({"gpt": "a"}, None, 65536)
    for one in world.context.providers:
        one.read_at = trio.current_time()  # so that no list is to be read anew behind the answers
    read: dict[type[Any], set[str]] = {}

    def watch(cls: type[Any]) -> None:
        def spy(self: object, name: str) -> Any:
            if not callable(getattr(cls, name, None)) and not isinstance(getattr(cls, name, None), property):
                read.setdefault(cls, set()).add(name)
            return object.__getattribute__(self, name)

        monkeypatch.setattr(cls, "__getattribute__", spy)

    for cls in (Provider, Permits, Contexts, Health, HttpRequests, Slots):
        watch(cls)
    answers = await world.answers(world.context)
    monkeypatch.undo()
    assert all(jsontext.loads(answer) for answer in answers.values())
    for cls, attributes in read.items():
        assert attributes <= FIXED.get(cls, set()) | COMPARED.get(cls, set()) | ELSEWHERE.get(cls, set()), cls
    assert read[Provider] >= {"models", "permits", "contexts"}
