"""Calls to the provider: discovery, its keys, the token endpoint, UserInfo.

Each call has a time-out and a size limit, follows no redirect, verifies TLS and ignores ambient variables: there
is no switch for any of that. Metadata and keys are kept for their HTTP lifetimes and refreshed in the background;
through an outage the last good ones serve. `profile`, `login` and `claims` decide what answers mean.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Generic, NoReturn, Protocol, Required, TypedDict, TypeVar

import aiohttp

from gateway.bounded_files import MIB, read_file
from gateway.errors import ProviderRefusedError, ProviderUnavailableError, SignInInvalidError
from gateway.identity import Scope
from gateway.instant import Instant
from gateway.kept_files import in_memory, kept
from gateway.login.claims import VerificationKey
from gateway.login.httptools_calls import Answered, Caller, CallError, is_unread
from gateway.login.jwks import Jwks, PassedOver, read_jwks
from gateway.login.keys import KeySet
from gateway.login.login import (
    TokenAnswer,
    client_assertion,
    oauth_error,
    read_token_answer,
    shown_value,
    token_form,
)
from gateway.login.pending import SECRET_BYTES, random_name
from gateway.login.profile import Metadata, discovery_url, issuer_of, lifetime, may_be_plain, origins_of, read_metadata
from gateway.observe.otel_spans import step, trace_fields
from gateway.observe.spans import SpanKind
from gateway.observe.system_waits import waiting_for_others
from gateway.request.media_type import media_type
from gateway.settings.settings import ProviderSettings
from gateway.strict_json import NotJsonError, read_json_object

LONGEST_CA = 4 * MIB
"""Bytes of a file of certificates to trust: the system's own has 220,000."""

LARGEST_ANSWER = 256 * 1024
"""Bytes of any answer of the provider's; discovery, keys and claims are a few KiB."""

REFETCH_PAUSE = 2.0
"""Seconds between two fetches of the keys because a token fits none: made-up tokens must not make us a flood.

A token that comes in between waits for the next one: a provider that sends a logout token waits some seconds itself.
"""

RETRY_PAUSE = 5.0
"""Seconds until a document that could not be fetched is tried again: an outage is not answered by a storm."""

CONTACT_SECONDS = 15.0
"""Seconds for which an answer of the provider's to any call counts as a sign of life."""

IDLE_CONNECTION = 2.0
"""Seconds an idle connection is used again. A code is sent once: not over a connection that the provider's side may
just be closing, which some do after five. It still spares UserInfo the handshake of the token request.
"""

T = TypeVar("T")


class _WrongTypeError(NotJsonError):
    """An answer's media type says that it is something else; its words are that type."""


Monotonic = float
"""Seconds on a clock that never steps."""


class CallMeter(Protocol):
    """Counts calls to the provider."""

    def called(self, endpoint: str, outcome: str, seconds: float) -> None:
        """One call is over: `discovery`, `jwks`, `token` or `userinfo`; `ok`, `refused`, `invalid` or `unavailable`."""

    def key_passed_over(self, kid: str, why: str) -> None:
        """One of the provider's keys cannot be used; told once for each, and `kid` is as the log may show it."""


@dataclass(frozen=True, slots=True)
class _Answer(Generic[T]):
    said: T
    good_for: float


@dataclass(frozen=True, slots=True)
class _Sent:
    """The body of a call, and its media type."""

    kind: str
    body: bytes

    @classmethod
    def of(cls, form: str | None, json: bytes | None) -> _Sent | None:
        """Return the body of a form or of JSON; `None` where neither is sent."""
        if form is not None:
            return cls("application/x-www-form-urlencoded", form.encode())
        return None if json is None else cls("application/json", json)


class _UnusableError(Exception):
    """An invalid answer; `args[0]` says its fault, in one word of ours."""


