"""Every event we log, by name. A name is a promise to whoever searches logs: see docs/operations.md.

Events carry ids, counts, codes and pseudonyms; never a claim, a ticket, a token or a query.
"""

from enum import StrEnum


class Event(StrEnum):
    """The `event` field of a log line."""

    DEMO_APPLICATION_FAILED = "demo_application_failed"
    """One of the demo's legacy applications made a mistake of its own; its visitor got a page."""
    EMULATOR_ANSWERED = "emulator_answered"
    """The emulator sent a browser back to its client, with a code or an error."""
    EMULATOR_IGNORED = "emulator_ignored"
    """An authorization request brought parameters the provider's reference does not know."""
    EMULATOR_REFUSED = "emulator_refused"
    """The emulator refused a request; `reasons` has each mistake."""
    PORTAL_FAILED = "portal_failed"
    """A page of ours could not be made; `error` and `where` say why, the person has `request_id`."""
    SIGN_IN = "sign_in"
    """A step of a sign-in or sign-out ended; `outcome` is `begun`, `signed_in`, … or why not."""
    AUDIT = "audit"
    """A request was refused, or permitted by a rule that says `audit: true`."""
    LIBRARY = "library"
    """A library we stand on complained; `logger` says which, `error` of what kind."""
    UNNAMED = "unnamed"
    """Something was logged that is no event of ours; its text was dropped."""
    NOT_READY = "not_ready"
    """A check of `/livez` or `/readyz` failed; `name` says which."""
    BYTE_PATH_FAILED = "byte_path_failed"
    """A request met a mistake of ours on the byte path and got a 500; `request_id` finds its access line."""
    STARTED = "started"
    """Requests are taken."""
    STOPPED = "stopped"
    """Everything has ended; `cut` says how many requests and streams did not in time."""
    RELOADED = "reloaded"
    """Settings, policies and keys were read anew, and hold from now on."""
    RELOAD_REFUSED = "reload_refused"
    """A mistake in what was to be read anew; the old keep holding."""
