"""Where discovery looks, and what the environment says of it."""

from __future__ import annotations

import pytest

from linx.core.addresses import Origin
from linx.core.errors import ConfigError
from linx.discovery.places import PORTS, ollama_host, usual_places


def test_the_usual_ports_of_this_machine_and_no_other_machine() -> None:
    places = usual_places({})
    assert [place.port for place in places] == list(PORTS)
    assert {place.host for place in places} == {"localhost"}
    for port in (11434, 8080, 8081, 1234, 8000, 1337, 5001, 5000):  # those that product and README name
        assert port in PORTS


# As envconfig.Host of Ollama reads it, and its table in envconfig/config_test.go.
@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("1.2.3.4", "http://1.2.3.4:11434"),
        (":1234", "http://127.0.0.1:1234"),
        ("1.2.3.4:1234", "http://1.2.3.4:1234"),
        ("http://example.com", "http://example.com:80"),
        ("https://example.com", "https://example.com:443"),
        ("https://example.com:8443/", "https://example.com:8443"),
        ("[::1]", "http://[::1]:11434"),
        ("[::1]:1337", "http://[::1]:1337"),
        ("::1", "http://[::1]:11434"),
        (' "1.2.3.4" ', "http://1.2.3.4:11434"),
        ("'GPU.lan'", "http://gpu.lan:11434"),
        ("0.0.0.0", "http://localhost:11434"),
        ("0.0.0.0:4242", "http://localhost:4242"),
        ("[::]:4242", "http://localhost:4242"),
        ("1.2.3.4:66000", "http://1.2.3.4:11434"),
    ],
)
def test_ollama_host_is_read_as_ollama_does(text: str, origin: str) -> None:
    found = ollama_host({"OLLAMA_HOST": text})
    assert found is not None
    assert f"{found.scheme}://{found.address}" == origin


@pytest.mark.parametrize("text", ["", "  ", "ftp://example.com", "a b", "http://u:p@example.com"])
def test_what_is_no_ollama_host(text: str) -> None:
    assert ollama_host({"OLLAMA_HOST": text}) is None


def test_ollama_host_takes_the_place_of_ollamas_usual_port() -> None:
    places = usual_places({"OLLAMA_HOST": "gpu.lan"})
    assert places[0] == Origin("http", "gpu.lan", 11434)
    assert Origin("http", "localhost", 11434) not in places
    assert len(places) == len(PORTS)


def test_an_ollama_that_is_told_at_a_usual_place_is_looked_at_once() -> None:
    assert [one.port for one in usual_places({"OLLAMA_HOST": "http://localhost:8081"})].count(8081) == 1


def test_linx_places_takes_the_place_of_the_table() -> None:
    env = {"LINX_PLACES": "5555, gpu.lan:8000 https://[fd00::1]:443", "OLLAMA_HOST": "x"}
    assert [str(place) for place in usual_places(env)] == [
        "http://localhost:5555",
        "http://gpu.lan:8000",
        "https://[fd00::1]",
    ]
    assert usual_places({"LINX_PLACES": "none"}) == ()


@pytest.mark.parametrize("text", ["http://x:1/v1", "a b@c", "x:99999", "ftp://x"])
def test_a_place_that_is_none_is_said(text: str) -> None:
    with pytest.raises(ConfigError, match="LINX_PLACES"):
        usual_places({"LINX_PLACES": text})
