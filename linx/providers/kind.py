"""What sort of service a provider is: how it is asked, how it gets its key, what only it can do.

Rule: a kind is one value (``kinds`` has them), and its name is compared nowhere. Code that
must know what a kind can do looks for a ``Feature``; code that asks for a task gets a
``ProviderRequest``, or a refusal after which another provider may be tried.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from linx.dialects.failures.meaning import unsupported
from linx.dialects.openai.model_list import plain_name

if TYPE_CHECKING:
    from linx.core.chat import Dialect, Task
    from linx.providers.credit import Credit
    from linx.providers.lists import Ask, Listed
    from linx.providers.model import Model
    from linx.providers.requests import ProviderRequest

Headers = tuple[tuple[bytes, bytes], ...]
Auth = Callable[[bytes], Headers]
"""Key → the header fields that carry it."""


class Feature(Enum):
    """What some kinds can do and others cannot, besides tasks."""

    MANAGES_MODELS = auto()
    """The paths that change what models there are (/api/pull, …) are relayed to it."""
    LOADS_MODELS = auto()
    """A request without a prompt loads its model into memory, or frees it."""
    DESCRIBES_MODELS = auto()
    """It answers /api/show, /api/ps and /api/version, and its list has entries as /api/tags shows them."""
    LISTS_ALL = auto()
    """It has no models besides those in its list, but for those of its cloud."""
    SERVES_FILES = auto()
    """Its models are files on its machine, which it holds in memory for as long as it runs."""
    OWN_PATHS = auto()
    """/infill, /tokenize and /detokenize are relayed to it."""
    COUNTS_TOKENS = auto()
    """It answers /v1/messages/count_tokens."""
    VERIFIES_NOTHING = auto()
    """It runs its models itself, and takes thoughts in the history whoever has signed them, or nobody."""
    TELLS_COSTS_LATER = auto()
    """What an answer has cost can be asked for by the answer's id, also where it was cut short."""
    APPLIES_TEMPLATE = auto()
    """It answers /apply-template, so that a prompt can be cut into tokens as the model will see it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of provider."""

    name: str
    """As the config says it."""
    endpoint: str | None
    """Where such a provider usually is; None where each has an address of its own."""
    auth: Auth
    requests: Mapping[Task, ProviderRequest]
    """One for each task; ``requests.lacking`` for a task that this kind cannot do."""
    own: Mapping[Dialect, ProviderRequest] = field(default_factory=dict)
    """By dialect: how the kind is asked for a client that speaks the kind's own dialect."""
    list_models: Callable[[Ask, Listed], Awaitable[Listed]]
    """Makes the new list of models; the second argument is the list before. Raises ``lists.Loading``."""
    show_model: Callable[[Ask, Model], Awaitable[Model]] | None = None
    """The model with what it can do, which is asked; for a kind that answers with an error where the model cannot."""
    show_credit: Callable[[Ask], Awaitable[Credit | None]] | None = None
    """What is left of the key's credit; None for a kind that does not tell."""
    canonical_name: Callable[[str], str]
    """Equal for two names of the same model."""
    family: str = ""
    """How the names of its own models begin, by which it is known to have one without a list; "" for no such kind."""
    short_name: Callable[[str], str] = str
    """A listed model's other name, which a client may ask for as well; of several models with the same, the last's."""
    is_cloud_name: Callable[[str], bool] | None = None
    """Is a model of this name run elsewhere, whatever the list says? None for a kind that runs all models itself."""
    features: frozenset[Feature] = frozenset()
    headers: Headers = ()
    """Sent with every request."""
    needs_key: bool = False
    """Does nothing work there without a key?"""
    get_model: str = ""
    """The command of its own program that gets a model, without the model's name; "" where there is none."""
    added_path: str = ""
    """What Linx adds to the endpoint by itself, so that no endpoint may end in it."""
    own_keys: tuple[str, ...] = ()
    """Keys of a provider in the config that mean something to this kind alone."""

    def __repr__(self) -> str:
        return f"<Kind {self.name}>"

    def request(self, task: Task) -> ProviderRequest:
        """How the kind is asked for ``task``. Raises Refused where ``requests`` says nothing of it."""
        request = self.requests.get(task)
        if request is None:
            raise unsupported(f"does not support {task.value}")
        return request


# --- how a key is sent ----------------------------------------------------------------


def bearer(key: bytes) -> Headers:
    return ((b"authorization", b"Bearer " + key),)


def x_api_key(key: bytes) -> Headers:
    """As Anthropic's API has it."""
    return ((b"x-api-key", key),)


def api_key(key: bytes) -> Headers:
    """As Azure has it."""
    return ((b"api-key", key),)


# --- when two names mean one model ----------------------------------------------------


def without_latest(name: str) -> str:
    """``m`` for ``m:latest``, since some of Ollama's clients add the tag to any name, and for Gemini's ``models/m``."""
    return plain_name(name).removesuffix(":latest")


def with_tag(name: str) -> str:
    """Ollama's own rule: capitals, its registry and its library do not count, and a name without a tag is ``:latest``.

    A tag ``local`` or ``cloud`` behind all others says only where a model runs; a cloud model is listed as
    ``m:cloud`` or ``m:TAG-cloud``.
    """
    name = name.strip().lower()
    if "/" not in name and ":" not in name:
        return name + ":latest"
    name = name.rpartition("://")[2]
    parts = name.split("/")
    if len(parts) == 3 and parts[0] == "registry.ollama.ai":
        del parts[0]
    if len(parts) == 2 and parts[0] == "library":
        del parts[0]
    model, colon, tag = parts[-1].removesuffix(":local").partition(":")
    if not colon:
        tag = "latest"
    elif tag.endswith(":cloud"):
        tag = tag.removesuffix(":cloud") + "-cloud"
    return "/".join((*parts[:-1], f"{model}:{tag}"))


# --- which names are of models that run elsewhere -------------------------------------


def has_cloud_tag(name: str) -> bool:
    """Ollama's own rule (its internal/modelref): ``m:cloud`` and ``m:TAG-cloud`` go to its cloud, listed or not."""
    if name[-1:].lower() not in "d ":
        return False  # the usual name, at once
    _model, colon, tag = name.strip().lower().rpartition(":")
    return bool(colon) and "/" not in tag and (tag == "cloud" or tag.endswith("-cloud"))
