"""``python -m linx``, ``linx.py`` and the installed command: every start of Linx begins here."""

import sys

from linx import starting


def main() -> int:
    """Look at the Python that runs this, then run the command line."""
    starting.end_quietly_on_signals()
    starting.leave_the_loader()
    problem = starting.unfit()
    if problem:
        if sys.stderr is not None:
            sys.stderr.write(problem)
        return starting.UNFIT
    # Imported here because it needs the packages, a recent Python, and most of the time of a start.
    from linx.cli import main as run
    from linx.core import binary

    if binary.is_binary():
        binary.settle()
    return run()


if __name__ == "__main__":
    sys.exit(main())
