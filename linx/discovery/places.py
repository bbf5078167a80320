"""Where model servers usually listen, and where the environment says that they do.

``usual_places`` is all that discovery looks at: addresses of this machine, the address that Ollama's own clients would
use (OLLAMA_HOST), and nothing else. LINX_PLACES in the environment takes the place of the whole table.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from linx.config import endpoint_rules
from linx.core.addresses import Origin, address_of
from linx.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "localhost"  # both of its addresses are tried: some servers listen on 127.0.0.1, some on ::1
OLLAMA_PORT = 11434
PORTS = (
    OLLAMA_PORT,  # Ollama: ollama/ollama, envconfig/config.go
    8080,  # llama.cpp: common/common.h; LocalAI: core/cli/run.go; llama-swap: llama-swap.go; mlx_lm.server
    8081,  # a second llama.cpp, or the first beside a Linx; the default of Linx's own section ``llamacpp``
    1234,  # LM Studio: docs, 2_rest/endpoints.mdx
    8000,  # vLLM: vllm/entrypoints/openai/cli_args.py; llama-cpp-python: llama_cpp/server/settings.py
    1337,  # Jan: docs, Local API Server
    5001,  # KoboldCpp: koboldcpp.py
    5000,  # text-generation-webui: extensions/openai/script.py; TabbyAPI: config_sample.yml
    30000,  # SGLang: python/sglang/srt/server_args.py
    9292,  # llama-swap in a container: its README
)
NOWHERE = "none"
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\]]*\]|[^:/\[\]]*)(?::(?P<port>[0-9]+))?")


def usual_places(env: Mapping[str, str]) -> tuple[Origin, ...]:
    """The addresses to look at, each once. Raises ConfigError where LINX_PLACES has something that is no address."""
    chosen = env.get("LINX_PLACES", "").strip()
    if chosen == NOWHERE:
        return ()
    if chosen:
        return tuple(dict.fromkeys(_place(word) for word in re.split(r"[,\s]+", chosen) if word))
    here = [Origin("http", HOST, port) for port in PORTS]
    told = ollama_host(env)
    if told is not None:
        here[0] = told  # as Ollama's own clients ask there, and no more at the usual port
    return tuple(dict.fromkeys(here))


def ollama_host(env: Mapping[str, str]) -> Origin | None:
    """Where OLLAMA_HOST says that Ollama is, read as Ollama's clients read it (envconfig.Host).

    ``0.0.0.0`` is what the server listens on; whoever asks there asks this machine. None where it is not set, or is no
    address.
    """
    text = env.get("OLLAMA_HOST", "").strip().strip("\"'").strip()
    if not text:
        return None
    scheme, mark, rest = text.partition("://")
    if not mark:
        scheme, rest = "http", text
    default = {"http": 80, "https": 443}.get(scheme, OLLAMA_PORT) if mark else OLLAMA_PORT
    if re.fullmatch(r"[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*", rest):
        rest = f"[{rest}]"  # an IPv6 address alone
    found = _HOST_AND_PORT.fullmatch(rest.partition("/")[0])
    if found is None or scheme not in ("http", "https"):
        return None
    host = found["host"].strip("[]") or "127.0.0.1"
    address = address_of(host)
    if address is not None and address.is_unspecified:
        host = HOST
    if address is None and not endpoint_rules.is_host_name(host):
        return None
    port = int(found["port"] or default)
    if not 0 < port < 65536:
        port = OLLAMA_PORT  # its clients say that it is wrong and go on with the default
    return Origin(scheme, host.lower(), port)


def _place(word: str) -> Origin:
    text = word if "://" in word else f"http://{word}"
    if re.fullmatch(r"[0-9]+", word):
        text = f"http://{HOST}:{word}"
    parts = endpoint_rules.endpoint_parts("LINX_PLACES", text)
    if parts.path not in ("", "/"):
        raise ConfigError("LINX_PLACES", "takes addresses such as localhost:11434, without a path")
    return Origin(parts.scheme, parts.host, parts.port)
