from __future__ import annotations

import pytest

from linx.core import jsontext
from linx.dialects.failures.reading import MAX_SEARCHED, read_body, read_value, reported_error


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":{"message":"no","type":"t","code":"c"}}', "no"),
        (b'{"error":"no"}', "no"),
        (b'{"error":"{\\"error\\":{\\"code\\":400,\\"message\\":\\"inner\\"}}"}', "inner"),
        (b'{"error":"llama runner said: {\\"error\\":{\\"message\\":\\"inner\\"}}"}', "inner"),
        (b'{"error":"not {json} at all"}', "not {json} at all"),
        # llama.cpp's words about a schema (browseros#255, goose#4815, llama.cpp#14227).
        (
            b'{"error":{"code":400,"message":"JSON schema conversion failed:\\nUnrecognized schema: '
            b'{\\"type\\":\\"objekt\\"}"}}',
            'JSON schema conversion failed:\nUnrecognized schema: {"type":"objekt"}',
        ),
        (b'{"error":"bad schema {\\"title\\":\\"T\\",\\"type\\":\\"x\\"}"}', 'bad schema {"title":"T","type":"x"}'),
        (b'bad schema: {"title":"T"}', 'bad schema: {"title":"T"}'),
        (b'upstream said: {"error":{"message":"inner"}}', "inner"),
        (b'data: {"error":{"message":"inner"}}\n\n', "inner"),
        (b'{"detail":{"error":"no"}}', "no"),
        (b'{"detail":{"message":"no","code":"x"}}', "no"),
        (b'{"result":null,"success":false,"errors":[{"code":7009,"message":"no"}],"messages":[]}', "no"),
        (b'{"base_resp":{"status_code":2013,"status_msg":"no"}}', "no"),
        (b'{"error_code":336003,"error_msg":"no"}', "no"),
        (b'{"error":"brackets { only"}', "brackets { only"),
        (b'{"error":"a text {1} of {2}"}', "a text {1} of {2}"),
        (b'{"error":"\\"quoted {x}\\""}', '"quoted {x}"'),
        (b'{"message":"no"}', "no"),
        (b'{"object":"error","message":"no","code":400}', "no"),
        (b'{"type":"error","error":{"type":"api_error","message":"no"}}', "no"),
        (b'[{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}]', "no"),
        (b'{"detail":"no"}', "no"),
        (b'{"detail":[{"loc":["body","n",0],"msg":"too small","type":"x"}]}', "body.n.0: too small"),
        (b'{"errors":["first","second"]}', "first"),
        (b'{"error":{"message":"Provider returned error","metadata":{"raw":"the cause"}}}', "the cause"),
        (b'{"error":{"message":"Provider returned error","metadata":{"raw":"{\\"message\\":\\"x\\"}"}}}', "x"),
        (b'{"error":{"message":"Provider returned error"}}', "Provider returned error"),
        (b'{"choices":[{"error":{"message":"no","code":502},"finish_reason":"error"}]}', "no"),
        (b'{"error":{"message":"  \\n"}}', ""),
        (b'{"error":true}', ""),
        (b"{}", ""),
        (b"12", "12"),
        (b'"a text"', "a text"),
        (b"Internal Server Error\n", "Internal Server Error"),
        (b"\xef\xbb\xbf plain", "plain"),
        (b"\xff\xfe", "\N{REPLACEMENT CHARACTER}" * 2),
        (b"", ""),
        (b"<html><body>502 Bad Gateway</body></html>", ""),
        (b'{"error":"<!doctype html><p>no"}', ""),
        (b'{"torn', '{"torn'),
    ],
)
def test_the_words_are_found_in_every_shape(body: bytes, text: str) -> None:
    assert read_body(body).text == text


def test_words_before_an_error_are_searched_too() -> None:
    reading = read_value('context overflow in the runner: {"error":{"message":"it broke","code":500}}')
    assert reading.texts == ["it broke", "context overflow in the runner"]
    assert reading.status == 500
    schema = read_value('Unrecognized schema: {"type":"objekt","code":"c"}')
    assert (schema.labels, schema.status) == ([], None)


