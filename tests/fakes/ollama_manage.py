"""The fake Ollama's endpoints that change its models: copy, delete, create, pull, push, blobs."""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.fakes import ollama_names, ollama_requests
from tests.fakes.catalogue import JsonObject, Model
from tests.fakes.ollama_answers import bound, framed, ndjson, nothing
from tests.fakes.ollama_json import go_dumps
from tests.fakes.ollama_refusals import PLAIN_JSON, not_found, refused, unreachable
from tests.fakes.scripted import Answer, Whole
from tests.fakes.wire import Frame, Pace
from tests.fakes.wire_ollama import line

if TYPE_CHECKING:
    from tests.fakes.exchange import Exchange, Response
    from tests.fakes.provider import FakeProvider

_DIGEST = re.compile(r"sha256[:-]([0-9a-fA-F]{64})")
_QUANTIZATIONS = ("F32", "F16", "Q4_K_S", "Q4_K_M", "Q8_0")
_REGISTRY = "https://registry.ollama.ai/v2"
_LAYER = "sha256:" + "01" * 32


def _progress(body: JsonObject, steps: list[JsonObject], answer: Answer) -> Response:
    """The steps one by one, or the last of them alone; an error is a step, and a 500 where it is alone."""
    last = steps[-1]
    if body.get("stream") is False:
        return framed(go_dumps(last), PLAIN_JSON, 500 if "error" in last else 200)
    pace = Pace(answer)
    return ndjson([Frame(line(step), pace()) for step in steps], answer)


def _named(body: JsonObject) -> str:
    name: str = body.get("model") or body.get("name") or ""
    return name


def _pull_steps(provider: FakeProvider, name: ollama_names.Name) -> list[JsonObject]:
    if not provider.ollama.is_online:
        url = f"{_REGISTRY}/{name.namespace}/{name.model}/manifests/{name.tag}"
        return [{"status": "pulling manifest"}, {"error": f"pull model manifest: {unreachable('Get', url)}"}]
    layer = {"status": "pulling 010101010101", "digest": _LAYER, "total": 1000}
    return [
        {"status": "pulling manifest"},
        {**layer, "completed": 500},
        {**layer, "completed": 1000},
        {"status": "verifying sha256 digest"},
        {"status": "writing manifest"},
        {"status": "success"},
    ]


