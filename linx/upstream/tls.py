"""TLS over a raw socket, and the context that says which certificates are trusted.

``ssl.MemoryBIO`` is used instead of ``trio.SSLStream``, since one read then returns all
records that have arrived, without locks and further checkpoints. Certificates and host names
are always verified; no setting switches that off.
"""

from __future__ import annotations

import ssl

import certifi
import trio

from linx.core.attempt_errors import TLSFailed
from linx.http1.transport import BREAKS, READ_SIZE, Transport

_ADVICE = (
    "if a private authority signed the certificate, put that authority's certificate into a file and name the file in "
    "SSL_CERT_FILE"
)
# The names that different versions of OpenSSL have for an answer that is not TLS.
_NOT_TLS = {
    "WRONG_VERSION_NUMBER",
    "UNKNOWN_PROTOCOL",
    "HTTP_REQUEST",
    "RECORD_LAYER_FAILURE",
    "PACKET_LENGTH_TOO_LONG",
}
_TOO_OLD = {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "VERSION_TOO_LOW"}


def trusting_context() -> ssl.SSLContext:
    """Trusts the system's authorities and certifi's. SSL_CERT_FILE and SSL_CERT_DIR work as in OpenSSL."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context


class TLSTransport:
    """The client side of TLS over ``raw``, which this object owns. ``handshake`` must be called first."""

    def __init__(self, raw: Transport, context: ssl.SSLContext, host: str) -> None:
        self._raw = raw
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        # A read may have to send data (for key updates) while the connection's writer is sending.
        self._sending = trio.StrictFIFOLock()

    async def handshake(self, address: str) -> None:
        """Shake hands. Raises TLSFailed, which names ``address`` (host:port) and the reason."""
        try:
            while True:
                try:
                    self._tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    pass
                await self._flush()
                data = await self._raw.recv()
                if not data:
                    raise TLSFailed(f"{address} closed the connection during the TLS handshake")
                self._incoming.write(data)
            await self._flush()
        except ssl.SSLError as error:
            raise TLSFailed(_reason(address, error)) from None
        except BREAKS:
            raise TLSFailed(f"{address} reset the connection during the TLS handshake") from None

    async def recv(self, limit: int = READ_SIZE) -> bytes:
        while True:
            data = self._decrypted(limit)
            if data is not None:
                return data
            if self._outgoing.pending:
                await self._flush()
            data = await self._raw.recv()
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    def _decrypted(self, limit: int) -> bytes | None:
        """All data that has arrived, up to ``limit`` bytes; b"" at the end; None if more must be received first."""
        pieces = []
        try:
            # A record holds at most 16 KiB, and each read returns at most one record.
            while limit > 0 and (piece := self._tls.read(limit)):
                pieces.append(piece)
                limit -= len(piece)
                if not self._incoming.pending and not self._tls.pending():
                    break
        except ssl.SSLWantReadError:
            if not pieces:
                return None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            # Most servers end without close_notify. That is no error: HTTP's framing shows whether the body is whole.
            pass
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def send(self, data: bytes) -> None:
        async with self._sending:
            self._tls.write(data)
            await self._raw.send(self._outgoing.read())

    async def _flush(self) -> None:
        async with self._sending:
            if self._outgoing.pending:
                await self._raw.send(self._outgoing.read())

    def is_readable(self) -> bool:
        return bool(self._incoming.pending or self._tls.pending()) or self._raw.is_readable()

    def close(self) -> None:
        self._raw.close()


def _reason(address: str, error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the certificate of {address} is not trusted: {error.verify_message.rstrip('.')}; {_ADVICE}"
    reason = error.reason or ""
    if reason in _NOT_TLS:
        return f"{address} does not speak TLS: is its URL http:// instead of https://?"
    if reason in _TOO_OLD:
        return f"{address} only speaks a version of TLS older than 1.2, which is not safe"
    return f"the TLS handshake with {address} failed ({reason.replace('_', ' ').lower() or 'no reason given'})"
