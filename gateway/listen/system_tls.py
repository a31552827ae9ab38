"""TLS on the listener: one certificate at a time, and another without a restart.

TLS 1.2 and up, HTTP/1.1. Handshakes that begin after a reload get the new certificate; open
connections keep what they have. If the new files have a mistake, or their certificate is not valid now, the old ones
stay.
"""

from __future__ import annotations

from pathlib import Path
from ssl import (
    OP_NO_COMPRESSION,
    OP_NO_RENEGOTIATION,
    PROTOCOL_TLS_SERVER,
    SSLContext,
    SSLObject,
    SSLSocket,
    TLSVersion,
)

from cryptography import x509

from gateway.bounded_files import read_file
from gateway.instant import Instant
from gateway.kept_files import kept
from gateway.settings.settings import TlsSettings

LONGEST_CHAIN = 1024 * 1024
"""Bytes of a certificate's file whose dates are read."""

LATEST: Instant = 250_000_000_000.0
"""The latest end of a certificate that is told apart: in the year 9892."""


class CertificateDatesError(ValueError):
    """A certificate is over, or its time has not begun."""


def certificate_dates(file: Path) -> tuple[Instant, Instant] | None:
    """Return when the first certificate of a file begins and ends; `None` if its dates cannot be read.

    The first one is the server's own (RFC 8446 section 4.4.2); the others are its chain.

    Raises:
        OSError: the file cannot be read.

    """
    try:
        own = x509.load_pem_x509_certificates(read_file(kept(file), LONGEST_CHAIN))[0]
    except ValueError:
        # OpenSSL also serves forms that this reader does not know, such as `TRUSTED CERTIFICATE`.
        return None
    begins, ends = own.not_valid_before_utc.timestamp(), own.not_valid_after_utc.timestamp()
    return min(begins, LATEST), min(ends, LATEST)


def authority_dates(file: Path) -> tuple[Instant, Instant] | None:
    """Return when the first of several authorities begins and the last one ends; `None` if they cannot be read.

    One that is valid is enough: the old authority stands beside the new one while certificates change.

    Raises:
        OSError: the file cannot be read.

    """
    try:
        known = x509.load_pem_x509_certificates(read_file(kept(file), LONGEST_CHAIN))
    except ValueError:
        return None
    begins = min(each.not_valid_before_utc.timestamp() for each in known)
    return min(begins, LATEST), min(max(each.not_valid_after_utc.timestamp() for each in known), LATEST)


def dates_fault(file: Path, now: Instant) -> str:
    """Return why nobody would accept a certificate now: `expired`, `not_yet_valid`, or nothing.

    Raises:
        OSError: the file cannot be read.

    """
    dates = certificate_dates(file)
    if dates is None or dates[0] <= now <= dates[1]:
        return ""
    return "expired" if now > dates[1] else "not_yet_valid"


_ready: list[SSLContext] = []
"""The context that was made for the listener of this process before the process was forked."""


def make_ready() -> None:
    """Make the listener's context before the workers are forked; a second time does nothing.

    OpenSSL makes a context's keys for session tickets with it. So a client resumes its session at every worker, and not
    only at the one that it met before.
    """
    if not _ready:
        _ready.append(SSLContext(PROTOCOL_TLS_SERVER))


class ListenerTls:
    """The `tls` settings as a context that a server can keep for good."""

    def __init__(self, settings: TlsSettings) -> None:
        """Read the certificate and its key.

        Raises:
            OSError: one of them cannot be read, or they do not belong together (`ssl.SSLError`).

        """
        self.context = _ready.pop() if _ready else SSLContext(PROTOCOL_TLS_SERVER)
        """For `Listener.serve`. After a reload with another certificate it only hands over to the current one."""
        self._content = _content(settings)
        self._current = self.context
        _fill(self.context, settings)

    def reload(self, settings: TlsSettings, now: Instant) -> None:
        """Read the files that the settings name now, be they the same or others.

        Raises:
            OSError: as above; then what was read before stays in use.
            CertificateDatesError: no browser would accept the certificate now; what was read before stays in use.

        """
        fault = dates_fault(settings.certificate, now)
        if fault:
            raise CertificateDatesError(fault)
        content = _content(settings)
        if content == self._content:
            return
        fresh = SSLContext(PROTOCOL_TLS_SERVER)
        _fill(fresh, settings)
        self._content, self._current = content, fresh
        # Not before: the call costs each handshake a tenth of its time.
        self.context.sni_callback = self._hand_over

    def _hand_over(self, connection: SSLSocket | SSLObject, _name: str | None, _context: SSLContext) -> None:
        # Called in each handshake, before a certificate is chosen.
        connection.context = self._current


def _content(settings: TlsSettings) -> tuple[bytes, bytes | None]:
    """Return the content of the files of a certificate and its key."""
    key = None if settings.key is None else read_file(kept(settings.key), LONGEST_CHAIN)
    return read_file(kept(settings.certificate), LONGEST_CHAIN), key


def _fill(context: SSLContext, settings: TlsSettings) -> None:
    """Give a context its certificate and its rules."""
    context.minimum_version = TLSVersion.TLSv1_2
    context.options |= OP_NO_COMPRESSION | OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    key = None if settings.key is None else str(kept(settings.key))
    context.load_cert_chain(str(kept(settings.certificate)), key)