class _Document(Generic[T]):
    """One document of the provider's, kept while it is good and, through an outage, a while longer.

    Its times are lengths, not moments: a key fetched while the wall clock was ahead must not be good until then.
    """

    def __init__(
        self,
        endpoint: str,
        fetch: Callable[[], Awaitable[tuple[T, float]]],
        monotonic: Callable[[], Monotonic],
        stale_for: float,
    ) -> None:
        self._endpoint = endpoint
        self._fetch = fetch
        self._monotonic = monotonic
        self._stale_for = stale_for
        self._value: T | None = None
        self._good_until: Monotonic = 0.0
        self._tried_at: Monotonic = float("-inf")
        self._failed = False
        self._running: asyncio.Task[T] | None = None
        self._again: asyncio.Task[T] | None = None

    @property
    def due(self) -> Monotonic:
        """When it wants to be fetched again."""
        return max(self._good_until, self._tried_at + RETRY_PAUSE)

    @property
    def kept(self) -> T | None:
        """The last fetched document, however old; `None` before the first one."""
        return self._value

    async def get(self) -> T:
        """Return it: kept, or fetched once for all who wait.

        Raises:
            ProviderUnavailableError: it cannot be fetched, and none is kept that may still serve.

        """
        now = self._monotonic()
        if self._value is not None and now < self._good_until:
            return self._value
        may_be_stale = self._value is not None and now < self._good_until + self._stale_for
        if self._value is not None and may_be_stale:
            # No caller waits for a provider that fails slowly; the refresh goes on in the background.
            self.refresh_if_due()
            return self._value
        return await self.fetch()

    def refresh_if_due(self) -> None:
        """Fetch it in the background if it is time."""
        if self._running is None and self._monotonic() >= self.due:
            self._start()

    async def fetch(self) -> T:
        """Fetch it now, or wait for the fetch that is under way.

        Raises:
            ProviderUnavailableError: it cannot be fetched, or could not a moment ago.

        """
        if self._running is None and self._failed and 0 <= self._monotonic() - self._tried_at < RETRY_PAUSE:
            raise ProviderUnavailableError(self._endpoint, "failed_a_moment_ago")
        task = self._running or self._start()
        # A waiter that goes away must not end the fetch that others wait for.
        return await asyncio.shield(task)

    async def fetch_again(self, pause: float) -> T:
        """Return it as it is after this moment: fetched at most once in `pause` seconds, for all who wait.

        Raises:
            ProviderUnavailableError: it cannot be fetched.

        """
        if self._again is None:
            self._again = asyncio.get_running_loop().create_task(self._fetch_again(pause))
            self._again.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._again)

    async def _fetch_again(self, pause: float) -> T:
        try:
            # A fetch that is under way may have begun before the provider published the key.
            if self._running is not None:
                with suppress(ProviderUnavailableError):
                    await asyncio.shield(self._running)
            wait = self._tried_at + pause - self._monotonic()
            if wait > 0:
                await asyncio.sleep(min(wait, pause))
            task = self._running or self._start()
        finally:
            # A token that comes from here on is looked for in the next one.
            self._again = None
        return await asyncio.shield(task)

    def _start(self) -> asyncio.Task[T]:
        self._tried_at = self._monotonic()
        self._running = asyncio.get_running_loop().create_task(self._run())
        # `get` reports its outcome, even if no caller waited for it.
        self._running.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._running

    async def _run(self) -> T:
        self._failed = True
        try:
            value, good_for = await self._fetch()
            self._value = value
            self._good_until = self._monotonic() + good_for
            self._failed = False
            return value
        finally:
            self._running = None

    async def close(self) -> None:
        """End a fetch that is under way, or waits for its time."""
        for task in (self._again, self._running):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError, ProviderUnavailableError, SignInInvalidError):
                    await task
        # The provider's own method refers to the provider, which refers to this: only the collector would end them.
        self._fetch = _fetch_no_more


async def _fetch_no_more() -> NoReturn:
    raise ProviderUnavailableError("discovery", "closed")


class _Way(TypedDict, total=False):
    allow_redirects: Required[bool]
    proxy: Required[str | None]
    headers: Required[dict[str, str]]
    proxy_headers: dict[str, str]


