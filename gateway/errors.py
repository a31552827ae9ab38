"""Every error of ours, its code and status, on one page.

A refusal by policy is not an error: it is a `Deny`. An error has a `code` for
machines (metrics, problem+json, the docs), a `status` for the client, and words
for our own log only, which never hold a secret or a person's data.
"""

from enum import StrEnum
from http import HTTPStatus


class GatewayError(Exception):
    """Something went wrong that we know how to name."""

    code = "internal_error"
    status = HTTPStatus.INTERNAL_SERVER_ERROR


class StoreFault(StrEnum):
    """The session store's behaviour in place of an answer. Label of a metric, word of a log line."""

    UNREACHABLE = "unreachable"
    """Refused, reset, or not there."""
    TIMEOUT = "timeout"
    REFUSED = "refused"
    """Wrong password, or a command or key the user may not touch."""
    LOADING = "loading"
    READ_ONLY = "read_only"
    """The server is a replica: its answers may be old."""
    TOO_FEW_REPLICAS = "too_few_replicas"
    """The primary has lost the replicas it must have (`min-replicas-to-write`)."""
    OUT_OF_MEMORY = "out_of_memory"
    MOVED = "moved"
    """A cluster answered where none is configured, or its slots are not all served."""
    WRONG_TYPE = "wrong_type"
    """A key of ours holds a value of another type."""
    PROTOCOL = "protocol"
    """Any other reply that is not a valid answer."""
    CIRCUIT_OPEN = "circuit_open"
    """It failed a moment ago and is not asked again yet."""


class StoreUnavailableError(GatewayError):
    """The session store did not answer, or answered what it must not.

    It is never a logout and never a pass: a request that needs a session gets 503, and the cookie stays.
    """

    code = "store_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, fault: StoreFault = StoreFault.UNREACHABLE) -> None:
        super().__init__(f"the store is unavailable: `{fault.value}`")
        self.fault = fault


class AuditUnavailableError(GatewayError):
    """The audit trail is required and could not be written, so what it would have recorded was not done."""

    code = "audit_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class StoresDifferError(GatewayError):
    """The workers stand on other stores or secrets than the management listener could open.

    An answer from another store would say that nobody is signed in, so there is none until the workers agree.
    """

    code = "stores_differ"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class UnfitLimitStoreError(GatewayError):
    """The store of limits may forget what it counted, so it must not be trusted to count."""

    code = "limit_store_unfit"
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"the store of limits may forget: {what}, {remedy}")
        self.remedy = remedy


class UnfitAccountStoreError(GatewayError):
    """The store of accounts may forget a link, or others can read it, so no account is opened by it."""

    code = "account_store_unfit"
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"the store of accounts is unfit: {what}, {remedy}")
        self.remedy = remedy


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


class ApplicationSessionEndedError(GatewayError):
    """The application's own session ended in the middle of a request that cannot be sent again."""

    code = "application_session_ended"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class UpstreamOverloadedError(GatewayError):
    """The App's limit of concurrent requests is reached, and its queue is full or too slow."""

    code = "overloaded"
    status = HTTPStatus.SERVICE_UNAVAILABLE


class ProviderUnavailableError(GatewayError):
    """The Digital Authentication service did not answer, or not with what its specification promises."""

    code = "provider_unavailable"
    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, endpoint: str, fault: str) -> None:
        super().__init__(f"`{endpoint}` failed: {fault}")
        self.endpoint = endpoint
        """One of `discovery`, `jwks`, `authorization`, `token` and `userinfo`."""
        self.fault = fault
        """The fault in a word or two of ours, which quote nothing secret."""


class ProviderRefusedError(GatewayError):
    """The provider answered an OAuth error (RFC 6749 section 5.2, RFC 6750 section 3.1), or another status than 200."""

    code = "provider_refused"
    status = HTTPStatus.BAD_GATEWAY

    def __init__(self, error: str, endpoint: str = "") -> None:
        super().__init__(f"provider refused with `{error}`")
        self.error = error
        self.endpoint = endpoint


class SignInInvalidError(GatewayError):
    """The provider's answer fails a check. `check` names it, from a closed list."""

    code = "sign_in_invalid"
    status = HTTPStatus.BAD_REQUEST

    def __init__(self, check: str, found: str = "") -> None:
        super().__init__(f"sign-in fails the check `{check}`")
        self.check = check
        self.found = found
        """The value as the provider sent it, if it tells nothing about a person."""
