"""Where files of Linx's own belong on this system: the only file that names the library which knows.

Nothing is made here: a folder comes to be when something is written to it.
"""

from __future__ import annotations

from pathlib import Path

import platformdirs

APP = "linx"


def config_file(name: str) -> Path:
    """A file with settings that hold wherever Linx is started."""
    return Path(platformdirs.user_config_dir(APP, appauthor=False)) / name


def state_file(name: str) -> Path:
    """A file with what Linx has learnt or counted, which is worth more than a cache and is no setting."""
    return Path(platformdirs.user_state_dir(APP, appauthor=False)) / name
