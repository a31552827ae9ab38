"""Every event we log, by name. A name is a promise to whoever searches logs: see docs/operations.md.

Events carry ids, counts, codes and pseudonyms; never a claim, a ticket, a token or a query.
"""

from enum import StrEnum


class Event(StrEnum):
    """The `event` field of a log line."""

    EMULATOR_ANSWERED = "emulator_answered"
    """The emulator sent a browser back to its client, with a code or an error."""
    EMULATOR_IGNORED = "emulator_ignored"
    """An authorization request brought parameters the provider's reference does not know."""
    EMULATOR_REFUSED = "emulator_refused"
    """The emulator refused a request; `reasons` has each mistake."""
