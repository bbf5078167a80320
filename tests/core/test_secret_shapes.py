"""What looks like a secret, and what does not. None of these is one."""

from __future__ import annotations

import random
import string
import sysconfig
import time
from pathlib import Path

import pytest

from linx.core.secret_shapes import OVERLAP, STEP, find_secret

RANDOM = random.Random(7)
CHARACTERS = string.ascii_letters + string.digits


def chance(length: int, characters: str = CHARACTERS) -> str:
    return "a1B" + "".join(RANDOM.choices(characters, k=length - 3))


MATERIAL = "\n".join(chance(64) for _ in range(4))
SECRETS = {
    "pem": ("private key", f"-----BEGIN PRIVATE KEY-----\n{MATERIAL}\n-----END PRIVATE KEY-----"),
    "rsa": (
        "private key",
        f"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n{MATERIAL}",
    ),
    "openssh": ("private key", f"-----BEGIN OPENSSH PRIVATE KEY-----\n{MATERIAL}"),
    "pgp": ("private key", f"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\n{MATERIAL}"),
    "escaped": ("private key", "-----BEGIN EC PRIVATE KEY-----\\n" + MATERIAL.replace("\n", "\\n")),
    "openai": ("API key", f"sk-{chance(48)}"),
    "openai project": ("API key", f"sk-proj-{chance(20)}_{chance(20)}-{chance(30)}"),
    "anthropic": ("API key", f"sk-ant-api03-{chance(93)}AA"),
    "anthropic subscription": ("API key", f"sk-ant-oat01-{chance(80)}-{chance(10)}"),
    "openrouter": ("API key", "sk-or-v1-" + chance(64, "0123456789abcdef")),
    "deepseek": ("API key", "sk-" + chance(32, "0123456789abcdef")),
    "stripe": ("Stripe key", f"sk_live_{chance(24)}"),
    **{f"github {one}": ("GitHub token", f"gh{one}_{chance(36)}") for one in "pousr"},
    "github fine-grained": ("GitHub token", f"github_pat_{chance(22)}_{chance(59)}"),
    "aws": ("AWS key", "AKIA" + "".join(RANDOM.choices(string.ascii_uppercase + "234567", k=16))),
    "aws example": ("AWS key", "AKIAIOSFODNN7EXAMPLE"),
    "slack bot": ("Slack token", f"xoxb-123456789012-1234567890123-{chance(24)}"),
    "slack user": ("Slack token", f"xoxp-123456789012-123456789012-123456789012-{chance(32)}"),
    "slack app": ("Slack token", f"xapp-1-A0123456789-1234567890123-{chance(64, '0123456789abcdef')}"),
    "google": ("Google key", f"AIza{chance(35)}"),
    "gitlab": ("GitLab token", f"glpat-{chance(20)}"),
    "gitlab routable": ("GitLab token", f"glpat-{chance(27)}.01.0123456"),
    "hugging face": ("Hugging Face token", f"hf_{chance(34, string.ascii_letters)}"),
    "npm": ("npm token", f"npm_{chance(36)}"),
    "groq": ("Groq key", f"gsk_{chance(52)}"),
    "jwt": ("JWT", f"eyJ{chance(33)}.eyJ{chance(60)}.{chance(43)}"),
    "env": (".env block", "HOST=localhost\nPORT=8080\nDB_PASSWORD=hunter22"),
    "env exported": (".env block", "export A_B=1\nexport C_D=2\nexport MY_SECRET='s3cr3t-s3cr3t'"),
    "env with comments": (".env block", "# db\nHOST=localhost\n\n# cache\nPORT=1\n\nREDIS_PASS=qwertz123 # old\n"),
    "env by shape": (".env block", f"NAME=linx\nSTAGE=dev\nSEED={chance(32)}"),
    "env with a login": (".env block", "A=1\nHOST=h\nPORT=2\nDATABASE_URL=postgres://app:pa55word@db/app"),
    "env as a tool reads it": (".env block", "     1→HOST=localhost\n     2→PORT=8080\n     3→API_KEY=0123abcd4567"),
    "env in a diff": (".env block", "+HOST=localhost\n+PORT=8080\n+API_TOKEN=0123abcd4567"),
    "env in JSON in a string": (".env block", '{"content":"HOST=localhost\\nPORT=8080\\nAPI_KEY=\\"0123abcd4567\\""}'),
    "env with line ends of Windows": (".env block", "HOST=localhost\r\nPORT=8080\r\nAPI_KEY=0123abcd4567\r\n"),
}
INNOCENT = {
    "placeholder": "sk-your-api-key-here, sk-ant-api03-your-key-here-1A, sk-xxxxxxxxxxxxxxxxxxxxxxxx, sk-...",
    "named": "Set OPENAI_API_KEY=sk-... and GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "class names": '<div class="sk-container-id-1 sk-toggleable__content-arrow sk-estimator-doc-link">',
    "words": "a task-oriented risk-management-and-desk-organisation approach to sk-SK",
    "code": "if '-----BEGIN PRIVATE KEY-----' in text and '-----END PRIVATE KEY-----' in text:\n    raise ValueError",
    "public": f"-----BEGIN PUBLIC KEY-----\n{MATERIAL}\n-----BEGIN CERTIFICATE-----\n{MATERIAL}",
    "short": "ghp_abc, hf_hub_download, npm_config_registry, AKIA, xoxb-, glpat-, AIza, eyJhbGciOiJIUzI1NiJ9",
    "settings": "HOST=localhost\nPORT=8080\nDEBUG=true\nMAX_TOKENS=4096\nKEY_PATH=/etc/ssl/key.pem",
    "two lines": "HOST=localhost\nAPI_KEY=0123abcd4567",
    "references": "API_KEY=$API_KEY\nAPI_TOKEN=${TOKEN:-x}\nPASSWORD=$(cat /run/secrets/db)\nSECRET=<secret>",
    "assignments": "MAX_KEYS = 4\nTOKEN_KEY = 'token'\nSECRET = os.environ['SECRET']\nAUTH = None",
    "calls": "KEY=get_key(1)\nTOKEN=os.environ['TOKEN']\nPASS=re.compile('x')\n",
    "scattered": "A=1\nThen we set\nB=2\nand at last\nAPI_KEY=0123abcd4567\n",
    "query": "https://example.com/?A=1&B=2&KEY=12345678",
}


