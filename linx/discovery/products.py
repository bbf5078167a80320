"""The programs that discovery knows, and by which of their answers each is told.

Rule: ``recognise`` and ``loaded`` are pure and read answers of strangers: what has not exactly the shape that the
program writes is not there. A program is told by what only it answers, since many speak the protocols of others:
LocalAI, KoboldCpp, llama-swap and Linx answer Ollama's paths, and LM Studio answers 200 to every path. So the order of
``PRODUCTS`` counts, and Ollama comes after all programs that imitate it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from linx.config.shape import Kind

HEALTH, MODELS = "/healthz", "/v1/models"
"""The two paths that every server is asked first."""
LLAMACPP_OWNER = "llamacpp"  # of each entry of a llama.cpp's list of models
MAX_NAMES = 1000
MAX_NAME = 200  # characters of a model's name
_VERSION = re.compile(r"v?[0-9A-Za-z][0-9A-Za-z.+_-]{0,31}")
_UNSAID = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered to one question. ``value`` is its JSON, None where it is none."""

    status: int
    server: str = ""
    """The header ``server``."""
    features: str | None = None
    """The header by which a Linx is told."""
    body: bytes = b""
    value: Any = None

    def get(self, key: str) -> Any:
        """A value of the object that was answered with 200; None where there is none."""
        return self.value.get(key) if self.status == 200 and isinstance(self.value, Mapping) else None


NOTHING = Answer(0)
Answers = Mapping[str, Answer]


def _loaded_nothing(_answers: Answers) -> Mapping[str, int]:
    return {}


@dataclass(frozen=True, slots=True)
class Product:
    """A program that serves models.

    ``name`` is what a provider is called that is found; ``kind`` how it is asked. ``recognise`` gives the version, ""
    for one that is not said, and None where it is another program. ``loaded`` gives the tokens of context of each
    model in memory, 0 where they are not said.
    """

    name: str
    title: str
    kind: Kind
    paths: tuple[str, ...]
    recognise: Callable[[Answers], str | None]
    owner: str = ""
    """What its list of models has as ``owned_by``: so it is asked for its own paths first."""
    loaded_paths: tuple[str, ...] = ()
    loaded: Callable[[Answers], Mapping[str, int]] = _loaded_nothing


# --- reading ----------------------------------------------------------------------------


def at(answers: Answers, path: str) -> Answer:
    return answers.get(path, NOTHING)


def version_in(value: object) -> str:
    """A version as servers write it; "" for anything else."""
    return value if isinstance(value, str) and _VERSION.fullmatch(value) else _UNSAID


def entries_of(value: object) -> list[Mapping[str, Any]]:
    """The objects in a list."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def name_in(value: object) -> str:
    """A model's name; "" for what is none or cannot be shown."""
    is_name = isinstance(value, str) and 0 < len(value) <= MAX_NAME and value.isprintable()
    return str(value) if is_name else ""


def tokens_in(value: object) -> int:
    return value if type(value) is int and 0 < value < 2**31 else 0


def listed(answers: Answers) -> dict[str, Mapping[str, Any]]:
    """The entries of the list of models in OpenAI's shape, by name."""
    found = {name_in(entry.get("id")): entry for entry in entries_of(at(answers, MODELS).get("data"))[:MAX_NAMES]}
    return {name: entry for name, entry in found.items() if name}


def owner_of(answers: Answers) -> str:
    """The ``owned_by`` that all entries share; "" where they differ or there are none."""
    owners = {str(entry.get("owned_by")) for entry in listed(answers).values()}
    return owners.pop() if len(owners) == 1 else ""


def _by_list(answers: Answers) -> Mapping[str, int]:
    """vLLM and SGLang list what they serve, with the tokens that it holds."""
    return {name: tokens_in(entry.get("max_model_len")) for name, entry in listed(answers).items()}


# --- the programs -----------------------------------------------------------------------


def _koboldcpp(answers: Answers) -> str | None:
    answer = at(answers, "/api/extra/version")
    return version_in(answer.get("version")) if answer.get("result") == "KoboldCpp" else None


