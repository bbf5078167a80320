"""Linx as a contender: as a user has it (ledger and request lines on), bare, and with what costs more."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import linx
from benchmarks.setting import MODEL, PROVIDERS_MODEL, ROOT, Command, Contender, Setting
from linx.core import jsontext

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

Section = dict[str, object]
KINDS = ("openai", "ollama", "anthropic")
OFF: Section = {name: {"enabled": False} for name in ("ollama", "llamacpp", "openrouter")}


def _provider(setting: Setting, *, kind: str = "openai", number: int = 0, model: str = MODEL) -> Section:
    url = setting.providers[number % len(setting.providers)]
    endpoint = url + "/v1" if kind == "openai" else url
    section: Section = {"kind": kind, "endpoint": endpoint, "model_mappings": {model: PROVIDERS_MODEL}}
    return section if kind == "ollama" else {**section, "api_key": "none-needed"}


def _one(setting: Setting) -> Section:
    return {"one": _provider(setting)}


def _two(setting: Setting) -> Section:
    return {"one": _provider(setting), "two": _provider(setting, number=1)}


def _priced(setting: Setting) -> Section:
    """Three providers, of which two cost money."""
    one, two, three = (_provider(setting, number=number) for number in range(3))
    two["price"], three["price"] = {"prompt": 1, "completion": 2}, {"prompt": 2, "completion": 4}
    return {"one": one, "two": two, "three": three}


def _of_each_kind(setting: Setting) -> Section:
    return {f"of-{kind}": _provider(setting, kind=kind, model=f"{MODEL}-{kind}") for kind in KINDS}


def _command(providers: Callable[[Setting], Section], level: str, more: Section) -> Callable[[Setting], Command]:
    def command(setting: Setting) -> Command:
        path = setting.folder / "config.json"
        server = {"port": setting.port, "hostname": "127.0.0.1"}
        path.write_bytes(jsontext.dumps_pretty({**OFF, "providers": providers(setting), "server": server, **more}))
        env = {name: str(setting.folder / name) for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME")}
        if setting.is_tls:
            env["SSL_CERT_FILE"] = str(setting.certificate)
        return [sys.executable, "-m", "linx", "--config", str(path), "--log-level", level], env

    return command


def _version() -> str:
    return f"Linx {linx.__version__}, Python {sys.version.split()[0]}"


def _linx(
    name: str,
    title: str,
    providers: Callable[[Setting], Section] = _one,
    *,
    is_bare: bool = False,
    is_usual: bool = False,
) -> Contender:
    level = "warning" if is_bare else "info"
    command = _command(providers, level, {"ledger": {"enabled": False}} if is_bare else {})
    return Contender(name, title, command, _version, ready="listening on", checkout=ROOT, is_usual=is_usual)


LINX = (
    _linx("linx", "Linx, as it comes", is_usual=True),
    _linx("linx-bare", "Linx, no ledger, no request lines", is_bare=True, is_usual=True),
    _linx("linx-two", "Linx, two equal providers", _two),
    _linx("linx-costs", "Linx, three providers with costs", _priced),
    _linx("linx-kinds", "Linx, providers of each kind", _of_each_kind),
)


def other_checkout(contender: Contender, checkout: Path) -> Contender:
    """The same contender with the Linx of another checkout, to compare two versions."""
    return replace(contender, name=contender.name + "-other", title=contender.title + ", other", checkout=checkout)
