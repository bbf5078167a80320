"""What models a provider has, in the way that its kind is asked, and always by free requests.

Rule: a lister gets a way to ask and the list before, and returns the new list; it changes
nothing. Where the details of a single model cannot be read, the other models are listed all the
same.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from linx.core.attempt_errors import AttemptError, Garbled, Refused
from linx.dialects.anthropic import model_list as anthropic_list
from linx.dialects.openai.model_list import context_of, read_page
from linx.providers import prices
from linx.providers.lmstudio import NATIVE_LIST, is_lmstudio, told
from linx.providers.memory import InMemory
from linx.providers.model import Model
from linx.providers.places import list_base, only_model

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from linx.core.chat import JsonObject
    from linx.providers.known_hosts import KnownHost
    from linx.providers.places import Places

Made = TypeVar("Made")

MAX_PAGES = anthropic_list.MAX_PAGES
MOST_AT_ONCE = 500  # models that are looked through in the event loop
SHOWN_AT_ONCE = 4  # models of an Ollama that are asked about side by side


class Loading(Exception):
    """A llama.cpp is up and still loads its model."""


class NotJSON(Garbled):
    """What came for a list is no JSON: most often a page for people."""


class Unlisted(Exception):
    """The provider answers, but has no list of models that can be read.

    ``failure`` is for its status; ``is_absent``: there is no list at all, so that the names have to be configured.
    """

    def __init__(self, failure: AttemptError, *, is_absent: bool) -> None:
        super().__init__(failure.problem)
        self.failure = failure
        self.is_absent = is_absent


class Ask(Protocol):
    """Asks one provider for a small JSON value. Raises AttemptError for a status that is none of an answer's."""

    @property
    def places(self) -> Places: ...

    @property
    def known(self) -> KnownHost: ...

    async def get(self, path: str, *, under_api: bool = False, place: str | None = None) -> Any: ...

    async def made_of(
        self, path: str, make: Callable[[Any], Made], *, under_api: bool = False, place: str | None = None
    ) -> Made:
        """``make`` of what ``get`` would return. A long answer is read and made something of beside the event loop, and
        where it has not changed the very same object is returned. So ``make`` is pure, and nothing of it is changed.
        """
        ...

    async def post(self, path: str, body: JsonObject) -> Any: ...


@dataclass(frozen=True, slots=True)
class Listed:
    """A provider's list: its models by name, and the version that the provider says it is."""

    models: Mapping[str, Model] = field(default_factory=dict)
    version: str | None = None
    loaded: Mapping[str, InMemory] | None = None
    """The models that are loaded now; None where that was not told."""
    is_proof: bool = True
    """Does it show where the provider's API is?"""


# --- Ollama ---------------------------------------------------------------------------


async def list_ollama(ask: Ask, before: Listed) -> Listed:
    """/api/tags, what is loaded, and /api/show for each model that is new or has changed since."""
    tagged = await ask.made_of("/api/tags", _tagged)
    models = await with_known(tagged, before.models)
    unknown = iter([model for model in models.values() if model.capabilities is None])
    version = before.version
    loaded: Mapping[str, InMemory] | None = None
    with contextlib.suppress(AttemptError):  # older versions do not say
        loaded = await loaded_ollama(ask)

    async def show_some() -> None:
        for model in unknown:
            try:
                models[model.name] = await show_ollama(ask, model)
            except AttemptError:
                continue  # an odd model must not hide the others

    async def ask_version() -> None:
        nonlocal version
        try:
            answer = (await ask.get("/api/version")).get("version")
        except (AttemptError, AttributeError):
            return  # not every server that speaks this dialect has a version
        version = answer if isinstance(answer, str) else None

    # Not free to load, and the config looks at the kinds before it is known that Linx will serve.
    import trio

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask_version)
        for _ in range(SHOWN_AT_ONCE):
            nursery.start_soon(show_some)
    return Listed(models, version, loaded)


async def show_ollama(ask: Ask, model: Model) -> Model:
    """The model with what /api/show says of it: its capabilities and its context length."""
    shown = await ask.post("/api/show", {"model": model.name})
    if not isinstance(shown, Mapping):
        raise Garbled("described a model by something that is no object")
    capabilities = shown.get("capabilities")
    info, length = shown.get("model_info"), model.context_length
    if isinstance(info, Mapping):
        told = info.get(f"{info.get('general.architecture')}.context_length")
        length = told if isinstance(told, int) else None
    return replace(
        model,
        capabilities=frozenset(map(str, capabilities)) if isinstance(capabilities, list) else frozenset(),
        is_remote=model.is_remote or _is_remote(shown),
        set_context=_set_context(shown.get("parameters")),
        context_length=length,
    )


