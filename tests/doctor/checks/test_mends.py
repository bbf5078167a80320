"""The words for a place in the config, and the changes there."""

from __future__ import annotations

from linx.doctor.checks.mends import change_of, mend_by, where_of
from linx.doctor.finding import Change
from tests.doctor.pieces import facts, provider


def test_a_provider_of_either_sort() -> None:
    here = facts()
    assert where_of(here, provider(), "kind") == "providers.box.kind in /home/anna/config.json"
    change = change_of(provider("ollama"), "num_ctx", "auto")
    assert change == Change(("ollama", "num_ctx"), "auto")
    assert mend_by(here, change) == ('"ollama": {"num_ctx": "auto"} in /home/anna/config.json', (change,))
