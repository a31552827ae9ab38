"""Four web applications of 2009 share this: WSGI, SQLite, a session cookie, pages made on the server.

They know nothing of OpenID Connect and nothing of us. A gateway in front of them sends the visitor's identity in
request headers, as mod_shib or an appliance did at the time; they read the headers, percent-decoded, and write HTML.
They do better than 2009 in three things that readers may copy: they escape everything, put a token into every form, and
change data in one transaction. The applications are `booking`, `currency`, `allowance` and `bank`.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
import socketserver
import sqlite3
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qsl, unquote
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gateway.instant import Instant
from gateway.observe.events import Event

_MOST_FORM = 64 * 1024
"""Bytes of a form; both applications' forms have a few hundred."""
_MOST_READ = 1024 * 1024
"""Bytes read of a form that is too large, so that the browser sees the answer and not a reset connection."""
_SESSION_LIFE = 8 * 3600.0
_SESSION_SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
    id TEXT PRIMARY KEY, subject TEXT NOT NULL, token TEXT NOT NULL, begun REAL NOT NULL
)"""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Session:
    """The application's own session, begun for one subject."""

    subject: str
    token: str
    """Must come back with every form."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """The person whom the gateway's headers name."""

    subject: str
    name: str | None
    resident: str | None
    """`yes`, `no`, or nothing."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The signature under a form, as the gateway's headers tell it."""

    id: str
    hash: str
    """SHA-256 of the signed document in Base64."""


@dataclass(frozen=True, slots=True)
class Request:
    """The request, as the pages see it."""

    method: str
    path: str
    query: dict[str, str]
    form: dict[str, str]
    visitor: Visitor | None
    session: Session | None
    body: bytes = b""
    """The form as it came: the document that a person signed is made of it."""
    signature: Signed | None = None

    @property
    def verb(self) -> str:
        """The method pages are found by: a HEAD is answered as its GET, without the body."""
        return "GET" if self.method == "HEAD" else self.method


@dataclass(frozen=True, slots=True)
class Reply:
    """A page, or a redirect to one."""

    status: HTTPStatus = HTTPStatus.OK
    body: str = ""
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = field(default=())


