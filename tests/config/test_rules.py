"""The rules for single texts: which keys, durations and names pass."""

from __future__ import annotations

import pytest

from linx.config import rules as config_rules
from linx.core.errors import ConfigError


@pytest.mark.parametrize(
    "key",
    [
        "sk-or-v1-your-api-key-here",
        "YOUR_API_KEY",
        "your key",
        "<your key>",
        "sk-...",
        "sk-xxxxxxxx",
        "changeme",
        "api_key",
        "gsk_your_key_here",
        "REPLACE_ME",
    ],
)
def test_placeholders_are_known(key: str) -> None:
    assert config_rules.is_placeholder(key)


@pytest.mark.parametrize("key", ["sk-or-v1-3f9c1e", "linx-test-key-0123456789abcdef", "youth-hostel-key", "xoxb-1"])
def test_keys_are_no_placeholders(key: str) -> None:
    assert not config_rules.is_placeholder(key)


@pytest.mark.parametrize("value", ["10m", "1h30m", "-1s", "1.5h", "300ms"])
def test_durations_pass(value: str) -> None:
    config_rules.check_keep_alive("x", value)


@pytest.mark.parametrize("value", ["", "5", "-1", "5 m", "forever", "m"])
def test_texts_that_are_no_duration_do_not(value: str) -> None:
    with pytest.raises(ConfigError, match="a number of seconds or a duration"):
        config_rules.check_keep_alive("x", value)


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("gpt-4o", "gpt-4o"),
        ("qwen2.5:7b", "qwen2.5:7b"),
        ("", "''"),
        ("a b", "'a b'"),
        ("\x1b[31m", "'\ufffd[31m'"),
        ("sk-or-v1-0123456789abcdef", "'sk-o…'"),
        ("*", "*"),
    ],
)
def test_a_step_of_a_path_is_safe_to_show(name: str, step: str) -> None:
    assert config_rules.key_of(name) == step
