"""Cursor, VS Code, Zed and Cline.

VS Code's file is that of microsoft/vscode, languageModelsConfigurationService.ts (a list of groups with vendor and
name), with the vendor customendpoint, since the Ollama of Copilot Chat is deprecated (microsoft/vscode#323176).
cline 3.0.65 wrote the file that is given to it here, and was run with it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from linx.core import jsontext
from linx.setup.clients.editors import CLINE, CURSOR, VSCODE, ZED
from linx.setup.folders import Folders
from tests.setup.clients.kit import KEY, LOCKED, OPEN, files, started


def test_cursor_works_through_the_tunnel_alone_and_says_so() -> None:
    closed = "\n".join(CURSOR.steps(OPEN))
    assert CURSOR.needs_tunnel
    assert CURSOR.edits is None
    assert "only through the tunnel" in closed
    assert "    linx --tunnel" in closed
    assert "127.0.0.1" not in closed
    opened = "\n".join(CURSOR.steps(replace(LOCKED, tunnel="https://abc.lhr.life")))
    assert "Override OpenAI Base URL: https://abc.lhr.life/v1" in opened
    assert f"OpenAI API Key: {KEY}" in opened
    assert "--tunnel" not in opened


def test_vscode() -> None:
    ((path, found),) = files(VSCODE, LOCKED).items()
    assert path == "/home/ann/.config/Code/User/chatLanguageModels.json"
    (group,) = found
    assert {key: group[key] for key in ("name", "vendor", "apiKey", "apiType")} == {
        "name": "Linx",
        "vendor": "customendpoint",
        "apiKey": KEY,
        "apiType": "chat-completions",
    }
    assert group["models"][0] == {
        "id": "qwen3:8b",
        "name": "qwen3:8b",
        "url": "http://127.0.0.1:8080/v1/chat/completions",
        "toolCalling": True,
        "vision": False,
        "maxInputTokens": 61_440,
        "maxOutputTokens": 4_096,
    }
    assert [model["toolCalling"] for model in group["models"]] == [True, True, False]
    assert f'    "github.copilot.chat.byok.ollamaEndpoint": "http://127.0.0.1:8080/k/{KEY}"' in VSCODE.steps(LOCKED)


def test_zed_which_cannot_send_a_key() -> None:
    ((path, found),) = files(ZED, LOCKED).items()
    assert path == "/home/ann/.config/zed/settings.json"
    assert found == {
        "language_models": {"ollama": {"api_url": f"http://127.0.0.1:8080/k/{KEY}"}},
        "agent": {"default_model": {"provider": "ollama", "model": "qwen3:8b"}},
    }


def test_where_windows_has_them() -> None:
    folders = Folders.of("win32", {"USERPROFILE": r"C:\Users\ann", "APPDATA": r"C:\Users\ann\AppData\Roaming"})
    assert VSCODE.edits is not None
    assert ZED.edits is not None
    paths = [str(one.path) for edits in (VSCODE.edits, ZED.edits) for one in edits(OPEN, folders)]
    assert paths == [
        r"C:\Users\ann\AppData\Roaming\Code\User\chatLanguageModels.json",
        r"C:\Users\ann\AppData\Roaming\Zed\settings.json",
    ]


def test_cline() -> None:
    assert "    Base URL: http://127.0.0.1:8080/v1" in CLINE.steps(OPEN)
    run = started(CLINE, LOCKED)
    assert run.args == ("--data-dir", str(PurePosixPath("/run")), "--provider", "openai-compatible")
    ((name, text),) = run.files
    assert name == "settings/providers.json"
    provider = jsontext.loads(text.encode())["providers"]["openai-compatible"]["settings"]
    assert (provider["apiKey"], provider["baseUrl"]) == (KEY, "http://127.0.0.1:8080/v1")
