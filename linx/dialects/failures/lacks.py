"""What a model lacks, by the words with which it is refused a request that needs it."""

from __future__ import annotations

import re

TOOLS, VISION = "tools", "vision"
"""In Ollama's words, as ``Model.capabilities`` has them."""

_WORDS = {
    TOOLS: re.compile(
        r"does(?: not|n't) (?:yet )?support (?:tools?\b|tool[ -]?(?:use|calls?|calling)|functions?\b)"
        r"|endpoints found that support tool use"
        r"|(?:tools?|tool[ -]?(?:use|calls|calling)|function[ -]?calling)\W* (?:is|are) not (?:supported|enabled)"
        r"|tools param requires --jinja|tool choice requires --enable-auto-tool-choice"
    ),
    VISION: re.compile(
        r"does(?: not|n't) support (?:images?\b|image input|vision|multimodal|visual)"
        r"|endpoints found that support image input"
        r"|(?:image|vision|multimodal)(?: inputs?| content)? (?:is|are) not supported"
        r"|is not a multimodal model|not compiled for multimodal"
        r"|unknown variant \W*image(?:_url)?\W*, expected"
        r"|did not match any variant of untagged enum chatcompletionrequestcontent"
        r"|image_url is only supported by certain models|unsupported content part type: \W*image"
        r"|content\W*(?: value)? must be a string"
    ),
}


_TOO_LARGE = re.compile(r"requires more (?:system )?memory")


def is_too_large(words: str) -> bool:
    """Does an Ollama say that a model needs more memory than there is? (``model requires more system memory (44.0 GiB)
    than is available (7.6 GiB)``, ollama#10920, with status 500.)"""
    return _TOO_LARGE.search(words) is not None


def lacks_of(words: str) -> str | None:
    """``words``: all that the error says, in lower case."""
    return next((capability for capability, pattern in _WORDS.items() if pattern.search(words)), None)
