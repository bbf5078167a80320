"""What to try when Linx cannot listen: the one failure of a start that everybody meets once."""

from __future__ import annotations

import errno
import socket

_ADVICE = {
    errno.EADDRNOTAVAIL: ("this machine has no such address", "try --host 127.0.0.1"),
    errno.EAFNOSUPPORT: ("this machine does not speak that kind of address", "try --host 127.0.0.1"),
    errno.EACCES: ("that needs more rights", "try a port above 1023, such as --port 8080"),
    errno.EPERM: ("that needs more rights", "try a port above 1023, such as --port 8080"),
    errno.EMFILE: ("too many files are open", "raise the limit (ulimit -n)"),
}


def cannot_listen(host: str, port: int, error: OSError) -> str:
    """One line: which address, why not, what to try."""
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isinstance(error, socket.gaierror):
        reason, hint = "no such host name", "try --host 127.0.0.1"
    elif error.errno == errno.EADDRINUSE:
        other = port + 1 if port < 65535 else 0
        reason, hint = "another program listens there (another Linx?)", f"stop it, or try --port {other}"
    else:
        usual = (error.strerror or type(error).__name__, "try another --host or --port")
        reason, hint = _ADVICE.get(error.errno or 0, usual)
    return f"cannot listen on {address}: {reason}; {hint}"
