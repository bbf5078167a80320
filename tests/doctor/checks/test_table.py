"""Every check of the room is in the table, and none has an opinion where all is well."""

from __future__ import annotations

import inspect

import linx
from linx.doctor.checks import environment, models, money, network, providers, running, servers, settings
from linx.doctor.checks.table import CHECKS, findings
from linx.doctor.facts import ListenFacts
from linx.doctor.finding import Level
from linx.providers.model import Model
from tests.doctor.pieces import facts, provider


def test_no_check_is_forgotten() -> None:
    rooms = (environment, models, money, network, providers, running, servers, settings)
    taking = {
        function
        for room in rooms
        for _name, function in inspect.getmembers(room, inspect.isfunction)
        if list(inspect.signature(function).parameters) == ["facts"] and function.__module__ == room.__name__
    }
    public = {one for one in taking if one.__name__[0] != "_"} - {providers.nobody, servers.is_discovering}
    assert {check.look for check in CHECKS} == public


def test_where_all_is_well_nothing_is_to_be_mended() -> None:
    model = Model("m:latest", context_length=65536, capabilities=frozenset({"completion", "tools"}))
    listen = ListenFacts(
        "127.0.0.1", 8080, is_linx=True, version=linx.__version__, config_path="/home/anna/config.json"
    )
    well = provider(models={"m:latest": model}, has_list=True, version="0.33.0", loaded={"m:latest": 65536}, skew_s=0.2)
    found = findings(facts(well, listen=listen))
    assert {one.finding.level for one in found} == {Level.OK}
