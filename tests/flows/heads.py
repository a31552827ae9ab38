"""Makes request heads, honest and odd, each with what must come of it.

The expected result is made from the parts of a head, never by the gateway's own code. Each part knows its bytes, and
their meaning or their refusal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from gateway.identity import Identity

APPS = ("nginx", "gunicorn", "php")
SPOOFED = "spoofed-by-the-client"


@dataclass
class Case:
    """One request, and what must come of it."""

    number: str
    app: str
    data: bytes
    method: str
    path: str
    """The path that the policy must see; a refused request also has one, which the policy must not see."""
    query: str | None
    framing: str
    """`empty`, `counted` or `chunked`."""
    body: bytes
    who: Identity | None
    refused: bool
    """By the door, with a 4xx or 5xx of its own, after which the connection ends."""
    closes: bool
    trips: dict[str, str] = field(default_factory=dict)
    """Headers of the client's own that must arrive, by folded name."""
    cookies: str = ""
    """The cookies that must be left."""

    @property
    def rule(self) -> str:
        """The first rule of the policy that fits."""
        for name in ("secret", "mine", "open"):
            if self.path == f"/{name}" or self.path.startswith(f"/{name}/"):
                return name
        return ""

    @property
    def arrives(self) -> bool:
        """Whether the application gets to see it."""
        return not self.refused and (self.rule == "open" or (self.rule == "mine" and self.who is not None))


