"""Endurance: mixed clients and failing providers for 25 minutes; then nothing may be left, and nothing was wrong.

python -m benchmarks.endurance                      25 minutes
python -m benchmarks.endurance --minutes 1          shorter
python -m benchmarks.endurance --requests 100000    this many requests without pauses, however long they take
python -m benchmarks.endurance --only cancels       a storm of clients that leave after three frames
"""

from __future__ import annotations

import argparse
import math
import tempfile
from dataclasses import replace
from pathlib import Path

import trio

from benchmarks.endurance import verdict
from benchmarks.endurance.clients import CANCELS, MIXED, READERS, SILENCES
from benchmarks.endurance.run import Seen, Setting, run

BEHAVIOURS = {"mixed": MIXED, "cancels": CANCELS, "silences": SILENCES, "readers": READERS}


def main() -> int:
    options = _options()
    usual = Setting()
    setting = replace(
        usual,
        seconds=options.minutes * 60 if options.minutes else math.inf if options.requests else usual.seconds,
        requests=options.requests or math.inf,
        pause_s=0.0 if options.requests else options.pause,
        clients=options.clients,
        faults=options.faults,
        warm_up=options.warm_up,
        seed=options.seed,
        behaviours=BEHAVIOURS[options.only],
        env=dict(given.split("=", 1) for given in options.env),
    )
    with tempfile.TemporaryDirectory(prefix="linx-endurance-") as folder:
        seen = trio.run(run, setting, Path(folder))
    return tell(seen, options.curve)


def tell(seen: Seen, curve: Path | None) -> int:
    found = verdict.rows(seen)
    print(verdict.table(found))
    for line in [*seen.crowd.odd[:10], *verdict.unexpected_lines(seen.log)[:40]]:
        print(line)
    if curve is not None:
        curve.write_text(
            "".join(
                f"{one.at_s:.1f}\t{one.requests}\t{one.memory_mb:.2f}\t{one.files}\n" for one in seen.watched.samples
            )
        )
    return 0 if all(row.is_well for row in found) else 1


def _options() -> argparse.Namespace:
    usual = Setting()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.endurance", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--warm-up", type=int, default=usual.warm_up, help="requests before the first reading")
    parser.add_argument("--clients", type=int, default=usual.clients)
    parser.add_argument(
        "--pause", type=float, default=usual.pause_s, help="the longest between two requests of a client"
    )
    parser.add_argument("--faults", type=float, default=usual.faults, help="share of the requests to providers")
    parser.add_argument("--only", choices=BEHAVIOURS, default="mixed")
    parser.add_argument("--seed", type=int, default=usual.seed)
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for Linx; may be repeated")
    parser.add_argument("--curve", type=Path, help="write the samples of memory to this file")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