@pytest.mark.parametrize(("kind", "text"), SECRETS.values(), ids=SECRETS)
def test_a_secret_is_found_wherever_it_stands(kind: str, text: str) -> None:
    assert find_secret(text) == kind
    assert find_secret(f"Here it is:\n{text}\nDo not tell.") == kind
    assert find_secret("x y\n" * 5000 + text + "\nx y" * 5000) == kind
    if "\n" not in text and "=" not in text:
        for before, after in (("KEY=", "&b"), ('"', '"'), ("\\n", "\\n"), ("(", ")"), ("Bearer ", "."), ("/", "/")):
            assert find_secret(before + text + after) == kind


@pytest.mark.parametrize("text", INNOCENT.values(), ids=INNOCENT)
def test_no_secret_is_seen_where_none_is(text: str) -> None:
    assert find_secret(text) is None


def test_the_source_of_linx_and_of_python_has_none() -> None:
    folders = [Path(__file__).parents[2] / "linx", Path(sysconfig.get_path("stdlib"))]
    files = [file for folder in folders for file in sorted(folder.glob("*.py"))[:80]]
    assert len(files) > 80
    assert [file.name for file in files if find_secret(file.read_text("utf-8", "replace")) is not None] == []


@pytest.mark.parametrize("place", [STEP - 20, STEP - OVERLAP - 20, STEP, 2 * STEP - 30])
def test_a_secret_between_two_steps_is_seen(place: int) -> None:
    text = "word " * (place // 5) + "ghp_" + "a1B2" * 9 + " word" * 1000
    assert find_secret(text) == "GitHub token"


MILLION = 10**6
ODD = {
    "sk-": "sk-" * (MILLION // 3),
    "one long key": "sk-" + "a" * MILLION,
    "nearly keys": ("sk-" + "a-" * 9 + " ") * (MILLION // 22),
    "jwt heads": ("eyJ" + "a" * 12 + ".") * (MILLION // 16),
    "jwt bodies": "eyJ" + "a" * MILLION + ".eyJ",
    "begins": "-----BEGIN PRIVATE KEY-----" * (MILLION // 27),
    "begins with nearly enough": ("-----BEGIN PRIVATE KEY-----" + "a" * 39 + " ") * (MILLION // 67),
    "variables": "AB=1\n" * (MILLION // 5),
    "variables without values": "ABC_KEY=\n" * (MILLION // 9),
    "references": "ABC_KEY=$1\n" * (MILLION // 11),
    "one long name": "A" * MILLION + "=1\nB=2\nC=3",
    "long values": ("A" * 64 + "=" + "b" * 900 + "\n") * (MILLION // 966),
    "addresses": ("AB_X=" + "a://" * 200 + "\n") * (MILLION // 806),
    "spaces": "=1 \n=2 \nA=1\nB=2\nC=3\n" + " " * MILLION,
    "figures": "1" * MILLION + "A=1\nB=2\nC=3",
    "slack": "xoxb-" * (MILLION // 5),
    "backslashes": "\\" * MILLION + "A=\\nB=\\nC=",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
def test_no_text_takes_long(text: str) -> None:
    """By the clock of this thread, which other processes do not move."""
    short = text[: len(text) // 8]
    started = time.thread_time()
    find_secret(short)
    first = time.thread_time() - started
    find_secret(text)
    whole = time.thread_time() - started - first
    assert whole < 1.0 + 20 * first  # eight times the text; a square would take 64 times as long
    assert whole < 4.0
