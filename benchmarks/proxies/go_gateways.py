"""Olla, llama-swap and Bifrost: gateways in Go that take part where they are on PATH.

Each is told the provider's own name of the model where that spares it work. GOMAXPROCS stays as it is: a second
processor is theirs to use, and what they use of it is counted.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchmarks.setting import MODEL, PROVIDERS_MODEL, Command, Contender, Setting, found, output_of
from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable

# As its docs/content/configuration/practices/performance.md says: the engine for throughput, priority as the cheapest
# balancer, no request log, level warn. Its rate limits are lifted. It has 50 connections for each endpoint
# (OllaDefaultMaxConnsPerHost), which no setting changes, so "olla-wide" has the provider many times.
_OLLA = """\
server:
  host: "127.0.0.1"
  port: {port}
  read_timeout: 600s
  write_timeout: 0s
  request_logging: false
  request_limits: {{max_body_size: 134217728, max_header_size: 1048576}}
  rate_limits:
    global_requests_per_minute: 0
    per_ip_requests_per_minute: 0
    health_requests_per_minute: 0
    burst_size: 100000
proxy:
  engine: "olla"
  profile: "streaming"
  load_balancer: "{balancer}"
  stream_buffer_size: 65536
  connection_timeout: 60s
  response_timeout: 15m
  read_timeout: 10m
discovery:
  type: "static"
  refresh_interval: 600s
  health_check: {{initial_delay: 0s}}
  model_discovery: {{enabled: true, interval: 60m, timeout: 5s, concurrent_workers: 1}}
  static:
    endpoints:
{endpoints}
logging: {{level: "warn", format: "json", output: "stdout"}}
"""
_OLLA_ENDPOINT = """\
      - url: "{url}"
        name: "provider{number}"
        type: "openai-compatible"
        priority: 100
        model_url: "/v1/models"
        health_check_url: "/health"
        check_interval: 60s
        check_timeout: 5s
"""
WIDE = 24

# A model whose process is there already (it sleeps), so that llama-swap has the role that it was made for.
# concurrencyLimit lifts its ten parallel requests; captures and logs are off.
_LLAMA_SWAP = """\
logLevel: error
captureBuffer: 0
healthCheckTimeout: 15
models:
  {model}:
    cmd: sleep 1000000
    proxy: {url}
    checkEndpoint: none
    concurrencyLimit: 100000
    useModelName: {theirs}
"""


def _olla(endpoints: int, balancer: str) -> Callable[[Setting], Command]:
    def command(setting: Setting) -> Command:
        path = setting.folder / "olla.yaml"
        # The same provider by other paths: Olla keeps the connections of each URL apart.
        urls = [setting.provider, *(f"{setting.provider}/{number}" for number in range(1, endpoints))]
        rows = "".join(_OLLA_ENDPOINT.format(url=url, number=number) for number, url in enumerate(urls))
        path.write_text(_OLLA.format(port=setting.port, balancer=balancer, endpoints=rows))
        env = {"SSL_CERT_FILE": str(setting.certificate)} if setting.is_tls else {}
        return [found("olla", "olla is not on PATH"), "--config", str(path)], env

    return command


def _olla_version() -> str:
    banner = output_of([found("olla", "olla is not on PATH"), "--version"])
    named = re.search(r"Olla v\S+", banner)
    return named[0] if named else "Olla"


def _llama_swap(setting: Setting) -> Command:
    path = setting.folder / "llama-swap.yaml"
    path.write_text(_LLAMA_SWAP.format(model=MODEL, url=setting.provider, theirs=PROVIDERS_MODEL))
    env = {"SSL_CERT_FILE": str(setting.certificate)} if setting.is_tls else {}
    listen = f"127.0.0.1:{setting.port}"
    return [found("llama-swap", "llama-swap is not on PATH"), "--config", str(path), "--listen", listen], env


def _llama_swap_version() -> str:
    line = output_of([found("llama-swap", "llama-swap is not on PATH"), "--version"]).splitlines()[0]
    return "llama-swap " + line.removeprefix("version: ").partition(",")[0]


def _bifrost(setting: Setting) -> Command:
    """Without its log store and its config store, which its docs say are optional; a pool for a thousand requests."""
    network = {"base_url": setting.provider, "default_request_timeout_in_seconds": 600}
    keys = [{"name": "one", "value": "none-needed", "models": ["*"], "weight": 1.0}]
    provider = {
        "keys": keys,
        "network_config": network,
        "concurrency_and_buffer_size": {"concurrency": 1000, "buffer_size": 5000},
    }
    client = {
        "drop_excess_requests": False, "initial_pool_size": 1000, "enable_logging": False,
        "max_request_body_size_mb": 128,
    }  # fmt: skip
    body = {"client": client, "providers": {"openai": provider}, "config_store": {"enabled": False}}
    (setting.folder / "config.json").write_bytes(jsontext.dumps_pretty(body))
    binary = found("bifrost-http", "bifrost-http is not on PATH")
    where = ["-app-dir", str(setting.folder), "-host", "127.0.0.1", "-port", str(setting.port)]
    return [binary, *where, "-log-level", "error"], {}


def _bifrost_version() -> str:
    lines = output_of([found("bifrost-http", "bifrost-http is not on PATH"), "-version"]).splitlines()
    return next((line.strip() for line in lines if "ersion" in line), "Bifrost")


_OLLA_PATH = "/olla/openai/v1/chat/completions"
_OLLA_TITLE = f"Olla, {WIDE} endpoints"
_OLLA_WIDE = _olla(WIDE, "least-connections")
GO_GATEWAYS = (
    Contender("olla", "Olla", _olla(1, "priority"), _olla_version, path=_OLLA_PATH, model=PROVIDERS_MODEL),
    Contender(
        "olla-wide", _OLLA_TITLE, _OLLA_WIDE, _olla_version, path=_OLLA_PATH, model=PROVIDERS_MODEL, is_usual=False
    ),
    Contender("llama-swap", "llama-swap", _llama_swap, _llama_swap_version),
    Contender("bifrost", "Bifrost", _bifrost, _bifrost_version, model=f"openai/{PROVIDERS_MODEL}"),
)
