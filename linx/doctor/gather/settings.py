"""Reads the config as a start of Linx would, and keeps what is wrong with it as a fact."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from linx.config import file as config_file
from linx.config.load import refuse_own_address
from linx.core import folders
from linx.core.errors import ConfigError
from linx.doctor.facts import ConfigFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from linx.config.load import Sources

NEW = "./config.json"
"""Where ``--fix`` writes where there is no file."""


def read(sources: Sources) -> ConfigFacts:
    """The config in force. Never raises ConfigError."""
    try:
        path = config_file.find(sources.path, sources.env)
    except ConfigError as error:
        return ConfigFacts(None, None, "", problem=error)
    found = None if path is None else os.path.abspath(path)
    tree = _tree(path)
    server = tree.get("server")
    passed_over = passed_over_of(config_file.candidates(sources.path, sources.env), path)
    facts = ConfigFacts(
        config=None,
        path=found,
        reason=_reason(sources, path),
        tree=tree,
        passed_over=passed_over,
        is_port_chosen=sources.overrides.port is not None or (isinstance(server, dict) and "port" in server),
        place_to_write=path or (str(folders.config_file(config_file.NAME)) if passed_over else NEW),
    )
    try:
        config = sources.load()
        refuse_own_address(config, [(config.server.hostname, config.server.port)])
    except ConfigError as error:
        return replace(facts, problem=error)
    return replace(facts, config=config)


def passed_over_of(candidates: Sequence[str], path: str | None) -> tuple[str, ...]:
    """The files that stand before the one in force and are there all the same: they are another program's."""
    before = candidates if path is None else candidates[: candidates.index(path)]
    return tuple(each for each in before if os.path.lexists(each))


def _reason(sources: Sources, path: str | None) -> str:
    if path is None:
        return "there is no config file"
    if sources.path:
        return "--config names it"
    if sources.env.get("LINX_CONFIG"):
        return "LINX_CONFIG names it"
    if path == config_file.NAME:
        return "it is in this folder"
    here = config_file.candidates(None, sources.env)
    return "it is in your config folder" if path == here[1] else "it is beside the program"


def _tree(path: str | None) -> dict[str, Any]:
    """The JSON of the file as it stands there; an empty object where it cannot be read."""
    if path is None:
        return {}
    try:
        return config_file.read(path).tree
    except ConfigError:
        return {}
