"""TLS on the listener: one certificate at a time, and another without a restart.

TLS 1.2 and up, HTTP/1.1. Handshakes that begin after a reload get the new certificate; open
connections keep what they have. If the new files have a mistake, the old ones stay.
"""

from __future__ import annotations

from ssl import (
    OP_NO_COMPRESSION,
    OP_NO_RENEGOTIATION,
    PROTOCOL_TLS_SERVER,
    SSLContext,
    SSLObject,
    SSLSocket,
    TLSVersion,
)

from gateway.settings.settings import TlsSettings


class ListenerTls:
    """The `tls` settings as a context that a server can keep for good."""

    def __init__(self, settings: TlsSettings) -> None:
        """Read the certificate and its key.

        Raises:
            OSError: one of them cannot be read, or they do not belong together (`ssl.SSLError`).

        """
        self._current = _context(settings)
        self.context = _context(settings)
        """For `Listener.serve`. It only ever hands over to the current one."""
        self.context.sni_callback = self._hand_over

    def reload(self, settings: TlsSettings) -> None:
        """Read the files that the settings name now, be they the same or others.

        Raises:
            OSError: as above; then what was read before stays in use.

        """
        self._current = _context(settings)

    def _hand_over(self, connection: SSLSocket | SSLObject, _name: str | None, _context: SSLContext) -> None:
        # Called in each handshake, before a certificate is chosen.
        connection.context = self._current


def _context(settings: TlsSettings) -> SSLContext:
    context = SSLContext(PROTOCOL_TLS_SERVER)
    context.minimum_version = TLSVersion.TLSv1_2
    context.options |= OP_NO_COMPRESSION | OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(str(settings.certificate), None if settings.key is None else str(settings.key))
    return context
