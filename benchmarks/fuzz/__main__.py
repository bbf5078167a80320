"""See the package: ``python -m benchmarks.fuzz``."""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PARSERS = (
    "linx.config", "linx.core.jsontext", "linx.dialects", "linx.http1", "linx.server.gate",
    "linx.upstream.response_head",
)  # fmt: skip
"""What atheris watches: more would take longer to prepare, and no target comes there."""
KEPT = 2000
"""Cases of a run without atheris from which further ones are made."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz")
    parser.add_argument("targets", nargs="*", help="their names, or the beginnings of their names; default: all")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--corpus", type=Path, help="a folder that keeps what atheris has found, for the next run")
    parser.add_argument("--plain", action="store_true", help="without atheris")
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args(argv)
    has_atheris = not options.plain and _instrumented()
    from benchmarks.fuzz.targets import TARGETS

    if options.list:
        print("\n".join(TARGETS))
        return 0
    names = [name for name in TARGETS if not options.targets or any(map(name.startswith, options.targets))]
    if not names:
        parser.error("no such target; --list names them")
    is_good = True
    for name in names:
        if not has_atheris:
            is_good = _plain(name, TARGETS[name], options.seconds, options.seed) and is_good
        elif len(names) == 1:
            _with_atheris(name, TARGETS[name], options)
        else:  # libFuzzer ends its process
            again = [sys.executable, "-m", "benchmarks.fuzz", name, "--seconds", str(options.seconds)]
            more = ["--seed", str(options.seed), *(["--corpus", str(options.corpus)] if options.corpus else [])]
            print(f"--- {name}", flush=True)
            is_good = os.spawnv(os.P_WAIT, sys.executable, [*again, *more]) == 0 and is_good
    return 0 if is_good else 1


def _instrumented() -> bool:
    """Have atheris watch the branches of Linx; False where it is not installed."""
    try:
        import atheris
    except ImportError:
        return False
    with atheris.instrument_imports(include=list(PARSERS)):
        import benchmarks.fuzz.targets  # noqa: F401 - what is imported here is instrumented
    return True


def _with_atheris(name: str, target: Callable[[bytes], None], options: argparse.Namespace) -> None:
    """Does not return: libFuzzer ends the process, with an error where it has found something."""
    import atheris

    from benchmarks.fuzz.targets import new_case

    chance = random.Random(options.seed)
    folder = options.corpus or Path(tempfile.mkdtemp(prefix="linx-fuzz-"))
    own = folder / name.replace(" ", "-")
    own.mkdir(parents=True, exist_ok=True)
    for number in range(200):
        (own / f"seed{number:03}").write_bytes(new_case(name, chance))
    arguments = [
        sys.argv[0],
        str(own),
        f"-max_total_time={max(1, round(options.seconds))}",
        f"-seed={options.seed}",
        "-max_len=4096",
        f"-artifact_prefix={own}/found-",
        "-print_final_stats=1",
    ]
    atheris.Setup(arguments, target)
    atheris.Fuzz()


def _plain(name: str, target: Callable[[bytes], None], seconds: float, seed: int) -> bool:
    """Mutate seeded cases; prints a case that breaks a rule. Returns whether none did."""
    from benchmarks.fuzz.targets import new_case

    chance = random.Random(seed)
    cases = [new_case(name, chance) for _ in range(50)]
    began, count = time.monotonic(), 0
    data = b""
    try:
        while time.monotonic() - began < seconds:
            for _ in range(50):
                data = new_case(name, chance) if chance.random() < 0.5 else mutated(chance.choice(cases), cases, chance)
                target(data)
                count += 1
            if len(cases) < KEPT:
                cases.append(data)
    except Exception as problem:
        print(f"{name}: case {count} of seed {seed}: {problem}\n{data!r}", file=sys.stderr)
        return False
    print(f"{name}: {count:,} cases in {time.monotonic() - began:.0f} s", flush=True)
    return True


def mutated(data: bytes, cases: Sequence[bytes], chance: random.Random) -> bytes:
    """``data`` with a few bytes changed, dropped, doubled or taken from another case."""
    for _ in range(chance.choice((1, 1, 2, 4))):
        start = chance.randrange(len(data) + 1)
        stop = start + chance.choice((0, 1, 1, 2, 8))
        other = chance.choice(cases)
        at = chance.randrange(len(other) + 1)
        put = chance.choice((b"", chance.randbytes(1), chance.randbytes(4), data[start:stop] * 2, other[at : at + 16]))
        data = data[:start] + put + data[stop:]
    return data


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
