"""``python -m linx``."""

import sys

from linx.cli import main

if __name__ == "__main__":
    sys.exit(main())
