"""The command lines of ssh and ngrok: fixed, with nothing in them but checked config.

A host's key is learnt once: ssh writes the key of a new host into a file of Linx's own, and
refuses a changed one. The user's ssh config takes no part, nothing but the one port is
forwarded, and where no identity is configured for localhost.run, none is shown to it.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from linx.children.process import CannotStart
from linx.config import rules as config_rules

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linx.config.shape import TunnelConfig

CONNECT_TIMEOUT_S = 15
ALIVE_INTERVAL_S = 30
ALIVE_COUNT = 3
_NOWHERE = "localhost.run"  # where the defaults lead, which is no server of one's own


def problem_of(config: TunnelConfig) -> str | None:
    """What is wrong with asking for this tunnel at all."""
    if config.type == "ssh" and config.ssh_host == _NOWHERE:
        return "type ssh is for a server of your own: set tunnel.ssh_host and tunnel.ssh_user in config.json"
    if config.domain is not None and not config_rules.is_host_name(config.domain):
        return "domain must be a host name alone, without a scheme, a port or a path"
    return None


def usual_url(config: TunnelConfig) -> str:
    """The address that type ssh shows, since its server reports none."""
    if config.public_url is not None:
        return config.public_url.rstrip("/")
    host = f"[{config.ssh_host}]" if ":" in config.ssh_host else config.ssh_host
    return f"http://{host}" + ("" if config.remote_port == 80 else f":{config.remote_port}")


def argv_for(config: TunnelConfig, port: int, known_hosts: str) -> list[str]:
    """The command that forwards to ``port`` on this machine."""
    if config.type == "ngrok":
        return _ngrok(config, port)
    return _ssh(config, port, known_hosts)


def _ngrok(config: TunnelConfig, port: int) -> list[str]:
    # Without inspection the agent's own page on this machine shows no request, and so no key.
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
        # Public keys tell who the user is, and this server need not know.
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
        # Verbose, since that is the only way in which ssh says that the forward stands.
        argv += ["-v", "-N"]
    listen = f"{config.remote_port}" if config.domain is None else f"{config.domain}:{config.remote_port}"
    argv += ["-R", f"{listen}:127.0.0.1:{port}", f"{config.ssh_user}@{config.ssh_host}"]
    return argv if is_own else [*argv, "--", "--output", "json"]


def quoted_path(path: str) -> str:
    """A path as a value of ``-o``, where ssh expands ``%`` and ``${}`` and splits at spaces."""
    if '"' in path or "\\" in path or "${" in path:
        raise CannotStart("tunnel.ssh_known_hosts must not contain a quote, a backslash or ${ in its path")
    path = path.replace("%", "%%")
    return f'"{path}"' if " " in path or "#" in path else path


def found(argv: list[str], path: str | None) -> list[str]:
    """The command with the program's own path in front; CannotStart where the program is not installed."""
    program = shutil.which(os.path.expanduser(argv[0]), path=path)
    if program is not None:
        return [os.path.abspath(program), *argv[1:]]
    if argv[0] == "ssh":
        raise CannotStart("ssh is not installed, or not in PATH: install it (Debian: apt-get install openssh-client)")
    raise CannotStart("ngrok is not installed: get it from https://ngrok.com/download, or set tunnel.ngrok_path")


def leashed(argv: list[str]) -> list[str]:
    """The command inside a process that ends it with Linx; see ``child``."""
    if sys.platform == "win32":
        return argv  # no such leash there
    if getattr(sys, "frozen", False):
        # A frozen Linx is its own interpreter: the command line hands this over to ``child.main``.
        return [sys.executable, "--tunnel-child", *argv]
    # Neither site-packages nor the user's environment have a say in it, and it starts at once.
    return [sys.executable, "-I", "-S", str(Path(__file__).with_name("child.py")), *argv]


def known_hosts_path(config: TunnelConfig, env: Mapping[str, str]) -> str:
    """The configured file, else Linx's own among the user's state."""
    if config.ssh_known_hosts is not None:
        return os.path.abspath(os.path.expanduser(config.ssh_known_hosts))
    state = env.get("XDG_STATE_HOME", "")
    folder = Path(state) if os.path.isabs(state) else Path(env.get("HOME") or Path.home()) / ".local" / "state"
    return str(folder / "linx" / "known_hosts")


def make_known_hosts(path: str) -> None:
    """The file, for its owner alone, so that ssh finds a place to write to."""
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError as error:
        raise CannotStart(f"cannot write the file of known hosts {path}: {error.strerror}") from None
