"""The shape of config.json: its keys, their types and defaults, its JSON Schema.

These structs are the only list of the keys. A new key is one line here; if its types do not
say well enough what it takes, ``takes`` gives the words for errors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from linx.config.rules import MAX_KEY_NAME, NAME
from linx.core.client_key import Budget, ClientKey, digest_of, key_by_place

FOUND_NAMES = (
    *("ollama", "llamacpp", "lmstudio", "vllm", "jan", "koboldcpp", "textgen", "localai", "llama-swap", "sglang"),
    "tabbyapi",
)
"""What providers are called that ``discovery`` finds; a further one of the same sort has its port behind the name."""
OTHER_PORTS = (8180, 8280)
"""Where Linx listens that was given no port and finds its usual one taken."""
Kind = Literal["ollama", "llamacpp", "openrouter", "openai", "anthropic"]
Scope = Literal["same", "any"]
SecretsMode = Literal["off", "prefer_local", "local_only"]
ReasoningField = Literal["reasoning_content", "reasoning", "both"]
TunnelType = Literal["localhost_run", "ngrok", "ssh"]

SECTIONS: tuple[Kind, ...] = ("ollama", "llamacpp", "openrouter")
"""The sections for one provider each; the section's name is the provider's kind."""

Text = Annotated[str, Meta(min_length=1)]
Seconds = Annotated[float, Meta(gt=0, le=1e9)]
Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]
Port = Annotated[int, Meta(ge=1, le=65535)]
Money = Annotated[float, Meta(ge=0, le=1e9)]
Tokens = Annotated[int, Meta(ge=0, le=10**15)]
URL = Annotated[str, Meta(extra_json_schema={"pattern": "^([Hh][Tt][Tt][Pp][Ss]?://|env:)"})]


def takes(sentence: str) -> Meta:
    """Words for errors that say what a key takes, for keys whose types alone do not say it well."""
    return Meta(extra={"takes": sentence})


def says(description: str) -> Meta:
    """What a key is, in a line: for editors, which show it beside the key, and for docs/configuration.md."""
    return Meta(description=description)


class Shape(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A JSON object in which an unknown key is an error."""


class PriceShape(Shape, frozen=True, kw_only=True):
    """USD per million tokens."""

    prompt: Annotated[Money, says("for tokens of the prompt")] = 0.0
    completion: Annotated[Money, says("for tokens of the answer")] = 0.0
    cached: Annotated[Money | None, says("for prompt tokens read from the provider's cache; null: as prompt")] = None
    cache_write: Annotated[Money | None, says("for prompt tokens written to the provider's cache; null: as prompt")] = (
        None
    )


class BudgetShape(Shape, frozen=True, kw_only=True):
    """What may be spent; null: without a limit. Days and months begin at midnight, local time."""

    daily_usd: Annotated[Money | None, says("USD a day")] = None
    monthly_usd: Annotated[Money | None, says("USD a month")] = None
    daily_tokens: Annotated[Tokens | None, says("tokens of prompts and answers, those of local models as well")] = None


class SectionShape(Shape, frozen=True, kw_only=True):
    """A provider. Its endpoint may end with /v1 or not, and have a query that every request carries."""

    kind: Annotated[Kind | UnsetType, says("which API it has; default: the section's name")] = UNSET
    enabled: Annotated[bool, says("false: it is not used")] = True
    endpoint: Annotated[
        URL | UnsetType, says("any base, with or without a version or a query; default: that of its kind")
    ] = UNSET
    api_key: Annotated[
        str | None, says("the key to send; client: the client's own, which goes to this provider alone")
    ] = None
    thinking_mode: Annotated[
        bool | None, says("switches a model's thinking on or off; null leaves it to model and client")
    ] = None
    model_mappings: Annotated[
        dict[str, Text],
        says(
            "name that a client asks for, with * for any text: model here, or auto: the model that is loaded, else the "
            "one used last, else the largest that fits; default serves names that no provider has"
        ),
    ] = {}
    headers: Annotated[dict[str, str], says("extra headers for each request to the provider")] = {}
    models: Annotated[tuple[Text, ...], says("models of a provider that cannot list its models itself")] = ()
    local: Annotated[bool | UnsetType, says("default: true for a loopback, private or link-local endpoint")] = UNSET
    price: Annotated[
        Mapping[str, Money | PriceShape],
        says("USD per million tokens: {prompt, completion} for all, or {MODEL: {...}, *: {...}}"),
        takes('{"prompt": 0.5, "completion": 1.5}, or such an object for each model'),
    ] = {}
    max_concurrent: Annotated[Count | None, says("requests at a time; further ones wait, keys in turn")] = None
    allow_manage: Annotated[bool, says("Ollama: relay pull, push, create, copy, delete")] = True
    native: Annotated[bool, says("relay /v1/messages and /v1/responses untranslated")] = False
    num_ctx: Annotated[
        Count | Literal["auto"] | None,
        says("Ollama: tokens of context; auto fits it to prompt and answer, null leaves it to the Ollama"),
        takes('a whole number, "auto" or null'),
    ] = "auto"
    keep_alive: Annotated[float | str | None, says("Ollama: how long a model stays loaded, seconds or 10m")] = None
    budget: Annotated[
        BudgetShape | None, says("at a limit the provider is asked no more until the day, or month, ends")
    ] = None

    def __repr__(self) -> str:
        return safe_repr(self, hidden=("api_key",), masked=("headers",))


