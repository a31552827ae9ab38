"""Every event we log, by name. A name is a promise to whoever searches logs: see docs/operations.md.

Events carry ids, counts, codes and pseudonyms; never a claim, a ticket, a token or a query.
"""

from enum import StrEnum


class Event(StrEnum):
    """The `event` field of a log line."""