class AiohttpProvider:
    """The provider, as one of our clients sees it."""

    def __init__(
        self,
        settings: ProviderSettings,
        keys: KeySet,
        *,
        clock: Callable[[], Instant],
        monotonic: Callable[[], Monotonic],
        random: Callable[[int], bytes],
        meter: CallMeter,
        via_credentials: tuple[str, str] | None = None,
    ) -> None:
        """Take the settings of one client; nothing is called before `start` or the first sign-in.

        `via_credentials` are user and password for `settings.via`.
        """
        self._settings = settings
        self._issuer = issuer_of(settings)
        if not may_be_plain(self._issuer):
            raise ValueError(f"issuer `{self._issuer}` is neither https nor on loopback")
        self.keys = keys
        self._clock = clock
        self._monotonic = monotonic
        self._random = random
        self._meter = meter
        self._via_credentials = via_credentials
        self._http: aiohttp.ClientSession | None = None
        self._caller: Caller | None = None
        self._verification: ssl.SSLContext | None = None
        self._answered_at: Monotonic = float("-inf")
        self._refresher: asyncio.Task[None] | None = None
        self._passed_over: frozenset[PassedOver] = frozenset()
        self._metadata = _Document("discovery", self._fetch_metadata, monotonic, settings.stale_for)
        self._signing = _Document("jwks", self._fetch_keys, monotonic, settings.stale_for)

    @property
    def origins(self) -> tuple[str, ...]:
        """Origins for signing in or out: the issuer's, and those that discovery has named so far."""
        return origins_of(self._issuer, self._metadata.kept)

    async def start(self) -> None:
        """Begin to keep metadata and keys ready. Returns soon: a provider that is down delays no request."""
        # Reading the system's certificates takes 40 ms and a disk; the loop answers other requests in the meantime.
        self._verification = await asyncio.to_thread(self._read_verification)
        self._refresher = asyncio.get_running_loop().create_task(self._refresh())

    async def close(self) -> None:
        """Let go of every connection and task."""
        if self._refresher is not None:
            self._refresher.cancel()
            with suppress(asyncio.CancelledError):
                await self._refresher
            self._refresher = None
        await self._signing.close()
        await self._metadata.close()
        if self._http is not None:
            await self._http.close()
            self._http = None
        if self._caller is not None:
            self._caller.close()
            self._caller = None

    async def metadata(self) -> Metadata:
        """Return what discovery says.

        Raises:
            ProviderUnavailableError: nothing that may be used is known.

        """
        return await self._metadata.get()

    async def reachable(self) -> Metadata:
        """Return the discovery document, after a check that the provider has answered recently.

        Kept metadata would send people to a provider that does not answer, and them alone: a page of ours is
        kinder, and where only we cannot reach it their sign-in could not be finished either.

        Raises:
            ProviderUnavailableError: it does not answer.

        """
        if self._monotonic() - self._answered_at <= CONTACT_SECONDS:
            return await self._metadata.get()
        return await self._metadata.fetch()

    async def signing_keys(self) -> tuple[VerificationKey, ...]:
        """Return the provider's keys.

        Raises:
            ProviderUnavailableError: no keys that may be used are known.

        """
        return await self._signing.get()

    async def newer_signing_keys(self) -> tuple[VerificationKey, ...]:
        """Return the provider's keys as they are from this moment on, for a token that fits none of those kept.

        Raises:
            ProviderUnavailableError: they cannot be fetched.

        """
        return await self._signing.fetch_again(REFETCH_PAUSE)

    async def redeem(self, *, code: str, verifier: str, redirect_uri: str, asked: frozenset[Scope]) -> TokenAnswer:
        """Exchange a code, once.

        Raises:
            ProviderRefusedError: the endpoint answered an OAuth error.
            ProviderUnavailableError: it did not answer, or not as a token endpoint does.
            SignInInvalidError: its answer cannot be used.

        """
        metadata = await self.metadata()
        settings = self._settings
        assertion = self._assertion(metadata)
        form = token_form(
            client_id=settings.client_id, code=code, redirect_uri=redirect_uri, verifier=verifier, assertion=assertion
        )
        answer = await self._call("token", metadata.token_endpoint, _members, form=form)
        return read_token_answer(answer.said, asked)

    async def post_token(self, endpoint: str, form: Callable[[str], str]) -> Mapping[str, Any]:
        """Return the token endpoint's answer to another form than a sign-in's; `form` takes a fresh assertion.

        Raises:
            ProviderRefusedError: the endpoint answered an OAuth error.
            ProviderUnavailableError: it did not answer, or not as a token endpoint does.

        """
        metadata = await self.metadata()
        said = form(self._assertion(metadata))
        return (await self._call(endpoint, metadata.token_endpoint, _members, form=said)).said

    async def ask(self, endpoint: str, url: str, bearer: str, json: bytes | None = None) -> Mapping[str, Any]:
        """Return the JSON object that another API of the provider's answers: to a GET, or to a POST of `json`.

        Raises:
            ProviderRefusedError: it answered another status than 200, or 201 to a POST.
            ProviderUnavailableError: it did not answer with a JSON object.

        """
        return (await self._call(endpoint, url, _members, json=json, bearer=bearer)).said

    async def check(self) -> None:
        """Return if somebody could sign in here now: our key signs, and the provider answers with keys of its own.

        Raises:
            ProviderUnavailableError: it does not answer.

        """
        self._assertion(await self.reachable())
        await self.signing_keys()

    def _assertion(self, metadata: Metadata) -> str:
        settings = self._settings
        return client_assertion(
            self.keys.signing,
            client_id=settings.client_id,
            audience=metadata.issuer if settings.assertion_audience == "issuer" else metadata.token_endpoint,
            algorithm=settings.assertion_algorithm,
            now=self._clock(),
            lifetime=settings.assertion_lifetime,
            jti=random_name(self._random(SECRET_BYTES)),
        )

    async def userinfo(self, access_token: str) -> Mapping[str, Any]:
        """Return the claims of the UserInfo endpoint, unchecked.

        Raises:
            ProviderUnavailableError: there is none, or it did not answer with JSON claims.
            ProviderRefusedError: it refused the token.

        """
        return await self._userinfo(access_token, _members)

    async def signed_userinfo(self, access_token: str) -> str:
        """Return the JWT of the UserInfo endpoint, unchecked.

        Raises:
            ProviderUnavailableError: there is none, or it did not answer with a JWT.
            ProviderRefusedError: it refused the token.

        """
        return await self._userinfo(access_token, _compact)

    async def _userinfo(self, access_token: str, read: Callable[[str, bytes], T]) -> T:
        endpoint = (await self.metadata()).userinfo_endpoint
        if endpoint is None:
            raise ProviderUnavailableError("discovery", "lacks_userinfo_endpoint")
        return (await self._call("userinfo", endpoint, read, bearer=access_token)).said

    async def date(self) -> str | None:
        """Return the `Date` the provider's discovery is answered with: what `doctor` compares clocks by.

        Raises:
            ProviderUnavailableError: it did not answer.

        """
        try:
            async with self._session().get(discovery_url(self._issuer), **self._way(self._issuer)) as response:
                return response.headers.get("Date")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderUnavailableError("discovery", fault_of(error)) from None

    async def look(self, url: str) -> tuple[int, str | None]:
        """Return status and `Location` of a page of the provider's, followed nowhere: `doctor`'s way to ask.

        Raises:
            ProviderUnavailableError: it did not answer.

        """
        try:
            async with self._session().get(url, **self._way(url)) as response:
                return response.status, response.headers.get("Location")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ProviderUnavailableError("authorization", fault_of(error)) from None

    def _way(self, url: str) -> _Way:
        """Return the options of every call: through the proxy if there is one, and without following redirects."""
        # Uncompressed: a small compressed answer could expand to any size.
        headers = {
            "Accept": "application/json, application/jwt",
            "Accept-Encoding": "identity",
            # Some doors refuse a client without a name.
            "User-Agent": "Sekisho",
            **trace_fields(),
        }
        way = _Way(allow_redirects=False, proxy=self._settings.via, headers=headers)
        if self._settings.via is not None and self._via_credentials is not None:
            credentials = {"Proxy-Authorization": aiohttp.encode_basic_auth(*self._via_credentials)}
            # Through a tunnel the provider would read the request's own headers; without one the proxy does.
            if url.startswith("https://"):
                way["proxy_headers"] = credentials
            else:
                way["headers"] |= credentials
        return way

    async def _refresh(self) -> None:
        while True:
            for document in (self._metadata, self._signing):
                with suppress(ProviderUnavailableError):
                    await document.get()
                document.refresh_if_due()
            due = min(self._metadata.due, self._signing.due)
            await asyncio.sleep(max(due - self._monotonic(), 1.0))

    async def _fetch_metadata(self) -> tuple[Metadata, float]:
        answer = await self._call_openly("discovery", discovery_url(self._issuer), _members)
        return read_metadata(answer.said, self._issuer), answer.good_for

    async def _fetch_keys(self) -> tuple[tuple[VerificationKey, ...], float]:
        answer = await self._call_openly("jwks", (await self.metadata()).jwks_uri, _jwks)
        passed_over = frozenset(answer.said.passed_over)
        for each in passed_over - self._passed_over:
            self._meter.key_passed_over(shown_value(each.kid), each.why)
        self._passed_over = passed_over
        if not answer.said.keys:
            raise ProviderUnavailableError("jwks", "no_usable_key")
        return answer.said.keys, answer.good_for

    async def _call_openly(self, endpoint: str, url: str, read: Callable[[str, bytes], T]) -> _Answer[T]:
        """Make a call that anybody may make: a refusal is an endpoint that does not work."""
        try:
            return await self._call(endpoint, url, read)
        except ProviderRefusedError as refused:
            raise ProviderUnavailableError(endpoint, refused.error) from None

    async def _call(
        self,
        endpoint: str,
        url: str,
        read: Callable[[str, bytes], T],
        *,
        form: str | None = None,
        json: bytes | None = None,
        bearer: str | None = None,
    ) -> _Answer[T]:
        """Make one call and read its answer: `read` takes the media type and the body.

        Raises:
            ProviderRefusedError: it answered another status than 200, and none of the below.
            ProviderUnavailableError: no answer in time, a 5xx, a redirect, too long, or what `read` cannot read.

        """
        began = asyncio.get_running_loop().time()
        outcome = "unavailable"
        try:
            method = "GET" if form is None and json is None else "POST"
            called = step(method, SpanKind.CLIENT, http__request__method=method, sekisho__endpoint=endpoint)
            with waiting_for_others(), called:
                answer = await self._exchange(endpoint, url, read, _Sent.of(form, json), bearer)
            outcome = "ok"
            self._answered_at = self._monotonic()
        except ProviderRefusedError:
            outcome = "refused"
            self._answered_at = self._monotonic()
            raise
        except (aiohttp.ClientError, CallError, TimeoutError, OSError, _UnusableError) as error:
            self._answered_at = float("-inf")
            # Its words may hold the URL with our code, or the proxy's credentials: the kind says enough.
            raise ProviderUnavailableError(endpoint, fault_of(error)) from None
        except NotJsonError as error:
            outcome = "invalid"
            fault = f"type:{error}" if isinstance(error, _WrongTypeError) else "not_json"
            raise ProviderUnavailableError(endpoint, fault) from None
        finally:
            self._meter.called(endpoint, outcome, asyncio.get_running_loop().time() - began)
        return answer

    async def _exchange(
        self, endpoint: str, url: str, read: Callable[[str, bytes], T], sent: _Sent | None, bearer: str | None
    ) -> _Answer[T]:
        way = self._way(url)
        if bearer is not None:
            way["headers"]["Authorization"] = f"Bearer {bearer}"
        if sent is not None:
            way["headers"]["Content-Type"] = sent.kind
        if self._settings.via is None:
            answered = await self._called(url, way["headers"], sent)
        else:
            answered = await self._called_through(url, way, sent)
        status, body = answered.status, answered.body
        if is_unread(status):
            raise _UnusableError(f"status_{status}")
        kind = media_type(answered.field(b"content-type"))
        if status != HTTPStatus.OK and not (status == HTTPStatus.CREATED and sent is not None):
            raise ProviderRefusedError(_refusal(kind, body) or f"status_{status}", endpoint)
        good_for = lifetime(answered.field(b"cache-control"), answered.field(b"age"))
        return _Answer(read(kind, body), good_for)

    async def _called(self, url: str, fields: dict[str, str], sent: _Sent | None) -> Answered:
        """Call the provider at its own address."""
        if self._caller is None:
            verification = self._verification or self._read_verification()
            self._caller = Caller(verification, longest=LARGEST_ANSWER, idle=IDLE_CONNECTION)
        async with asyncio.timeout(self._settings.timeout):
            return await self._caller.call(url, fields, None if sent is None else sent.body)

    async def _called_through(self, url: str, way: _Way, sent: _Sent | None) -> Answered:
        """Call the provider through the proxy."""
        method, data = ("GET", None) if sent is None else ("POST", sent.body)
        async with self._session().request(method, url, data=data, **way) as response:
            body = bytearray()
            if not is_unread(response.status):
                async for part in response.content.iter_any():
                    body += part
                    if len(body) > LARGEST_ANSWER:
                        raise _UnusableError("too_long")
            return Answered(response.status, response.raw_headers, bytes(body))

    def _read_verification(self) -> ssl.SSLContext:
        system = ssl.get_default_verify_paths()
        changed = tuple(_changed_at(place) for place in (system.cafile, system.capath))
        ca = None if self._settings.ca is None else read_file(kept(self._settings.ca), LONGEST_CA)
        return _verification(changed, ca)

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            verification = self._verification or self._read_verification()
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=verification, limit=64, keepalive_timeout=IDLE_CONNECTION),
                timeout=aiohttp.ClientTimeout(total=self._settings.timeout),
                trust_env=False,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=16 * 1024,
                max_field_size=16 * 1024,
            )
        return self._http


