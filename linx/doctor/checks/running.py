"""Checks of Linx itself: its port, the Linx that runs there, its service, and the program of its tunnel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import linx
from linx.config.shape import OTHER_PORTS
from linx.core.addresses import host_and_port
from linx.core.redaction import escape_controls
from linx.doctor.edit import line_of
from linx.doctor.finding import Change, Finding, broken, note, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from linx.doctor.facts import Facts


def listening(facts: Facts) -> Iterator[Finding]:
    """Does Linx run, and can it listen where it is to?"""
    listen = facts.listen
    where = host_and_port(listen.host, listen.port)
    if not listen.port:  # any free one, or none is known
        return
    if listen.cannot:
        change = Change(("server", "hostname"), "127.0.0.1")
        yield broken(
            f"cannot listen there: {listen.cannot}",
            where,
            f"{line_of(change)} in {facts.config.path or facts.config.place_to_write}",
            (change,),
        )
    elif listen.is_linx:
        yield from _own(facts, where)
    elif listen.is_taken:
        owner = listen.owner or "another program"
        change = Change(("server", "port"), OTHER_PORTS[0])
        mend = f"{line_of(change)} in {facts.config.path or facts.config.place_to_write}"
        if not facts.config.is_port_chosen:
            yield note(f"{owner} listens there; Linx takes the first free of 8180 and 8280", where, "linx --port 8180")
        else:
            yield broken(f"{owner} listens there, so that Linx cannot", where, mend, (change,))
    else:
        yield note("no Linx runs here", where, "linx")


def _own(facts: Facts, where: str) -> Iterator[Finding]:
    listen = facts.listen
    if listen.needs_key:
        yield note("a Linx runs here; it wants a key that is not known here", where, "export LINX_API_KEY=...")
        return
    version = listen.version or "of an old version"
    if listen.version is not None and listen.version != linx.__version__:
        yield warning(
            f"Linx {version} runs here, and this is {linx.__version__}",
            where,
            "end the Linx that runs, and start it again",
        )
    else:
        yield ok(f"Linx {version} runs here", where)
    if listen.config_problem:
        yield warning(
            f"it does not use the changed config: {escape_controls(listen.config_problem)}",
            listen.config_path or where,
            "correct the config; Linx reads it again within two seconds",
        )
    elif listen.config_path != facts.config.path and facts.config.config is not None:
        yield note(
            f"it runs with {listen.config_path or 'the built-in defaults'}, and what is looked at here is "
            f"{facts.config.path or 'the built-in defaults'}",
            where,
            f"linx doctor --config {listen.config_path}" if listen.config_path else "",
        )


def service(facts: Facts) -> Iterator[Finding]:
    """Linx as a service that runs at login."""
    found = facts.service
    if found is None or not found.is_installed:
        return
    if found.problem:
        yield note(f"is installed; {escape_controls(found.problem)}", found.path)
    elif found.is_running:
        yield ok("runs", found.path)
    else:
        yield warning("is installed and does not run", found.path, "linx service install")


def tunnel(facts: Facts) -> Iterator[Finding]:
    """What a tunnel needs. Nothing is connected to."""
    found = facts.tunnel
    if found is None:
        return
    if not found.path:
        mend = (
            "apt-get install openssh-client, or what your system calls it"
            if found.program == "ssh"
            else "install ngrok, or name it: " + line_of(Change(("tunnel", "ngrok_path"), "/path/to/ngrok"))
        )
        made = warning if found.is_wanted else note
        yield made(f"{found.program} is not installed, so that no tunnel can be opened", "PATH", mend)
    elif found.problem:
        made = warning if found.is_wanted else note
        yield made(found.problem, "tunnel", f"correct tunnel in {facts.config.path or facts.config.place_to_write}")
    elif found.is_wanted:
        known = "" if found.is_host_known is not False else "; its host's key is learnt with the first connection"
        yield ok(f"{found.version or found.program} is there{known}", found.path)