class RefusedRequestError(Exception):
    """A request that gets an error page: the status and the sentence on it."""

    def __init__(self, status: HTTPStatus, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words


def see_other(path: str) -> Reply:
    """Send the browser on after a change, so that reloading does not repeat it."""
    return Reply(HTTPStatus.SEE_OTHER, headers=(("Location", path),))


class LegacyApplication(ABC):
    """A WSGI application with a database file of its own."""

    cookie = "SESSION"
    templates = ""
    schema = ""

    def __init__(self, database: Path, *, logout_url: str = "", now: Callable[[], Instant] = time.time) -> None:
        self.database = database
        self.logout_url = logout_url
        self.now = now
        self._pages = Environment(
            loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined
        )
        self._pages.filters["yen"] = lambda amount: f"{amount:,}円"
        self._pages.filters["points"] = lambda amount: f"{amount:,}ポイント"
        with self.connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        with self.change() as connection:
            for statement in (_SESSION_SCHEMA, *filter(str.strip, self.schema.split(";"))):
                connection.execute(statement)
            self.fill(connection)

    @abstractmethod
    def fill(self, connection: sqlite3.Connection) -> None:
        """Put into an empty database what the application begins with."""

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Answer one request.

        Raises:
            RefusedRequestError: with the page to show instead.

        """

    @contextlib.contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Open the database for one request: SQLite's connections stay in their thread."""
        connection = sqlite3.connect(self.database, timeout=10, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            yield connection
        finally:
            connection.close()

    @contextlib.contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """Open the database for one change: all of it happens, or nothing."""
        with self.connection() as connection:
            # Takes the write lock before the first read, so that no other writer changes the rows that were read.
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")

    def page(self, name: str, request: Request, *, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Reply:
        """Return a page made of a template."""
        body = self._pages.get_template(f"{self.templates}/{name}.html").render(
            visitor=request.visitor,
            token=request.session.token if request.session else "",
            logout_url=self.logout_url,
            **values,
        )
        return Reply(status, body)

    def stylesheet(self) -> Reply:
        """Return the application's style sheet."""
        body = self._pages.get_template(f"{self.templates}/style.css").render()
        return Reply(body=body, content_type="text/css; charset=utf-8", headers=(("Cache-Control", "max-age=300"),))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer as WSGI has it (PEP 3333)."""
        cookies: tuple[str, ...] = ()
        request = Request("GET", "/", {}, {}, None, None)
        try:
            request, cookies = self._read(environ)
            reply = self.answer(request)
        except RefusedRequestError as error:
            reply = self.page("error", request, status=error.status, words=error.words)
        except Exception as error:  # noqa: BLE001 - whatever it is, the visitor gets a page and never a traceback
            _log.error(Event.DEMO_APPLICATION_FAILED, application=self.templates, error=type(error).__name__)
            words = "システムエラーが発生しました。しばらくしてからもう一度お試しください。"
            reply = self.page("error", request, status=HTTPStatus.INTERNAL_SERVER_ERROR, words=words)
        body = reply.body.encode()
        headers = [("Content-Type", reply.content_type), ("Content-Length", str(len(body))), *reply.headers]
        headers += [("Set-Cookie", cookie) for cookie in cookies]
        if not any(name == "Cache-Control" for name, _ in reply.headers):
            headers.append(("Cache-Control", "private, no-store"))
        start_response(f"{reply.status.value} {reply.status.phrase}", headers)
        return [b""] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _read(self, environ: WSGIEnvironment) -> tuple[Request, tuple[str, ...]]:
        method = environ["REQUEST_METHOD"]
        # The server decoded the path from bytes as Latin-1, as WSGI wants it.
        path = environ.get("PATH_INFO", "/").encode("latin-1").decode("utf-8", "replace")
        if method not in {"GET", "HEAD", "POST"}:
            raise RefusedRequestError(HTTPStatus.METHOD_NOT_ALLOWED, "この操作はできません。")
        body = _body(environ) if method == "POST" else b""
        form = _form(body)
        visitor = _visitor(environ)
        session: Session | None = None
        cookies: tuple[str, ...] = ()
        if visitor is not None and not path.startswith("/static/"):
            session, cookies = self._session(visitor.subject, environ.get("HTTP_COOKIE", ""))
        if method == "POST" and (
            session is None or not hmac.compare_digest(form.pop("token", "").encode(), session.token.encode())
        ):
            words = "画面の有効期限が切れました。お手数ですが、前の画面を開き直してください。"
            raise RefusedRequestError(HTTPStatus.FORBIDDEN, words)
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        return Request(method, path, query, form, visitor, session, body, _signed(environ)), cookies

    def _session(self, subject: str, cookies: str) -> tuple[Session, tuple[str, ...]]:
        """Return the subject's session. One that was begun by another subject ends here and is never shown."""
        now = self.now()
        given = _cookie(cookies, self.cookie)
        with self.connection() as connection:
            if given:
                row = connection.execute("SELECT * FROM sessions WHERE id = ?", (_hashed(given),)).fetchone()
                if row is not None and row["subject"] == subject and row["begun"] > now - _SESSION_LIFE:
                    return Session(subject, row["token"]), ()
            fresh, token = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
            connection.execute("BEGIN IMMEDIATE")
            dead = (_hashed(given or ""), now - _SESSION_LIFE)
            connection.execute("DELETE FROM sessions WHERE id = ? OR begun <= ?", dead)
            connection.execute("INSERT INTO sessions VALUES (?, ?, ?, ?)", (_hashed(fresh), subject, token, now))
            connection.execute("COMMIT")
        return Session(subject, token), (f"{self.cookie}={fresh}; Path=/; HttpOnly; SameSite=Lax",)


def visitor_of(request: Request) -> Visitor:
    """Return who is there.

    Raises:
        RefusedRequestError: nobody said so.

    """
    if request.visitor is None:
        raise RefusedRequestError(HTTPStatus.FORBIDDEN, "ご利用には本人確認が必要です。")
    return request.visitor


def _visitor(environ: WSGIEnvironment) -> Visitor | None:
    subject = _fact(environ, "SUBJECT")
    return Visitor(subject, _fact(environ, "NAME"), _fact(environ, "RESIDENT")) if subject else None


def _fact(environ: WSGIEnvironment, name: str) -> str | None:
    try:
        return unquote(environ.get(f"HTTP_X_VERIFIED_{name}", ""), errors="strict") or None
    except UnicodeDecodeError:
        return None


def _signed(environ: WSGIEnvironment) -> Signed | None:
    signature, digest = (_fact(environ, f"SIGNATURE_{name}") for name in ("ID", "HASH"))
    return Signed(signature, digest) if signature and digest else None


def _body(environ: WSGIEnvironment) -> bytes:
    length = environ.get("CONTENT_LENGTH", "")
    if not (length.isascii() and length.isdigit()):
        raise RefusedRequestError(HTTPStatus.LENGTH_REQUIRED, "送信内容を読み取れません。")
    body = environ["wsgi.input"].read(min(int(length), _MOST_READ))
    if int(length) > _MOST_FORM:
        raise RefusedRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "送信内容が大きすぎます。")
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        raise RefusedRequestError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "送信内容を読み取れません。")
    return bytes(body)


def _form(body: bytes) -> dict[str, str]:
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError as error:
        raise RefusedRequestError(HTTPStatus.BAD_REQUEST, "送信内容を読み取れません。") from error
    return dict(pairs)


def _cookie(header: str, name: str) -> str | None:
    try:
        morsel = SimpleCookie(header).get(name)
    except CookieError:
        return None
    return morsel.value if morsel else None


def _hashed(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()


class _Handler(WSGIRequestHandler):
    timeout = 30
    """Seconds a connection may say nothing; its thread ends with it."""

    def log_message(self, *_args: object) -> None:
        """Say nothing: request lines carry what people typed, and the gateway keeps the access log."""


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True
    request_queue_size = 128

    def server_bind(self) -> None:
        """Bind without asking DNS for our own name, as `HTTPServer` would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]
        self.setup_environ()

    def handle_error(self, _request: object, _client_address: object) -> None:
        """Say nothing of a browser that went away before its answer; the application reports its own mistakes."""


@contextlib.contextmanager
def serving(application: WSGIApplication, port: int = 0, host: str = "127.0.0.1") -> Iterator[int]:
    """Serve an application from a thread of its own, on loopback unless told otherwise, and yield the port.

    Raises:
        OSError: the port cannot be had.

    """
    server = _Server((host, port), _Handler)
    server.set_app(application)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
