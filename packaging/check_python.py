"""Ends with 0 where PyInstaller can make a binary of the Python that runs this: its shared library is there."""

import ctypes
import sys
import sysconfig
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


if __name__ == "__main__":
    sys.exit(not has_library())
