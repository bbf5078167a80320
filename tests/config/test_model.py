"""The typed config: what it can tell, and what it never shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from linx.config.layers import Overrides
from linx.config.load import Options, Sources, load
from linx.config.model import ProviderConfig
from linx.providers.kinds import KINDS
from tests.config.help import KEY, SECRETS, box, loaded

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("endpoint", "root", "base", "origin"),
    [
        ("http://localhost:11434", "http://localhost:11434", "http://localhost:11434", ("http", "localhost", 11434)),
        ("http://box/v1/", "http://box", "http://box/v1", ("http", "box", 80)),
        ("http://box/v1/?a=b", "http://box", "http://box/v1", ("http", "box", 80)),
        ("https://h/api/v1", "https://h/api", "https://h/api/v1", ("https", "h", 443)),
        ("https://H/v1beta/openai/", "https://H/v1beta/openai", "https://H/v1beta/openai", ("https", "h", 443)),
        ("https://h/api/paas/v4", "https://h/api/paas/v4", "https://h/api/paas/v4", ("https", "h", 443)),
        ("HTTP://[::1]:8081/x", "HTTP://[::1]:8081/x", "HTTP://[::1]:8081/x", ("http", "::1", 8081)),
    ],
)
def test_an_endpoint_has_a_root_and_a_base(endpoint: str, root: str, base: str, origin: tuple[str, str, int]) -> None:
    one = ProviderConfig(name="x", kind="openai", endpoint=endpoint)
    assert (one.root, one.base, one.origin) == (root, base, origin)
    assert one.query == ("a=b" if "?" in endpoint else "")


def test_a_provider_built_by_hand_knows_whether_it_is_local() -> None:
    assert ProviderConfig(name="demo", kind="llamacpp", endpoint="http://127.0.0.1:1").is_local is True
    assert ProviderConfig(name="x", kind="openai", endpoint="https://api.groq.com").is_local is False
    assert ProviderConfig(name="x", kind="openai", endpoint="https://api.groq.com", local=True).is_local is True


def test_no_repr_shows_a_secret_and_all_are_known() -> None:
    env = {"LINX_API_KEY": "the-key-of-clients"}
    config = loaded(box(api_key=KEY, headers={"X-Auth": "Token hunter2secret", "X-Title": "Linx"}), env)
    for text in (repr(config), repr(config.providers), str(config), repr(Options(config, Sources(KINDS, env=env)))):
        assert not any(secret in text for secret in (*SECRETS, "the-key-of-clients"))
        assert "X-Auth" in text
    assert set(config.secrets) == {"the-key-of-clients", KEY, "Token hunter2secret", "hunter2secret", "Linx"}
    assert "hunter2" not in repr(Overrides(api_key="hunter2secret"))


def test_what_an_endpoint_has_in_its_query_is_a_secret() -> None:
    endpoint = "https://api.example/v1?code=s3cret%2Fcode&api-version=2024-10-21"
    found = loaded({"providers": {"box": {"kind": "openai", "endpoint": endpoint}}}).secrets
    assert {"s3cret%2Fcode", "s3cret/code"} <= set(found)
    assert "2024-10-21" not in found


def test_a_provider_can_be_added() -> None:
    demo = ProviderConfig(name="demo", kind="llamacpp", endpoint="http://127.0.0.1:1")
    config = load(None, {}, KINDS)
    assert config.with_provider(demo).providers == (*config.providers, demo)
    assert config.with_provider(demo).with_provider(demo).providers == (*config.providers, demo)