def _koboldcpp_loaded(answers: Answers) -> Mapping[str, int]:
    tokens = tokens_in(at(answers, "/api/extra/true_max_context_length").get("value"))
    # Without a model the list has one called ``koboldcpp/inactive`` (koboldcpp.py).
    return {name: tokens for name in listed(answers) if not name.endswith("inactive")}


def _llamaswap(answers: Answers) -> str | None:
    if not isinstance(at(answers, "/running").get("running"), list):
        return None
    version = at(answers, "/api/version")
    return version_in(version.get("version")) if version.get("commit") is not None else _UNSAID


def _llamaswap_loaded(answers: Answers) -> Mapping[str, int]:
    running = entries_of(at(answers, "/running").get("running"))
    ready = (name_in(entry.get("model")) for entry in running if entry.get("state") == "ready")
    return {name: 0 for name in ready if name}


def _llamacpp(answers: Answers) -> str | None:
    props = at(answers, "/props")
    if any(answer.server == "llama.cpp" for answer in answers.values()) or owner_of(answers) == LLAMACPP_OWNER:
        return version_in(str(props.get("build_info") or "").partition("-")[0])
    if isinstance(props.get("build_info"), str) and isinstance(props.get("default_generation_settings"), Mapping):
        return version_in(props.get("build_info").partition("-")[0])
    return None


def _llamacpp_loaded(answers: Answers) -> Mapping[str, int]:
    settings = at(answers, "/props").get("default_generation_settings")
    tokens = tokens_in(settings.get("n_ctx")) if isinstance(settings, Mapping) else 0
    models = listed(answers)
    found = {}
    for name, entry in models.items():
        status, meta = entry.get("status"), entry.get("meta")
        if isinstance(status, Mapping) and status.get("value") != "loaded":
            continue  # of a router, which has more models than it has loaded
        of_its_own = tokens_in(meta.get("n_ctx")) if isinstance(meta, Mapping) else 0
        found[name] = tokens if len(models) == 1 and tokens else of_its_own
    return found


def _localai(answers: Answers) -> str | None:
    # Its versions answer without a body, or with the words of the status.
    ready, version = at(answers, "/readyz"), at(answers, "/version").get("version")
    is_ready = ready.status == 200 and ready.body.strip() in (b"", b"OK")
    if not is_ready or not isinstance(version, str):
        return None
    return version_in(version.partition(" ")[0])


def _lmstudio(answers: Answers) -> str | None:
    # It answers 200 with an error to every path that it has not.
    old = entries_of(at(answers, "/api/v0/models").get("data"))
    new = entries_of(at(answers, "/api/v1/models").get("models"))
    is_old = any("compatibility_type" in entry or "max_context_length" in entry for entry in old)
    return _UNSAID if is_old or any("loaded_instances" in entry for entry in new) else None


def _lmstudio_loaded(answers: Answers) -> Mapping[str, int]:
    old = entries_of(at(answers, "/api/v0/models").get("data"))
    found = {
        name_in(entry.get("id")): tokens_in(entry.get("loaded_context_length"))
        for entry in old
        if entry.get("state") == "loaded"
    }
    return {name: tokens for name, tokens in found.items() if name}


def _jan(answers: Answers) -> str | None:
    # Its ``info.version`` is that of the description, and not of Jan.
    info = at(answers, "/openapi.json").get("info")
    return _UNSAID if isinstance(info, Mapping) and info.get("title") == "Jan API Server Endpoints" else None


def _vllm(answers: Answers) -> str | None:
    said = at(answers, "/version").get("version")
    if owner_of(answers) == "vllm":
        return version_in(said)
    # With --api-key only the paths below /v1 want the key.
    is_closed = at(answers, MODELS).status == 401 and at(answers, "/version").value == {"version": said}
    return version_in(said) if is_closed and isinstance(said, str) else None


def _sglang(answers: Answers) -> str | None:
    return _UNSAID if owner_of(answers) == "sglang" else None


