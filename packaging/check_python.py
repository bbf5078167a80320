"""Ends with 0 where PyInstaller can make a binary of the Python that runs this: its shared library is there.

Tells how fast this Python is, as the microseconds of CPU that a small loop takes: of Pythons of one version, a build
with profile-guided optimisation needs a third less than one without, and no setting tells reliably which is which.
"""

import ctypes
import sys
import sysconfig
import time
from pathlib import Path


def has_library() -> bool:
    if sys.platform != "linux":
        return True  # PyInstaller says what is missing
    name = str(sysconfig.get_config_var("INSTSONAME"))
    if ".so" not in name:
        return False
    if (Path(sys.base_prefix) / "lib" / name).is_file():
        return True
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def loop_us() -> int:
    """The shortest of some runs, since other programs and cold caches only make a run longer."""
    best = 1e9
    for _run in range(40):
        began = time.process_time()
        found: dict[int, list[int]] = {}
        for number in range(20_000):
            found[number % 97] = [number, len(str(number)), len(found.get(number % 50, ()))]
        best = min(best, time.process_time() - began)
    return round(best * 1e6)


if __name__ == "__main__":
    sys.stdout.write(f"{loop_us()}\n")
    sys.exit(not has_library())
