"""Every event we log, by name, and its fields. Both are a promise to people who search logs: see docs/operations.md.

Events carry ids, counts, codes and pseudonyms; never a claim, a ticket, a token or a query.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


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
    """The portal could not make a page; `error` and `where` say why, the person has `request_id`."""
    SIGN_IN = "sign_in"
    """A step of a sign-in or sign-out ended; `outcome` is `begun`, `signed_in`, … or the reason of the failure."""
    SIGNATURE = "signature"
    """A step of a signature ended (preview); `outcome` is `begun`, `signed`, … or the reason of the failure."""
    PROVIDER_KEY_PASSED_OVER = "provider_key_passed_over"
    """A key that the provider publishes cannot be used, as `why` says; sign-ins go on with its others.

    `kid` is its name. `type` is a kind of key that the gateway does not use; any other word is worth a message to the
    provider. Each is told once, and again when it has been away.
    """
    AUDIT = "audit"
    """A request was refused, or permitted by a rule that says `audit: true`.

    With `audit.directory`, the audit trail has it instead.
    """
    AUDIT_UNWRITABLE = "audit_unwritable"
    """The audit trail cannot be written, as `error` says; its entries are lost and counted, or refused if it is
    required."""
    AUDIT_WRITABLE = "audit_writable"
    """The audit trail can be written again; `count` entries were lost since the start."""
    AUDIT_TAMPERED = "audit_tampered"
    """Somebody changed, moved or removed a file of the audit trail that this process was writing.

    `sekisho audit verify` names the place. The process goes on in another file.
    """
    LIBRARY = "library"
    """A library logged a warning or an error; `logger` names it, and `error` gives the kind."""
    UNNAMED = "unnamed"
    """A library or a stray print wrote a line that is no event of ours; its text was dropped, `where` names the
    writer."""
    UNCAUGHT = "uncaught"
    """A thread, a finalizer or the process met an error that nothing handled; `error` and `where` say which."""
    NOT_READY = "not_ready"
    """A check of `/livez` or `/readyz` failed; `name` says which."""
    BYTE_PATH_FAILED = "byte_path_failed"
    """A request met a mistake of ours on the byte path and got a 500; `request_id` finds its access line."""
    STARTED = "started"
    """The gateway accepts requests."""
    STOPPED = "stopped"
    """Everything has ended; `cut` is the number of requests and streams that did not end in time."""
    RELOADED = "reloaded"
    """The gateway read settings, policies and keys anew, and uses them from now on."""
    RELOAD_REFUSED = "reload_refused"
    """The files to be read anew have a mistake; the gateway keeps the old configuration."""
    SESSION_TRACKING_BEGUN = "session_tracking_begun"
    """Redis tells this worker of changed sessions from now on; `places` says how many servers do."""
    SESSION_TRACKING_LOST = "session_tracking_lost"
    """The worker may have missed changes of sessions: it dropped all that it remembered; `fault` says why."""
    SESSION_TRACKING_FAILED = "session_tracking_failed"
    """A mistake of ours ended the tracking, or the check of an open stream; it begins anew."""
    SESSION_STORE_DOUBTFUL = "session_store_doubtful"
    """Redis's configuration may lose sessions or keep them too long; `doubt` says how."""
    SESSION_STORE_WENT_BACK = "session_store_went_back"
    """Redis holds an older state than this node wrote, as after a restored dump; every session of that state ends."""
    SESSION_MARK_UNUSABLE = "session_mark_unusable"
    """The node cannot write its mark beside the file of sign-outs, and notices no restored dump."""
    SIGN_OUT_WAITS = "sign_out_waits"
    """A person signed out while the store was away: the session's name waits in `sessions.sign_outs`."""
    SIGN_OUT_NOT_KEPT = "sign_out_not_kept"
    """A sign-out cannot wait for the store, and `fault` says why: its session lives until a clock ends it."""
    SIGN_OUTS_CAUGHT_UP = "sign_outs_caught_up"
    """The store is back and got the waiting sign-outs: `ended` sessions ended, `count` sign-outs still wait."""
    SIGN_OUTS_FILE_UNUSABLE = "sign_outs_file_unusable"
    """The file `sessions.sign_outs` cannot be read or written: sign-outs cannot wait in it."""
    SESSIONS_STALE_ALLOWED = "sessions_stale_allowed"
    """`sessions.stale_for` is set: for `seconds` after Redis went away, revoked sessions may still pass."""
    WORKER_DIED = "worker_died"
    """A worker process ended unexpectedly with exit code `code`; the supervisor starts another."""
    REPLACED = "replaced"
    """Every worker has been replaced, one after the other."""
    REPLACEMENT_FAILED = "replacement_failed"
    """A new worker did not become ready for requests; the old ones stay."""
    SESSIONS_LISTED = "sessions_listed"
    """`operator` listed sessions through the management listener; `selector` says which."""
    SESSIONS_REVOKED = "sessions_revoked"
    """`operator` ended sessions through the management listener; `selector` which, `ended` how many, `reason` why."""
    MANAGEMENT_REFUSED = "management_refused"
    """The sessions API or the console refused a client; `address` is its address, `reason` is a closed word.

    The first one of a reason in a minute is logged at once; a line without an address has those after it, as `count`.

    `no_known_token`, `too_many_wrong_tokens`, `role` (the `operator` lacks it), `csrf` (a form without our token),
    `foreign_page` (a page of another site sent the request), or `oidc`
    (the office's provider vouches for nobody).
    """
    OPERATORS_CHANGED = "operators_changed"
    """`by` changed the file of operators with the command line; `action` on `name` is `add` or `remove`."""
    CONSOLE_SIGNED_IN = "console_signed_in"
    """`operator` signed in to the console; `selector` says by `token` or `oidc`."""
    CONSOLE_SIGNED_OUT = "console_signed_out"
    """`operator` signed out of the console."""
    OPERATOR_ACTED = "operator_acted"
    """`operator` used the console for `action` on `object`; `outcome` and `reason` say how it ended and why she did it.

    `count` is a number of sessions or entries. A person is named by pseudonym or code alone.
    """
    UPSTREAM_UNREACHABLE = "upstream_unreachable"
    """An upstream of `app` accepted no connection (`error`); logged every 10 seconds at most, `count` has all."""
    UPSTREAM_EJECTED = "upstream_ejected"
    """An upstream of `app` refused connections in a row; the App's others are asked until it accepts one again."""
    UPSTREAM_RETURNED = "upstream_returned"
    """An ejected upstream accepts connections again, and slowly gets its share back."""
    UPSTREAM_PUT_APART = "upstream_put_apart"
    """A server of `app` spoke out of turn, as `sign` says: for `seconds` none of the App's connections is used twice.

    Such bytes can be taken for the next person's answer. `sign`: `behind an answer` (too small a Content-Length, a body
    of a HEAD or 204 answer, a second answer), `before an answer`, `on an idle connection`, `before the request had
    left`, or `behind a request's body` (the server took the body for a request, and ignored `Connection: close`).
    """
    UPSTREAM_TRUSTED_AGAIN = "upstream_trusted_again"
    """The servers of `app` kept the order for the required time, and the gateway uses the App's connections again."""
    UPSTREAM_UNHEALTHY = "upstream_unhealthy"
    """An upstream failed its health checks and gets no requests."""
    UPSTREAM_HEALTHY = "upstream_healthy"
    """An upstream passes its health checks again, and slowly gets its share back."""
    POLICIES_ADOPTED = "policies_adopted"
    """Policy files changed, passed the check and their examples, and are in force from now on."""
    POLICIES_REFUSED = "policies_refused"
    """Policy files changed and have a mistake, or an example fails; the old ones stay in force."""
    LIST_READ = "list_read"
    """A subject list was read: it has `after` entries and had `before`; at a start, `before` is none."""
    FILE_HELD = "file_held"
    """A list lost many entries, or a policy's file is only the beginning of the old one; the old ones stay in force.

    `before` and `after` are entries of a list or bytes of another file. `sekisho policy adopt` takes it as it is.
    """
    FILE_ADOPTED = "file_adopted"
    """An operator took a policy's file as it is, and said why; `entries` says how many a list has."""
    SWITCHES_ADOPTED = "switches_adopted"
    """The switches' file changed; `names` are on now."""
    SWITCHES_REFUSED = "switches_refused"
    """The switches' file changed and cannot be read; the switches stay as they were."""
    SWITCH_FOLLOWED = "switch_followed"
    """A switch was turned on another node, and this worker follows; `operator` turned it, and `words` say why."""
    SWITCHES_UNSHARED = "switches_unshared"
    """An exchange of switches with the other nodes failed, as `error` says; the switches that are known stay.

    `newer` and `broken` are about the record in Redis, `unreadable` is about this node's file. Each is logged once.
    """
    SWITCHES_UNHEARD = "switches_unheard"
    """The node has never heard of its fleet's switches, and Redis does not answer: it goes by its own file."""
    FILES_UNREAD = "files_unread"
    """An error stopped the watch of policies and switches; they stay as they were, and the watch goes on."""
    SWITCH_TURNED = "switch_turned"
    """An operator turned a switch on or off, and said why."""
    LIMIT_CANCELLED = "limit_cancelled"
    """An application said that a person's entry was cancelled; `outcome` says whether it was given back."""
    LIMIT_UNSETTLED = "limit_unsettled"
    """The limit store did not get the outcome of an entry; the entry stays counted until an operator gives it back."""
    PRESS_NOT_GIVEN_BACK = "press_not_given_back"
    """A form that came back from another site did not reach its application, and the store of pending logins did not
    hear of it: a second press is answered as if the form had been sent."""
    ACCOUNT = "account"
    """A person linked an account of an application, chose one, or tried to; `outcome` says how it ended."""
    ACCOUNT_LOGIN_FAILED = "account_login_failed"
    """The gateway could not sign in at an application, which did not answer or not as the recipe says (`error`)."""
    ACCOUNT_PASSWORD = "account_password"  # noqa: S105 - the name of an event
    """The gateway changed an account's password at the application, or did not (`outcome`, `error`): with `lost` the
    application takes neither the old nor the new one, and the office must set one there."""
    LIMIT_STORE_AWAY = "limit_store_away"
    """The limit store did not answer at the start; rules with a limit answer 503 until it does."""
    SUBJECT_ERASED = "subject_erased"
    """An operator erased what is kept of a person, by `code`; `sessions` and `entries` say how many, `reason` why.

    `complete` is false if a store stopped answering on the way: then run the command again.
    """
    LIMIT_GIVEN_BACK = "limit_given_back"
    """An operator gave an entry of a limit back, and said why."""
    CERTIFICATE_INVALID = "certificate_invalid"
    """The gateway serves with a certificate of the settings that is `expired` or `not_yet_valid`, as `error` says."""
    CERTIFICATE_REFUSED = "certificate_refused"
    """The certificate or its key cannot be read anew, or it is `expired` or `not_yet_valid`; the one in use stays."""
    HEADER_REMOVED = "header_removed"
    """A client sent `header`, which no browser sends, and the application of `app` did not get it; `family` says why.

    Each name once an hour. `headers.keep` passes one that the application needs. In forward-auth mode the gateway can
    remove nothing, so it refused the request.
    """
    ANSWER_FIELD_REMOVED = "answer_field_removed"
    """The application of `app` answered with `header`, an order to a server in front such as `X-Accel-Redirect` or
    `X-Sendfile`, and the gateway removed it. Each name once an hour. The file or page that it names was not shown.
    """
    RESTART_NEEDED = "restart_needed"
    """Settings were read anew, and those in `names` take effect only after a restart of the whole gateway."""
    REPLACEMENT_NEEDED = "replacement_needed"
    """Settings were read anew, and those in `names` take effect only after the processes are replaced."""


