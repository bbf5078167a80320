"""Run Linx from a checkout: ``python linx.py``. Nothing may import this file; ``linx`` is the package beside it."""

import sys

from linx.cli import main

if __name__ == "__main__":
    sys.exit(main())