def _textgen(answers: Answers) -> str | None:
    info = at(answers, "/v1/internal/model/info")
    names_model = isinstance(info.value, Mapping) and "model_name" in info.value
    return _UNSAID if names_model and isinstance(info.get("lora_names"), list) else None


def _textgen_loaded(answers: Answers) -> Mapping[str, int]:
    name = name_in(at(answers, "/v1/internal/model/info").get("model_name"))
    return {name: 0} if name and name != "None" else {}


def _tabbyapi(answers: Answers) -> str | None:
    return _UNSAID if owner_of(answers) == "tabbyAPI" else None


def _ollama(answers: Answers) -> str | None:
    if at(answers, "/").status != 200 or at(answers, "/").body.strip() != b"Ollama is running":
        return None
    version = at(answers, "/api/version")
    return version_in(version.get("version")) if isinstance(version.get("version"), str) else None


def _ollama_loaded(answers: Answers) -> Mapping[str, int]:
    entries = entries_of(at(answers, "/api/ps").get("models"))
    found = {name_in(entry.get("name")): tokens_in(entry.get("context_length")) for entry in entries}
    return {name: tokens for name, tokens in found.items() if name}


PRODUCTS: tuple[Product, ...] = (
    # LostRuins/koboldcpp, koboldcpp.py: {"result": "KoboldCpp", "version": "1.120"}
    Product(
        *("koboldcpp", "KoboldCpp", "openai", ("/api/extra/version",), _koboldcpp, "koboldcpp"),
        loaded_paths=("/api/extra/true_max_context_length",),
        loaded=_koboldcpp_loaded,
    ),
    # mostlygeek/llama-swap, proxy/proxymanager.go: owned_by, /running; proxymanager_api.go: /api/version
    Product(
        *("llama-swap", "llama-swap", "openai", ("/running", "/api/version"), _llamaswap, "llama-swap"),
        loaded=_llamaswap_loaded,
    ),
    # ggml-org/llama.cpp, tools/server: the header ``server`` is on every answer, also while a model is loaded (503)
    # and without the right key (401)
    Product("llamacpp", "llama.cpp", "llamacpp", ("/props",), _llamacpp, "llamacpp", loaded=_llamacpp_loaded),
    # mudler/LocalAI, core/http/routes: health.go, ollama.go (it says "Ollama is running" too)
    Product("localai", "LocalAI", "openai", ("/readyz", "/version"), _localai),
    # vllm-project/vllm, vllm/entrypoints/openai: owned_by "vllm" and max_model_len; /version is open
    Product("vllm", "vLLM", "openai", ("/version",), _vllm, "vllm", loaded=_by_list),
    # sgl-project/sglang, python/sglang/srt/entrypoints/openai/protocol.py
    Product("sglang", "SGLang", "openai", (), _sglang, "sglang", loaded=_by_list),
    # lmstudio-ai/docs, 1_developer/2_rest: endpoints.mdx (v0), list.md (v1)
    Product(
        *("lmstudio", "LM Studio", "openai", ("/api/v0/models", "/api/v1/models"), _lmstudio, "organization_owner"),
        loaded=_lmstudio_loaded,
    ),
    # theroyallab/tabbyAPI, endpoints/OAI/types/model.py
    Product("tabbyapi", "TabbyAPI", "openai", (), _tabbyapi, "tabbyAPI"),
    # oobabooga/text-generation-webui, extensions/openai/models.py: {"model_name", "lora_names"}
    Product(
        *("textgen", "text-generation-webui", "openai", ("/v1/internal/model/info",), _textgen, "user"),
        loaded=_textgen_loaded,
    ),
    # janhq/jan, src-tauri/static/openapi.json
    Product("jan", "Jan", "openai", ("/openapi.json",), _jan),
    # ollama/ollama, server/routes.go: GET / and /api/version
    Product(
        *("ollama", "Ollama", "ollama", ("/", "/api/version"), _ollama, "library"),
        loaded_paths=("/api/ps",),
        loaded=_ollama_loaded,
    ),
)
"""In the order in which they are asked for, but for the one that the list of models names."""
