"""axe-core finds nothing serious: in light and dark, at three widths, in every state of the page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.dashboard import worlds

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.e2e.dashboard.conftest import Opener

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"], "resultTypes": ["violations"]}


def few(world: dict[str, Any]) -> dict[str, Any]:
    """The same world with a request of each sort: more of them only take axe longer."""
    return {**world, "requests": world["requests"][:16]}


@pytest.fixture(scope="module")
def axe(node_packages: str) -> str:
    return (Path(node_packages) / "node_modules/axe-core/axe.min.js").read_text()


def assert_accessible(page: Page, axe: str) -> None:
    page.evaluate(axe)
    found: list[list[str]] = page.evaluate(
        """async (rules) => (await axe.run(document, rules)).violations
            .filter(({impact}) => ["serious", "critical"].includes(impact))
            .map(({id, nodes}) => [id, ...nodes.slice(0, 3).map(({html, failureSummary}) => html + failureSummary)])""",
        RULES,
    )
    assert not found, "\n".join(map(str, found))


@pytest.mark.needs("npm")
@pytest.mark.parametrize("look", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 900, 360])
def test_nothing_serious(open_page: Opener, axe: str, width: int, look: str) -> None:
    fake = open_page(few(worlds.broken()), width=width, look=look)
    assert_accessible(fake.page, axe)


@pytest.mark.needs("npm")
@pytest.mark.parametrize("look", ["light", "dark"])
def test_nothing_serious_in_other_states(open_page: Opener, axe: str, look: str) -> None:
    fake = open_page(few(worlds.busy()), look=look)
    assert_accessible(fake.page, axe)
    fake.page.keyboard.press("?")
    assert_accessible(fake.page, axe)
    fake.page.keyboard.press("Escape")
    fake.page.keyboard.press("Control+k")
    assert_accessible(fake.page, axe)


@pytest.mark.needs("npm")
@pytest.mark.parametrize("look", ["light", "dark"])
def test_nothing_serious_when_empty_or_locked(open_page: Opener, axe: str, look: str) -> None:
    assert_accessible(open_page(worlds.empty(), look=look).page, axe)
    open_page.server.key = "a-key"
    open_page.watch.allowed = ("401 (Unauthorized)",)
    open_page.page.reload()
    open_page.page.wait_for_selector("[data-test=key-input]")
    assert_accessible(open_page.page, axe)