class ProviderShape(SectionShape, frozen=True, kw_only=True):
    """An entry of providers, which must name its kind. Its endpoint may end with /v1 or not."""

    kind: Annotated[Kind, says("which API it has; openai is any compatible server")]


class HedgeConfig(Shape, frozen=True, kw_only=True):
    """When a second attempt starts beside a silent one: after so many seconds, auto, or null for never."""

    after: Annotated[
        Annotated[float, Meta(ge=0, le=1e9)] | Literal["auto"] | None,
        says("seconds of silence before a second provider is asked; auto: longer than 95 of 100 answers took"),
        takes('a number of seconds, "auto" or null'),
    ] = "auto"
    scope: Annotated[Scope, says("same: no dearer and no less local than the first; any: it may cost and leave")] = (
        "same"
    )
    budget: Annotated[
        float, Meta(ge=0, le=1, description="share of the last minute's requests; at least three unless 0")
    ] = 0.1


class RoutingConfig(Shape, frozen=True, kw_only=True):
    """How candidates are ranked. A list inside provider_priority is a rank of equals."""

    provider_priority: Annotated[
        tuple[Text | Annotated[tuple[Text, ...], Meta(min_length=1)], ...],
        says("the order in which providers are asked; an inner list is a rank of equals"),
        takes("a list of provider names, in which an inner list is a rank of equals"),
    ] = SECTIONS
    fallback_enabled: Annotated[bool, says("false: only the first candidate is asked")] = True
    cost_optimization: Annotated[
        bool, says("the cheapest candidate first; local providers and :free models cost nothing")
    ] = True
    hedge: Annotated[HedgeConfig, says("a second provider beside a silent one")] = HedgeConfig()
    first_token_timeout_s: Annotated[
        Seconds | None, says("a provider that is silent for longer is given up; null: never")
    ] = None
    local_only: Annotated[
        bool | tuple[Text, ...],
        says("true, or a list of models (* matches any text) that only local providers may serve"),
        takes("true, false or a list of model names"),
    ] = False
    budget: Annotated[
        BudgetShape | None,
        says("for all providers together: at a limit none that is remote is asked until its end"),
    ] = None
    secrets: Annotated[
        SecretsMode,
        says("prompts with a key, a token or a .env block: remote providers asked last, or never"),
    ] = "off"


class KeyShape(Shape, frozen=True, kw_only=True):
    """An entry of server.api_key with a name and limits. It has either key or key_sha256."""

    name: Annotated[
        Text, Meta(extra_json_schema={"pattern": f"^{NAME}$", "maxLength": MAX_KEY_NAME}, description="shown in logs")
    ]
    key: Annotated[str | None, says("the key itself; or else key_sha256")] = None
    key_sha256: Annotated[
        str | None, says("the SHA-256 of the key, 64 digits in lower-case hex; linx key add writes it")
    ] = None
    models: Annotated[
        tuple[Text, ...], says("patterns of the models that may be asked for, as NAME or PROVIDER/NAME")
    ] = ()
    local_only: Annotated[bool, says("true: only local providers are asked")] = False
    max_concurrent: Annotated[Count | None, says("requests at a time; further ones wait")] = None
    requests_per_minute: Annotated[Count | None, says("further ones are refused with 429; GET does not count")] = None
    budget: Annotated[BudgetShape | None, says("what may be spent with this key")] = None

    def __repr__(self) -> str:
        return safe_repr(self, hidden=("key", "key_sha256"))

    @property
    def digest(self) -> bytes:
        """The SHA-256 of the key. The entry has been checked."""
        return digest_of(self.key.encode()) if self.key is not None else bytes.fromhex(self.key_sha256 or "")

    @property
    def client_key(self) -> ClientKey:
        """The entry without its key, as the rest of Linx sees it."""
        limits = msgspec.structs.asdict(self)
        for hidden in ("key", "key_sha256"):
            del limits[hidden]
        budget = Budget() if self.budget is None else Budget(**msgspec.structs.asdict(self.budget))
        return ClientKey(**{**limits, "budget": None if budget == Budget() else budget})


