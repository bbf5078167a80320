"""The types between the dialects: what a client asks for, and the pieces of an answer.

A chat request travels through Linx as an OpenAI chat body, since that dialect has the most
fields and most providers speak it. A face turns a client's request into a chat body once,
and the writer of a provider's request turns the chat body into what that provider
understands. Answers travel as Chunks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from linx.core.secret_shapes import Secret

JsonObject = dict[str, Any]


class Task(StrEnum):
    """What is asked of a provider, whatever the client's dialect."""

    CHAT = "chat"
    """The next message of a conversation."""
    COMPLETE = "complete"
    """The text that follows a prompt, without a chat template."""
    INSERT = "insert"
    """The text between a prompt and a suffix."""
    EMBED = "embed"
    """An embedding vector for each text."""


class Dialect(StrEnum):
    """A wire format of clients: that of a request, and that of a chunk's ``source``."""

    OPENAI = "openai"
    COMPLETIONS = "completions"
    EMBEDDINGS = "embeddings"
    RESPONSES = "responses"
    ANTHROPIC = "anthropic"
    OLLAMA = "ollama"
    OLLAMA_GENERATE = "ollama_generate"
    OLLAMA_EMBED = "ollama_embed"
    OLLAMA_EMBEDDINGS = "ollama_embeddings"
    OPAQUE = "opaque"
    """The bodies of paths that Linx relays without reading them."""


# --- what is asked, in no dialect -----------------------------------------------------


class ChatBody(dict[str, Any]):
    """An OpenAI chat-completions body. The face that read or made it has checked it.

    It is a dict, so that the commonest request (OpenAI's dialect) is neither copied nor
    converted field by field.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCompletion:
    """A request to continue prompts. ``fields`` holds all fields without an attribute here, under OpenAI's names."""

    prompts: list[str | list[int]]
    """Each prompt is a text or a list of tokens, and gets ``count`` answers."""
    suffix: str = ""
    """The text that is to follow the answer."""
    count: int = 1
    best_of: int | None = None
    has_echo: bool = False
    """Does each answer begin with its prompt?"""
    logprobs: int | None = None
    """How many alternatives to show for each token of the answer; None: no log probabilities at all."""
    fields: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmbeddingInput:
    """A request for embeddings. ``fields`` holds all fields without an attribute here, under OpenAI's names."""

    input: str | list[Any]
    """A text, a list of texts, a list of tokens, or a list of such lists."""
    dimensions: int | None = None
    fields: JsonObject = field(default_factory=dict)

    @property
    def texts(self) -> list[Any]:
        """The texts that get a vector each, as text or as tokens."""
        given = self.input
        return [given] if isinstance(given, str) or (given and type(given[0]) is int) else given


@dataclass(frozen=True, slots=True)
class Opaque:
    """A body that Linx has not read: it is relayed, or goes to a provider that speaks the client's dialect."""


class RequestFacts(msgspec.Struct):
    """Facts about a request that are expensive to compute, so each is computed once and kept here.

    For a large request the thread that reads the body computes them all; for any other
    request each fact is computed when it is first needed, since most requests need none.
    ``dialects.shared.tokens`` counts the tokens, ``dialects.shared.secrets`` looks for secrets,
    ``handlers.request_facts`` finds the opening.
    """

    size: int = 0
    """Bytes of the body as the client sent it."""
    prompt_tokens: int | None = None
    """An estimate; None until it is made."""
    opening: str | None = None
    """A digest of the messages up to the user's first one; empty if there is no such message, None until computed."""
    secret: Secret | None = None
    """A secret in the prompt; ``is_searched`` says whether one was looked for."""
    is_searched: bool = False
    is_counted: bool = False
    """Has the search been counted in the telemetry?"""


