"""Which texts an Ollama takes for the name of a model, by its types/model/name.go.

``HOST/NAMESPACE/MODEL:TAG``, of which only the model must be there; a part whose separator is there may not be empty.
In front of all that, the name of a provider may stand, which is Linx's own way to write a name.
"""

from __future__ import annotations

import re

_NAME = re.compile(
    r"(?:[^/]+/)?(?:(?:\w[\w.:-]{0,349}/)?\w[\w-]{0,79}/)?\w[\w.-]{0,79}(?::\w[\w.-]{0,79})?(?::(?:cloud|local))?",
    re.ASCII,
)


def is_model_name(text: str) -> bool:
    return _NAME.fullmatch(text.strip().rpartition("://")[2]) is not None
