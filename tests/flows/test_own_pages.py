"""Our own pages, asked for with heads as large and as odd as the door lets in."""

import socket
from collections.abc import Iterator

import pytest

from tests.flows.gateway_process import HOST, GatewayProcess, application

TICKET = "T" * 43

SIGNED_IN_POLICY = """\
policy: signed-in
rules:
  - name: everything
    allow: signed_in
"""


@pytest.fixture(name="gateway", scope="module")
def gateway_fixture(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """Run a gateway that lets in nobody who has not signed in."""
    with application() as upstream:
        gateway = GatewayProcess(tmp_path_factory.mktemp("pages"), upstream, "memory", policy=SIGNED_IN_POLICY)
        gateway.start()
        try:
            yield gateway
        finally:
            gateway.stop()


def ask(gateway: GatewayProcess, line: str, *fields: tuple[str, str]) -> tuple[bytes, bytes]:
    """Send one request, and return its answer's head and body."""
    written = "".join(f"{name}: {value}\r\n" for name, value in fields)
    head = f"{line} HTTP/1.1\r\nHost: {HOST}:{gateway.port}\r\nConnection: close\r\nAccept: text/html\r\n{written}\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as connection:
        connection.sendall(head.encode("latin-1"))
        answer = connection.makefile("rb").read()
    answered, _, body = answer.partition(b"\r\n\r\n")
    return answered, body


@pytest.mark.parametrize(
    "fields",
    [
        [("Cookie", f"sekisho={TICKET}; other={'c' * 30_000}")],
        [("User-Agent", f"{TICKET}{'u' * 30_000}")],
        [("Referer", f"http://{HOST}/{TICKET}{'r' * 30_000}")],
        [("Accept-Language", f"{TICKET}{',ja' * 10_000}")],
        [("User-Agent", TICKET), ("User-Agent", TICKET)],
        [("Origin", TICKET), ("origin", TICKET), ("Content-Type", TICKET), ("content-type", TICKET)],
        [("Sec-Fetch-Site", "same-origin\xff\xfe")],
        [(f"Sec-Fetch-{number}", "x" * 200) for number in range(90)],
    ],
    ids=["cookie", "agent", "referrer", "language", "two agents", "two types", "bytes", "many"],
)
@pytest.mark.parametrize("line", ["GET /.sekisho/me", "GET /anything", f"GET /.sekisho/login?rd=/{'p' * 8_000}"])
def test_what_the_door_lets_in_is_answered_by_a_page_of_ours(
    line: str, fields: list[tuple[str, str]], gateway: GatewayProcess
) -> None:
    """A library's own refusal quotes the field, and a script reads there the ticket that `HttpOnly` hides from it."""
    head, body = ask(gateway, line, *fields)

    assert b"\r\nX-Frame-Options: DENY" in head
    assert b"\r\nCache-Control: private, no-store" in head
    assert b" 400 " not in head.splitlines()[0]
    assert TICKET.encode() not in body


REFUSED = {
    "an empty segment": ("GET //a", {}, 400),
    "a parameter": ("GET /a;jsessionid=1", {}, 400),
    "another host": ("GET /", {"Host": "nobody.localhost"}, 421),
    "a long address": (f"GET /{'p' * 40_000}", {}, 414),
    "many cookies": ("GET /", {"Cookie": "c" * 70_000}, 431),
    "a method": ("BREW /", {}, 501),
    "an odd escape": ("GET /%zz", {}, 400),
    "two hosts": ("GET /", {"host": "a"}, 400),
}


@pytest.mark.parametrize(("line", "fields", "status"), REFUSED.values(), ids=REFUSED)
def test_a_person_who_is_refused_at_the_door_gets_a_page(
    line: str, fields: dict[str, str], status: int, gateway: GatewayProcess
) -> None:
    """An old link, a name of no App and too much of anything: a page in the person's language with a number."""
    given = {"Host": f"{HOST}:{gateway.port}"} | fields
    said = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "en", "Sec-Fetch-Dest": "document"}

    def asked(more: dict[str, str]) -> tuple[bytes, bytes]:
        head = f"{line} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in (more | given).items())
        with socket.create_connection(("127.0.0.1", gateway.port), 20) as connection:
            connection.sendall(f"{head}Connection: close\r\n\r\n".encode())
            answered, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
        assert answered.startswith(b"HTTP/1.1 %d " % status), answered
        return answered, body

    head, body = asked(said)
    assert b"\r\nContent-Type: text/html" in head
    # Of a head that is too long to be read, nothing may have been seen that tells the language.
    assert b'lang="en"' in body or status in (414, 431)
    assert b'class="n"' in body
    assert b"{" not in body.partition(b"</style>")[2]
    script, _ = asked({"Accept": "*/*", "Sec-Fetch-Dest": "empty"})
    assert b"\r\nContent-Type: application/problem+json" in script or status == 414
