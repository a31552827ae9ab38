"""Every event we log, by name. A name is a promise to people who search logs: see docs/operations.md.

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
    """Something was logged or printed that is no event of ours; its text was dropped, `where` says who wrote it."""
    UNCAUGHT = "uncaught"
    """A thread, a finalizer or the process met an error that nothing handled; `error` and `where` say which."""
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
    SESSION_TRACKING_BEGUN = "session_tracking_begun"
    """Redis tells this worker of changed sessions from now on; `places` says how many servers do."""
    SESSION_TRACKING_LOST = "session_tracking_lost"
    """It may have missed news: all remembered sessions were dropped, and each is read anew; `fault` says why."""
    SESSION_TRACKING_FAILED = "session_tracking_failed"
    """A mistake of ours ended the tracking, or a look at an open stream; it begins anew."""
    SESSION_STORE_DOUBTFUL = "session_store_doubtful"
    """Redis is set up in a way that may lose or keep sessions wrongly; `doubt` says how."""
    SESSIONS_STALE_ALLOWED = "sessions_stale_allowed"
    """`sessions.stale_for` is set: for `seconds` after Redis went away, revoked sessions may still pass."""
    WORKER_DIED = "worker_died"
    """A worker process ended unasked with exit code `code`; another is started."""
    REPLACED = "replaced"
    """Every worker has been replaced, one after the other."""
    REPLACEMENT_FAILED = "replacement_failed"
    """A new worker did not come to take requests; the old ones stay."""
    SESSIONS_LISTED = "sessions_listed"
    """`operator` looked at sessions through the management listener; `selector` says which."""
    SESSIONS_REVOKED = "sessions_revoked"
    """`operator` ended sessions through the management listener; `selector` which, `ended` how many, `reason` why."""
    MANAGEMENT_REFUSED = "management_refused"
    """Somebody used the sessions API without a token we know; `address` says from where."""
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    """An upstream of `app` took no connection, for `error`; said every 10 seconds at most, `count` has all so far."""
    UPSTREAM_EJECTED = "upstream_ejected"
    """An upstream of `app` took no connections in a row, and the App's others are asked until it does again."""
    UPSTREAM_RETURNED = "upstream_returned"
    """An upstream that was ejected takes connections again and gets its share back, slowly."""
    UPSTREAM_PUT_APART = "upstream_put_apart"
    """A server of `app` spoke out of turn, as `sign` says: for `seconds` none of the App's connections is used twice.

    Such bytes can be taken for the next person's answer. `sign`: `behind an answer` (too small a Content-Length, a body
    of a HEAD or 204 answer, a second answer), `before an answer`, `on an idle connection`, `before the request had
    left`, or `behind a request's body` (the server took the body for a request, and `Connection: close` for nothing).
    """
    UPSTREAM_TRUSTED_AGAIN = "upstream_trusted_again"
    """The servers of `app` kept the order for as long as was asked, and the App's connections are used again."""
    UPSTREAM_UNHEALTHY = "upstream_unhealthy"
    """An upstream failed its health checks and gets no requests."""
    UPSTREAM_HEALTHY = "upstream_healthy"
    """An upstream passes its health checks again and gets its share back, slowly."""
    POLICIES_ADOPTED = "policies_adopted"
    """Policy files changed, were checked, their examples hold, and they judge from now on."""
    POLICIES_REFUSED = "policies_refused"
    """Policy files changed and have a mistake, or an example fails; the old ones keep judging."""
    LIST_READ = "list_read"
    """A subject list was read with `after` entries, where it had `before`; at a start, `before` is none."""
    FILE_HELD = "file_held"
    """A list lost many entries, or a policy's file is only the beginning of what it was; the old ones keep judging.

    `before` and `after` are entries of a list or bytes of another file. `sekisho policy adopt` takes it as it is.
    """
    FILE_ADOPTED = "file_adopted"
    """An operator took a policy's file as it is, and said why; `entries` says how many a list has."""
    SWITCHES_ADOPTED = "switches_adopted"
    """The switches' file changed; `names` are on now."""
    SWITCHES_REFUSED = "switches_refused"
    """The switches' file changed and cannot be read; the switches stay as they were."""
    FILES_UNREAD = "files_unread"
    """Looking at policies and switches broke; they stay as they were, and are looked at again."""
    SWITCH_TURNED = "switch_turned"
    """An operator turned a switch on or off, and said why."""
    LIMIT_UNSETTLED = "limit_unsettled"
    """The limit store could not be told what became of an entry; it stays counted until a person gives it back."""
    LIMIT_STORE_AWAY = "limit_store_away"
    """The limit store did not answer at the start; rules with a limit answer 503 until it does."""
    SUBJECT_ERASED = "subject_erased"
    """An operator erased what is kept of a person, by `code`; `sessions` and `entries` say how many, `reason` why.

    `complete` is false where a store stopped answering on the way: then it must be done again.
    """
    LIMIT_GIVEN_BACK = "limit_given_back"
    """An operator gave an entry of a limit back, and said why."""
    CERTIFICATE_REFUSED = "certificate_refused"
    """The certificate or its key could not be read anew; the one in use stays in use."""
    HEADER_REMOVED = "header_removed"
    """A client sent `header`, which no browser sends, and the application of `app` did not get it; `family` says why.

    Each name once an hour. `headers.keep` passes one that the application needs. In forward-auth mode the gateway can
    take nothing away, so the request was refused.
    """
    ANSWER_FIELD_REMOVED = "answer_field_removed"
    """The application of `app` answered with `header`, an order to a server in front such as `X-Accel-Redirect` or
    `X-Sendfile`, and nobody got it. Each name once an hour. The file or page that it names was not shown.
    """
    RESTART_NEEDED = "restart_needed"
    """Settings were read anew, and `names` of them hold only once the whole gateway is started again."""
    REPLACEMENT_NEEDED = "replacement_needed"
    """Settings were read anew, and `names` of them hold only once the processes are replaced."""
