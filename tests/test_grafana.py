"""docs/grafana.json asks for metrics and labels that Linx has."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client.parser import text_string_to_metric_families

from linx.core import jsontext
from linx.handlers.management.readings import Readings
from tests.e2e.http_client import ask
from tests.e2e.linx_process import config_for, linx_here

if TYPE_CHECKING:
    from linx.app import App

BOARD: dict[str, Any] = jsontext.loads((Path(__file__).parent.parent / "docs" / "grafana.json").read_bytes())
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
ADDED_BY_PROMETHEUS = {"instance", "job"}
METRIC = re.compile(r"\b(?:linx|process)_[a-z_]+")


def questions() -> list[str]:
    """All that the dashboard asks Prometheus."""
    asked = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
    return asked + [one["query"]["query"] for one in BOARD["templating"]["list"] if one["type"] == "query"]


def labels_of(app: App) -> dict[str, set[str]]:
    """The labels of each of Linx's own samples, by the sample's name."""
    found = {}
    for family in Readings(app.context).collect():
        own = set(getattr(family, "_labelnames", ()))
        for suffix in SUFFIXES[family.type]:
            found[family.name + suffix] = own | ({"le"} if suffix == "_bucket" else set())
    return found


def labels_in(question: str) -> set[str]:
    """The labels that a question groups by or selects."""
    groups = [name.strip() for group in re.findall(r"\bby \(([^)]*)\)", question) for name in group.split(",")]
    chosen = re.findall(r"(\w+)=~?\"", question)
    return {*groups, *chosen, *re.findall(r"label_values\(\w+, (\w+)\)", question)}


async def test_it_asks_for_what_linx_exports(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        own = labels_of(app)
        text = (await ask(app.bound[0][1], "/metrics")).body.decode()
    exported = {
        family.name + suffix for family in text_string_to_metric_families(text) for suffix in SUFFIXES[family.type]
    }
    assert own.keys() <= exported
    for question in questions():
        names = METRIC.findall(question)
        assert names, question
        for name in names:
            assert name in exported, question
            if name in own:
                assert labels_in(question) <= own[name] | ADDED_BY_PROMETHEUS, question


async def test_a_legend_names_labels_that_the_answer_still_has(tmp_path: Path) -> None:
    async with linx_here(config_for(), tmp_path) as app:
        own = labels_of(app)
    for panel in BOARD["panels"]:
        for target in panel["targets"]:
            grouped = re.findall(r"\bby \(([^)]*)\)", target["expr"])
            kept = {name.strip() for group in grouped for name in group.split(",")}
            if not grouped and not re.match(r"sum\b", target["expr"]):
                kept = set.intersection(*(own.get(name, set()) for name in METRIC.findall(target["expr"])))
                kept |= ADDED_BY_PROMETHEUS
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= kept, panel["title"]


def test_panels_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        place = panel["gridPos"]
        own = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert max(x for x, _y in own) < 24
        assert not own & taken, panel["title"]
        taken |= own
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])


def test_no_panel_is_bound_to_one_data_source() -> None:
    assert {panel["datasource"]["uid"] for panel in BOARD["panels"]} == {"${datasource}"}
    assert BOARD["templating"]["list"][0]["type"] == "datasource"
