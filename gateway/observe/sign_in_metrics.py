"""The numbers of sign-ins, of the calls to the provider, and of the facts that applications get."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from gateway.observe.instruments import Counter, Declared, Histogram, Kind
from gateway.observe.merge import Family

OUTCOMES: Final = (
    "begun",
    "signed_in",
    "already_signed_in",
    "signed_out",
    "signed_out_here",
    "logged_out_by_provider",
    "logout_refused",
    "cancelled",
    "refused",
    "misconfigured",
    "expired",
    "displaced",
    "other_browser",
    "invalid",
    "claim_missing",
    "provider_down",
    "store_down",
    "not_fresh",
    "loop",
    "too_many",
)
"""The outcomes of the event `sign_in`; the failures are those of `login`."""

STEPS: Final = ("notice", "sent", "returned", "signed_in", "failed", "abandoned")
KINDS: Final = ("first", "step_up")
BROWSERS: Final = ("ordinary", "in_app")
"""The words of `login.funnel`."""

ENDPOINTS: Final = ("discovery", "jwks", "token", "userinfo", "sign_token", "sign_start", "sign_result")
CALL_OUTCOMES: Final = ("ok", "refused", "unavailable", "invalid")
"""The calls to the provider, and their ends."""

SIGN_IN_BUCKETS: Final = (
    *(5.0, 10.0, 20.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 240.0, 300.0, 450.0, 600.0, 900.0, 1_800.0),
)
"""Upper bounds in seconds: people look for the card, type a PIN and hold the card to a phone."""

SIGN_INS: Final = Declared(
    name="sekisho_sign_ins",
    kind=Kind.COUNTER,
    meaning="Pages and redirects of sign-ins and sign-outs, by App and outcome; a failure's outcome is its reason",
    labels=("app", "outcome"),
    closed={"outcome": OUTCOMES},
)
SIGNATURE_OUTCOMES: Final = (
    "begun",
    "signed",
    "cancelled",
    "declined",
    "refused",
    "transaction_expired",
    "transaction_failed",
    "not_ready",
    "start_refused",
    "result_refused",
    "result_invalid",
    "no_room",
    "certificate_invalid",
    "other_person",
    "person_unknown",
    "invalid",
    "other_browser",
    "provider_down",
    "store_down",
    "over",
    "too_many",
    "asked",
    "fetched",
    "confirmed",
    "withdrawn",
    "not_admitted",
)
"""The outcomes of the event `signature`: those of `signing`, and the steps of the application's own."""

SIGNATURES: Final = Declared(
    name="sekisho_signatures",
    kind=Kind.COUNTER,
    meaning="Steps of signatures (preview) by App and outcome; a failure's outcome is its reason. `asked`, `fetched` "
    "and `confirmed` are the application's, `not_admitted` is a wrong token or address",
    labels=("app", "outcome"),
    closed={"outcome": SIGNATURE_OUTCOMES},
)
SIGN_IN_STEPS: Final = Declared(
    name="sekisho_sign_in_steps",
    kind=Kind.COUNTER,
    meaning="Steps of sign-ins: the notice was shown, the browser was sent to the provider and returned, the person "
    "was signed in or failed; a login that was sent and did not return in its time is `abandoned`",
    labels=("app", "step", "kind", "browser"),
    closed={"step": STEPS, "kind": KINDS, "browser": BROWSERS},
)
SIGN_IN_SECONDS: Final = Declared(
    name="sekisho_sign_in_seconds",
    kind=Kind.HISTOGRAM,
    meaning="From the redirect to the provider to the session, of sign-ins that went well",
    labels=("app", "kind"),
    unit="seconds",
    closed={"kind": KINDS},
    buckets=SIGN_IN_BUCKETS,
)
PROVIDER_CALLS: Final = Declared(
    name="sekisho_provider_calls",
    kind=Kind.COUNTER,
    meaning="Calls to the provider by endpoint and outcome",
    labels=("endpoint", "outcome"),
    closed={"endpoint": ENDPOINTS, "outcome": CALL_OUTCOMES},
)
PROVIDER_SECONDS: Final = Declared(
    name="sekisho_provider_seconds",
    kind=Kind.HISTOGRAM,
    meaning="Duration of calls to the provider by endpoint and outcome",
    labels=("endpoint", "outcome"),
    unit="seconds",
    closed={"endpoint": ENDPOINTS, "outcome": CALL_OUTCOMES},
)
CLAIMS: Final = Declared(
    name="sekisho_claims_troubled",
    kind=Kind.COUNTER,
    meaning="Requested items that were missing or unreadable",
    labels=("scope", "trouble"),
)
VALUES: Final = Declared(
    name="sekisho_header_values_troubled",
    kind=Kind.COUNTER,
    meaning="Disclosed values with characters the App's charset lacks (`replaced`), or too long (`left_out`)",
    labels=("app", "trouble"),
    closed={"trouble": ("replaced", "left_out")},
)
REMOVED: Final = Declared(
    name="sekisho_headers_removed",
    kind=Kind.COUNTER,
    meaning="Header fields of clients that no browser sends and that the application did not get, by App and family",
    labels=("app", "family"),
)