_SET_CONTEXT = re.compile(r"^num_ctx\s+(\d{1,9})\s*$", re.MULTILINE)


def _set_context(parameters: object) -> int | None:
    """``num_ctx`` among the parameters of a Modelfile, as /api/show writes them: a name and a value to a line."""
    found = _SET_CONTEXT.search(parameters) if isinstance(parameters, str) else None
    return int(found[1]) or None if found is not None else None


async def loaded_ollama(ask: Ask) -> Mapping[str, InMemory]:
    """/api/ps: what is loaded. Raises AttemptError. Older versions do not say the tokens, which are 0 then."""
    answer = await ask.get("/api/ps")
    entries = answer.get("models") if isinstance(answer, Mapping) else None
    loaded = {}
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping):
            numbers = (entry.get(key) for key in ("context_length", "size", "size_vram"))
            known = InMemory(*(max(0, each) if type(each) is int else 0 for each in numbers))
            loaded[str(entry.get("name") or entry.get("model"))] = known
    return loaded


def _is_remote(entry: Mapping[str, Any]) -> bool:
    """Does an Ollama pass the model's prompts on? Also under a plain name, as ``ollama cp`` makes it."""
    return bool(entry.get("remote_host") or entry.get("remote_model"))


def _tagged(tags: Any) -> list[Model]:
    """The models of /api/tags."""
    return [_model_of(entry) for entry in tags.get("models") or []]


def _model_of(entry: JsonObject) -> Model:
    size = entry.get("size")
    return Model(
        str(entry.get("name") or entry.get("model")),
        size=size if type(size) is int else None,
        is_remote=_is_remote(entry),
        listed=entry,
    )


async def with_known(tagged: Sequence[Model], known: Mapping[str, Model]) -> dict[str, Model]:
    """``tagged`` by name, with what is known of those of them that have not changed since."""
    if len(tagged) <= MOST_AT_ONCE:
        return _with_known(tagged, known)
    from linx.core.worker import in_thread  # as trio below

    return await in_thread(_with_known, tagged, known)


def _with_known(tagged: Sequence[Model], known: Mapping[str, Model]) -> dict[str, Model]:
    return {model.name: _as_known(model, known.get(model.name)) for model in tagged}


def _as_known(model: Model, before: Model | None) -> Model:
    """What was known of a model stays known as long as its digest is the same."""
    if before is None or before.listed.get("digest") != model.listed.get("digest"):
        return model
    if before.listed is model.listed:
        return before
    return replace(before, is_remote=model.is_remote or before.is_remote, listed=model.listed)


# --- Anthropic ------------------------------------------------------------------------


async def list_anthropic(ask: Ask, _before: Listed) -> Listed:
    """/v1/models, page by page: the newest models come first."""
    entries = []
    after = None
    for _ in range(MAX_PAGES):
        page, after = await ask.made_of(anthropic_list.page_path(after), anthropic_list.read_page, under_api=True)
        entries += page
        if after is None:
            break
    # The oldest first, so that the plain name of several dated ones is the newest's.
    return Listed(
        {
            one.name: Model(one.name, one.context_length, one.capabilities, created=one.created, listed=one.entry)
            for one in reversed(entries)
        }
    )


# --- servers of OpenAI's dialect ------------------------------------------------------


async def list_openai(ask: Ask, _before: Listed) -> Listed:
    """/v1/models, or where else the list is, with whatever a server tells besides names.

    Raises Unlisted where the server has no such list.
    """
    if (only := only_model(ask.places.current)) is not None:
        return Listed({only: Model(only)})
    found, is_proof = await _openai_models(ask)
    if not ask.known.has_list:
        known_only = Garbled("lists what could be deployed, and not what is: its models have to be named")
        raise Unlisted(known_only, is_absent=True)
    if not found.is_lmstudio:
        return Listed(found.models, is_proof=is_proof)
    models: Mapping[str, Model] = found.models
    loaded: Mapping[str, InMemory] | None = None
    with contextlib.suppress(AttemptError):  # older versions have no such list
        models, loaded = told(models, await ask.get(NATIVE_LIST, place=""))
    return Listed(models, loaded=loaded, is_proof=is_proof)


class _Page(NamedTuple):
    """The models on one page, or on all of them together."""

    models: Mapping[str, Model]
    is_lmstudio: bool = False
    next_page: str | None = None


