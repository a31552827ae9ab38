"""A recipe at work: reads an application's login page, fills in its form, and judges the answer.

It fills in what a browser would: the hidden fields, and what stands in the others already. It never reads more than the
one form that has both named fields, and never follows its `action`: the recipe says where the form goes.
"""

from __future__ import annotations

import codecs
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from html import unescape
from html.parser import HTMLParser
from http import HTTPStatus
from urllib.parse import unquote, urlencode, urljoin, urlsplit

from gateway.accounts.set_cookie import Headers, given_cookies
from gateway.instant import Instant
from gateway.route.inner_origins import parts_of_refresh
from gateway.settings.settings import EndedSettings, SuccessSettings
from gateway.wire.eucjp_ms import NAME as EUCJP_MS

LARGEST_PAGE = 1024 * 1024
"""Bytes of a page of the application that are read."""

LARGEST_LOOK = 64 * 1024
"""Bytes of a page in which the text is sought by which an application says that its session is over."""

SOON_SECONDS = 5
"""Seconds after which a `Refresh` leads on at most: people read a line meanwhile."""

MOST_FIELDS = 500
"""Fields of a form that are sent along."""

_CODECS = {
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "cp932": "cp932",
    "euc-jp": EUCJP_MS,
    "x-euc-jp": EUCJP_MS,
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "us-ascii": "cp1252",
}
"""Codecs by the labels that old pages write, where Python's codec of that name is not the one that browsers use."""

_NO_CHARSETS = re.compile(r"idna|punycode|undefined|mbcs|oem|utf-7|utf-8-sig|utf-16.*|utf-32.*|.*unicode.escape")
"""Python's codecs that no browser sends a form in. Some take minutes over a page that was made for it."""

_CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)
_META = re.compile(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([A-Za-z0-9._-]{1,40})", re.IGNORECASE)
_META_BYTES = 4_096
_WINDOWS: Mapping[bytes, tuple[int, ...]] = {
    b"gzip": (16 + zlib.MAX_WBITS,),
    b"deflate": (zlib.MAX_WBITS, -zlib.MAX_WBITS),
}
"""The content codings that are read, as zlib names them. `deflate` comes with a head of its own, or without."""

_JAPANESE = ("utf-8", "cp932", EUCJP_MS)
"""The codecs of Japanese pages, beside ISO-2022-JP, in which a text begins and ends in its own way."""

_LABELS = {
    "utf-8": "UTF-8",
    "cp932": "Shift_JIS",
    EUCJP_MS: "EUC-JP",
    "iso-2022-jp": "ISO-2022-JP",
    "iso2022_jp": "ISO-2022-JP",
    "cp1252": "windows-1252",
}
"""The names that browsers write into a field `_charset_`."""

_NEWLINE = re.compile(r"\r\n|\r|\n")
_HIRAGANA = re.compile("[ぁ-ん]")
_NOT_SENT = frozenset({"submit", "button", "image", "reset", "file"})


class RecipeFault(StrEnum):
    """Why a recipe does not fit its application. Word of a log line, and of `doctor`."""

    NO_PAGE = "no_page"
    """The page does not answer with 200."""
    NO_FORM = "no_form"
    """No form on the page has the fields."""
    TOO_SHORT = "too_short"
    """The form of the new password takes too few signs."""


class TrialStep(StrEnum):
    """One step of a trial of a recipe with an account that is nobody's, and how it ended."""

    AWAY = "away"
    """The application did not answer."""
    NO_PAGE = "no_page"
    """The login page does not answer with 200."""
    NO_FORM = "no_form"
    """No form on the login page has both fields."""
    ANY_PASSWORD = "any_password"  # noqa: S105 - the name of a step
    """A wrong password is taken for a good login: everybody could prove every account."""
    WRONG_REFUSED = "wrong_refused"
    """A wrong password is refused."""
    REFUSED = "refused"
    """The account's own password is not taken for a good login."""
    SIGNED_IN = "signed_in"
    """The account is signed in."""
    NO_NAME = "no_name"
    """No cookie says the account's own name, and `account_cookie` names one."""
    ALIVE = "alive"
    """The page `alive` opens with the session, and says without one that it is over."""
    NOT_ALIVE = "not_alive"
    """The page `alive` says that a fresh session is over."""
    NEVER_ENDS = "never_ends"
    """The page `alive` says nothing where there is no session."""
    CHANGE_READY = "change_ready"
    """The form of a new password is as the recipe says."""
    CHANGE_AWAY = "change_away"
    """The page of a new password does not answer with 200."""
    NO_CHANGE = "no_change"
    """No form on the page of a new password has the fields."""
    CHANGE_SHORT = "change_short"
    """The form of a new password takes too few signs."""
    NO_LOGOUT = "no_logout"
    """The recipe names no logout."""
    SIGNED_OUT = "signed_out"
    """The session is over after the logout."""
    STILL_IN = "still_in"
    """The session is open after the logout."""
    LOGOUT_ASKED = "logout_asked"
    """The logout was asked for; without `alive` nothing tells what came of it."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An application's answer, whole."""

    status: int
    headers: Headers
    body: bytes


@dataclass(frozen=True, slots=True)
class Form:
    """A form as a browser would send it, before anything is filled in."""

    fields: tuple[tuple[str, str], ...]
    action: str = ""
    """The address that it goes to, read from the page's `<base>` on."""
    posts: bool = True
    """Whether a browser sends it by POST."""
    codec: str = ""
    """The codec that it asks for by `accept-charset`; empty for the page's."""
    longest: Mapping[str, int] = field(default_factory=dict)
    """The most signs that a browser lets people write into a field, where the page says so."""

    def action_path(self, at: str, origin: str) -> str | None:
        """Return the path that the form goes to, from a page at this target; `None` if it is not of its own site."""
        target = _own_target(self.action, at, origin)
        return None if target is None else target.partition("?")[0]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the application, as far as a recipe reads it."""

    text: str
    codec: str
    forms: tuple[Form, ...]
    links: tuple[str, ...]
    body: bytes = field(repr=False)

    def form_with(self, names: Iterable[str]) -> Form | None:
        """Return the first form that has all these fields."""
        wanted = {name for name in names if name}
        return next((form for form in self.forms if wanted <= {name for name, _ in form.fields}), None)


def plain_body(reply: Reply, *, most: int = LARGEST_PAGE, whole: bool = True) -> bytes | None:
    """Return an answer's body without its content coding; `None` if it is too long or in a coding that is not read.

    Nobody asked for a coding. Some applications use one all the same, and a text would not be found in it.
    With `whole` false, the body may be longer than `most`, or end early: its beginning is returned.
    """
    stated = b",".join(value for name, value in reply.headers if name.lower() == b"content-encoding")
    codings = [coding for each in stated.lower().split(b",") if (coding := each.strip()) not in (b"", b"identity")]
    if not codings or not reply.body:
        return reply.body if whole else reply.body[:most]
    windows = _WINDOWS.get(codings[0].removeprefix(b"x-"), ()) if len(codings) == 1 else ()
    for bits in windows:
        reading = zlib.decompressobj(bits)
        try:
            body = reading.decompress(reply.body, most + 1)
        except zlib.error:
            continue
        if not whole:
            return body[:most]
        return body if reading.eof and len(body) <= most else None
    return None


def read_page(body: bytes, headers: Headers) -> Page:
    """Return an application's page, in the charset that it states."""
    codec = _codec_of(body, headers)
    text = body.decode(codec, "replace")
    reader = _Reader()
    # Not closed: Python then looks through the whole rest of the page for each tag that is not whole.
    reader.feed(text)
    return Page(text, codec, reader.read_forms(), reader.read_links(), body)


def filled(form: Form, values: Mapping[str, str], codec: str) -> bytes | None:
    """Return the body of a form with these values in it; `None` if its charset cannot say them.

    `codec` is the page's. A sign of the page's own fields that the charset does not have goes as browsers write it.
    """
    codec = form.codec or codec
    kept = [
        (name, _LABELS.get(codec, codec) if name.lower() == "_charset_" else _NEWLINE.sub("\r\n", value))
        for name, value in form.fields
        if name not in values
    ]
    try:
        typed = urlencode([*values.items()], encoding=codec, errors="strict")
    except UnicodeEncodeError:
        return None
    own = urlencode([(_in(codec, name), _in(codec, value)) for name, value in kept], encoding=codec, errors="strict")
    return "&".join(part for part in (own, typed) if part).encode("ascii")


def _in(codec: str, text: str) -> str:
    """Return a text that the charset can say; browsers write a sign that it does not have as `&#10003;`."""
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return "".join(sign if _encoded(sign, codec) is not None else f"&#{ord(sign)};" for sign in text)
    return text


def _encoded(text: str, codec: str) -> bytes | None:
    try:
        return text.encode(codec)
    except UnicodeEncodeError:
        return None


def link_with(page: Page, part: str, at: str, origin: str) -> str | None:
    """Return the target of the page's first link whose address has this part; `None` if it has none of its own site.

    `origin` is the public one, in which many applications write their links.
    """
    targets = (_own_target(link, at, origin) for link in page.links if part in link)
    return next((target for target in targets if target is not None), None)


def succeeded(success: SuccessSettings, reply: Reply, page: Page | None, at: str, now: Instant) -> bool:
    """Whether an answer is that to a good login: everything that the recipe says of one holds.

    An error is none, unless the recipe names its status. `at` is the target that was asked; `page` is `None` if the
    answer has no body.
    """
    location = location_path(reply.headers, at)
    cookies = [name for name, _ in given_cookies(reply.headers, at, now)]
    return (
        success != SuccessSettings()
        and (reply.status < HTTPStatus.BAD_REQUEST if success.status is None else reply.status == success.status)
        and (not success.location or (location is not None and leads_to(location, success.location)))
        and (not success.not_location or (location is not None and not leads_to(location, success.not_location)))
        and (not success.cookie or any(fits(success.cookie, name) for name in cookies))
        and (not success.text_present or (page is not None and success.text_present in page.text))
        and (not success.text_absent or _lacks(reply, page, success.text_absent))
    )


def is_no_answer(reply: Reply) -> bool:
    """Whether an answer to a login says nothing about the password: the application failed, or was too busy."""
    return reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or reply.status == HTTPStatus.TOO_MANY_REQUESTS


def _lacks(reply: Reply, page: Page | None, text: str) -> bool:
    """Whether an answer shows that a text is not there; only a redirect does so without a page.

    Pages of errors often say their charset wrongly, or not at all. So the text is looked for in all charsets.
    """
    if page is None or not page.text.strip():
        return HTTPStatus.MULTIPLE_CHOICES <= reply.status < HTTPStatus.BAD_REQUEST
    return not _says(page.body, page.text, text)


def _says(body: bytes, read: str, text: str) -> bool:
    """Whether a page has a text, in any charset; `read` is the page in the charset that it claims."""
    if text in read or text in unescape(read):
        return True
    # Python reads the whole page sign by sign in this charset, and only one that begins so is in it.
    if b"\x1b$" in body and text in body.decode("iso2022_jp", "replace"):
        return True
    return any(said in body for said in (_encoded(text, codec) for codec in _JAPANESE) if said is not None)


def has_ended(ended: EndedSettings, reply: Reply, at: str) -> bool:
    """Whether an answer says that the application's session is over; its body may be a beginning."""
    if not may_have_ended(ended, reply.status, reply.headers, at):
        return False
    if not ended.text_present:
        return True
    body = plain_body(reply, most=LARGEST_LOOK, whole=False) or b""
    return _says(body, body.decode(_codec_of(body, reply.headers), "replace"), ended.text_present)


def may_have_ended(ended: EndedSettings, status: int, headers: Headers, at: str) -> bool:
    """Whether the head of an answer says so. With `text_present`, the page decides beside it, if it is one of HTML."""
    if ended == EndedSettings() or (ended.status is not None and status != ended.status):
        return False
    kind = next((value for name, value in headers if name.lower() == b"content-type"), b"html")
    if ended.text_present and b"html" not in kind.lower():
        return False
    location = location_path(headers, at) if ended.location else None
    return not ended.location or (location is not None and leads_to(location, ended.location))


_ACCEPTED = re.compile(rb"\r\nAccept-Encoding:([^\r\n]*)", re.IGNORECASE)


def asking_for_readable(head: bytes) -> bytes:
    """Return a request's head that asks for no content coding but gzip: a text is sought in the answer."""
    first = _ACCEPTED.search(head)
    if first is None:
        return head
    accepted = (coding.strip() for line in _ACCEPTED.findall(head) for coding in line.lower().split(b","))
    field = b"\r\nAccept-Encoding: gzip" if b"gzip" in accepted else b""
    return head[: first.start()] + field + _ACCEPTED.sub(b"", head[first.start() :])


def location_path(headers: Headers, at: str) -> str | None:
    """Return the path that an answer's `Location` leads to, as `plain_path` spells it; `None` without one.

    `Refresh` counts without a `Location`: CodeIgniter and applications on IIS lead on by it.
    """
    found = next((value for name, value in headers if name.lower() == b"location"), None) or _refresh(headers)
    if found is None:
        return None
    parts = _parts(found.decode("utf-8", "replace").replace("\\", "/"), at)
    return None if parts is None else plain_path(parts[1].partition("?")[0] or "/")


def _refresh(headers: Headers) -> bytes | None:
    """Return the address of a `Refresh` field that leads on soon; `None` without one.

    A later one is the application's own clock on a page that is good until then.
    """
    value = next((value for name, value in headers if name.lower() == b"refresh"), b"")
    before, address, _ = parts_of_refresh(value)
    seconds = re.match(rb"\s*([0-9]{1,9})", before)
    return address.strip() or None if seconds is not None and int(seconds[1]) <= SOON_SECONDS else None


def plain_path(path: str) -> str:
    """Return one spelling for all by which an application may name one page of its own.

    Java adds `;jsessionid=…` to the address of a redirect, Windows knows no capitals, and a browser takes out dots and
    percent signs. Two pages whose paths differ in these alone are one page here.
    """
    segments: list[str] = []
    parts = [part.partition(";")[0] for part in unquote(path).replace("\\", "/").lower().split("/")]
    for part in parts:
        if part == "..":
            del segments[-1:]
        elif part not in ("", "."):
            segments.append(part)
    end = "/" if segments and parts[-1] in ("", ".", "..") else ""
    return "/" + "/".join(segments) + end


def leads_to(path: str, pattern: str) -> bool:
    """Whether a path, as `plain_path` spells it, is the pattern's; a `*` at an end stands for anything."""
    begins, ends = "*" if pattern.startswith("*") else "", "*" if pattern.endswith("*") else ""
    plain = plain_path(pattern.strip("*"))
    if begins or ends:
        return fits(f"{begins}{plain}{ends}", path)
    return path.rstrip("/") == plain.rstrip("/")


def fits(pattern: str, text: str) -> bool:
    """Whether a text is the pattern's; a `*` at an end of the pattern stands for anything."""
    begins, ends = pattern.startswith("*"), pattern.endswith("*")
    inner = pattern.strip("*")
    if begins and ends:
        return inner in text
    return text.endswith(inner) if begins else text.startswith(inner) if ends else text == inner


def named_accounts(pattern: str, headers: Headers, at: str, now: Instant) -> tuple[str, ...]:
    """Return the accounts that an answer's cookies name: the part before a `|` of each whose name fits the pattern.

    `at` is the target that was asked. A cookie that the answer takes away names nobody.
    """
    if not pattern:
        return ()
    values = (unquote(value) for name, value in given_cookies(headers, at, now) if fits(pattern, name))
    return tuple(name for value in values if (name := value.partition("|")[0].strip()))


def _own_target(url: str, at: str, origin: str) -> str | None:
    """Return the target that an address on a page leads to; `None` if it leads away from the application."""
    parts = _parts(url, at)
    if parts is None or not parts[1].startswith("/") or parts[0] not in ("x", origin.partition("://")[2]):
        return None
    return parts[1]


def _parts(url: str, at: str) -> tuple[str, str] | None:
    """Return the host, `x` for the application's own, and the target that an address on a page leads to."""
    try:
        parts = urlsplit(urljoin(f"http://x{at}", url))
    except ValueError:
        return None
    return parts.netloc, parts.path + (f"?{parts.query}" if parts.query else "")


def _codec_of(body: bytes, headers: Headers) -> str:
    kinds = [value.decode("latin-1") for name, value in headers if name.lower() == b"content-type"]
    stated = _CHARSET.search(kinds[0]) if kinds else None
    meta = _META.search(body[:_META_BYTES])
    if body.startswith(codecs.BOM_UTF8):
        return "utf-8"
    if stated is None and meta is None:
        return _guessed(body)
    return _codec_named(stated[1] if stated else meta[1].decode("ascii") if meta else "") or "utf-8"


def _codec_named(label: str) -> str | None:
    """Return the codec of a charset; `None` if no browser has it."""
    codec = _CODECS.get(label.lower(), label.lower())
    try:
        if _NO_CHARSETS.fullmatch(codecs.lookup(codec).name):
            return None
        "".encode(codec)
    except LookupError:
        return None
    return codec


def _guessed(body: bytes) -> str:
    """Return the codec of a page that states no charset, as browsers guess it: Japanese text has hiragana."""
    if body.isascii():
        return "iso2022_jp" if b"\x1b$" in body else "utf-8"
    found: dict[str, int] = {}
    for codec in ("utf-8", EUCJP_MS, "cp932"):
        try:
            found[codec] = len(_HIRAGANA.findall(body.decode(codec)))
        except UnicodeDecodeError:
            continue
    if "utf-8" in found or not any(found.values()):
        return "utf-8"
    return max(found, key=lambda codec: found[codec])


@dataclass
class _Form:
    """A form that is being read."""

    action: str
    posts: bool
    codec: str = ""
    id: str = ""
    fields: list[tuple[str, str]] = field(default_factory=list)
    longest: dict[str, int] = field(default_factory=dict)
    radios: dict[str, int] = field(default_factory=dict)
    """The places of the fields that one of several buttons gives its value: the last one that is marked."""

    def add(self, given: _Given) -> None:
        """Take a field."""
        if given.radio and given.name in self.radios:
            self.fields[self.radios[given.name]] = (given.name, given.value)
            return
        if len(self.fields) >= MOST_FIELDS:
            return
        if given.radio:
            self.radios[given.name] = len(self.fields)
        self.fields.append((given.name, given.value))
        if re.fullmatch(r"[0-9]{1,6}", given.longest):
            self.longest[given.name] = int(given.longest)


@dataclass(frozen=True, slots=True)
class _Given:
    """A field with its value."""

    name: str
    value: str
    form: str | None = None
    """The id of a form that it belongs to, wherever it stands."""
    longest: str = ""
    radio: bool = False


@dataclass
class _Option:
    value: str | None
    chosen: bool
    off: bool
    parts: list[str] = field(default_factory=list)

    @property
    def said(self) -> str:
        """Its value, or its text without one."""
        return " ".join("".join(self.parts).split()) if self.value is None else self.value


@dataclass
class _Select:
    name: str
    form: str | None
    several: bool
    options: list[_Option] = field(default_factory=list)

    @property
    def sent(self) -> list[str]:
        """The values that a browser sends."""
        chosen = [each for each in self.options if each.chosen]
        if not self.several:
            chosen = chosen[-1:] or [each for each in self.options if not each.off][:1]
        return [each.said for each in chosen if not each.off]


@dataclass
class _Text:
    """A field whose value stands between its tags."""

    name: str
    form: str | None
    parts: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Finds the forms and the links of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._forms: list[_Form] = []
        self._links: list[str] = []
        self._base: str | None = None
        self._elsewhere: list[_Given] = []
        """Fields that name their form, which may come later."""
        self._form: _Form | None = None
        self._select: _Select | None = None
        self._area: _Text | None = None
        self._sets: list[bool] = []
        """The sets of fields that are open, and whether each is disabled."""

    def read_forms(self) -> tuple[Form, ...]:
        """Return the forms, once the page is read."""
        ids: dict[str, _Form] = {}
        for form in self._forms:
            ids.setdefault(form.id, form)
        for given in self._elsewhere:
            if given.form in ids and given.form:
                ids[given.form].add(given)
        # A form without an address goes to its own page, with any base.
        return tuple(
            Form(
                tuple(each.fields),
                self._from_base(each.action) if each.action else "",
                each.posts,
                each.codec,
                dict(each.longest),
            )
            for each in self._forms
        )

    def read_links(self) -> tuple[str, ...]:
        """Return the addresses of the links, once the page is read."""
        return tuple(map(self._from_base, self._links))

    def _from_base(self, address: str) -> str:
        try:
            return address if self._base is None else urljoin(self._base, address)
        except ValueError:
            return address

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Read `<![` as browsers do, as a comment up to the next `>`: Python knows a few words behind it alone."""
        return self.parse_bogus_comment(i, bool(report))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a form, a field, a link, or the base of all addresses."""
        # Of an attribute that stands twice, the first one counts.
        values = {name: value or "" for name, value in reversed(attrs)}
        if tag == "select":
            self._end_select()
        match tag:
            case "a" if "href" in values:
                self._links.append(values["href"].strip())
            case "base" if "href" in values and self._base is None:
                self._base = values["href"].strip()
            case "form" if self._form is None:
                wanted = values.get("accept-charset", "").replace(",", " ").split()
                self._form = _Form(
                    values.get("action", "").strip(),
                    values.get("method", "").strip().lower() == "post",
                    next(filter(None, map(_codec_named, wanted)), ""),
                    values.get("id", ""),
                )
                self._forms.append(self._form)
            case "fieldset":
                self._sets.append("disabled" in values)
            case "option" | "optgroup":
                self._option(tag, values)
            case _ if not any(self._sets) and "disabled" not in values and values.get("name"):
                self._field(tag, values["name"], values)

    def _option(self, tag: str, values: Mapping[str, str]) -> None:
        if self._select is not None and tag == "option":
            option = _Option(values.get("value"), "selected" in values, "disabled" in values)
            self._select.options.append(option)

    def _field(self, tag: str, name: str, values: Mapping[str, str]) -> None:
        form = values.get("form")
        match tag:
            case "input":
                kind = values.get("type", "text").strip().lower()
                if kind in ("checkbox", "radio"):
                    if "checked" in values:
                        self._add(_Given(name, values.get("value", "on"), form, radio=kind == "radio"))
                elif kind not in _NOT_SENT:
                    self._add(_Given(name, values.get("value", ""), form, values.get("maxlength", "")))
            case "select":
                self._select = _Select(name, form, "multiple" in values)
            case "textarea":
                self._area = _Text(name, form)
            case _:
                pass

    def handle_data(self, data: str) -> None:
        """Take the text of a field with several lines, or of an option."""
        if self._area is not None:
            self._area.parts.append(data)
        elif self._select is not None and self._select.options:
            self._select.options[-1].parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        """End a form or a field."""
        match tag:
            case "form":
                self._end_select()
                self._form = self._area = None
            case "fieldset":
                del self._sets[-1:]
            case "select":
                self._end_select()
            case "textarea" if self._area is not None:
                area, self._area = self._area, None
                # A browser leaves out one newline at the beginning.
                text = re.sub(r"\A(?:\r\n|\n|\r)", "", "".join(area.parts))
                self._add(_Given(area.name, text, area.form))

    def _end_select(self) -> None:
        select, self._select = self._select, None
        if select is not None:
            for value in select.sent:
                self._add(_Given(select.name, value, select.form))

    def _add(self, given: _Given) -> None:
        if given.form is not None:
            self._elsewhere.append(given)
        elif self._form is not None:
            self._form.add(given)
