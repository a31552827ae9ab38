"""Memory is believed only while it is sure to be told, and keeps only what nothing contradicted."""

from __future__ import annotations

from gateway.session.cache import SWEPT, TRUST, UNKNOWN_SECONDS, Marker, SessionCache
from gateway.session.session import Found, Gone
from gateway.session.ticket import Ticket, new_ticket, ticket_name
from tests.builders import NOON, session

IDLE = 1_800.0
HERE = frozenset({"here"})


def ticket(number: int = 1) -> Ticket:
    """The same ticket for the same number."""
    return new_ticket(number.to_bytes(32))


def trusted(**changes: float) -> SessionCache:
    """A cache that is told, and trusted from second 0 on."""
    cache = SessionCache(**({"idle": IDLE} | changes))  # type: ignore[arg-type]
    cache.begin(HERE)
    cache.confirm("here", 0.0)
    return cache


def place(cache: SessionCache, one: Ticket, at: float = 0.0) -> Marker:
    """Begin a look-up."""
    return cache.place(one, ticket_name(one), at)


def remember(cache: SessionCache, one: Ticket, at: float = 0.0) -> Found:
    """Look a session up."""
    found = Found(session())
    assert cache.keep(place(cache, one, at), found)
    return found


def test_what_was_read_is_known() -> None:
    """A session read once is answered from memory: the very same object, with what was kept ready."""
    cache = trusted()

    found = remember(cache, ticket())

    assert cache.peek(ticket(), NOON, 0.5) is found
    assert cache.peek(ticket(2), NOON, 0.5) is None


def test_nothing_is_believed_before_the_first_heartbeat() -> None:
    """Being told is not enough: a heartbeat must have come back."""
    cache = SessionCache(idle=IDLE)
    cache.begin(HERE)
    remember(cache, ticket())
    assert cache.peek(ticket(), NOON, 0.0) is None

    cache.confirm("here", 0.0)

    assert cache.peek(ticket(), NOON, 0.0) is not None


def test_trust_ends_a_second_after_the_heartbeat_was_sent() -> None:
    """From when it was sent, not from when it came back; compared on each look."""
    cache = trusted()
    remember(cache, ticket())

    assert cache.peek(ticket(), NOON, TRUST - 0.001) is not None
    assert cache.peek(ticket(), NOON, TRUST) is None

    cache.confirm("here", 2.0)
    assert cache.peek(ticket(), NOON, 2.5) is not None


def test_a_late_heartbeat_takes_no_trust_away() -> None:
    """Answers may come out of order."""
    cache = trusted()
    cache.confirm("here", 5.0)

    cache.confirm("here", 4.0)

    assert cache.trusted_until == 5.0 + TRUST


def test_trust_needs_every_place() -> None:
    """In a cluster the slowest primary decides."""
    cache = SessionCache(idle=IDLE)
    cache.begin(frozenset({"a", "b"}))
    remember(cache, ticket())
    cache.confirm("a", 10.0)
    assert cache.peek(ticket(), NOON, 10.0) is None

    cache.confirm("b", 9.5)
    cache.confirm("elsewhere", 99.0)

    assert cache.trusted_until == 9.5 + TRUST


def test_a_changed_record_is_forgotten() -> None:
    """Hearing of a record is reading it anew."""
    cache = trusted()
    remember(cache, ticket())

    cache.invalidate(ticket_name(ticket()))

    assert cache.peek(ticket(), NOON, 0.0) is None


def test_an_answer_overtaken_by_news_is_not_kept() -> None:
    """Read, deleted, told, and only then answered: the dead session must not be remembered."""
    cache = trusted()
    marker = place(cache, ticket())

    cache.invalidate(ticket_name(ticket()))

    assert not cache.keep(marker, Found(session()))
    assert cache.peek(ticket(), NOON, 0.0) is None


def test_an_answer_of_an_earlier_epoch_is_not_kept() -> None:
    """An answer from before the loss of the connection is not trusted after the reconnection."""
    cache = trusted()
    marker = place(cache, ticket())

    cache.end()
    cache.begin(HERE)
    cache.confirm("here", 0.0)

    assert not cache.keep(marker, Found(session()))
    assert cache.peek(ticket(), NOON, 0.0) is None


def test_only_the_own_marker_counts() -> None:
    """After news, a second look-up of the same session does not let the first one's old answer in."""
    cache = trusted()
    first = place(cache, ticket())
    cache.invalidate(ticket_name(ticket()))
    second = place(cache, ticket())

    assert not cache.keep(first, Found(session()))
    assert cache.keep(second, Found(session()))