@pytest.mark.parametrize(
    ("code", "status", "is_moderated"),
    [
        (1002, 429, False),
        (1004, 401, False),
        ("1008", 402, False),
        (1026, 400, True),
        (2013, 400, False),
        (7, None, False),
    ],
)
def test_the_codes_of_minimax(code: object, status: int | None, is_moderated: bool) -> None:
    reading = read_value({"base_resp": {"status_code": code, "status_msg": "no"}})
    assert (reading.status, reading.is_moderated) == (status, is_moderated)


@pytest.mark.parametrize(
    "value",
    [
        {"error": "no"},
        {"object": "error", "message": "no"},
        {"base_resp": {"status_code": 2013, "status_msg": "no"}, "choices": None},
        {"base_resp": {"status_code": 1008, "status_msg": "no"}, "choices": [{"delta": {}}]},
        {"success": False, "errors": [{"message": "no"}]},
        {"detail": "no"},
        {"detail": [{"loc": ["body"], "msg": "no"}]},
        {"errors": ["no"]},
        {"code": 1214, "msg": "no"},
    ],
)
def test_an_error_in_place_of_an_answer(value: dict[str, object]) -> None:
    error = reported_error(value)
    assert "no" in read_value(error).words


@pytest.mark.parametrize(
    "value",
    [
        {}, {"error": None}, {"type": "ping"}, {"choices": [], "usage": {}}, {"choices": [], "detail": "x"},
        {"base_resp": {"status_code": 0, "status_msg": ""}}, {"base_resp": {"status_code": 0}, "choices": [{}]},
        {"success": True, "errors": []}, {"message": "fine", "code": 200}, {"message": {"content": "x"}, "code": 1},
    ],
)  # fmt: skip
def test_what_tells_of_no_error(value: dict[str, object]) -> None:
    assert reported_error(value) is None


def test_labels_statuses_and_the_rest() -> None:
    said = read_value(
        {
            "code": "429",
            "type": "RATE_Limit",
            "status": 500,
            "param": "max\ntokens",
            "retry_after": 7,
            "metadata": {"error_type": "rate_limit_exceeded", "provider_code": 1},
            "availability": {"code": "busy", "retryable": True, "retry_after": 8},
        }
    )
    assert said.status == 429  # the first that is a number
    assert said.labels == ["rate_limit", "rate_limit_exceeded", "busy"]
    assert said.error_type == 429
    assert said.param == "max\ntokens"
    assert said.is_retryable
    assert said.wait == 7
    assert not said.is_moderated


@pytest.mark.parametrize("code", [True, 7, 99999, "12", None, 4.5, ["x"]])
def test_what_is_no_status_is_none(code: object) -> None:
    said = read_value({"code": code})
    assert said.status is None
    assert said.labels == []


def test_an_error_type_nobody_knows_stands_for_nothing() -> None:
    assert read_value({"error_type": "unmapped"}).error_type is None
    assert read_value({"error_type": 5}).error_type is None


@pytest.mark.parametrize("metadata", [{"reasons": ["x"]}, {"flagged_input": "bad words"}])
def test_moderation_shows_in_the_metadata(metadata: object) -> None:
    assert read_value({"code": 403, "metadata": metadata}).is_moderated


@pytest.mark.parametrize("error", [None, 5, True, "", {}, [], {"metadata": "odd"}, {"loc": ["x"]}])
def test_nothing_said_is_no_trouble(error: object) -> None:
    said = read_value(error)
    assert (said.texts, said.labels, said.text, said.words) == ([], [], "", "")


def test_everything_is_bounded() -> None:
    deep: object = "bottom"
    for _level in range(50):
        deep = {"error": deep}
    assert read_value(deep).texts == []
    assert len(read_value(["x"] * 1000).texts) == 12
    many = {"errors": [{"code": f"code-{number}", "message": "x" * 9999} for number in range(1000)]}
    said = read_value({"errors": [many, many]})
    assert len(said.labels) <= 12
    assert all(len(text) <= MAX_SEARCHED for text in said.texts)
    assert len(read_value({"type": "t" * 1000}).labels[0]) == 80
    assert len(read_value([{"code": f"c{number}", "error": [{"code": "d"}] * 12} for number in range(12)]).labels) == 12


def test_a_huge_body_is_not_parsed() -> None:
    body = jsontext.dumps({"error": "x" * 300_000, "message": "never seen"})
    assert read_body(body).text == body[:MAX_SEARCHED].decode()
    assert read_value({"error": '{"message":"' + "x" * 300_000 + '"}'}).text.startswith('{"message"')
