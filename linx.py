# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "trio>=0.30",
#     "h11>=0.16,<0.17",
#     "orjson>=3.10",
#     "trio-websocket>=0.12",
#     "docopt-ng>=0.9",
#     "certifi",
#     "msgspec>=0.19",
#     "platformdirs>=4",
#     "prometheus-client>=0.20",
#     "backports.zstd>=1; python_version < '3.14'",
# ]
# ///
"""Run Linx from a checkout: ``python linx.py``, or ``uv run linx.py``, which installs what the lines above name.

Nothing may import this file; ``linx`` is the package beside it.
"""

import sys

from linx.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
