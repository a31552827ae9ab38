"""A request's stages against a model: events in any order, the legal, the harmless and the impossible.

The model is told of the same events and knows no table. It says in plain words where a request is, whether an event
can come there, and what the client, the upstreams and the stores must have seen of it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError, UpstreamProtocolError
from gateway.limits.limits import LimitUse
from gateway.listen.asyncio_exchange import Exchange
from gateway.listen.stages import BEGUN, STAGES, TUNNELS, WAITING_FOR_ANSWER, Stage, StageEvent
from gateway.pipeline.outcome import Answer, AskPortal, Forward, NeedReservation, NeedSession, Step
from gateway.pipeline.visit import OwnPage, Visit
from gateway.request.brought import Brought
from gateway.request.head_reader import Arrival
from gateway.request.inbound import Framing
from gateway.session.session import Found
from gateway.session.ticket import Ticket
from gateway.upstream.upstream import AnswerFraming, AnswerHead
from gateway.wire.deadlines import Deadlines
from gateway.wire.states import IllegalEventError
from tests.builders import inbound, session
from tests.listen.byte_path import PERMIT, Application, Door

TICKET = Ticket("t" * 43)
USE = LimitUse("policy", "limit", "day", "code")
HEAD = AnswerHead(200, ((b"Content-Type", b"text/plain"),), AnswerFraming.CHUNKED)
WHOLE = AnswerHead(200, (), AnswerFraming.COUNTED, 2)
BODY = b"0123456789"

KINDS: dict[str, dict[str, Any]] = {
    "page": {"method": "GET"},
    "post": {"method": "POST", "framing": Framing.COUNTED, "length": len(BODY)},
    "delete": {"method": "DELETE", "framing": Framing.CHUNKED},
    "socket": {"method": "GET", "websocket": True},
}
NAVIGATES = (("Sec-Fetch-Mode", "navigate"), ("Accept", "text/html"))
IN_THE_BACKGROUND = (("X-Requested-With", "XMLHttpRequest"),)

EVENTS = (
    *("ready", "interim", "head", "whole", "data", "end", "fail", "unheard", "upgrade"),
    *("app data", "app ends", "client data", "client ends", "gone", "stalled", "session ends", "half close"),
    *("body", "session read", "entry taken", "entry refused", "settled"),
)


class Client:
    """The client's connection."""

    def __init__(self) -> None:
        self.written = b""
        self.ends: list[str] = []
        self.draining = self.congested = False

    def write(self, data: bytes) -> None:
        self.written += data

    write_whole = tunnel_data = write

    def date_line(self) -> bytes:
        return b"Date: x\r\n"

    def tunnelling(self) -> bool:
        return True

    def answered(self) -> None:
        self.ends.append("answered")

    def answered_last(self) -> None:
        self.ends.append("answered last")

    def hang_up(self) -> None:
        self.ends.append("hung up")

    def tunnel_over(self) -> None:
        self.ends.append("tunnel over")

    def outlived_by(self, heir: Any) -> None:
        heir.end()

    def nothing(self) -> None:
        pass

    pause_upload = resume_upload = heard_last_word = tunnel_half_over = nothing


class Connection:
    """A connection to the application or the portal, with its lease."""

    last = False

    def __init__(self, holder: Any) -> None:
        self.holder: Any = holder
        self.sends = 0
        self.fate = ""

    def send(self, holder: Any, head: bytes, *, is_head: bool, uploading: bool, with_body: bool = False) -> None:
        assert holder is self.holder
        self.sends += 1

    def abandon(self, holder: Any) -> None:
        if holder is self.holder:
            self.lose("abandoned")

    def lose(self, fate: str) -> None:
        self.holder, self.fate = None, self.fate or fate

    def pass_on(self, holder: Any, heir: Any) -> None:
        if holder is self.holder:
            self.holder = heir

    def nothing(self, *_: Any) -> None:
        pass

    send_body = upload_done = end_tunnel = pause = resume = within = nothing


class Ways:
    """The upstreams of an App, or the portal."""

    rewrite = None

    def __init__(self, *, free: bool) -> None:
        self.free = free
        self.made: list[Connection] = []
        self.waits = False

    def take(self, receiver: Any, *, repeatable: bool) -> Connection | None:
        if not self.free:
            self.waits = True
            return None
        return self.connect(receiver)

    def take_fresh(self, receiver: Any) -> None:
        self.waits = True

    def connect(self, receiver: Any) -> Connection:
        self.waits = False
        self.made.append(Connection(receiver))
        return self.made[-1]

    def leave(self, receiver: Any) -> None:
        self.waits = False