def _page_of(value: Any) -> _Page:
    """The models in one answer. Raises Garbled."""
    page = read_page(value)
    found = {}
    for name, entry in page.entries.items():
        created = entry.get("created")
        found[name] = Model(
            name,
            context_length=context_of(entry),
            capabilities=_capabilities_of(entry),
            price=prices.from_list(entry.get("pricing")),
            created=created if isinstance(created, int) else None,
            listed=entry,
        )
    return _Page(found, is_lmstudio(page.entries), page.next_page)


async def _openai_models(ask: Ask) -> tuple[_Page, bool]:
    """The models of all pages; and do they show where the API is?"""
    places, known = ask.places, ask.known
    problem: AttemptError | None = None
    is_empty = False
    for place in places.in_order():
        if (base := list_base(place)) is None:
            continue
        try:
            found = await _pages(ask, base, "/models")
        except AttemptError as error:
            if not _is_elsewhere(error):
                raise
            problem = problem or error
            continue
        if found.models:
            if known.has_list:
                places.found(place)
            return found, known.has_list
        is_empty = True  # the list of something else, perhaps
    for path in known.list_paths:
        base = "" if path.startswith("/") else places.current.removesuffix("/v1") + "/"
        try:
            return await _pages(ask, base, path), False
        except AttemptError as error:
            if not _is_elsewhere(error):
                raise
            problem = problem or error
    if problem is None or is_empty:
        return _Page({}), is_empty and len(places.possible) == 1
    if isinstance(problem, NotJSON):
        raise problem
    raise Unlisted(problem, is_absent=isinstance(problem, Refused))


async def _pages(ask: Ask, base: str, path: str) -> _Page:
    page = await ask.made_of(path, _page_of, place=base)
    if page.next_page is None:
        return page
    models, is_all_lmstudio = dict(page.models), page.is_lmstudio
    for _ in range(MAX_PAGES):
        if page.next_page is None:
            break
        page = await ask.made_of(f"{path}{'&' if '?' in path else '?'}{page.next_page}", _page_of, place=base)
        models.update(page.models)
        is_all_lmstudio = is_all_lmstudio and page.is_lmstudio
    return _Page(models, is_all_lmstudio)


def _is_elsewhere(error: AttemptError) -> bool:
    """May the list be at another path of the same server? Cloudflare's word for an unknown path is 400."""
    if isinstance(error, Garbled):
        return True
    status = error.upstream_status if isinstance(error, Refused) else None
    return status is not None and (300 <= status < 400 or status in (400, 404, 405, 501))


async def list_llamacpp(ask: Ask, before: Listed) -> Listed:
    """/v1/models, and /props for what one slot can hold. Raises Loading."""
    try:
        await ask.get("/health")
    except AttemptError as error:
        if error.status == 503:
            raise Loading from None
        raise
    listed = await list_openai(ask, before)
    listed = replace(listed, loaded=_loaded_entries(listed))
    try:
        props = await ask.get("/props")
    except AttemptError:
        return listed  # switched off, or behind a key of its own
    settings = props.get("default_generation_settings")
    context = settings.get("n_ctx") if isinstance(settings, Mapping) else None
    modalities = props.get("modalities")
    sees = isinstance(modalities, Mapping) and bool(modalities.get("vision"))
    # Every model takes tools: where ``chat_template_caps`` has none, the server writes them into the prompt.
    capabilities = frozenset({"completion", "tools", *(["vision"] if sees else [])})
    known: dict[str, Any] = {"capabilities": capabilities}
    if isinstance(context, int) and context > 0 and len(listed.models) == 1:
        known["context_length"] = context  # of one slot: what a request can really use
    return replace(listed, models={name: replace(model, **known) for name, model in listed.models.items()})


def _loaded_entries(listed: Listed) -> Mapping[str, InMemory] | None:
    """The loaded models of a llama.cpp that swaps them, where each entry of the list has a ``status`` with the value
    unloaded, loading, loaded or sleeping (llama.cpp: tools/server/README.md, "Using multiple models"). None without."""
    told = {name: model.listed["status"] for name, model in listed.models.items() if "status" in model.listed}
    if not told:
        return None
    values = {name: status.get("value") if isinstance(status, Mapping) else None for name, status in told.items()}
    return {name: InMemory() for name, value in values.items() if value == "loaded"}


def _capabilities_of(entry: Mapping[str, Any]) -> frozenset[str] | None:
    """Ollama's words for what an OpenRouter entry says a model can do."""
    parameters = entry.get("supported_parameters")
    if not isinstance(parameters, list):
        return None
    found = {"completion"}
    if "tools" in parameters:
        found.add("tools")
    if "reasoning" in parameters:
        found.add("thinking")
    architecture = entry.get("architecture")
    if isinstance(architecture, Mapping) and "image" in (architecture.get("input_modalities") or ()):
        found.add("vision")
    return frozenset(found)
