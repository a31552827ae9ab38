"""One entry of the audit trail: who did what, by which rule, and why.

An entry names a person by a pseudonym, and an operator by the names that the machine knows. It never holds a claim, a
subject, a ticket or a code. `chain` makes lines of entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256

import msgspec

from gateway.plain_text import printable

LONGEST = 300
"""Characters of a text in an entry; what is longer is cut."""
MOST_NAMES = 50
"""Names in a list of an entry."""

_PERSON_DOMAIN = b"sekisho audit person\0"


class Action(StrEnum):
    """The deed that an entry tells of, in its field `action`."""

    SIGN_IN = "sign_in"
    """A person's sign-in ended; `verdict` is `signed_in` or the reason of the failure."""
    SIGN_OUT = "sign_out"
    """A session ended because its person, or the provider, signed out; `verdict` says which."""
    SIGNATURE = "signature"
    """A document's signature ended (preview); `verdict` is `signed` or the reason of the failure, `object` is the
    document's SHA-256, and `names` has the provider's transaction."""
    SIGNATURE_EXPORTED = "signature_exported"
    """An operator exported evidence of signatures; `count` says of how many."""
    SIGNATURE_ERASED = "signature_erased"
    """An operator erased evidence of signatures; `count` says of how many."""
    ACCOUNT = "account"
    """A person linked an account of an application, ended a link, chose an account, had none, or failed to link one.
    `verdict` says which, `object` is the account, and `names` has the marks of the person and of its holder."""
    DECISION = "decision"
    """A request was refused, or permitted by a rule that says `audit: true`."""
    SESSIONS_LISTED = "sessions_listed"
    """An operator listed sessions; `count` says how many."""
    SESSIONS_REVOKED = "sessions_revoked"
    """An operator ended sessions; `count` says how many."""
    STORE_WENT_BACK = "store_went_back"
    """The gateway found an older state in Redis, as after a restored dump, and ended every session of it."""
    SUBJECT_ERASED = "subject_erased"
    """An operator erased what is kept of a person; `count` says how many sessions and entries of limits."""
    SUBJECT_JOINED = "subject_joined"
    """An operator had a person known by her old subject."""
    ALIASES_SEALED = "aliases_sealed"
    """An operator had subjects in clear removed from the file of aliases; `count` says from how many lines."""
    ACCOUNTS_LISTED = "accounts_listed"
    """An operator listed accounts of an application; `count` says how many, `object` names one."""
    ACCOUNT_CHANGED = "account_changed"
    """An operator changed who has an account; `object` is the account, `verdict` what was done."""
    ACCOUNTS_IMPORTED = "accounts_imported"
    """An operator linked persons by the office's list; `object` is the file, `count` says how many rows."""
    ACCOUNTS_EXPORTED = "accounts_exported"
    """An operator exported accounts with the marks of their persons; `count` says of how many."""
    ACCOUNTS_RESEALED = "accounts_resealed"
    """An operator had accounts sealed under the first key; `count` says how many were not."""
    LIMIT_GIVEN_BACK = "limit_given_back"
    """An operator gave an entry of a limit back."""
    LIMIT_CANCELLED = "limit_cancelled"
    """An application said that a person's entry of a limit was cancelled, and the gateway gave it back; `verdict` is
    `given_back`, or says why there was nothing to give back."""
    SWITCH_ON = "switch_on"
    """An operator turned a switch on; `object` is its name."""
    SWITCH_OFF = "switch_off"
    """An operator turned a switch off; `object` is its name."""
    FILE_ADOPTED = "file_adopted"
    """An operator took a policy's file as it is; `object` is the file."""
    POLICY_SAVED = "policy_saved"
    """An author wrote a policy's file in the workbench; `object` is its name, `count` is 1."""
    KEY_MADE = "key_made"
    """An operator made a signing key; `object` is its `kid`."""
    KEY_ROTATED = "key_rotated"
    """An operator had another key sign; `object` is its `kid`."""
    KEY_RETIRED = "key_retired"
    """An operator removed a key; `object` is its `kid`."""
    TOKEN_MADE = "token_made"  # noqa: S105 - the name of an action
    """An operator made a token for the management listener; `object` is the name of its owner."""
    TOKEN_REMOVED = "token_removed"  # noqa: S105 - the name of an action
    """An operator took a token away; `object` is the name of its owner."""
    MANAGEMENT_REFUSED = "management_refused"
    """The sessions API or the console refused a client, `count` times in a minute; `reasons` has the reason."""
    WORKER_DIED = "worker_died"
    """A worker ended unasked; `object` is its name, `verdict` the cause, `count` its exit code."""
    WORKER_STARTED = "worker_started"
    """A worker came in the place of one that had died; `object` is its name."""
    WORKERS_REPLACED = "workers_replaced"
    """The gateway replaced its workers by new ones (SIGUSR2); `outcome` says whether it could."""
    CERTIFICATE_READ = "certificate_read"
    """The gateway read the listener's certificate anew; `outcome` says whether it took it, `verdict` why not."""
    CONSOLE = "console"
    """An operator did something in the console; `object` names it."""
    STARTED = "started"
    """The gateway accepts requests."""
    STOPPED = "stopped"
    """The gateway has ended."""
    RELOADED = "reloaded"
    """The gateway read settings, policies and keys anew; `outcome` says whether it took them."""
    POLICIES_READ = "policies_read"
    """The gateway read changed policies; `outcome` says whether it took them, `names` are their names."""
    SWITCHES_READ = "switches_read"
    """The gateway read the file of switches; `names` are on from now on."""
    SWITCH_FOLLOWED = "switch_followed"
    """The gateway followed another node; `object` is the switch, `verdict` says `on` or `off`, `operator` turned it."""
    KEYS_CHANGED = "keys_changed"
    """A reload brought other keys or secrets; `names` has their identifiers, never a key."""
    CHECKPOINT = "checkpoint"
    """A signature over everything before it."""
    SEGMENT_OPENED = "segment_opened"
    """A file of the trail begins; `beside` has the other files that no earlier file names."""
    SEGMENT_CLOSED = "segment_closed"
    """A file of the trail ends; the line is a signature over everything before it."""
    SEGMENTS_REMOVED = "segments_removed"
    """Whole, verified files were older than `audit.keep` and were removed; `removed` names them."""
    ENTRIES_LOST = "entries_lost"
    """`count` entries before this one could not be written."""