class Store:
    """The store of limits and of sessions: each answers when the test lets it."""

    def __init__(self) -> None:
        self.asked: asyncio.Future[Any] | None = None
        self.may_settle = asyncio.Event()
        self.taken: list[str] = []
        self.settled: list[str] = []
        self.watched: Callable[[], None] | None = None

    def _ask(self) -> asyncio.Future[Any]:
        self.asked = asyncio.get_running_loop().create_future()
        return self.asked

    async def load(self, ticket: Ticket, now: float) -> Any:
        return await self._ask()

    async def reserve(self, use: LimitUse, entry: str, now: float) -> bool:
        taken = bool(await self._ask())
        self.taken += [entry] if taken else []
        return taken

    async def renew(self, use: LimitUse, entry: str, now: float) -> bool:
        return True

    async def settle(self, use: LimitUse, entry: str, settlement: Any, now: float, name: str = "") -> None:
        await self.may_settle.wait()
        self.settled.append(entry)

    def watch(self, ticket: Ticket, on_end: Callable[[], None]) -> Store:
        self.watched = on_end
        return self

    def cancel(self) -> None:
        self.watched = None


class World:
    """An exchange among fakes, and the model of it."""

    def __init__(self, kind: str, steps: list[str], *, navigates: bool, app_free: bool, portal_free: bool) -> None:
        door = Door(Application())
        door.application.port = door.portal_application.port = 1
        door.deadlines = Deadlines(0.0)
        base = door.make_gate()
        self.app, self.portal, self.store, self.client = Ways(free=app_free), Ways(free=portal_free), Store(), Client()
        self.observed = door.observed
        request = inbound("/", *(NAVIGATES if navigates else IN_THE_BACKGROUND), **KINDS[kind])
        final: dict[str, Step] = {
            "forward": Forward(door.route, PERMIT, b"GET / HTTP/1.1\r\n", signed_in=True),
            "portal": AskPortal(Visit(door.route, request, Found(session()), OwnPage())),
            "answer": Answer(403, (), b"no"),
        }
        step = final[steps[-1]]
        if "entry" in steps and isinstance(step, Forward):
            step = NeedReservation(USE, (), step, Answer(429, (), b"full"), Answer(503, (), b"away"))
        self.queue: list[Step] = [*([NeedSession(TICKET)] if "session" in steps else []), step]
        fakes: dict[str, Any] = {
            "step": lambda *_: self.queue.pop(0),
            "sessions": self.store,
            "upstreams": {"booking": self.app},
            "portal": self.portal,
            "entries": self.store,
        }
        services = dataclasses.replace(base, **fakes)
        table = base.table()
        self.exchange = Exchange(
            self.client, services, Arrival(request, keep_alive=True, minor=1, expects_continue=False), table
        )
        self.exchange.brought = Brought(TICKET, sealed=False)
        self.kind, self.navigates = kind, navigates
        self.left = BODY if kind == "post" else b"1\r\nx\r\n0\r\n\r\n" if kind == "delete" else b""
        self.halves: set[str] = set()
        self.phase = "body?" if kind == "delete" else "new"
        self.asks = ""
        self.tries = 0
        self.rest_is_here = False
        self.late: list[str] = []
        if self.phase == "new":
            self.exchange.decide()
            self.follow(steps)
        self.steps = steps

    # --- the model ----------------------------------------------------------------------------

    def follow(self, steps: list[str]) -> None:
        """Go where the pipeline's outcome leads."""
        match steps[0]:
            case "session" | "entry" as asked if asked == "session" or steps[-1] == "forward":
                self.phase = f"asks for {asked}"
            case "entry":
                self.follow(steps[1:])
            case "answer":
                self.phase = "over"
            case who:
                self.ask("app" if who == "forward" else "portal")

    def ask(self, who: str) -> None:
        if who == "app" and self.kind == "delete" and self.left:
            # The application takes no chunks, so that all of them must come first.
            self.phase = "counts"
            return
        self.asks = who
        self.phase = "asked" if (self.app if who == "app" else self.portal).free else "waits"
        self.tries += self.phase == "asked"

    def trouble(self) -> None:
        """Tell the person: by a page of the portal, or without it where the portal is what failed."""
        if self.asks == "app" and self.navigates and self.kind != "socket" and self.kind != "delete":
            self.ask("portal")
        else:
            self.phase = "over"

    @property
    def ways(self) -> Ways:
        return self.app if self.asks == "app" else self.portal

    @property
    def has_entry(self) -> bool:
        return len(self.store.taken) > len(self.store.settled) and self.asks == "app"

    def can(self, event: str) -> bool | None:
        """Say whether an event can come now; `None` where it is harmless."""
        over = self.phase == "over"
        match event:
            case "ready":
                return None if over else self.phase == "waits"
            case "interim":
                return None if over or self.phase == "answers" else self.phase == "asked"
            case "head" | "whole" | "upgrade":
                return self.phase == "asked"
            case "data" | "end":
                return self.phase in ("answers", "settles") and not self.rest_is_here
            case "fail" | "unheard":
                if over:
                    return None
                return self.phase in ("waits", "asked", "answers", "settles", "tunnel") and not self.rest_is_here
            case "app data":
                return self.phase == "tunnel" and "app" not in self.halves
            case "client data":
                return self.phase == "tunnel" and "client" not in self.halves
            case "app ends" | "client ends":
                has_ended = event.split(maxsplit=1)[0] in self.halves
                return None if self.phase == "tunnel" and has_ended else self.phase == "tunnel"
            case _:
                return None if over else True

    def apt(self) -> list[str]:
        """Return the events that lead on from here; by chance alone, few requests would ever be answered."""
        mine = {"asks for session": ["session read"], "asks for entry": ["entry taken", "entry taken", "entry refused"]}
        mine |= {"settles": ["settled"], "body?": ["body"], "counts": ["body"], "asked": ["body"]}
        if self.kind == "socket":
            mine["asked"] = ["upgrade"] * 6
        led = [event for event in EVENTS[: EVENTS.index("gone")] if self.can(event)]
        return [*led, *mine.get(self.phase, [])] or ["gone"]

    def comes(self, event: str) -> None:  # noqa: C901, PLR0912 - one case an event
        """Let the event come to the exchange, and follow it in the model."""
        exchange, error = self.exchange, UpstreamProtocolError("x")
        connection: Any = exchange.upstream
        can = self.can(event)
        if event in ("whole", "end", "fail", "unheard") and isinstance(connection, Connection) and can:
            connection.lose("finished" if event in ("whole", "end") else "lost")
        if event in ("fail", "unheard") and can:
            self.ways.waits = False
        match event:
            case "ready":
                extra: Any = self.ways.connect(exchange)
                exchange.upstream_ready(extra)
                if can:
                    self.phase, self.tries = "asked", self.tries + 1
            case "interim":
                exchange.interim_answer(103, ())
            case "head" | "whole":
                entry = self.has_entry
                exchange.answer_begins(HEAD if event == "head" else WHOLE, b"ok", complete=event == "whole")
                self.rest_is_here = event == "whole"
                self.phase = "settles" if entry else "over" if event == "whole" else "answers"
            case "data":
                exchange.answer_goes_on(b"more")
            case "end":
                exchange.answer_ends(())
                self.end_of_answer("over")
            case "fail" | "unheard":
                self.fails(exchange, error, unheard=event == "unheard")
            case "upgrade":
                exchange.upgraded((), b"")
                if self.kind == "socket" and self.asks == "app":
                    self.phase = "tunnel"
                else:
                    self.trouble()
            case "app data":
                exchange.tunnel_data(b"x")
            case "client data":
                exchange.feed_tunnel(b"x")
            case "app ends" | "client ends":
                (exchange.tunnel_ends if event == "app ends" else exchange.client_ends_tunnel)()
                if can:
                    self.halves.add(event.split(maxsplit=1)[0])
                    self.phase = "over" if len(self.halves) == 2 else "tunnel"
            case "gone":
                exchange.client_gone()
                self.phase = "over"
            case _:
                self.other(event)

    def other(self, event: str) -> None:
        """Let an event come that can only come where it is legal: it is the world's own."""
        exchange = self.exchange
        match event:
            case "stalled" if self.phase != "over":
                exchange.client_stalled()
                self.phase = "over"
            case "session ends" if self.store.watched is not None:
                self.store.watched()
                self.phase = "over"
            case "half close" if self.phase not in ("tunnel", "over") and self.kind != "delete":
                exchange.half_closed = True
                self.halves.add("client")
            case "body" if not exchange.upload_done and self.left:
                piece, self.left = self.left[:6], self.left[6:]
                exchange.feed(piece)
                if exchange.stage is Stage.UNDECIDED and exchange.is_ripe():
                    exchange.decide()
                    self.follow(self.steps)
                elif self.phase == "counts" and not self.left:
                    self.ask("app")
            case "session read" if self.phase == "asks for session" and self.store.asked is not None:
                self.store.asked.set_result(Found(session()))
                self.follow(self.steps[1:])
            case "entry taken" | "entry refused" if self.phase == "asks for entry" and self.store.asked is not None:
                self.store.asked.set_result(event == "entry taken")
                if event == "entry taken":
                    self.ask("app")
                else:
                    self.phase = "over"
            case "settled" if self.phase == "settles":
                self.store.may_settle.set()
                self.phase = "over" if self.rest_is_here or self.late else "answers"
            case _:
                pass

    def end_of_answer(self, after: str) -> None:
        if self.phase == "settles":
            self.late.append("end")
            self.rest_is_here = True
        else:
            self.phase = after

    def fails(self, exchange: Exchange, error: GatewayError, *, unheard: bool) -> None:
        again = self.asks == "app" and self.tries <= 1 and self.phase in ("waits", "asked") and not self.was_retried
        safe = self.tries == 0 or (self.kind in ("page", "socket"))
        exchange.upstream_failed(error, unheard=unheard)
        match self.phase:
            case "waits" | "asked" if unheard and again and safe:
                self.phase = "waits"
                self.was_retried = True
            case "waits" | "asked":
                self.trouble()
            case "answers" | "settles":
                self.end_of_answer("over")
            case "tunnel":
                self.phase = "over"
            case _:
                pass

    was_retried = False

    # --- what must hold -----------------------------------------------------------------------

    def seen(self) -> tuple[Any, ...]:
        """Return all that the others have seen, and where the exchange says it is."""
        fates = [(c.sends, c.fate) for c in (*self.app.made, *self.portal.made)]
        return self.client.written, list(self.client.ends), len(self.observed.lines), fates, self.exchange.stage

    def check(self) -> None:
        """Hold the exchange to the model, and to the rules that no order of events may break."""
        stage, over = self.exchange.stage, self.phase == "over"
        assert stage in STAGE_OF[self.phase], (stage, self.phase)
        assert (stage in BEGUN) == (self.phase in ("answers", "tunnel", "over"))
        assert len(self.observed.lines) == over
        finals = re.findall(rb"HTTP/1\.1 (?:101|[2-5]\d\d) ", self.client.written)
        assert len(finals) <= 1, self.client.written
        assert (len(finals) == 0) <= (self.phase not in ("answers", "tunnel"))
        assert len(self.client.ends) <= 1
        assert sum(connection.sends for connection in self.app.made) <= 2
        assert all(connection.sends <= 1 for connection in (*self.app.made, *self.portal.made))
        if over:
            assert all(connection.fate for connection in (*self.app.made, *self.portal.made))
            assert not self.app.waits
            assert not self.portal.waits
            assert self.exchange.upstream is None


