"""``linx service``: writes and removes the files, and runs the service manager's program.

Rule: nothing is written before the service manager has answered. Each action may be repeated.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import linx
from linx.config import file
from linx.core import binary
from linx.core.errors import quote
from linx.core.folders import config_file, state_file
from linx.service import environment_file
from linx.service.job import Job, Manager, Step
from linx.service.managers import MANAGERS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LOG = "service.log"
ANSWER_S = 60.0
"""How long a service manager may take for one step; ending a Linx that has requests takes ``server.drain_s``."""
AGAIN_S = 1.0


class Refused(Exception):
    """The command cannot do what was asked; the text says why in one line."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for, and for whom."""

    job: Job
    values: Mapping[str, str]
    """The variables that the service needs."""
    platform: str
    env: Mapping[str, str]
    home: str


def asked_for(options: Sequence[str], config: str | None, drain_s: float, env: Mapping[str, str]) -> Asked:
    """``options`` are those of a Linx that serves; ``config`` is the path of the config file in force."""
    words, tree = list(options), None
    if config is not None:
        words += ["--config", os.path.abspath(config)]
        tree = file.read(config).tree
    job = Job(own_words(), tuple(words), str(variables_file()), str(state_file(LOG)), drain_s)
    for word in (*job.own, *job.options, job.variables, job.log):
        if re.search(r"[\x00-\x1f\x7f]", word):  # a new line would be one of the unit file
            raise Refused(f"a service cannot be given a control character: {quote(word, 200)}")
    return Asked(job, environment_file.chosen(env, tree), sys.platform, env, os.path.expanduser("~"))


def own_words() -> tuple[str, ...]:
    """This Linx again: the single binary, the checkout, or the package that this Python has installed."""
    if binary.is_binary():
        return (binary.path(),)
    script = Path(linx.__file__).parent.parent / "linx.py"
    return (_python(), str(script)) if script.is_file() else (_python(), "-P", "-m", "linx")


def _python() -> str:
    """On Windows the Python without a console, or a window would stay open."""
    quiet = Path(sys.executable).with_name("pythonw.exe")
    return str(quiet) if sys.platform == "win32" and quiet.is_file() else sys.executable


def variables_file() -> Path:
    return config_file(environment_file.NAME)


def install(asked: Asked, say: Callable[[str], None]) -> bool:
    """Write the files and start the service, also where an older one is installed."""
    manager = _manager(asked)
    kept = _read(variables_file())
    values = {**environment_file.values_in(kept), **asked.values}
    _write(variables_file(), environment_file.text_of(values).encode())
    _make_folder(Path(asked.job.log).parent)
    _write(Path(manager.path), manager.text(asked.job))
    for step in manager.install:
        _run(step, asked)
    say(f"Linx runs at login now, by {manager.name}: {manager.path}")
    say(f"Its variables, keys among them, are in {variables_file()}")
    say(f"Its log: {manager.where_log.format(log=asked.job.log)}")
    if manager.hint:
        say(manager.hint)
    return True


def remove(asked: Asked, say: Callable[[str], None]) -> bool:
    """End the service and remove what ``install`` has written."""
    manager = _manager(asked)
    is_there = os.path.lexists(manager.path)
    for step in manager.stop:
        _run(step, asked)
    for path in (Path(manager.path), variables_file(), Path(asked.job.log)):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise Refused(f"{path} cannot be removed: {error.strerror}") from None
    for step in manager.forget:
        _run(step, asked)
    say(f"Linx does not run at login any more: {manager.path} is gone" if is_there else "Linx was not installed")
    return True


def status(asked: Asked, say: Callable[[str], None]) -> bool:
    """Say whether the service is installed and runs. Returns whether it runs."""
    manager = _manager(asked)
    if not os.path.lexists(manager.path):
        say("Linx is not installed as a service: linx service install")
        return False
    is_running = manager.is_running(_run(manager.ask, asked))
    say(f"Linx is installed with {manager.name} and {'runs' if is_running else 'does not run'}: {manager.path}")
    say(f"Its log: {manager.where_log.format(log=asked.job.log)}")
    return is_running


DO: dict[str, Callable[[Asked, Callable[[str], None]], bool]] = {
    "install": install,
    "remove": remove,
    "status": status,
}


def _manager(asked: Asked) -> Manager:
    """The service manager of this system, which has answered. Raises Refused."""
    make = MANAGERS.get(asked.platform)
    command = shlex.join((*asked.job.own, *asked.job.options))
    if make is None:
        raise Refused(f"Linx knows no service manager of {asked.platform}; have yours run: {command}")
    manager = make(asked.env, asked.home, str(variables_file().parent))
    if shutil.which(manager.program, path=asked.env.get("PATH")) is None:
        raise Refused(f"{manager.program} is missing, so there is no {manager.name}; have yours run: {command}")
    try:
        _run(manager.reach, asked)
    except Refused as why:
        raise Refused(f"the {manager.name} of this user cannot be reached: {why}") from None
    return manager


def _run(step: Step, asked: Asked) -> str:
    """What the program has printed. Raises Refused where it fails and may not."""
    words = list(step.words)
    for left in reversed(range(step.tries)):
        try:
            done = subprocess.run(
                [shutil.which(words[0], path=asked.env.get("PATH")) or words[0], *words[1:]],
                env=dict(asked.env),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=ANSWER_S + asked.job.drain_s,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Refused(f"{shlex.join(words)} has not ended") from None
        except OSError as error:
            raise Refused(f"{words[0]} cannot be run: {error.strerror}") from None
        if done.returncode == 0 or step.may_fail:
            return done.stdout
        if left:
            time.sleep(AGAIN_S)
    said = " ".join((done.stderr or done.stdout).split())
    raise Refused(f"{shlex.join(words)}: {said or f'exit code {done.returncode}'}")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise Refused(f"{path} cannot be read, so what is in it would be lost") from None


def _make_folder(path: Path) -> None:
    """launchd makes the file of a log, but not its folder."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"{path} cannot be made: {error.strerror}") from None


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all, for its owner alone. Raises Refused."""
    part = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as opened:
            opened.write(data)
        part.replace(path)
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from None