class ChatRequest(msgspec.Struct):
    """One request for an answer, whatever dialect it came in.

    ``asked`` and ``client_body`` must not be changed in place, since each attempt starts from
    them. ``client_body`` is the client's own body, if its dialect is not OpenAI's chat; it is
    for providers that speak the client's dialect.
    """

    model: str
    asked: ChatBody | TextCompletion | EmbeddingInput | Opaque
    stream: bool = False
    include_usage: bool = False
    task: Task = Task.CHAT
    dialect: Dialect = Dialect.OPENAI
    client_body: JsonObject | None = None
    legacy_functions: bool = False
    """The client sent the old field ``functions``, so tool calls are answered as ``function_call``."""
    free_text_tools: frozenset[str] = frozenset()
    """Functions in the place of tools of the client that take free text; their calls are turned back."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Headers of the client that belong to its dialect, for a provider that speaks this dialect."""
    facts: RequestFacts = msgspec.field(default_factory=RequestFacts)

    # ``asked`` with its type, for code that runs for one type of request only.

    @property
    def chat_body(self) -> ChatBody:
        assert isinstance(self.asked, ChatBody)
        return self.asked

    @property
    def completion(self) -> TextCompletion:
        assert isinstance(self.asked, TextCompletion)
        return self.asked

    @property
    def embedding(self) -> EmbeddingInput:
        assert isinstance(self.asked, EmbeddingInput)
        return self.asked


class Adapted(NamedTuple):
    """A change to a provider's body, made so that the provider takes it."""

    name: str
    """Of a row of ``dialects.adaptation.table``."""
    detail: str = ""
    """What exactly was changed; "" where the name says all."""

    def __str__(self) -> str:
        return f"{self.name}:{self.detail}" if self.detail else self.name


class ModelTraits(msgspec.Struct):
    """What is configured and known about one model at one provider. None means unknown."""

    thinking_mode: bool | None = None
    can_think: bool | None = None
    context_length: int | None = None
    num_ctx: int | None = None
    may_cut: bool = True
    """May an Ollama cut a prompt that is too long for it, since the prompt is known to be short?"""
    keep_alive: float | str | None = None
    listed: JsonObject | None = None
    """The model's entry in the provider's model list."""
    signed: Mapping[str, str | list[Any] | None] | None = None
    """What the provider has signed its tool calls with, by their ids; see ``dialects.openai.signatures``."""


class ToolDelta(msgspec.Struct):
    """A piece of a tool call. ``id`` and ``name`` are set on a call's first piece only.

    ``index`` counts the calls of one choice from 0 without gaps; ``arguments`` is a
    fragment of JSON text.
    """

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


class Usage(msgspec.Struct):
    """Tokens. ``prompt`` includes ``cached``; ``completion`` includes ``reasoning``."""

    prompt: int = 0
    completion: int = 0
    cached: int | None = None
    reasoning: int | None = None
    cost_usd: float | None = None
    source: JsonObject | None = None
    """The provider's own usage object, where it is OpenAI-shaped."""
    cache_write: int | None = None
    """Tokens of the prompt that were written to the provider's cache; included in ``prompt``."""


class Timings(msgspec.Struct):
    """Durations that the provider reports, in nanoseconds; 0 means unknown."""

    total: int = 0
    load: int = 0
    prompt_eval: int = 0
    eval: int = 0


class Chunk(msgspec.Struct):
    """One piece of an answer, in no dialect.

    ``source`` is the provider's own frame, normalised, in the dialect ``dialect``: a client
    of the same dialect gets every field of that frame. ``logprobs`` is OpenAI's list of
    ``{token, logprob, bytes, top_logprobs}``.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tools: list[ToolDelta] | None = None
    finish: str | None = None
    """Why the answer ends, in OpenAI's words: stop, length, tool_calls or content_filter. None before the end."""
    index: int = 0
    usage: Usage | None = None
    logprobs: list[JsonObject] | None = None
    timings: Timings | None = None
    source: JsonObject | None = None
    dialect: Dialect | None = None

    @property
    def is_meaningful(self) -> bool:
        """Does this chunk open the gate? Text, reasoning, a tool call, a refusal or a finish does."""
        return bool(self.text or self.reasoning or self.tools or self.refusal or self.finish)