STAGE_OF = {
    "body?": {Stage.UNDECIDED},
    "asks for session": {Stage.ASKING_SESSION},
    "asks for entry": {Stage.TAKING_ENTRY},
    "counts": {Stage.COUNTING},
    "waits": {Stage.CONNECTING, Stage.RECONNECTING},
    "asked": {Stage.SENT, Stage.RESENT},
    "settles": {Stage.SETTLING, Stage.SETTLING_WHOLE},
    "answers": {Stage.ANSWERING},
    "tunnel": {Stage.TUNNEL, Stage.CLIENT_LISTENS, Stage.APPLICATION_LISTENS},
    "over": {Stage.OVER},
}


async def play(world_of: Callable[[], World], choices: list[tuple[bool, int]]) -> None:
    """Let the events come one after the other; an impossible one raises, and changes nothing."""
    world = world_of()
    world.check()
    for at_random, choice in choices:
        among = EVENTS if at_random else world.apt()
        event = among[choice % len(among)]
        can = world.can(event)
        before = world.seen()
        if can is False:
            with pytest.raises(IllegalEventError):
                world.comes(event)
            if event == "ready":
                world.ways.made.pop()
            assert world.seen() == before, event
            continue
        world.comes(event)
        for _ in range(12):
            # The stores' tasks are ready to run; nothing else is waited for.
            await asyncio.sleep(0)
        world.check()
        if can is None and event != "ready":
            assert world.seen() == before, event
    if world.phase != "over":
        world.comes("gone")
        world.check()
    world.store.may_settle.set()
    if world.store.asked is not None and not world.store.asked.done():
        world.store.asked.set_result(False)
    for _ in range(12):
        await asyncio.sleep(0)
    assert sorted(world.store.taken) == sorted(world.store.settled)
    world.check()


