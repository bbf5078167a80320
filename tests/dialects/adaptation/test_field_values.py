"""Fields that a provider takes in another form."""

from __future__ import annotations

from linx.core.chat import Adapted
from linx.dialects.adaptation.table import adapt
from tests.dialects.adaptation.help import EMBEDDINGS, asked_until_taken, step

VOYAGE = b"{\"detail\":\"Value 'float' supplied for argument 'encoding_format' is not valid -- accepted values are"
VOYAGE += b" 'base64'\"}"
VOYAGE_DIMENSIONS = (  # scope-recall-hermes#88
    b'{"detail":"The request body is not valid JSON, or some arguments were not specified properly.\\n In particular,'
    b" Argument 'dimensions' is not supported by our API\"}"
)


def test_embeddings_as_voyage_takes_them() -> None:
    body = {"model": "voyage-3", "input": ["a"], "encoding_format": "float", "dimensions": 256}
    used, taken = asked_until_taken(body, [VOYAGE, VOYAGE_DIMENSIONS], form=EMBEDDINGS)
    assert used == ["parameter:encoding_format", "dimensions:output_dimension"]
    assert taken == {"model": "voyage-3", "input": ["a"], "output_dimension": 256}


USER_TOO_LONG = (
    b'{"error": {"message": "Invalid \'user\': string too long. Expected a string with maximum length 64, but got a'
    b' string with length 156 instead.", "type": "invalid_request_error", "param": "user",'
    b' "code": "string_above_max_length"}}'
)


def test_a_name_that_is_too_long_becomes_a_digest() -> None:
    one, two = ({"model": "m", "user": "user_" + letter * 151} for letter in "ab")
    used, body = asked_until_taken(one, [USER_TOO_LONG])
    assert used == ["shorter_text:user:64"]
    assert len(body["user"]) == 64
    assert body["user"] != adapt(two, [Adapted("shorter_text", "user:64")], [])["user"]
    short = {"model": "m", "user": "me"}
    assert adapt(short, [Adapted("shorter_text", "user:64")], []) is short
    for detail in ("messages:5", "user", "user:x"):
        assert adapt(one, [Adapted("shorter_text", detail)], []) is one
    assert step({"model": "m", "user": "me"}, USER_TOO_LONG) == "parameter:user"
    assert step({"prompt": "long"}, USER_TOO_LONG.replace(b"user", b"prompt")) is None
