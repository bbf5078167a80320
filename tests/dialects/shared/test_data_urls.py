"""Pictures and files inside a request."""

from __future__ import annotations

import pytest

from linx.core.errors import BadRequest
from linx.dialects.shared.data_urls import clean_base64, is_data_url, is_web_url, read_data_url


def test_kinds_of_url() -> None:
    assert is_data_url("DATA:,x")
    assert not is_data_url("https://x")
    assert is_web_url("HTTPS://x")
    assert is_web_url("http://x")
    assert not is_web_url("file:///x")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("data:image/png;base64,aGk=", ("image/png", "aGk=")),
        ("data:Image/PNG;charset=x;BASE64,a G\nk", ("image/png", "aGk=")),
        ("data:image/png;base64,aGk%3D", ("image/png", "aGk=")),
        ("data:text/plain,h%69", ("text/plain", "aGk=")),
        ("data:,hi", ("", "aGk=")),
        ("data:;base64,-_8", ("", "+/8=")),
    ],
)
def test_type_and_content(url: str, found: tuple[str, str]) -> None:
    assert read_data_url(url, "here") == found


@pytest.mark.parametrize("url", ["data:image/png;base64", "data:;base64,a=b", "data:;base64,é", "data:;base64,a"])
def test_what_is_none(url: str) -> None:
    with pytest.raises(BadRequest, match="here"):
        read_data_url(url, "here")


def test_base64_in_many_steps() -> None:
    assert clean_base64("QUJD" * 2**21, "") == "QUJD" * 2**21
    with pytest.raises(BadRequest):
        clean_base64("QUJD" * 2**21 + "!", "")
