"""The numbers of sign-ins, of the calls to the provider, and of the facts that applications get."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from gateway.observe.instruments import Counter, Declared, Histogram, Kind
from gateway.observe.merge import Family

SIGN_INS: Final = Declared(
    name="sekisho_sign_ins",
    kind=Kind.COUNTER,
    meaning="Steps of sign-ins by App and outcome",
    labels=("app", "outcome"),
)
PROVIDER_CALLS: Final = Declared(
    name="sekisho_provider_calls",
    kind=Kind.COUNTER,
    meaning="Calls to the provider by endpoint and outcome",
    labels=("endpoint", "outcome"),
)
PROVIDER_SECONDS: Final = Declared(
    name="sekisho_provider_seconds",
    kind=Kind.HISTOGRAM,
    meaning="Duration of calls to the provider",
    labels=("endpoint",),
    unit="seconds",
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

DECLARED: Final = (SIGN_INS, PROVIDER_CALLS, PROVIDER_SECONDS, CLAIMS, VALUES, REMOVED)


class SignInMetrics:
    """Counts sign-ins. Its methods are for the event loop's thread alone."""

    def __init__(self) -> None:
        self._sign_ins = Counter(SIGN_INS)
        self._provider_calls = Counter(PROVIDER_CALLS)
        self._provider_seconds = Histogram(PROVIDER_SECONDS)
        self._claims = Counter(CLAIMS)
        self._values = Counter(VALUES)
        self._removed = Counter(REMOVED)
        self._instruments = (
            self._sign_ins,
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

    def provider_call(self, endpoint: str, outcome: str, seconds: float) -> None:
        """Count a call to the provider: `endpoint` by name, `outcome` a closed word."""
        self._provider_calls.add((endpoint, outcome))
        self._provider_seconds.add((endpoint,), seconds)

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