@lru_cache(maxsize=4)
def _verification(_changed: tuple[int | None, ...], ca: bytes | None) -> ssl.SSLContext:
    """Return the certificates to trust: the system's, as they changed last, and one more.

    It takes a megabyte, and an error of a connection can keep it in memory, so a reload takes the same one again.
    """
    verification = ssl.create_default_context()
    if ca is not None:
        with in_memory(ca) as file:
            verification.load_verify_locations(cafile=file)
    return verification


def _changed_at(place: str | None) -> int | None:
    """Return when a file or a folder was changed last; `None` if there is none."""
    try:
        return None if place is None else Path(place).stat().st_mtime_ns
    except OSError:
        return None


def fault_of(error: Exception) -> str:
    """Return what went wrong with a call in one word, which quotes neither a URL nor a certificate."""
    match error:
        case _UnusableError() | CallError():
            return str(error)
        case TimeoutError():
            return "timeout"
        case ssl.SSLError() | aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return "certificate_or_tls"
        case socket.gaierror() | aiohttp.ClientConnectorDNSError():
            return "name_not_found"
        case aiohttp.ClientHttpProxyError(status=status):
            return f"proxy_status_{status}"
        case aiohttp.ClientProxyConnectionError():
            return "proxy_unreachable"
        case OSError(errno=int(number)) if number in errno.errorcode:
            return errno.errorcode[number]
        case _:
            return type(error).__name__


def _is_json(kind: str) -> bool:
    return kind == "application/json" or kind.endswith("+json")


def _members(kind: str, body: bytes) -> Mapping[str, Any]:
    """Return a JSON object. A signed or encrypted answer, and an error page, say so by their type."""
    if not _is_json(kind):
        raise _WrongTypeError(shown_value(kind))
    return read_json_object(body, LARGEST_ANSWER)


def _jwks(kind: str, body: bytes) -> Jwks:
    if not _is_json(kind):
        raise _WrongTypeError(shown_value(kind))
    return read_jwks(body, LARGEST_ANSWER)


def _compact(kind: str, body: bytes) -> str:
    """Return a JWT (OpenID Connect Core 5.3.2 fixes its type)."""
    if kind != "application/jwt":
        raise _WrongTypeError(shown_value(kind))
    return body.decode("latin-1").strip()


def _refusal(kind: str, body: bytes) -> str:
    """Return the error code of a 4xx, which need not be JSON."""
    try:
        return oauth_error(_members(kind, body).get("error"))
    except NotJsonError:
        return ""