METHODS = ("GET", "GET", "GET", "HEAD", "POST", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
STRANGE_METHODS = (b"TRACE", b"CONNECT", b"PROPFIND", b"get", b"G\tET", b"GET\x00", b"\xc3\x89TE", b"PRI", b"M-SEARCH")
STRANGE_VERSIONS = (b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"http/1.1", b"HTTP/1.10", b"HTTP/1")
STRANGE_BEGINNINGS = (
    *((method, b"HTTP/1.1") for method in STRANGE_METHODS),
    *((b"GET", version) for version in STRANGE_VERSIONS),
)

SEGMENTS = (
    (b"a", "a"),
    (b"B-c", "B-c"),
    (b"x_y.z", "x_y.z"),
    (b"%E4%BA%88%e7%b4%84", "予約"),
    (b"%7Euser", "~user"),
    (b"~user", "~user"),
    (b"a%20b", "a b"),
    (b"a+b", "a+b"),
    (b"caf%C3%A9", "café"),
    (b"%61%62c", "abc"),
    (b"a:b@c,d=e", "a:b@c,d=e"),
    (b"!$&'()*", "!$&'()*"),
    (b"100%25", "100%"),
    (b"%22q%22", '"q"'),
    (b"%3Fno-query", "?no-query"),
    (b"%23no-fragment", "#no-fragment"),
    (b"%E2%84%AA", "\u212a"),  # the Kelvin sign, which careless lower-casing makes a k
    (b"[x]", "[x]"),
    (b"a|b^c`d{e}", "a|b^c`d{e}"),
)
FIRST = (
    (b"open", "open"),
    (b"op%65n", "open"),
    (b"%6Fpen", "open"),
    (b"mine", "mine"),
    (b"min%65", "mine"),
    (b"secret", "secret"),
    (b"%73ecret", "secret"),
    (b"Secret", "Secret"),
    (b"OPEN", "OPEN"),
    (b"elsewhere", "elsewhere"),
)
FIRST_WEIGHTS = (10, 2, 2, 6, 2, 2, 2, 2, 2, 1)
DOTS = (b".", b"x/..", b"x/y/../..")
"""Pieces that mean nothing at all."""
REFUSED_PIECES = (
    b"%2e%2e",
    b"%2E",
    b".%2e",
    b"a%2Fb",
    b"a%2fsecret",
    b"a%5Cb",
    b"a\\b",
    b"%00",
    b"a%0d%0aX-Verified-Subject:%20x",
    b"%FF",
    b"%C0%AE%C0%AE",
    b"%ED%A0%80",
    b"%zz",
    b"%",
    b"%252e%252e",
    b"%u002e",
    b"a#b",
    "é".encode(),
    b"a\x7fb",
    b"a\x01b",
    b"%C2%85",
)
TAKEN_BY_GUNICORN = ((b"a;v=1", ["a;v=1"]), (b"/b", ["b"]), (b"a%3Bv", ["a;v"]))
"""Its App takes parameters and doubled slashes."""
QUERIES = (b"", b"a=1", b"a=%2F&b=%00", b"x=/../secret", b"?a?b", b"q=%E4%BA", b"a;b=c", b"<\"'>`{|}^\\[]", b"//", b"%")
REFUSED_QUERIES = (b"a#b", "q=é".encode(), b"a\x07")

VALUES = (
    (b"plain", b"plain"),
    (b"  padded \t ", b"padded"),
    (b"caf\xe9 \xff\x80", b"caf\xe9 \xff\x80"),
    (b"a\tb", b"a\tb"),
    (b'"quo\\"ted", and, commas;q=0.5', b'"quo\\"ted", and, commas;q=0.5'),
    (b"x" * 3000, b"x" * 3000),
    (b"X-Verified-Subject: not a line", b"X-Verified-Subject: not a line"),
)
REFUSED_LINES = (
    b"X-Trip : v",
    b"X Trip: v",
    b": v",
    b"no colon",
    b"X-Odd: a\r\n folded",
    b"X-Odd: a\r\n\tX-Verified-Subject: " + SPOOFED.encode(),
    b"X-Odd: a\nX-Verified-Subject: " + SPOOFED.encode(),
    b"X-Odd: a\rb",
    b"X-Odd: a\x00b",
    b"X-Odd: a\x01b",
    b"X-\xc3\xa9: v",
    b"X-(odd): v",
    b"Host: other.localhost",
    b"Host:",
    b"Expect: 200-maybe",
    b"\r\n".join(b"X-Many-%d: x" % number for number in range(101)),
    b"X-Long: " + b"y" * 33_000,
)

IDENTITY_NAMES = (
    "X-Verified-Subject",
    "X-Verified-Name",
    "X-Verified-Adult",
    "X-Verified-Assertion",
    "X-Verified-Anything",
    "Sekisho-Visit",
    "Remote-User",
    "X-Remote-User",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Real-Ip",
    "Forwarded",
    "X-Original-Url",
    "X-Rewrite-Url",
    "X-Request-Id",
    "Oidc-Claim-Sub",
    "X-Auth-Request-User",
    "Proxy",
    "Script-Name",
    "Path-Info",
)
OVERRIDES = ("X-Http-Method-Override", "X-Http-Method", "X-Method-Override")
"""Fields that ask for another method. The gateway refuses them, under every spelling."""

FOLDED_ONTO = ("_", ".", "~", "!", "#", "$", "%", "&", "'", "*", "+", "^", "`", "|")

COUNTED_WRONG = (
    b"Content-Length: 5\r\nContent-Length: 5",
    b"Content-Length: 5\r\nContent-Length: 6",
    b"Content-Length: 5, 5",
    b"Content-Length: +5",
    b"Content-Length: -1",
    b"Content-Length: 0x5",
    b"Content-Length: 5 5",
    b"Content-Length: 5.0",
    b"Content-Length:",
    b"Content-Length: 99999999999999999999",
    b"Content-Length: 5\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5",
    b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: xchunked",
    b"Transfer-Encoding: identity",
    b"Transfer-Encoding: \x0bchunked",
    b'Transfer-Encoding: "chunked"',
    b"Transfer-Encoding: chunked;a=b",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    b"Transfer-Encoding:\r\n chunked",
    b"Transfer-Encoding : chunked",
    b"Content_Length : 5",
)
TEXT = bytes(range(0x20, 0x7F))
ODD_RATE = 0.25


BODILESS = ("GET", "HEAD", "DELETE")


class HeadMaker:
    """Makes cases for one gateway: its port, and who is signed in with which cookie."""

    def __init__(self, random: Random, port: int, people: list[tuple[Identity, str]]) -> None:
        self._random = random
        self._port = port
        self._people = people
        self._made = 0

    def case(self, app: str) -> Case:
        """Make the next one for that App."""
        self._made += 1
        random = self._random
        number = f"{app}-{self._made}"
        odd = random.choice(("method", "target", "header", "framing", "override")) if random.random() < ODD_RATE else ""
        method = random.choice(METHODS)
        path_bytes, path, path_refused = self._path(app, refused=odd == "target")
        query = random.choice((None, None, *QUERIES))
        if odd == "target" and not path_refused:
            query, path_refused = random.choice(REFUSED_QUERIES), True
        target = path_bytes if query is None else path_bytes + b"?" + query
        host = f"{app}.localhost:{self._port}".encode()
        if random.random() < 0.05:
            target = random.choice((b"http://", b"HTTP://")) + host + target
        host_line = (
            self._spell(b"Host") + b":" + random.choice((b"", b" ", b"\t ")) + random.choice((host, host.upper()))
        )

        trips: dict[str, str] = {}
        lines: list[bytes] = [b"X-Case: " + number.encode()]
        named: list[bytes] = []
        for index in range(random.randint(0, 3)):
            sent, meant = random.choice(VALUES)
            name = f"X-Trip-{index}".encode()
            lines.append(self._spell(name) + b":" + random.choice((b"", b" ", b"  ")) + sent)
            if random.random() < 0.1:
                named.append(self._spell(name))
            else:
                trips[f"X_TRIP_{index}"] = meant.decode("latin-1")
        lines += (self._spoof() for _ in range(random.choice((0, 1, 1, 2, 3))))
        who, cookie_lines, cookies = self._cookies()
        lines += cookie_lines
        closes = False
        if named or random.random() < 0.2:
            connection, closes = self._connection(named)
            lines += connection

        version = b"HTTP/1.1"
        framing, body, framing_line, sent_body = self._framing(method)
        if not odd and framing != "chunked" and random.random() < 0.05:
            version, closes = b"HTTP/1.0", True
        method_word = method.encode()
        if odd == "method":
            method_word, version = random.choice(STRANGE_BEGINNINGS)
        if odd == "header":
            lines.append(random.choice(REFUSED_LINES))
        if odd == "override":
            lines.append(self._folded(random.choice(OVERRIDES)) + b": DELETE")
        if odd == "framing":
            framing_line = random.choice(COUNTED_WRONG)
            # A server that reads such a head in another way finds the beginning of another request here.
            sent_body = b"0\r\n\r\nGET /open/smuggled HTTP/1.1\r\nHost: " + host + b"\r\nX-Case: smuggled\r\n\r\n"
        if framing_line:
            lines.append(framing_line)
        lines.append(host_line)
        random.shuffle(lines)
        head = method_word + b" " + target + b" " + version + b"\r\n" + b"\r\n".join(lines) + b"\r\n\r\n"
        refused = bool(odd)
        return Case(
            number,
            app,
            head + sent_body,
            method,
            path,
            None if query is None else query.decode("latin-1"),
            # An empty chunked body of such a method is no body, and arrives as none.
            "empty" if framing == "chunked" and not body and method in BODILESS else framing,
            body,
            who,
            refused,
            closes or refused,
            trips,
            cookies,
        )

    def _spell(self, name: bytes) -> bytes:
        """Spell a name in upper and lower case as it comes."""
        way = self._random.random()
        if way < 0.5:
            return name
        if way < 0.7:
            return name.lower()
        if way < 0.8:
            return name.upper()
        return bytes(self._random.choice((byte, byte ^ 0x20)) if chr(byte).isalpha() else byte for byte in name)

    def _path(self, app: str, *, refused: bool) -> tuple[bytes, str, bool]:
        random = self._random
        first = random.choices(FIRST, FIRST_WEIGHTS)[0]
        parts: list[tuple[bytes, list[str]]] = [(first[0], [first[1]])]
        for _ in range(random.randint(0, 4)):
            sent, meant = random.choice(SEGMENTS)
            parts.append((sent, [meant]))
            if random.random() < 0.1:
                parts.append((random.choice(DOTS), []))
        spoiled = False
        if app == "gunicorn" and random.random() < 0.2:
            parts.append(random.choice(TAKEN_BY_GUNICORN))
        if refused and random.random() < 0.8:
            pieces = [*REFUSED_PIECES]
            if app != "gunicorn":
                pieces += [b";v=1", b"a;jsessionid=1", b"..;", b"", b"a%3Bb"]
            parts.insert(random.randint(1, len(parts)), (random.choice(pieces), []))
            # Only before something else is an empty segment one too many.
            parts.append((b"end", ["end"]))
            spoiled = True
        raw = b"/" + b"/".join(sent for sent, _ in parts)
        meant_parts = [text for _, texts in parts for text in texts]
        ending = parts[-1][0].endswith(b".")
        if refused and not spoiled and random.random() < 0.3:
            raw, spoiled = b"/.." + raw, True
        path = "/" + "/".join(meant_parts)
        if ending:
            path += "/"
        elif parts[-1][0] != b"" and random.random() < 0.1:
            raw, path = raw + b"/", path + "/"
        if app == "php":
            path = "".join(sign.lower() if sign.isascii() else sign for sign in path)
        return raw, path, spoiled

    def _spoof(self) -> bytes:
        """Return a line that says who somebody is, or where from, in one of the spellings that servers fold."""
        return self._folded(self._random.choice(IDENTITY_NAMES)) + b": " + SPOOFED.encode()

    def _folded(self, name: str) -> bytes:
        """Return a name in one of the spellings that servers fold onto it."""
        random = self._random
        if random.random() < 0.6:
            name = "".join(random.choice(("-", *FOLDED_ONTO)) if sign == "-" else sign for sign in name)
        return self._spell(name.encode())

    def _connection(self, named: list[bytes]) -> tuple[list[bytes], bool]:
        """Return a `Connection` field that names these beside other things, and whether it says `close`."""
        random = self._random
        options = [*named, random.choice((b"X-Verified-Subject", b"x-forwarded-for", b"X-Nothing"))]
        lines: list[bytes] = []
        closes = random.random() < 0.3
        if closes:
            options.append(random.choice((b"close", b"Close", b"CLOSE")))
        if random.random() < 0.3:
            lines += [b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"]
            options += [b"Upgrade", b"HTTP2-Settings"]
        random.shuffle(options)
        separator = random.choice((b",", b", ", b" ,\t"))
        return [*lines, self._spell(b"Connection") + b": " + separator.join(options)], closes

    def _cookies(self) -> tuple[Identity | None, list[bytes], str]:
        random = self._random
        crumbs = [b"a=1", b"theme=dark", b"JSESSIONID=ABC123", b'q="quoted; not really"'][: random.randint(0, 4)]
        kept = [crumb.decode() for crumb in crumbs]
        if random.random() < 0.5:
            return None, [b"Cookie: " + b"; ".join(crumbs)] if crumbs else [], "; ".join(kept)
        who, ticket = random.choice(self._people)
        position = random.randint(0, min(len(crumbs), 3))
        with_ticket = [*crumbs[:position], ticket.encode(), *crumbs[position:]]
        return who, [self._spell(b"Cookie") + b": " + b"; ".join(with_ticket)], "; ".join(kept)

    def _framing(self, method: str) -> tuple[str, bytes, bytes, bytes]:
        """Return how the body is framed, the body, the line that says so, and the bytes that are sent of it."""
        random = self._random
        way = random.random()
        if method in ("GET", "HEAD", "OPTIONS", "DELETE") and way < 0.8:
            return "empty", b"", b"", b""
        # A body on GET and HEAD is refused, which `test_httptools_listener` tries.
        if method in ("GET", "HEAD") or way < 0.15:
            return "empty", b"", self._spell(b"Content-Length") + b": 0", b""
        longest = 20_000 if random.random() < 0.05 else 200
        body = bytes(random.choices(TEXT, k=random.randint(1, longest)))
        expect = b"Expect: 100-continue\r\n" if random.random() < 0.05 else b""
        if way < 0.6:
            zeros = random.choice((b"", b"", b"00"))
            return "counted", body, expect + self._spell(b"Content-Length") + b": %b%d" % (zeros, len(body)), body
        # Whether an empty one arrives as a body, where none is expected, depends on the bytes that came with its head.
        if method not in ("OPTIONS", "DELETE") and random.random() < 0.1:
            body = b""
        sent = b""
        at = 0
        while at < len(body):
            piece = body[at : at + random.randint(1, max(2, len(body) // 3))]
            size = random.choice((b"%x", b"%X", b"00%x")) % len(piece)
            sent += size + random.choice((b"", b"", b";ext=1", b';e="v"')) + b"\r\n" + piece + b"\r\n"
            at += len(piece)
        sent += b"0\r\n" + random.choice((b"", b"", self._spoof() + b"\r\n")) + b"\r\n"
        coding = random.choice((b"chunked", b"Chunked", b"CHUNKED"))
        return "chunked", body, expect + self._spell(b"Transfer-Encoding") + b": " + coding, sent