class Stamp(msgspec.Struct):
    """The id and the clock of one answer. The handler gives them, since dialects use no randomness and no clock.

    ``now`` returns seconds since 1970 and never runs backwards.
    """

    id: str
    """Random lower-case hex; an encoder adds its dialect's prefix (``chatcmpl-``…)."""
    created: float
    now: Callable[[], float]
    first_at: float | None = None
    """When the first chunk came, in the same seconds; None before, and where that is not known."""


class ToolCall(msgspec.Struct):
    """One whole tool call; ``arguments`` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str = ""


class Choice(msgspec.Struct):
    """One whole answer, folded from chunks."""

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tools: list[ToolCall] = msgspec.field(default_factory=list)
    finish: str | None = None
    logprobs: list[JsonObject] | None = None


class Answer:
    """Joins chunks into whole answers, one for each choice."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.timings: Timings | None = None
        self.sources: list[JsonObject] = []
        """The provider's own frames in order: a client of the same dialect gets their fields."""
        self.dialect: Dialect | None = None
        """The dialect of ``sources``."""
        self._parts: dict[int, _Parts] = {}

    def add(self, chunk: Chunk) -> None:
        if chunk.usage is not None:
            self.usage = chunk.usage
        if chunk.timings is not None:
            self.timings = chunk.timings
        if chunk.source is not None:
            self.sources.append(chunk.source)
            self.dialect = chunk.dialect
        parts = self._parts.get(chunk.index)
        if parts is None:
            parts = self._parts[chunk.index] = _Parts()
        if chunk.text:
            parts.text.append(chunk.text)
        if chunk.reasoning:
            parts.reasoning.append(chunk.reasoning)
        if chunk.refusal:
            parts.refusal.append(chunk.refusal)
        if chunk.finish is not None:
            parts.finish = chunk.finish
        if chunk.logprobs:
            if parts.logprobs is None:
                parts.logprobs = []
            parts.logprobs += chunk.logprobs
        if chunk.tools:
            parts.add_tools(chunk.tools)

    @property
    def choices(self) -> dict[int, Choice]:
        """The whole answers by choice index. Choice 0 exists if ``has_choice_0``."""
        folded = {index: parts.choice() for index, parts in sorted(self._parts.items())}
        return folded or {0: Choice()}

    @property
    def has_choice_0(self) -> bool:
        """Is there a choice with index 0? An answer without any chunk has an empty one."""
        return 0 in self._parts or not self._parts


class _Parts:
    """The pieces of one choice, in lists, since adding to a string again and again takes quadratic time."""

    __slots__ = ("finish", "logprobs", "reasoning", "refusal", "text", "tools")

    def __init__(self) -> None:
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.refusal: list[str] = []
        self.tools: dict[int, tuple[ToolCall, list[str]]] = {}
        self.finish: str | None = None
        self.logprobs: list[JsonObject] | None = None

    def add_tools(self, deltas: list[ToolDelta]) -> None:
        for delta in deltas:
            call, arguments = self.tools.setdefault(delta.index, (ToolCall("", ""), []))
            call.id = call.id or delta.id or ""
            call.name = call.name or delta.name or ""
            arguments.append(delta.arguments)

    def choice(self) -> Choice:
        tools = []
        for _index, (call, arguments) in sorted(self.tools.items()):
            tools.append(ToolCall(call.id, call.name, "".join(arguments)))
        return Choice(
            "".join(self.text), "".join(self.reasoning), "".join(self.refusal), tools, self.finish, self.logprobs
        )


def total(usages: Any) -> Usage:
    """The sum of the token counts of several answers."""
    whole = Usage()
    for usage in usages:
        whole.prompt += usage.prompt
        whole.completion += usage.completion
        if usage.cached is not None:
            whole.cached = (whole.cached or 0) + usage.cached
        if usage.cache_write is not None:
            whole.cache_write = (whole.cache_write or 0) + usage.cache_write
        if usage.cost_usd is not None:
            whole.cost_usd = (whole.cost_usd or 0.0) + usage.cost_usd
    return whole
