"""What is read out of the words of ssh and ngrok, and what is not."""

from __future__ import annotations

import time

import pytest

from linx.children.tunnel.lines import Report, read_localhost_run, read_ngrok, reader_for
from linx.config.shape import TunnelConfig
from tests.fakes.programs import lhr

ADDRESS = Report("address", "https://abc123.lhr.life")
ACCEPTED = '{"type":"v1.tcpip_forward.register.accepted","id":%s,"data":%s}'


@pytest.mark.parametrize(
    "line",
    [
        lhr("abc123.lhr.life"),
        '{"event":"tcpip-forward","address":"ABC123.lhr.life","status":"success"}',
        ACCEPTED % ('"localhost/abc123.lhr.life"', '"abc123.lhr.life tunneled with tls termination"'),
        ACCEPTED % ('"abc123.lhr.life"', "{}"),
        ACCEPTED % ('"17"', '{"address":"abc123.lhr.life","listen_port":80}'),
        ACCEPTED % ('"6f1c"', '"see https://localhost.run/docs/\\r\\nthen https://abc123.lhr.life\\r\\nQR"'),
        ACCEPTED % ("null", '{"message":"abc123.lhr.life tunneled with tls termination, https://abc123.lhr.life"}'),
        "abc123.lhr.life tunneled with tls termination, https://abc123.lhr.life",
    ],
)
def test_an_address_of_localhost_run(line: str) -> None:
    assert read_localhost_run(line) == ADDRESS


@pytest.mark.parametrize(
    "line",
    [
        "",
        "Welcome to localhost.run! Visit https://admin.localhost.run/ for more",
        '{"event":"authn","address":"abc123.lhr.life"}',
        '{"event":"tcpip-forward"}',
        '{"event":"tcpip-forward","address":"localhost"}',
        '{"event":"tcpip-forward","address":"127.0.0.1"}',
        '{"event":"tcpip-forward","address":"a.localhost"}',
        '{"event":"tcpip-forward","address":"evil.example/path"}',
        '{"event":"tcpip-forward","address":"evil.example:80@x"}',
        '{"event":"tcpip-forward","address":"-bad.example"}',
        '{"event":"tcpip-forward","address":["abc123.lhr.life"]}',
        '{"type":["v1.tcpip_forward.register.accepted"],"id":"abc123.lhr.life"}',
        '{"event":"tcpip-forward","address":"abc123.lhr.li',
        "[1]",
        '{"type":"v1.notice","data":"see https://admin.localhost.run"}',
        ACCEPTED % ('"x"', '"see https://localhost.run/docs"'),
        "evil\x1b[31m tunneled",
    ],
)
def test_no_address(line: str) -> None:
    assert read_localhost_run(line) is None


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"event":"tcpip-forward","authz_code":"DENIED","message":"not your name\\nmore"}', "not your name"),
        ('{"type":"v1.tcpip_forward.register.rejected","id":"x","data":"no capacity\\r\\nmore"}', "no capacity"),
        ('{"type":"v1.tcpip_forward.register.denied","data":{"message":"taken"}}', "taken"),
        ('{"event":"tcpip-forward","authz_code":"DENIED"}', "the name is taken, or not yours"),
    ],
)
def test_a_refusal(line: str, why: str) -> None:
    assert read_localhost_run(line) == Report("refused", why)


NGROK = [
    (
        '{"addr":"http://127.0.0.1:5000","lvl":"info","msg":"started tunnel","name":"command_line","obj":"tunnels",'
        '"t":"2026-01-01T00:00:00Z","url":"https://ab12-203-0-113-7.ngrok-free.app"}',
        Report("address", "https://ab12-203-0-113-7.ngrok-free.app"),
    ),
    ('{"lvl":"info","msg":"started tunnel","url":"http://localhost:80"}', None),
    ('{"lvl":"info","msg":"started tunnel","url":"tcp://1.tcp.ngrok.io:1"}', None),
    ('{"lvl":"info","msg":"started tunnel"}', None),
    ('{"lvl":"info","msg":"client session established","obj":"tunnels.session"}', Report("back")),
    ('{"err":"<nil>","lvl":"info","msg":"open config file","path":"/home/user/.config/ngrok/ngrok.yml"}', None),
    ('{"err":"<nil>","lvl":"info","msg":"session closing","obj":"tunnels.session"}', None),
    (
        '{"lvl":"eror","msg":"heartbeat timeout, terminating session"}',
        Report("lost", "heartbeat timeout, terminating session"),
    ),
    (
        '{"err":"authentication failed: Usage of ngrok requires a verified account and authtoken.\\n\\nSign up: '
        'https://dashboard.ngrok.com/signup\\r\\n\\r\\nERR_NGROK_4018\\r\\n","lvl":"eror",'
        '"msg":"failed to reconnect session"}',
        Report(
            "lost",
            "authentication failed: Usage of ngrok requires a verified account and authtoken. (ERR_NGROK_4018)",
        ),
    ),
    ('{"err":"dial tcp 127.0.0.1:5000: refused","lvl":"warn","msg":"failed to open private leg"}', None),
    ('{"msg":["started tunnel"]}', None),
    ("ERROR:  something", None),
]  # fmt: skip


@pytest.mark.parametrize(("line", "word"), NGROK)
def test_ngroks_log(line: str, word: Report | None) -> None:
    assert read_ngrok(line) == word


def test_each_type_has_its_reader() -> None:
    assert reader_for(TunnelConfig(), "") is read_localhost_run
    assert reader_for(TunnelConfig(type="ngrok"), "") is read_ngrok
    read = reader_for(TunnelConfig(type="ssh", ssh_host="my.example"), "http://my.example")
    success = "debug1: remote forward success for: listen 80, connect 127.0.0.1:5000"
    assert read(success) == Report("address", "http://my.example")
    assert read(success.replace("success", "failure")) is None


@pytest.mark.parametrize(
    "filling", ["a", "a.", "tunneled ", "https://a", " tunneled with tls termination", "[", '{"a":']
)
@pytest.mark.parametrize("start", ["", '{"msg":"session closed","lvl":"eror","err":"', "{"])
def test_a_long_line_takes_linear_time(start: str, filling: str) -> None:
    line = start + (filling * 65536)[: 65536 - len(start)]
    for read in (read_localhost_run, read_ngrok):
        began = time.thread_time()
        read(line)
        assert time.thread_time() - began < 0.05


def test_the_name_stands_right_before_its_words() -> None:
    words = " tunneled with tls termination, https://x"
    assert read_localhost_run("see abc.lhr.life" + words) == Report("address", "https://abc.lhr.life")
    assert read_localhost_run(".".join(["a" * 60] * 5) + ".life" + words) is None
    assert read_localhost_run("abc.lhr.life " + words) is None
