"""The dialect-free words: what a client asks for, and the pieces of an answer.

Chat travels between dialects as an OpenAI chat body: the widest of them, and the one most
providers speak. A face turns a request of its clients into that shape once, and the writer
of a provider's request turns it into what that provider understands. Answers travel as Chunks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

JsonObject = dict[str, Any]


class Task(StrEnum):
    """What is asked of a provider, whatever the client's dialect."""

    CHAT = "chat"
    """The next message of a conversation."""
    COMPLETE = "complete"
    """The text that follows a prompt, past any chat template."""
    INSERT = "insert"
    """The text between a prompt and a suffix."""
    EMBED = "embed"
    """Vectors of texts."""


class Dialect(StrEnum):
    """A wire format of clients: what a request came in, and what a chunk's ``source`` is in."""

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
    """Of a path that is relayed without being read."""


# --- what is asked, in no dialect -----------------------------------------------------


class ChatBody(dict[str, Any]):
    """An OpenAI chat-completions body, checked by the face that read or made it.

    A dict, so that the common case costs no copy and no step for each field.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCompletion:
    """Prompts, and what is wanted of the texts that follow them. ``fields`` is all the rest, in OpenAI's words."""

    prompts: list[str | list[int]]
    """Texts, or texts cut into tokens; each gets ``count`` answers."""
    suffix: str = ""
    """The text that comes after the answer."""
    count: int = 1
    best_of: int | None = None
    has_echo: bool = False
    """Does each answer begin with its prompt?"""
    logprobs: int | None = None
    """With how many alternatives each token of the answer is shown; None: without log probabilities."""
    fields: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EmbeddingInput:
    """What is to be turned into vectors. ``fields`` is all the rest, in OpenAI's words."""

    input: str | list[Any]
    """A text, texts, a text cut into tokens, or several of those."""
    dimensions: int | None = None
    fields: JsonObject = field(default_factory=dict)

    @property
    def texts(self) -> list[Any]:
        """The texts of which a vector each is wanted, as text or as tokens."""
        given = self.input
        return [given] if isinstance(given, str) or (given and type(given[0]) is int) else given


@dataclass(frozen=True, slots=True)
class Opaque:
    """A body that Linx has not read: it is relayed, or goes to a provider that speaks the client's dialect."""


class RequestFacts(msgspec.Struct):
    """What a request says of itself: found out once, and remembered with it.

    Of a large request everything is found out in the thread that reads its body; of any other
    request each fact is found out when it is first needed, since most requests need none.
    ``dialects.shared.tokens`` counts, ``handlers.request_facts`` looks for the opening.
    """

    size: int = 0
    """Bytes of the body, as it came."""
    prompt_tokens: int | None = None
    """About how many; None: not counted yet."""
    opening: str | None = None
    """A digest of how the conversation begins, empty where it has no beginning; None: not looked for yet."""


class ChatRequest(msgspec.Struct):
    """One request for an answer, whatever dialect it came in.

    Nobody may change ``asked`` or ``client_body`` in place, since each attempt starts from
    the same ones. ``client_body`` is the client's own body where its dialect is another than
    OpenAI's chat, for a provider that speaks that dialect too.
    """

    model: str
    asked: ChatBody | TextCompletion | EmbeddingInput | Opaque
    stream: bool = False
    include_usage: bool = False
    task: Task = Task.CHAT
    dialect: Dialect = Dialect.OPENAI
    client_body: JsonObject | None = None
    legacy_functions: bool = False
    """The client sent ``functions``, so it is answered with ``function_call``."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """Headers that belong to the client's dialect, for a provider that speaks it itself."""
    facts: RequestFacts = msgspec.field(default_factory=RequestFacts)

    # ``asked``, for code that only requests of one type of it can reach.

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
    """What is configured and known of one model at one provider. None means unknown."""

    thinking_mode: bool | None = None
    can_think: bool | None = None
    context_length: int | None = None
    num_ctx: int | None = None
    may_cut: bool = True
    """May an Ollama cut a prompt that is too long for it, since the prompt is known to be short?"""
    keep_alive: float | str | None = None
    listed: JsonObject | None = None
    """The provider's own entry for it in its model list."""


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
    """Of ``prompt``: what was written to the provider's cache, which may cost more."""


class Timings(msgspec.Struct):
    """Durations that a provider reports of itself, in nanoseconds; 0 means unknown."""

    total: int = 0
    load: int = 0
    prompt_eval: int = 0
    eval: int = 0


class Chunk(msgspec.Struct):
    """One piece of an answer, in no dialect.

    ``source`` is the provider's own frame, normalised, kept so that a client of the same
    dialect (``dialect``) gets every field of it. ``logprobs`` is OpenAI's list of
    ``{token, logprob, bytes, top_logprobs}``.
    """

    text: str = ""
    reasoning: str = ""
    refusal: str = ""
    tools: list[ToolDelta] | None = None
    finish: str | None = None
    """stop, length, tool_calls, content_filter (OpenAI's words)."""
    index: int = 0
    usage: Usage | None = None
    logprobs: list[JsonObject] | None = None
    timings: Timings | None = None
    source: JsonObject | None = None
    dialect: Dialect | None = None

    @property
    def is_meaningful(self) -> bool:
        """Does this open the gate? Text, reasoning, a tool call or a finish does."""
        return bool(self.text or self.reasoning or self.tools or self.refusal or self.finish)


class Stamp(msgspec.Struct):
    """Identity and time of one answer, given by the handler: dialects have neither.

    ``now`` is the time in seconds since 1970 as a float, and never runs backwards.
    """

    id: str
    """Random lower-case hex, to be prefixed as the dialect wants (``chatcmpl-``…)."""
    created: float
    now: Callable[[], float]


class ToolCall(msgspec.Struct):
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
    """Folds chunks into whole answers, one per choice."""

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.timings: Timings | None = None
        self.sources: list[JsonObject] = []
        """The provider's own frames in order, for a whole answer in the same dialect."""
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
        """Whole answers by choice index; at least choice 0."""
        folded = {index: parts.choice() for index, parts in sorted(self._parts.items())}
        return folded or {0: Choice()}


class _Parts:
    """The pieces of one choice. Lists, since adding to a string is quadratic."""

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
    """Several answers' tokens together."""
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