@pytest.mark.parametrize("kind", sorted(KINDS))
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    steps=st.tuples(
        st.sampled_from([[], ["session"]]),
        st.sampled_from([[], ["entry"]]),
        st.sampled_from([["forward"], ["forward"], ["portal"], ["answer"]]),
    ).map(lambda parts: [*parts[0], *parts[1], *parts[2]]),
    choices=st.lists(st.tuples(st.sampled_from([False] * 5 + [True]), st.integers(0, 59)), min_size=4, max_size=16),
    navigates=st.booleans(),
    app_free=st.booleans(),
    portal_free=st.booleans(),
)
def test_a_request_follows_the_model_in_any_order_of_events(
    kind: str, steps: list[str], choices: list[tuple[bool, int]], *, navigates: bool, app_free: bool, portal_free: bool
) -> None:
    """One final answer at most, one access line, each connection and each entry let go of once."""

    def world_of() -> World:
        return World(kind, steps, navigates=navigates, app_free=app_free, portal_free=portal_free)

    asyncio.run(play(world_of, choices))


# --- the table by itself: every order of events, not those that chance draws ------------------

MOVES = [(stage, event, STAGES.after(event)[stage]) for stage in Stage for event in STAGES.moves[stage]]


def reached_from(stages: set[Stage], *, without: frozenset[Stage] = frozenset()) -> set[Stage]:
    """Return every stage that some order of events leads to, on ways that pass none of some stages."""
    reached: set[Stage] = set()
    ahead = set(stages)
    while ahead:
        reached |= ahead
        ahead = {after for before, _, after in MOVES if before in ahead} - reached - without
    return reached