def test_nothing_is_kept_while_nobody_tells() -> None:
    """Without an epoch each answer serves once."""
    cache = SessionCache(idle=IDLE)

    assert not cache.keep(place(cache, ticket()), Found(session()))


def test_news_that_concern_everybody_drop_everything() -> None:
    """FLUSHALL, a revocation of all, a key not understood: nothing is remembered, look-ups under way included."""
    cache = trusted()
    remember(cache, ticket(1))
    marker = place(cache, ticket(2))

    cache.forget()

    assert len(cache) == 0
    assert cache.peek(ticket(1), NOON, 0.0) is None
    assert not cache.keep(marker, Found(session()))


def test_the_end_of_an_epoch_drops_everything() -> None:
    """A lost connection may have lost news with it."""
    cache = trusted()
    remember(cache, ticket())

    cache.end()

    assert len(cache) == 0
    assert cache.peek(ticket(), NOON, 0.0) is None


def test_silence_here_is_not_silence_everywhere() -> None:
    """When the idle time is over as far as we know, the store is asked, and the session not ended."""
    cache = trusted()
    remember(cache, ticket())
    cache.confirm("here", IDLE)

    assert cache.peek(ticket(), NOON, IDLE - 0.001) is not None
    assert cache.peek(ticket(), NOON, IDLE) is None


def test_the_absolute_end_is_kept_whatever_the_use() -> None:
    """Memory does not outlive the session's age."""
    cache = trusted()
    found = remember(cache, ticket())

    assert cache.peek(ticket(), found.session.expires_at - 1, 0.0) is found
    assert cache.peek(ticket(), found.session.expires_at, 0.0) is None


def test_the_idle_clock_is_restarted_once_per_tenth() -> None:
    """However many requests come, a touch is due once in a tenth of the idle time."""
    cache = trusted()
    remember(cache, ticket())
    step, asked = 0.5, 0
    for number in range(int(IDLE / step)):
        at = number * step
        cache.confirm("here", at)
        cache.peek(ticket(), NOON, at)
        for one in cache.due:
            cache.touched(one, at)
            asked += 1
        cache.due.clear()

    assert asked == 9
    assert cache.peek(ticket(), NOON, IDLE) is not None


def test_a_failed_touch_is_tried_again() -> None:
    """An idle clock that could not be restarted is due again a second later, not a tenth of the time later."""
    cache = trusted()
    remember(cache, ticket())
    cache.confirm("here", 180.0)
    cache.peek(ticket(), NOON, 180.0)
    assert cache.due == [ticket()]
    cache.due.clear()

    cache.not_touched(ticket(), 180.0)
    cache.confirm("here", 181.0)
    cache.peek(ticket(), NOON, 181.0)

    assert cache.due == [ticket()]


def test_an_unknown_ticket_is_remembered_for_a_moment() -> None:
    """The same forged cookie again costs the store nothing, until the moment is over or such a session begins."""
    cache = trusted()
    for number in (1, 2):
        cache.keep_unknown(place(cache, ticket(number)))
    cache.confirm("here", UNKNOWN_SECONDS)
    assert cache.peek(ticket(1), NOON, UNKNOWN_SECONDS - 0.1) == Gone()

    cache.invalidate(ticket_name(ticket(1)))

    assert cache.peek(ticket(1), NOON, UNKNOWN_SECONDS - 0.1) is None
    assert cache.peek(ticket(2), NOON, UNKNOWN_SECONDS - 0.1) == Gone()
    assert cache.peek(ticket(2), NOON, UNKNOWN_SECONDS) is None


def test_a_session_that_began_meanwhile_is_not_unknown() -> None:
    """An empty answer overtaken by the session's beginning is not remembered."""
    cache = trusted()
    marker = place(cache, ticket())
    cache.invalidate(ticket_name(ticket()))

    cache.keep_unknown(marker)

    assert cache.peek(ticket(), NOON, 0.0) is None


def test_forged_cookies_take_bounded_memory() -> None:
    """A flood of tickets throws only other forged ones out, and leaves no name behind."""
    cache = trusted(unknown_size=10)
    mine = remember(cache, ticket(0))
    for number in range(1, 1_000):
        cache.keep_unknown(place(cache, ticket(number)))

    assert cache.peek(ticket(0), NOON, 0.0) is mine
    assert cache.peek(ticket(999), NOON, 0.0) == Gone()
    assert cache.peek(ticket(1), NOON, 0.0) is None
    assert len(cache._tickets) == 11


