"""The first moments of a start: what must be right before anything that takes long is imported.

This file and the files that lead to it (``linx.py``, ``linx/__main__.py``, ``linx/__init__.py``) are read by whatever
Python a user has, so they hold nothing that Python 3.6 cannot parse, and import the standard library only.
"""

import os
import signal
import sys
from importlib.util import find_spec

OLDEST = (3, 11)
PACKAGES = [
    *("trio", "h11", "orjson", "trio_websocket", "docopt", "certifi", "msgspec", "platformdirs", "prometheus_client"),
    *(["backports.zstd"] if sys.version_info < (3, 14) else []),
]
"""What Linx imports of other people's packages."""
UNFIT = 1


def end_quietly_on_signals() -> None:
    """Until Linx has handlers of its own, let SIGINT and SIGTERM end it with exit code 0 and without a traceback.

    The imports of a start take long, and there is nothing yet that would have to be put away. A signal that whoever
    started Linx has told it to ignore stays ignored.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end)


def leave_the_loader() -> None:
    """In the single binary: undo what its launcher and PyInstaller's bootloader have set for this start alone.

    Signals that were held back come now. The bootloader sets the library path to the binary's folder and keeps the
    user's own under ``NAME_ORIG``. A program of the system that Linx starts must not load the binary's libraries; Linx
    itself, started as a child, sets the path again.
    """
    if os.name != "posix" or not getattr(sys, "frozen", False):
        return
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT, signal.SIGTERM])
    for name in ("LD_LIBRARY_PATH", "LIBPATH"):
        own = os.environ.pop(name, None)
        original = os.environ.pop(name + "_ORIG", None)
        if own is not None and original is not None:
            os.environ[name] = original
    for name in [name for name in os.environ if name.startswith("_PYI_")]:
        del os.environ[name]


def restore_signals() -> None:
    """Undo ``end_quietly_on_signals``, for a command that puts things away when it is interrupted."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGTERM) is _end:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end(_number: int, _frame: object) -> None:
    os._exit(0)


def unfit() -> str:
    """Why this Python cannot run Linx, and what to do; empty where it can."""
    return explain(sys.version_info[:3], [name for name in PACKAGES if not _is_there(name)], sys.executable)


def explain(version: "tuple[int, ...]", missing: "list[str]", python: str) -> str:
    """The lines for a Python of this version, in which these packages are missing."""
    if version < OLDEST:
        return (
            "linx: Linx needs Python 3.11 or newer, and {} is {}.\n"
            "linx: `uv run linx.py` fetches one; or install it and run PYTHON=/path/to/python3 scripts/run\n"
        ).format(python, ".".join(map(str, version)))
    if missing:
        return (
            "linx: {} lacks what Linx needs: {}.\n"
            "linx: run scripts/run or `uv run linx.py`; or, in a virtual environment, `python -m pip install .`\n"
        ).format(python, ", ".join(missing))
    return ""


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:  # the package around it is missing
        return False
