"""The binary that scripts/build makes: whether this Linx is it, and which file that is.

Its file unpacks a folder and runs the program in it, so that program (``sys.executable``) is not the file that the user
has. The program serves for starting Linx again as a child; the file is for everything that a person reads or keeps.
"""

from __future__ import annotations

import os
import sys

VARIABLE = "_LINX_BINARY"
"""Set by the file that unpacks, in packaging/launcher.sh. On Windows there is none: the program is the file."""


def is_binary() -> bool:
    return bool(getattr(sys, "frozen", False))


def path() -> str:
    """The binary's file. Only where ``is_binary``."""
    return os.environ.get(VARIABLE) or sys.executable
