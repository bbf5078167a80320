"""Open WebUI 0.12.4 was run with these variables; ENABLE_PERSISTENT_CONFIG is in its config.py."""

from __future__ import annotations

from linx.setup.clients.openwebui import OPENWEBUI
from tests.setup.clients.kit import KEY, LOCKED, OPEN, started


def test_steps() -> None:
    steps = OPENWEBUI.steps(OPEN)
    assert "    export OPENAI_API_BASE_URL=http://127.0.0.1:8080/v1" in steps
    assert OPENWEBUI.edits is None


def test_one_run_leaves_what_it_has_kept() -> None:
    run = started(OPENWEBUI, LOCKED)
    assert run.args == ("serve", "--host", "127.0.0.1", "--port", "3000")
    assert dict(run.env)["ENABLE_PERSISTENT_CONFIG"] == "False"
    assert dict(run.env)["OPENAI_API_KEY"] == KEY