class ServerConfig(Shape, frozen=True, kw_only=True):
    """Where Linx listens, whom it answers, and its limits. Keys that end in _s are in seconds."""

    port: Annotated[int, Meta(ge=0, le=65535, description="the port to listen on; 0: any free port")] = 8080
    hostname: Annotated[Text, says("the address to listen on; 0.0.0.0: all, and then a key is demanded")] = "127.0.0.1"
    api_keys: Annotated[
        tuple[
            Annotated[Text | KeyShape, takes('a key, or an object such as {"name": "anna", "key_sha256": "..."}')], ...
        ],
        takes("a string, null, or a list of keys and named keys"),
    ] = msgspec.field(name="api_key", default=())
    """The file has a key, a list of keys or null; ``other_sections`` makes a list of it before it is fitted."""
    allowed_hosts: Annotated[tuple[Text, ...], says("further host names that are answered without a key")] = ()
    allowed_origins: Annotated[tuple[Text, ...], says("origins of web pages that are answered without a key")] = ()
    heartbeat_s: Annotated[Seconds, says("a streaming client receives something at least so often")] = 15.0
    drain_s: Annotated[
        float, Meta(ge=0, le=1e9, description="how long running answers may take when Linx ends; 0: without a limit")
    ] = 30.0
    shutdown_delay_s: Annotated[
        float, Meta(ge=0, le=3600, description="how long Linx goes on accepting after it was told to end")
    ] = 0.0
    head_timeout_s: Annotated[Seconds, says("for the head of a request")] = 10.0
    body_timeout_s: Annotated[Seconds, says("between two pieces of a request's body")] = 30.0
    keep_alive_s: Annotated[Seconds, says("how long an idle connection is kept")] = 75.0
    stalled_client_s: Annotated[Seconds, says("a client that takes no byte for so long is closed")] = 300.0
    max_body_mb: Annotated[float, Meta(gt=0, le=1e6, description="of one request, unpacked")] = 64.0
    max_connections: Annotated[Count, says("of clients, at a time")] = 4096
    capture: Annotated[bool, says("keep the last requests' bodies in memory for the dashboard")] = True
    reasoning_field: Annotated[ReasoningField, says("where OpenAI's clients are given a model's thoughts")] = (
        "reasoning_content"
    )

    def __repr__(self) -> str:
        return safe_repr(self, hidden=("api_keys",))

    @property
    def longest_end_s(self) -> float:
        """How long Linx may take to end; 0 is without a limit."""
        return self.drain_s and self.drain_s + self.shutdown_delay_s

    @property
    def plain_keys(self) -> tuple[str, ...]:
        """The keys that the config itself has, and not only by their SHA-256."""
        texts = (entry if isinstance(entry, str) else entry.key for entry in self.api_keys)
        return tuple(text for text in texts if text is not None)

    @property
    def own_key(self) -> str | None:
        """A key without limits that the config itself has: for commands of the owner, such as ``linx tail``."""
        for entry, key in zip(self.api_keys, self.client_keys(), strict=True):
            text = entry if isinstance(entry, str) else entry.key
            if text is not None and not key.is_limited:
                return text
        return None

    def client_keys(self) -> list[ClientKey]:
        """The names and limits of the keys that clients may send, in the order of the config."""
        return [
            key_by_place(place) if isinstance(entry, str) else entry.client_key
            for place, entry in enumerate(self.api_keys, 1)
        ]

    def accepted_keys(self) -> dict[bytes, ClientKey]:
        """The keys that clients may send, by digest. Of the same key given twice, the first counts."""
        found: dict[bytes, ClientKey] = {}
        for entry, key in zip(self.api_keys, self.client_keys(), strict=True):
            found.setdefault(digest_of(entry.encode()) if isinstance(entry, str) else entry.digest, key)
        return found


class TunnelConfig(Shape, frozen=True, kw_only=True):
    """The tunnel to a public address. Keys that begin with ssh_ are for the types localhost_run and ssh."""

    use_tunnel: Annotated[bool, says("open the tunnel at start")] = False
    type: Annotated[TunnelType, says("the service; ssh: a server of your own")] = "localhost_run"
    domain: Annotated[str | None, says("a name reserved with the service")] = None
    ssh_host: Annotated[str, says("where ssh logs in")] = "localhost.run"
    ssh_port: Annotated[Port, says("the port of its ssh")] = 22
    ssh_user: Annotated[str, says("as whom ssh logs in")] = "nokey"
    ssh_identity: Annotated[str | None, says("a private key without a passphrase; null: your usual ones")] = None
    ssh_known_hosts: Annotated[str | None, says("the file of known hosts; null: Linx's own")] = None
    remote_port: Annotated[Port, says("type ssh: the port on the server")] = 80
    public_url: Annotated[URL | None, says("type ssh: the URL to show")] = None
    ngrok_path: Annotated[str, says("the path of the agent")] = "ngrok"