def test_a_client_that_has_heard_of_an_answer_hears_of_no_other() -> None:
    """No order of events leads back, and none begins an answer there."""
    begins = {StageEvent.ANSWER, StageEvent.WHOLE_ANSWER, StageEvent.OWN_ANSWER, StageEvent.OPEN, StageEvent.OPEN_HALF}

    assert reached_from(set(BEGUN)) == set(BEGUN)
    assert not [move for move in MOVES if move[0] in BEGUN and move[1] in begins]


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage is not Stage.OVER])
def test_every_request_can_end(stage: Stage) -> None:
    """The client may leave, or the connection may be cut, at any moment; and nothing begins anew."""
    assert STAGES.after(StageEvent.LEAVE)[stage] is STAGES.after(StageEvent.CUT)[stage] is Stage.OVER
    assert not STAGES.moves[Stage.OVER]


@pytest.mark.parametrize("stage", [stage for stage in Stage if stage not in BEGUN])
def test_every_request_can_be_answered_before_an_answer_has_begun(stage: Stage) -> None:
    """The listener answers by itself when its clock has run out, so that no stage leaves a client without a word."""
    assert STAGES.after(StageEvent.OWN_ANSWER)[stage] is Stage.OVER


def test_a_request_is_sent_again_once() -> None:
    """Until the pipeline has decided anew, and asks the portal for a page, there is one retry at most."""
    retries = {before for before, event, _ in MOVES if event is StageEvent.RETRY}
    behind = reached_from({Stage.RECONNECTING}, without=frozenset({Stage.DECIDING}))

    assert {STAGES.after(StageEvent.RETRY)[stage] for stage in retries} == {Stage.RECONNECTING}
    assert not retries & behind
    assert WAITING_FOR_ANSWER & behind == {Stage.RESENT}


def test_a_client_hears_nothing_of_an_answer_before_its_entries_are_settled() -> None:
    """From there on a head goes out behind the stores' word alone."""
    ways = {(before, event) for before, event, after in MOVES if after is Stage.SETTLED}
    ahead = reached_from({Stage.SETTLING}, without=frozenset({Stage.SETTLED}))

    assert ways == {(Stage.SETTLING, StageEvent.GO_ON), (Stage.SETTLING_WHOLE, StageEvent.GO_ON)}
    assert ahead == {Stage.SETTLING, Stage.SETTLING_WHOLE, Stage.OVER}


def test_a_tunnel_ends_when_both_sides_have_said_their_last() -> None:
    """In either order; and its bytes open no request of their own."""
    for first, second in (("client_ends", "application_ends"), ("application_ends", "client_ends")):
        half = STAGES.after(StageEvent(first))[Stage.TUNNEL]
        assert half in TUNNELS - {Stage.TUNNEL}
        assert STAGES.after(StageEvent(first))[half] is half
        assert STAGES.after(StageEvent(second))[half] is Stage.OVER
    assert reached_from(set(TUNNELS)) == {*TUNNELS, Stage.OVER}
