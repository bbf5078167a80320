"""The old completions dialect: a request in, an answer or an error out."""

from __future__ import annotations

from linx.core import jsontext
from linx.core.chat import Answer, Chunk, Dialect, Stamp
from linx.core.errors import BadRequest, UnknownModel
from linx.dialects.completions.face import CompletionsFace

FACE = CompletionsFace()
STAMP = Stamp("ab12", 1000.5, lambda: 1001.0)


def test_a_request_is_answered_in_its_dialect() -> None:
    chat = FACE.parse({"model": "m", "prompt": "a"})
    assert chat.dialect is FACE.name is Dialect.COMPLETIONS
    frame = FACE.encoder(chat, STAMP).frames([Chunk(text="x")])
    assert jsontext.loads(frame.removeprefix(b"data: "))["choices"][0]["text"] == "x"
    answer = Answer()
    answer.add(Chunk(text="x", finish="stop"))
    assert FACE.whole(chat, answer, STAMP)["choices"][0]["text"] == "x"


def test_errors_have_openai_s_shape() -> None:
    assert FACE.error_body(BadRequest("no", param="x"), "id")["error"]["param"] == "x"
    assert FACE.status_of(UnknownModel("no such model")) == 404