SHAPES: Final[Mapping[Event, str]] = {
    Event.DEMO_APPLICATION_FAILED: "application error",
    Event.EMULATOR_ANSWERED: "client_id outcome",
    Event.EMULATOR_IGNORED: "client_id parameters",
    Event.EMULATOR_REFUSED: "client_id endpoint reasons",
    Event.PORTAL_FAILED: "request_id app error where",
    Event.SIGN_IN: (
        "request_id app outcome rule reason error endpoint check found pseudonym other_person sessions seconds"
    ),
    Event.SIGNATURE: "request_id app outcome rule source error endpoint check transaction pseudonym",
    Event.PROVIDER_KEY_PASSED_OVER: "kid why",
    Event.AUDIT: "request_id app rule verdict reasons pseudonym policy_version",
    Event.AUDIT_UNWRITABLE: "error where",
    Event.AUDIT_WRITABLE: "count",
    Event.AUDIT_TAMPERED: "count",
    Event.LIBRARY: "logger error where",
    Event.UNNAMED: "where count",
    Event.UNCAUGHT: "error where",
    Event.NOT_READY: "name error",
    Event.BYTE_PATH_FAILED: "request_id error where",
    Event.STARTED: "listen count",
    Event.STOPPED: "cut count",
    Event.RELOADED: "count",
    Event.RELOAD_REFUSED: "mistake error where",
    Event.SESSION_TRACKING_BEGUN: "places",
    Event.SESSION_TRACKING_LOST: "fault",
    Event.SESSION_TRACKING_FAILED: "error where",
    Event.SESSION_STORE_DOUBTFUL: "doubt",
    Event.SESSION_STORE_WENT_BACK: "",
    Event.SESSION_MARK_UNUSABLE: "error",
    Event.SIGN_OUT_WAITS: "",
    Event.SIGN_OUT_NOT_KEPT: "fault",
    Event.SIGN_OUTS_CAUGHT_UP: "ended count",
    Event.SIGN_OUTS_FILE_UNUSABLE: "",
    Event.SESSIONS_STALE_ALLOWED: "seconds",
    Event.WORKER_DIED: "code",
    Event.REPLACED: "count",
    Event.REPLACEMENT_FAILED: "",
    Event.SESSIONS_LISTED: "operator reason selector session pseudonym client_id count",
    Event.SESSIONS_REVOKED: "operator reason words selector session pseudonym client_id ended",
    Event.MANAGEMENT_REFUSED: "address operator reason count",
    Event.OPERATORS_CHANGED: "action name by file",
    Event.CONSOLE_SIGNED_IN: "operator selector",
    Event.CONSOLE_SIGNED_OUT: "operator",
    Event.OPERATOR_ACTED: "operator action object reason outcome count",
    Event.UPSTREAM_UNREACHABLE: "app upstream error count",
    Event.UPSTREAM_EJECTED: "app upstream",
    Event.UPSTREAM_RETURNED: "app upstream",
    Event.UPSTREAM_PUT_APART: "app upstream sign seconds",
    Event.UPSTREAM_TRUSTED_AGAIN: "app",
    Event.UPSTREAM_UNHEALTHY: "upstream",
    Event.UPSTREAM_HEALTHY: "upstream",
    Event.POLICIES_ADOPTED: "names",
    Event.POLICIES_REFUSED: "mistake",
    Event.LIST_READ: "file before after",
    Event.FILE_HELD: "file before after",
    Event.FILE_ADOPTED: "operator reason words file entries",
    Event.SWITCHES_ADOPTED: "names",
    Event.SWITCHES_REFUSED: "file",
    Event.SWITCH_FOLLOWED: "operator words name turned",
    Event.SWITCHES_UNSHARED: "error",
    Event.SWITCHES_UNHEARD: "",
    Event.FILES_UNREAD: "error where",
    Event.SWITCH_TURNED: "operator reason words name turned",
    Event.LIMIT_CANCELLED: "request_id app policy limit period outcome",
    Event.LIMIT_UNSETTLED: "request_id limit error where",
    Event.PRESS_NOT_GIVEN_BACK: "",
    Event.ACCOUNT: "request_id app outcome pseudonym",
    Event.ACCOUNT_LOGIN_FAILED: "request_id app error",
    Event.ACCOUNT_PASSWORD: "request_id app outcome error",
    Event.LIMIT_STORE_AWAY: "",
    Event.SUBJECT_ERASED: "operator reason by client_id code sessions entries links complete",
    Event.LIMIT_GIVEN_BACK: "operator reason by policy limit period code state",
    Event.CERTIFICATE_INVALID: "file error",
    Event.CERTIFICATE_REFUSED: "file error",
    Event.HEADER_REMOVED: "app header family",
    Event.ANSWER_FIELD_REMOVED: "app header",
    Event.RESTART_NEEDED: "names",
    Event.REPLACEMENT_NEEDED: "names",
}
"""The fields of each event, beside those of every line. Every part of the gateway and every command logs all of
them; a field without a value is `null`."""

FORMER_NAMES: Final[Mapping[str, str]] = {"by": "operator", "words": "reason", "count": "cut"}
"""Fields that repeat another one where an event's shape has both: the name under which earlier versions logged it."""