def pull(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = bound(exchange, ollama_requests.PULL)
    asked = _named(body)
    name = ollama_names.parse(asked)
    if not asked or not name.is_valid:
        raise refused("invalid model name")
    steps = _pull_steps(provider, name)
    if "error" not in steps[-1] and provider.model(asked) is None:
        provider.models.append(Model(asked))
    return _progress(body, steps, answer)


def push(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = bound(exchange, ollama_requests.PUSH)
    asked = _named(body)
    if not asked:
        raise refused("model is required")
    name = ollama_names.parse(asked)
    steps: list[JsonObject] = [{"status": "retrieving manifest"}]
    if provider.model(asked) is None:
        steps += [{"status": "couldn't retrieve manifest"}, {"error": "open : no such file or directory"}]
    elif not provider.ollama.is_online:
        url = f"{_REGISTRY}/{name.namespace}/{name.model}/blobs/{_LAYER}"
        steps.append({"error": unreachable("Head", url)})
    else:
        steps += [{"status": "pushing manifest"}, {"status": "success"}]
    return _progress(body, steps, answer)


def _check_files(body: JsonObject) -> None:
    for digest in (body.get("files") or {}).values():
        if not _DIGEST.fullmatch(digest or ""):
            raise refused("invalid digest format")


def create(provider: FakeProvider, exchange: Exchange, answer: Answer) -> Response:
    body = bound(exchange, ollama_requests.CREATE)
    asked = _named(body)
    _check_files(body)
    if not asked or not ollama_names.parse(asked).is_valid:
        raise refused("invalid model name")
    source, files = body.get("from"), body.get("files")
    if not source and not files:
        return _early("neither 'from' or 'files' was specified", 400, body)
    base = provider.model(source) if source else Model(asked)
    if base is None:
        name = ollama_names.parse(str(source))
        steps = _pull_steps(provider, name)
        if "error" in steps[-1]:
            return _progress(body, steps, answer)
        base = Model(str(source))
        provider.models.append(base)
    wanted = (body.get("quantize") or body.get("quantization") or "").upper()
    if wanted and wanted not in _QUANTIZATIONS:
        message = f"unsupported quantization type {wanted} - supported types are {', '.join(_QUANTIZATIONS)}"
        return _early(message, 500, body)
    steps = [{"status": "parsing GGUF"}] if files else []
    lost = next((digest for digest in (files or {}).values() if not _holds(provider, digest)), None)
    if lost is not None:
        steps.append({"error": f"open {lost.removeprefix('sha256').replace(':', '-')}: no such file or directory"})
        return _progress(body, steps, answer)
    steps += [{"status": f"using existing layer sha256:{base.digest}"}]
    layers = [field for field in ("system", "template", "parameters", "license", "messages") if body.get(field)]
    for field in layers:
        digest = f"sha256:{hashlib.sha256(go_dumps(body[field])).hexdigest()}"
        steps.append({"status": f"{'using existing' if _holds(provider, digest) else 'creating new'} layer {digest}"})
        provider.ollama.blobs.add(digest)
    steps += [{"status": "writing manifest"}, {"status": "success"}]
    _replace(provider, _created(base, asked, body))
    return _progress(body, steps, answer)


def _created(base: Model, name: str, body: JsonObject) -> Model:
    changed = {key: value for key, value in base.parameters if key not in (body.get("parameters") or {})}
    parameters = (*changed.items(), *(body.get("parameters") or {}).items())
    num_ctx = (body.get("parameters") or {}).get("num_ctx")
    return replace(
        base,
        name=name,
        parameters=parameters,
        system=body.get("system") or base.system,
        template=body.get("template") or base.template,
        default_num_ctx=num_ctx if isinstance(num_ctx, int) else base.default_num_ctx,
    )


def _early(message: str, status: int, body: JsonObject) -> Response:
    """An error before the first step of a stream has a status, and is framed like one."""
    return Whole(status, go_dumps({"error": message}), PLAIN_JSON, is_chunked=body.get("stream") is not False)


def _replace(provider: FakeProvider, model: Model) -> None:
    old = provider.model(model.name)
    if old is not None:
        provider.models.remove(old)
    provider.models.append(model)


def copy(provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
    body = bound(exchange, ollama_requests.COPY)
    source, destination = body.get("source", ""), body.get("destination", "")
    for field, name in (("source", source), ("destination", destination)):
        if not name or not ollama_names.parse(name).is_valid:
            raise refused(f'{field} "{name}" is invalid')
    model = provider.model(source)
    if model is None:
        raise refused(f'model "{source}" not found', 404)
    _replace(provider, replace(model, name=destination))
    return nothing()


def delete(provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
    asked = _named(bound(exchange, ollama_requests.DELETE))
    if not asked.strip():
        raise refused("model is required")
    if not ollama_names.parse(asked).is_valid:
        raise refused(f'name "{asked}" is invalid')
    model = provider.model(asked)
    if model is None:
        raise not_found(asked)
    provider.models.remove(model)
    provider.ollama.unload(model)
    return nothing()


# --- blobs --------------------------------------------------------------------------------


def _holds(provider: FakeProvider, digest: str) -> bool:
    return digest.replace("-", ":", 1) in provider.ollama.blobs


def _digest(exchange: Exchange) -> str:
    digest = exchange.path.rpartition("/")[2]
    if not _DIGEST.fullmatch(digest):
        raise refused("invalid digest format")
    return digest


def head_blob(provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
    digest = _digest(exchange)
    if not _holds(provider, digest):
        raise refused(f'blob "{digest}" not found', 404)
    return Whole(200, content_type="", is_chunked=True)


def post_blob(provider: FakeProvider, exchange: Exchange, _answer: Answer) -> Response:
    """What comes is kept under its right digest, whatever the address says."""
    digest = _digest(exchange)
    if _holds(provider, digest):
        return nothing()
    right = f"sha256:{hashlib.sha256(exchange.body).hexdigest()}"
    provider.ollama.blobs.add(right)
    if digest != right:
        raise refused(f'digest mismatch, expected "{digest}", got "{right}"')
    return nothing(201)