def test_sessions_in_use_stay_when_room_is_made() -> None:
    """At its size the cache throws out who has not been back."""
    cache = trusted(size=3)
    found = {number: remember(cache, ticket(number)) for number in range(3)}
    cache.peek(ticket(0), NOON, 0.0)

    remember(cache, ticket(3))

    assert len(cache) == 3
    assert cache.peek(ticket(0), NOON, 0.0) is found[0]
    assert cache.peek(ticket(1), NOON, 0.0) is None


def test_nothing_stale_by_default() -> None:
    """Without `stale_for`, what was remembered is gone with the epoch."""
    cache = trusted()
    remember(cache, ticket())
    cache.end()

    assert cache.stale(ticket(), NOON, 0.0) is None


def test_stale_sessions_are_honoured_for_the_stated_time() -> None:
    """From the last moment memory was trusted, as long as the operator said, and no longer."""
    cache = trusted(stale_for=60.0)
    found = remember(cache, ticket())
    cache.end()

    assert cache.peek(ticket(), NOON, 0.5) is None
    assert cache.stale(ticket(), NOON, TRUST + 59.9) is found
    assert cache.stale(ticket(), NOON, TRUST + 60.0) is None
    assert cache.stale(ticket(), found.session.expires_at, 0.5) is None


def test_a_session_known_to_be_over_is_not_stale() -> None:
    """A session that was revoked before the outage, or answered as gone during it, is not honoured."""
    cache = trusted(stale_for=60.0)
    remember(cache, ticket(1))
    remember(cache, ticket(2))
    cache.invalidate(ticket_name(ticket(1)))
    cache.end()

    cache.keep_unknown(place(cache, ticket(2)))

    assert cache.stale(ticket(1), NOON, 0.5) is None
    assert cache.stale(ticket(2), NOON, 0.5) is None


def test_who_has_left_does_not_stay_in_memory() -> None:
    """Reproduced before: sessions of the last hours stayed in memory with their facts, up to 100,000 of them.

    Those in use stay, and so does one that was heard of again after the sweep began.
    """
    cache = trusted()
    silent = [remember(cache, ticket(number)) for number in range(1, 3 * SWEPT - 1)]
    remember(cache, ticket(0), at=1_000.0)
    remember(cache, ticket(3 * SWEPT), at=10.0)
    cache.touched(ticket(3 * SWEPT), 1_500.0)
    assert len(cache) == len(silent) + 2

    for _ in range(3):
        cache.sweep(NOON, IDLE + 20.0)

    assert len(cache) == 2
    cache.confirm("here", IDLE + 20.0)
    assert cache.peek(ticket(0), NOON, IDLE + 20.0) is not None
    assert cache.peek(ticket(3 * SWEPT), NOON, IDLE + 20.0) is not None
    assert cache.peek(ticket(1), NOON, IDLE + 20.0) is None


def test_a_session_past_its_end_leaves_memory() -> None:
    """However often it is used."""
    cache = trusted()
    found = remember(cache, ticket())

    cache.sweep(found.session.expires_at - 1.0, 1.0)
    assert len(cache) == 1
    cache.sweep(found.session.expires_at, 1.0)
    assert len(cache) == 0


def test_a_sweep_looks_at_a_bounded_number() -> None:
    """The loop waits for no memory of a hundred thousand; and a new session is looked at in the next round."""
    cache = trusted()
    for number in range(2 * SWEPT):
        remember(cache, ticket(number))

    cache.sweep(NOON, IDLE)
    assert len(cache) == SWEPT
    remember(cache, ticket(2 * SWEPT), at=1.0)
    cache.sweep(NOON, IDLE)
    assert len(cache) == 1
    cache.sweep(NOON, IDLE + 1.0)
    assert len(cache) == 0


def test_a_ticket_that_stood_for_nothing_is_forgotten() -> None:
    """A forged one stays as long as it saves look-ups, and no longer."""
    cache = trusted()
    cache.keep_unknown(place(cache, ticket()))

    cache.sweep(NOON, UNKNOWN_SECONDS - 1.0)
    cache.confirm("here", UNKNOWN_SECONDS - 1.0)
    assert cache.peek(ticket(), NOON, UNKNOWN_SECONDS - 1.0) == Gone()
    cache.sweep(NOON, UNKNOWN_SECONDS)
    cache.invalidate(ticket_name(ticket()))

    assert cache.peek(ticket(), NOON, UNKNOWN_SECONDS - 0.5) is None