class Outcome(StrEnum):
    """How it ended."""

    DONE = "done"
    BEGUN = "begun"
    """The entry was written before the action. One with the outcome follows it."""
    REFUSED = "refused"
    FAILED = "failed"
    """A store or a file failed in the middle: a part may be done."""


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """The content of one line. Empty fields are left out."""

    action: Action
    time: float
    """Unix seconds."""
    outcome: Outcome = Outcome.DONE
    operator: str = ""
    """The owner of the token, or the name that the operator gave on the command line."""
    user: str = ""
    """The user of the machine who ran the command."""
    sudo_user: str = ""
    """The user who ran it through sudo, as sudo tells."""
    pseudonym: str = ""
    app: str = ""
    rule: str = ""
    """`policy/rule`."""
    policy_version: str = ""
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    """Closed words, each with the condition's name where there is one."""
    conditions: Mapping[str, str] = {}
    """Each condition with `yes`, `no` or `unknown`, never with a value."""
    request_id: str = ""
    object: str = ""
    """The thing that was acted on: a switch, a file, a session's name, a key's identifier."""
    client_id: str = ""
    """The client; of listed or ended sessions as the operator named it."""
    reason: str = ""
    """The operator's words."""
    names: tuple[str, ...] = ()
    count: int | None = None
    """A number of sessions or entries, or of further refusals of this kind in a minute."""


def decision(  # noqa: PLR0913 - one parameter a field
    time: float,
    request_id: str,
    *,
    app: str,
    verdict: str,
    rule: str,
    reasons: tuple[str, ...],
    pseudonym: str,
    version: str,
    answers: Mapping[str, str],
) -> Entry:
    """Return the entry of a decision on a request; `answers` are the conditions that are known beside the reasons."""
    return Entry(
        Action.DECISION,
        time,
        Outcome.DONE if verdict == "permit" else Outcome.REFUSED,
        pseudonym=pseudonym,
        app=app,
        rule=rule,
        policy_version=version,
        verdict=verdict,
        reasons=reasons,
        conditions={**answers, **conditions_of(reasons)},
        request_id=request_id,
    )


def fields_of(entry: Entry) -> dict[str, object]:
    """Return the fields of an entry's line: plain texts that a terminal only draws, none too long."""
    # The fields with a value, in one pass: empty ones are left out by the struct itself.
    told: dict[str, object] = msgspec.to_builtins(entry)
    told["time"] = written(entry.time)
    told.setdefault("outcome", Outcome.DONE.value)
    for name, value in told.items():
        match value:
            case str():
                told[name] = value if len(value) <= LONGEST and value.isprintable() else plain(value)
            case list() | tuple():
                told[name] = [plain(each) for each in value[:MOST_NAMES]]
            case dict():
                told[name] = {plain(each): plain(truth) for each, truth in sorted(value.items())}
            case _:
                pass
    return told


def plain(text: str) -> str:
    """Return a text as it stands in a line: in one line, without characters that a terminal obeys, and not too long."""
    return printable(str(text)[:LONGEST])


def written(time: float) -> str:
    """Return a moment as lines tell it: RFC 3339, in UTC, to the microsecond."""
    return datetime.fromtimestamp(time, UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def moment(text: str) -> float:
    """Return the Unix seconds of an RFC 3339 time, or of a day in UTC.

    Raises:
        ValueError: it is no such time.

    """
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo is not None else read.replace(tzinfo=UTC)).timestamp()


def conditions_of(reasons: Iterable[str]) -> dict[str, str]:
    """Return the conditions that a refusal's reasons name, each with its answer."""
    found: dict[str, str] = {}
    for reason in reasons:
        kind, _, name = reason.partition(":")
        if name and kind in _ANSWERS:
            found[name] = _ANSWERS[kind]
    return found


_ANSWERS = {"condition_no": "no", "condition_unknown": "unknown"}


def person_by_code(code: str) -> str:
    """Return the pseudonym of a person who is known by her code alone: nobody can compute the code from it."""
    return "c-" + sha256(_PERSON_DOMAIN + code.encode()).hexdigest()[:32]
