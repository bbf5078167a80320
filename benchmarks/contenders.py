"""The proxies that are measured (contenders): how each is configured and started, on a free loopback port.

All get the same OpenAI request for the model ``bench``; all but nginx replace that name by the
provider's own. Each is set up for one worker as its documentation says, without an access log.
LiteLLM and Portkey are installed once, outside the checkout, in the versions pinned here; a
contender that cannot be installed is left out with a message.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import linx
from benchmarks.load import LoadError, Target, once
from benchmarks.processes import Running
from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))) / "linx-benchmarks"
LITELLM = "1.106.2"
PORTKEY = "1.15.2"
INSTALL_S = 600
START_S = 90.0


class Unavailable(Exception):
    """Why a contender is left out."""


@dataclass(frozen=True)
class Setting:
    """What a contender needs to start: the upstreams' ports, its own port, a folder for its files."""

    upstreams: tuple[int, int]
    port: int
    folder: Path


Command = tuple[list[str], dict[str, str]]


@dataclass(frozen=True)
class Contender:
    """``command`` writes config files into the folder and gives argv and environment."""

    name: str
    title: str
    command: Callable[[Setting], Command] | None
    version: Callable[[], str]
    headers: Callable[[Setting], tuple[tuple[str, str], ...]] = lambda _setting: ()
    is_slow: bool = False
    """Takes milliseconds for each request, so it gets smaller loads."""
    ready: str = ""
    """The text that it prints when it is ready; "": it is ready when its port is open."""
    checkout: Path = ROOT
    """The folder in which it is started."""

    @property
    def base(self) -> str:
        """The name without the suffix for another checkout."""
        return self.name.removesuffix("-other")


class Started:
    """A running contender that has answered a request."""

    def __init__(self, contender: Contender, upstreams: tuple[int, int], folder: Path) -> None:
        self.contender = contender
        self.name = contender.name
        self.process: Running | None = None
        if contender.command is None:
            self.target = Target(upstreams[0])
            self.ready_s = self.first_answer_s = 0.0
            return
        folder.mkdir(parents=True, exist_ok=True)
        setting = Setting(upstreams, free_port(), folder)
        command, env = contender.command(setting)
        self.target = Target(setting.port, headers=contender.headers(setting))
        self.process = Running(command, folder / "log.txt", env=env, cwd=contender.checkout)
        try:
            self._await()
        except BaseException:
            self.stop()
            raise

    def _await(self) -> None:
        """Wait until the contender is ready and has answered a request; measures both times."""
        process = self.process
        assert process is not None
        ready = self.contender.ready
        request = self.target.request(2, stream=False)
        self.ready_s = 0.0
        while True:
            if not process.is_alive:
                raise Unavailable(f"ended at once: {process.output()[-500:]}")
            now = time.monotonic() - process.started
            if now > START_S:
                raise Unavailable(f"not ready after {START_S:.0f} s: {process.output()[-500:]}")
            if not self.ready_s and (ready in process.output() if ready else _is_open(self.target.port)):
                self.ready_s = now
            if self.ready_s:
                try:
                    once(self.target, request)
                except (OSError, LoadError) as error:
                    problem = error
                else:
                    self.first_answer_s = time.monotonic() - process.started
                    return
                if now > START_S / 2:
                    raise Unavailable(f"does not answer: {problem}")
            time.sleep(0.002)

    def stop(self) -> None:
        if self.process is not None:
            self.process.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _run(command: Sequence[str], timeout_s: float = 60.0) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=True)
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{command[0]}: {(error.stderr or error.stdout or '').strip()[-300:]}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(str(error)) from None
    return (done.stdout + done.stderr).strip()


# --- Linx ---


def _linx(config: Callable[[Setting], dict[str, object]]) -> Callable[[Setting], Command]:
    def command(setting: Setting) -> Command:
        path = setting.folder / "config.json"
        server = {"port": setting.port, "hostname": "127.0.0.1"}
        body = {name: {"enabled": False} for name in ("ollama", "llamacpp", "openrouter")}
        path.write_bytes(jsontext.dumps_pretty({**body, **config(setting), "server": server}))
        own = {name: str(path.parent / name) for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME")}
        return [sys.executable, "-m", "linx", "--config", str(path), "--log-level", "warning"], own

    return command


def _openai_provider(port: int) -> dict[str, object]:
    return {
        "kind": "openai",
        "endpoint": f"http://127.0.0.1:{port}/v1",
        "model_mappings": {"bench": "bench-model"},
    }


def _same_dialect(setting: Setting) -> dict[str, object]:
    return {"providers": {"one": _openai_provider(setting.upstreams[0])}}


def _from_ollama(setting: Setting) -> dict[str, object]:
    endpoint = f"http://127.0.0.1:{setting.upstreams[0]}"
    return {"ollama": {"enabled": True, "endpoint": endpoint, "model_mappings": {"bench": "bench-model"}}}


def _hedged(setting: Setting) -> dict[str, object]:
    one, two = (_openai_provider(port) for port in setting.upstreams)
    return {"providers": {"one": one, "two": two}, "routing": {"hedge": {"after": 2.0, "scope": "any", "budget": 0.1}}}


def _linx_version() -> str:
    return f"Linx {linx.__version__}, Python {sys.version.split()[0]}"


# --- nginx ---

_NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_rlimit_nofile 16384;
{user}
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  client_max_body_size 128m; client_body_buffer_size 1m;
  keepalive_requests 1000000;
  upstream provider {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{
      proxy_pass http://provider;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }}
  }}
}}
"""


def _nginx(setting: Setting) -> Command:
    binary = _nginx_binary()
    path = setting.folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    path.write_text(_NGINX.format(folder=setting.folder, upstream=setting.upstreams[0], port=setting.port, user=user))
    return [binary, "-p", str(setting.folder), "-e", str(setting.folder / "error.log"), "-c", str(path)], {}


def _nginx_binary() -> str:
    binary = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if binary is None:
        raise Unavailable("nginx is not installed (on Debian: apt-get install nginx-light)")
    return binary


def _nginx_version() -> str:
    return _run([_nginx_binary(), "-v"]).removeprefix("nginx version: ")


# --- LiteLLM ---

_LITELLM = """\
model_list:
  - model_name: bench
    litellm_params:
      model: openai/bench-model
      api_base: http://127.0.0.1:{upstream}/v1
      api_key: none
