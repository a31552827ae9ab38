"""Every error of ours, its code and status, on one page.

A refusal by policy is not an error: it is a `Deny`. An error has a `code` for
machines (metrics, problem+json, the docs), a `status` for the client, and words
for our own log only, which never hold a secret or a person's data.
"""

from http import HTTPStatus


class GatewayError(Exception):
    """Something went wrong that we know how to name."""

    code = "internal_error"
    status = HTTPStatus.INTERNAL_SERVER_ERROR


class StoreUnavailableError(GatewayError):
    """The session store did not answer, or answered what it must not.

    Never a logout and never a pass: what needs a session gets 503, the cookie stays.
    """

    code = "store_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class UpstreamUnreachableError(GatewayError):
    """The application did not accept our connection."""

    code = "upstream_unreachable"
    status = HTTPStatus.BAD_GATEWAY

    def __init__(self, upstream: str) -> None:
        super().__init__(f"cannot connect to upstream `{upstream}`")
        self.upstream = upstream


class UpstreamTimeoutError(GatewayError):
    """The application accepted the request and did not answer in time."""

    code = "upstream_timeout"
    status = HTTPStatus.GATEWAY_TIMEOUT


class UpstreamProtocolError(GatewayError):
    """The application answered something that is not HTTP/1.1 as we accept it."""

    code = "upstream_protocol"
    status = HTTPStatus.BAD_GATEWAY


class ProviderUnavailableError(GatewayError):
    """The Digital Authentication service did not answer, or not with what its specification promises."""

    code = "provider_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE
