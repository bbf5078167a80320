"""LiteLLM and Portkey's gateway: installed once, outside the checkout, in the versions pinned here."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from benchmarks.setting import CACHE, Command, Contender, Fields, Setting, Unavailable, output_of
from linx.core import jsontext

if TYPE_CHECKING:
    from pathlib import Path

LITELLM = "1.106.2"
PORTKEY = "1.15.2"
INSTALL_S = 600

# As its "Best Practices for Production" says: LITELLM_MODE=PRODUCTION, LITELLM_LOG=ERROR, set_verbose false, no spend
# logs; one worker for one core, as for the others. Its cost map is the one it came with, so nothing is downloaded.
_LITELLM = """\
model_list:
  - model_name: bench
    litellm_params:
      model: openai/bench-model
      api_base: {provider}/v1
      api_key: none
litellm_settings:
  set_verbose: false
  telemetry: false
  request_timeout: 600
  drop_params: true
general_settings:
  disable_spend_logs: true
  disable_error_logs: true
"""
_LITELLM_ENV = {
    "LITELLM_MODE": "PRODUCTION",
    "LITELLM_LOG": "ERROR",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "LITELLM_TELEMETRY": "False",
    # It refuses to start without a key unless this is set; checking a key would only cost it more time.
    "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
}
_LITELLM_FOLDER = CACHE / "litellm"


def install_litellm() -> None:
    if not (_LITELLM_FOLDER / "bin" / "litellm").exists():
        print(f"installing LiteLLM {LITELLM} into {_LITELLM_FOLDER} (once)", flush=True)
        output_of([sys.executable, "-m", "venv", str(_LITELLM_FOLDER)])
        output_of([str(_LITELLM_FOLDER / "bin" / "pip"), "install", "-q", f"litellm[proxy]=={LITELLM}"], INSTALL_S)


def _litellm(setting: Setting) -> Command:
    install_litellm()
    path = setting.folder / "litellm.yaml"
    path.write_text(_LITELLM.format(provider=setting.provider))
    env = {**_LITELLM_ENV, **({"SSL_CERT_FILE": str(setting.certificate)} if setting.is_tls else {})}
    options = ["--config", str(path), "--host", "127.0.0.1", "--port", str(setting.port), "--telemetry", "False"]
    return [str(_LITELLM_FOLDER / "bin" / "litellm"), *options, "--num_workers", "1"], env


def _litellm_version() -> str:
    install_litellm()
    code = "import importlib.metadata as m; print(m.version('litellm'))"
    return "LiteLLM " + output_of([str(_LITELLM_FOLDER / "bin" / "python"), "-c", code])


# The versions of its server libraries at its release: with newer ones it answers every stream with a 500.
_PORTKEY_PACKAGE = {
    "private": True,
    "dependencies": {"@portkey-ai/gateway": PORTKEY},
    "overrides": {"@hono/node-server": "1.13.8", "hono": "4.9.7"},
}


def _portkey_script() -> Path:
    return CACHE / "portkey" / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"


def install_portkey() -> None:
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise Unavailable("node and npm are not installed")
    if not _portkey_script().exists():
        folder = CACHE / "portkey"
        print(f"installing Portkey's gateway {PORTKEY} into {folder} (once)", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_bytes(jsontext.dumps_pretty(_PORTKEY_PACKAGE))
        output_of(["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder)], INSTALL_S)


def _portkey(setting: Setting) -> Command:
    install_portkey()
    env = {"NODE_ENV": "production"}
    if setting.is_tls:
        env["NODE_EXTRA_CA_CERTS"] = str(setting.certificate)
    return ["node", str(_portkey_script()), f"--port={setting.port}", "--headless"], env


def _portkey_headers(setting: Setting) -> Fields:
    return (
        ("x-portkey-provider", "openai"),
        ("x-portkey-custom-host", f"{setting.provider}/v1"),
        ("Authorization", "Bearer none"),
    )


def _portkey_version() -> str:
    install_portkey()
    package = jsontext.loads((_portkey_script().parent.parent / "package.json").read_bytes())
    return f"Portkey gateway {package['version']}, node {output_of(['node', '--version'])}"


GATEWAYS = (
    Contender("portkey", "Portkey's gateway", _portkey, _portkey_version, _portkey_headers),
    Contender("litellm", "LiteLLM proxy", _litellm, _litellm_version, is_slow=True),
)