class LedgerConfig(Shape, frozen=True, kw_only=True):
    """The ledger, which keeps one row of numbers and names for each request."""

    enabled: Annotated[bool, says("false: nothing is kept over a restart")] = True
    path: Annotated[str | None, says("null: linx/ledger.db in the user's state folder")] = None
    keep_days: Annotated[int, Meta(ge=1, le=36_500, description="rows of earlier days are deleted")] = 400
    compare_to: Annotated[
        Text | PriceShape | None,
        says(
            "what local answers are compared with: a price in USD per million tokens, or a model of "
            "OpenRouter's list; null: the price of the name that was asked for, where it has one"
        ),
        takes('{"prompt": 2.5, "completion": 10}, or the name of a model of OpenRouter\'s list, or null'),
    ] = None


class FileShape(Shape, frozen=True, kw_only=True):
    """config.json of Linx. Any string may be env:NAME, the value of an environment variable."""

    ollama: Annotated[SectionShape | UnsetType, says("an Ollama")] = UNSET
    llamacpp: Annotated[SectionShape | UnsetType, says("a llama.cpp server")] = UNSET
    openrouter: Annotated[SectionShape | UnsetType, says("OpenRouter")] = UNSET
    providers: Annotated[
        dict[str, ProviderShape],
        Meta(
            extra_json_schema={"propertyNames": {"pattern": f"^{NAME}$"}},
            description="any number of further providers, by names of your own",
        ),
    ] = {}
    routing: Annotated[RoutingConfig | UnsetType, says("who is asked, and in which order")] = UNSET
    server: Annotated[ServerConfig | UnsetType, says("where Linx listens, whom it answers, its limits")] = UNSET
    tunnel: Annotated[TunnelConfig | UnsetType, says("the tunnel to a public address")] = UNSET
    ledger: Annotated[LedgerConfig | UnsetType, says("what is kept of each request")] = UNSET
    discovery: Annotated[
        bool | UnsetType,
        Meta(description="look for model servers of this machine; default: true where the file names no provider"),
    ] = UNSET


def safe_repr(struct: msgspec.Struct, hidden: Sequence[str], masked: Sequence[str] = ()) -> str:
    """A repr without secrets: ``hidden`` fields show whether they are set, ``masked`` dicts only their keys."""
    parts = []
    for name in struct.__struct_fields__:
        value = getattr(struct, name)
        if name in hidden:
            text = "***" if value else repr(value)
        elif name in masked:
            text = repr(dict.fromkeys(value, "***"))
        else:
            text = repr(value)
        parts.append(f"{name}={text}")
    return f"{type(struct).__name__}({', '.join(parts)})"


# --- the JSON Schema ---

_KEY_TEXT = {"type": "string", "minLength": 1}
_REFERENCE = {"type": "string", "pattern": "^env:[A-Za-z_][A-Za-z0-9_]*$"}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of config.json, for editors: types, choices, bounds, descriptions."""
    schema: dict[str, Any] = _with_references(msgspec.json.schema(FileShape))
    keys = schema["$defs"]["ServerConfig"]["properties"]["api_key"]
    schema["$defs"]["ServerConfig"]["properties"]["api_key"] = {
        "description": "the key, or the keys, that clients must send; an object gives a key a name and limits",
        "anyOf": [dict(_KEY_TEXT), {"type": "array", "items": keys["items"]}, {"type": "null"}],
        "default": None,
    }
    # Editors write their reference to the schema into the file itself; Linx passes over it.
    schema["$defs"]["FileShape"]["properties"]["$schema"] = {
        "type": "string",
        "description": "where editors find this schema",
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "config.json of Linx", **schema}


def _with_references(node: Any) -> Any:
    """The schema with ``env:NAME`` allowed in every place that otherwise allows only a few texts."""
    if isinstance(node, list | tuple):
        return [_with_references(item) for item in node]
    if not isinstance(node, Mapping):
        return node
    changed = {key: _with_references(value) for key, value in node.items()}
    if isinstance(changed.get("enum"), list):
        changed["anyOf"] = [{"enum": changed.pop("enum")}, dict(_REFERENCE)]
    return changed