DECLARED: Final = (
    SIGNATURES,
    SIGN_INS,
    SIGN_IN_STEPS,
    SIGN_IN_SECONDS,
    PROVIDER_CALLS,
    PROVIDER_SECONDS,
    CLAIMS,
    VALUES,
    REMOVED,
)


class SignInMetrics:
    """Counts sign-ins. Its methods are for the event loop's thread alone."""

    def __init__(self) -> None:
        self._signatures = Counter(SIGNATURES)
        self._sign_ins = Counter(SIGN_INS)
        self._steps = Counter(SIGN_IN_STEPS)
        self._seconds = Histogram(SIGN_IN_SECONDS)
        self._provider_calls = Counter(PROVIDER_CALLS)
        self._provider_seconds = Histogram(PROVIDER_SECONDS)
        self._claims = Counter(CLAIMS)
        self._values = Counter(VALUES)
        self._removed = Counter(REMOVED)
        self._instruments = (
            self._signatures,
            self._sign_ins,
            self._steps,
            self._seconds,
            self._provider_calls,
            self._provider_seconds,
            self._claims,
            self._values,
            self._removed,
        )

    def begin(self, apps: Collection[str]) -> None:
        """Start at 0 for these Apps where every other label is closed."""
        for instrument in self._instruments:
            instrument.begin({"app": apps})

    def sign_in(self, app: str, outcome: str) -> None:
        """Count a step of a sign-in; `outcome` is a closed word."""
        self._sign_ins.add((app, outcome))

    def signature(self, app: str, outcome: str) -> None:
        """Count a step of a signature; `outcome` is a closed word."""
        self._signatures.add((app, outcome))

    def step(self, app: str, step: str, kind: str, browser: str) -> None:
        """Count one of `STEPS`."""
        self._steps.add((app, step, kind, browser))

    def completed(self, app: str, kind: str, seconds: float) -> None:
        """Count the time of a sign-in that went well."""
        self._seconds.add((app, kind), seconds)

    def provider_call(self, endpoint: str, outcome: str, seconds: float) -> None:
        """Count a call to the provider: `endpoint` by name, `outcome` a closed word."""
        self._provider_calls.add((endpoint, outcome))
        self._provider_seconds.add((endpoint, outcome), seconds)

    def claim_troubled(self, scope: str, trouble: str) -> None:
        """Count an item that was asked for and is missing, malformed or was not granted."""
        self._claims.add((scope, trouble))

    def header_value_troubled(self, app: str, trouble: str, count: int = 1) -> None:
        """Count disclosed values the App cannot get whole: `replaced` (〓 stands in) or `left_out`."""
        self._values.add((app, trouble), count)

    def header_removed(self, app: str, family: str) -> None:
        """Count a client's header field that the App's application did not get; `family` is a closed word."""
        self._removed.add((app, family))

    def families(self) -> Iterator[Family]:
        """Yield every metric."""
        for instrument in self._instruments:
            yield instrument.family()
