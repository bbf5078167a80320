"""Checks of what lies between Linx and its providers: the clock, certificates, what is local and what is not."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

from linx.core.addresses import is_near
from linx.doctor.checks.mends import change_of, mend_by, where_of
from linx.doctor.finding import Finding, note, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.doctor.facts import Facts

SKEW_S = 300.0
"""So far off, tokens and new certificates are taken for invalid."""
_SET_CLOCK = {
    "linux": "sudo timedatectl set-ntp true",
    "darwin": "sudo sntp -sS time.apple.com",
    "win32": "w32tm /resync",
}


def clock(facts: Facts) -> Iterator[Finding]:
    """Our clock, by those of the providers: the middle one, since one of them may be wrong itself."""
    told = [each for each in facts.providers if each.skew_s is not None]
    remote = [each for each in told if not each.config.is_local] or told
    if not remote:
        return
    skew = statistics.median_low(sorted((each.skew_s or 0.0) for each in remote))
    by = f"by the clock of {', '.join(each.config.name for each in remote[:3])}"
    if abs(skew) <= SKEW_S:
        if any(not each.config.is_local for each in remote):
            yield ok("is right", by)
        return
    words = f"this machine's clock is {_span(abs(skew))} {'behind' if skew > 0 else 'ahead'}: it says " + time.strftime(
        "%Y-%m-%d %H:%M", time.localtime(facts.now)
    )
    if all(each.config.is_local for each in remote):
        yield note(
            f"{words}, or that of {remote[0].config.name} is wrong", by, _SET_CLOCK.get(facts.platform, "set the clock")
        )
    else:
        yield warning(
            f"{words}, so that keys and certificates fail", by, _SET_CLOCK.get(facts.platform, "set the clock")
        )


def _span(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} minutes"
    return f"{round(minutes / 60)} hours" if minutes < 48 * 60 else f"{round(minutes / 1440)} days"


def certificates(facts: Facts) -> Iterator[Finding]:
    """Can any certificate be verified?"""
    named = any(facts.env.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
    if facts.certificates and not named:  # where a variable is named, the check of the environment says it
        yield warning(facts.certificates, mend="python -m pip install --upgrade certifi")


def locality(facts: Facts) -> Iterator[Finding]:
    """Providers that count as local and are perhaps elsewhere: private prompts would leave the house."""
    for provider in facts.providers:
        config = provider.config
        if provider.elsewhere:
            yield warning(
                f"counts as local by its name, and is not: {provider.elsewhere}",
                config.endpoint,
                f"write its address on this network into {where_of(facts, provider, 'endpoint')}",
            )
        elif config.local is True and not is_near(config.origin.host):
            line, _edits = mend_by(facts, change_of(provider, "local", False))
            # Not an edit: whose machine it is only the user knows.
            how = "" if config.origin.scheme == "https" else ", over a connection that is not encrypted"
            yield warning(
                f"counts as local since the config says so, but {config.origin.host} is a public name: prompts that "
                f"must stay private are sent there{how}",
                config.endpoint,
                f"unless the machine is yours: {line}",
            )
