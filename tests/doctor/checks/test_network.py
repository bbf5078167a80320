"""The clock by several providers, certificates, and what is local."""

from __future__ import annotations

import pytest

from linx.doctor.checks.network import certificates, clock, locality
from linx.doctor.finding import Level
from tests.doctor.pieces import facts, provider

FAR = "https://api.example.com/v1"


@pytest.mark.parametrize(
    ("skews", "level"),
    [
        ((10.0,), Level.OK),
        ((-4000.0,), Level.WARNING),
        ((4000.0, 1.0, 2.0), Level.OK),
        ((4000.0, 4001.0, 2.0), Level.WARNING),
    ],
    ids=["right", "ahead", "one provider is wrong", "most say so"],
)
def test_the_clock(skews: tuple[float, ...], level: Level) -> None:
    asked = [provider(f"p{number}", "openai", FAR, skew_s=skew) for number, skew in enumerate(skews)]
    found = list(clock(facts(*asked)))
    assert [one.level for one in found] == [level]


def test_a_clock_in_the_same_house_may_be_the_wrong_one() -> None:
    found = list(clock(facts(provider(skew_s=9000.0))))
    assert [one.level for one in found] == [Level.NOTE]
    assert "or that of box is wrong" in found[0].what
    assert not list(clock(facts(provider())))


def test_days_ahead() -> None:
    (found,) = clock(facts(provider("far", "openai", FAR, skew_s=-86400.0 * 5), platform="win32"))
    assert "5 days ahead" in found.what
    assert found.mend == "w32tm /resync"


def test_certificates_that_are_missing() -> None:
    assert not list(certificates(facts()))
    assert [one.level for one in certificates(facts(certificates="missing"))] == [Level.WARNING]
    assert not list(certificates(facts(certificates="names a", env={"SSL_CERT_FILE": "a"}))), "told by the environment"


def test_a_provider_that_turned_out_to_be_elsewhere() -> None:
    (found,) = locality(facts(provider(elsewhere="box resolves to 203.0.113.7")))
    assert found.level is Level.WARNING
