"""Moments, and the day they fall on in Japan.

An `Instant` is what clocks give; a day is what laws and opening hours speak of.
No module below reads a clock: the entrances read it, and pass `now` in.
"""

from datetime import date, datetime, time, timedelta, timezone

Instant = float
"""Seconds since the Unix epoch, UTC."""

CLOCKS_DIFFER = 60.0
"""Seconds a wall clock may be set back, or two machines' clocks differ. A later beginning comes from a clock that ran
ahead and was set right since. Its true time is unknown."""

LATEST: Instant = 253_370_764_800.0
"""The last moment we speak of, in the year 9999: calendars end there."""

TOKYO = timezone(timedelta(hours=9), "JST")
"""Asia/Tokyo. Japan has had no daylight saving time since 1951, so the offset is the zone."""


def is_instant(value: float) -> bool:
    """Say whether a number of another program can be a time: not `nan`, not `inf`, and in a calendar."""
    return 0 <= value <= LATEST


def began(since: Instant, now: Instant) -> bool:
    """Say whether a kept value has begun by now, as far as clocks agree; False means that our clock was set back."""
    return now >= since - CLOCKS_DIFFER


def tokyo_time(now: Instant) -> datetime:
    """Return the moment as a clock on a wall in Japan shows it."""
    return datetime.fromtimestamp(now, TOKYO)


def tokyo_day(now: Instant) -> date:
    """Return the day it is in Japan at that moment."""
    return tokyo_time(now).date()


def rfc3339(now: Instant) -> str:
    """Return the moment as every log tells it (RFC 3339): Japan's time with its offset, to the millisecond."""
    return tokyo_time(now).isoformat(timespec="milliseconds")


def start_of(day: date) -> Instant:
    """Return the first moment of a day in Japan."""
    return datetime.combine(day, time.min, TOKYO).timestamp()
