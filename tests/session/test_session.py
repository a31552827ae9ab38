"""The parts of a session that it shows."""

from dataclasses import replace

from gateway.session.session import Found
from tests.builders import session


def test_a_session_shows_no_claim_of_itself() -> None:
    """Printed by mistake, in a log line or a traceback, it names nobody."""
    one = session()
    named = replace(one, identity=replace(one.identity, subject="ppid-1", name="関所 花子", address="神南一丁目"))

    shown = repr(Found(named))

    assert "pseudonym" in shown
    for claim in ("ppid-1", "花子", "神南"):
        assert claim not in shown