litellm_settings:
  telemetry: false
  request_timeout: 120
general_settings:
  disable_spend_logs: true
"""


def _litellm_folder() -> Path:
    return CACHE / "litellm"


def _install_litellm() -> None:
    folder = _litellm_folder()
    if not (folder / "bin" / "litellm").exists():
        print(f"installing LiteLLM {LITELLM} into {folder} (once)", flush=True)
        _run([sys.executable, "-m", "venv", str(folder)])
        _run([str(folder / "bin" / "pip"), "install", "-q", f"litellm[proxy]=={LITELLM}"], INSTALL_S)


def _litellm(setting: Setting) -> Command:
    _install_litellm()
    path = setting.folder / "litellm.yaml"
    path.write_text(_LITELLM.format(upstream=setting.upstreams[0]))
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_TELEMETRY": "False"}
    # LiteLLM refuses to start without a key unless this is set; checking a key would only cost it more time.
    env["LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY"] = "true"
    binary = str(_litellm_folder() / "bin" / "litellm")
    options = ["--config", str(path), "--host", "127.0.0.1", "--port", str(setting.port), "--telemetry", "False"]
    return [binary, *options, "--num_workers", "1"], env


def _litellm_version() -> str:
    _install_litellm()
    code = "import importlib.metadata as m; print(m.version('litellm'))"
    return "LiteLLM " + _run([str(_litellm_folder() / "bin" / "python"), "-c", code])


# --- Portkey's gateway ---


# The versions of its server libraries at its release: with newer ones it answers every stream with a 500.
_PORTKEY_PACKAGE = {
    "private": True,
    "dependencies": {"@portkey-ai/gateway": PORTKEY},
    "overrides": {"@hono/node-server": "1.13.8", "hono": "4.9.7"},
}


def _portkey_script() -> Path:
    return CACHE / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"


def _install_portkey() -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("node and npm are not installed")
    if not _portkey_script().exists():
        folder = CACHE / "portkey"
        print(f"installing Portkey's gateway {PORTKEY} into {folder} (once)", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_bytes(jsontext.dumps_pretty(_PORTKEY_PACKAGE))
        _run(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder)], INSTALL_S)


def _portkey(setting: Setting) -> Command:
    _install_portkey()
    return ["node", str(_portkey_script()), f"--port={setting.port}", "--headless"], {"NODE_ENV": "production"}


def _portkey_headers(setting: Setting) -> tuple[tuple[str, str], ...]:
    return (
        ("x-portkey-provider", "openai"),
        ("x-portkey-custom-host", f"http://127.0.0.1:{setting.upstreams[0]}/v1"),
        ("Authorization", "Bearer none"),
    )


def _portkey_version() -> str:
    _install_portkey()
    package = jsontext.loads((_portkey_script().parent.parent / "package.json").read_bytes())
    return f"Portkey gateway {package['version']}, node {_run(['node', '--version'])}"


CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender("direct", "no proxy", None, lambda: f"Python {sys.version.split()[0]}"),
        Contender("nginx", "nginx, buffering off", _nginx, _nginx_version),
        Contender("linx", "Linx, OpenAI to OpenAI", _linx(_same_dialect), _linx_version, ready="listening on"),
        Contender("linx-ollama", "Linx, Ollama to OpenAI", _linx(_from_ollama), _linx_version, ready="listening on"),
        Contender("linx-hedge", "Linx, a hedge ready", _linx(_hedged), _linx_version, ready="listening on"),
        Contender("portkey", "Portkey's gateway", _portkey, _portkey_version, _portkey_headers),
        Contender("litellm", "LiteLLM proxy", _litellm, _litellm_version, is_slow=True),
    )
}


def other_checkout(contender: Contender, checkout: Path) -> Contender:
    """The same contender with the Linx of another checkout, to compare two versions."""
    return replace(contender, name=contender.name + "-other", title=contender.title + ", other", checkout=checkout)
