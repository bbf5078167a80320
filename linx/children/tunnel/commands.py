"""The command lines of ssh and ngrok. Only checked values of the config are put into them.

The key of a host is learnt once: ssh writes the key of a new host into a file of Linx's own,
and refuses a host whose key has changed. The user's ssh config is not read, only one port is
forwarded, and localhost.run is shown no public key unless an identity is configured.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from linx.children.process import CannotStart, needed
from linx.config import endpoint_rules
from linx.core.binary import is_binary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linx.config.shape import TunnelConfig

CONNECT_TIMEOUT_S = 15
ALIVE_INTERVAL_S = 30
ALIVE_COUNT = 3
_PROXIES = ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_NGROK_NEEDS = frozenset(
    ("NGROK_AUTHTOKEN", "SSL_CERT_DIR", "SSL_CERT_FILE", "XDG_CONFIG_HOME", *_PROXIES, *map(str.lower, _PROXIES))
)
_PUBLIC_SERVICE = "localhost.run"  # the default of tunnel.ssh_host, which is no server for type ssh


def problem_of(config: TunnelConfig) -> str | None:
    """Why this tunnel cannot be opened as configured; None if it can."""
    if config.type == "ssh" and config.ssh_host == _PUBLIC_SERVICE:
        return "type ssh is for a server of your own: set tunnel.ssh_host and tunnel.ssh_user in config.json"
    if config.domain is not None and not endpoint_rules.is_host_name(config.domain):
        return "domain must be a host name alone, without a scheme, a port or a path"
    return None


def usual_url(config: TunnelConfig) -> str:
    """The address to show for type ssh, whose server reports no address."""
    if config.public_url is not None:
        return config.public_url.rstrip("/")
    host = f"[{config.ssh_host}]" if ":" in config.ssh_host else config.ssh_host
    return f"http://{host}" + ("" if config.remote_port == 80 else f":{config.remote_port}")


def argv_for(config: TunnelConfig, port: int, known_hosts: str) -> list[str]:
    """The command that forwards requests from outside to ``port`` on this machine."""
    if config.type == "ngrok":
        return _ngrok(config, port)
    return _ssh(config, port, known_hosts)


def _ngrok(config: TunnelConfig, port: int) -> list[str]:
    # ngrok's agent has a page on this machine that shows requests, and with them keys, unless inspection is off.
    argv = [config.ngrok_path, "http", f"127.0.0.1:{port}", "--log=stdout", "--log-format=json", "--inspect=false"]
    return argv if config.domain is None else [*argv, f"--domain={config.domain}"]


def _ssh(config: TunnelConfig, port: int, known_hosts: str) -> list[str]:
    is_own = config.type == "ssh"
    options = [
        "BatchMode=yes",
        "ExitOnForwardFailure=yes",
        f"ServerAliveInterval={ALIVE_INTERVAL_S}",
        f"ServerAliveCountMax={ALIVE_COUNT}",
        "StrictHostKeyChecking=accept-new",
        f"UserKnownHostsFile={quoted_path(known_hosts)}",
        f"GlobalKnownHostsFile={os.devnull}",
        "CheckHostIP=no",
        f"ConnectTimeout={CONNECT_TIMEOUT_S}",
        "ForwardAgent=no",
        "ForwardX11=no",
    ]
    if config.ssh_identity is not None:
        options += ["IdentitiesOnly=yes", "IdentityAgent=none"]
    elif not is_own:
        # The user's public keys would tell the server who the user is, which it need not know.
        options += ["IdentitiesOnly=yes", "IdentityAgent=none", "IdentityFile=none"]
    argv = ["ssh", "-T"]
    for option in options:
        argv += ["-o", option]
    argv += ["-F", "none"]
    if config.ssh_port != 22:
        argv += ["-p", str(config.ssh_port)]
    if config.ssh_identity is not None:
        argv += ["-i", os.path.expanduser(config.ssh_identity)]
    if is_own:
        # Verbose, since only the debug output says that the forward is established.
        argv += ["-v", "-N"]
    listen = f"{config.remote_port}" if config.domain is None else f"{config.domain}:{config.remote_port}"
    argv += ["-R", f"{listen}:127.0.0.1:{port}", f"{config.ssh_user}@{config.ssh_host}"]
    return argv if is_own else [*argv, "--", "--output", "json"]


def environment(config: TunnelConfig, env: Mapping[str, str]) -> dict[str, str]:
    """The part of ``env`` that the program needs. ssh gets the agent's socket only where it may ask the agent."""
    if config.type == "ngrok":
        return needed(env, _NGROK_NEEDS)
    return needed(env, ("SSH_AUTH_SOCK",) if config.type == "ssh" and config.ssh_identity is None else ())


def quoted_path(path: str) -> str:
    """A path in the form for ``-o``. ssh expands ``%`` and ``${}`` there, and splits the value at spaces."""
    if '"' in path or "\\" in path or "${" in path:
        raise CannotStart("tunnel.ssh_known_hosts must not contain a quote, a backslash or ${ in its path")
    path = path.replace("%", "%%")
    return f'"{path}"' if " " in path or "#" in path else path


def found(argv: list[str], path: str | None) -> list[str]:
    """The command with the full path of its program. Raises CannotStart if the program is not installed."""
    program = shutil.which(os.path.expanduser(argv[0]), path=path)
    if program is not None:
        return [os.path.abspath(program), *argv[1:]]
    if argv[0] == "ssh":
        raise CannotStart("ssh is not installed, or not in PATH: install it (Debian: apt-get install openssh-client)")
    raise CannotStart("ngrok is not installed: get it from https://ngrok.com/download, or set tunnel.ngrok_path")


def leashed(argv: list[str]) -> list[str]:
    """The command that runs ``argv`` inside a process that ends it with Linx; see ``child``."""
    if sys.platform == "win32":
        return argv  # the leash works only with POSIX processes
    if is_binary():
        # The single binary has no other interpreter, so it starts itself; its command line calls ``child.main``.
        return [sys.executable, "--tunnel-child", *argv]
    # -I and -S: neither the user's environment nor site-packages are used, and Python starts faster.
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("child.py")), *argv]


def known_hosts_path(config: TunnelConfig, env: Mapping[str, str]) -> str:
    """The configured file of known hosts, else a file in the user's folder for state."""
    if config.ssh_known_hosts is not None:
        return os.path.abspath(os.path.expanduser(config.ssh_known_hosts))
    state = env.get("XDG_STATE_HOME", "")
    folder = Path(state) if os.path.isabs(state) else Path(env.get("HOME") or Path.home()) / ".local" / "state"
    return str(folder / "linx" / "known_hosts")


def make_known_hosts(path: str) -> None:
    """Create the file of known hosts if it is missing, readable by its owner only, so that ssh can write to it."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError as error:
        raise CannotStart(f"cannot write the file of known hosts {path}: {error.strerror}") from None
