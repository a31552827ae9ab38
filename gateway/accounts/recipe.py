"""A recipe at work: reads an application's login page, fills in its form, and judges the answer.

It fills in what a browser would: the hidden fields, and what stands in the others already. It never reads more than the
one form that has both named fields, and never follows its `action`: the recipe says where the form goes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from html.parser import HTMLParser
from urllib.parse import unquote, urlencode, urljoin, urlsplit

from gateway.settings.settings import EndedSettings, SuccessSettings
from gateway.wire.eucjp_ms import NAME as EUCJP_MS

Headers = tuple[tuple[bytes, bytes], ...]

LARGEST_PAGE = 1024 * 1024
"""Bytes of a page of the application that are read."""

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
class Form:
    """A form as a browser would send it, before anything is filled in."""

    fields: tuple[tuple[str, str], ...]
    action: str = ""
    posts: bool = True
    """Whether a browser sends it by POST."""
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

    def form_with(self, names: Iterable[str]) -> Form | None:
        """Return the first form that has all these fields."""
        wanted = {name for name in names if name}
        return next((form for form in self.forms if wanted <= {name for name, _ in form.fields}), None)


def read_page(body: bytes, headers: Headers) -> Page:
    """Return an application's page, in the charset that it states."""
    codec = _codec_of(body, headers)
    text = body.decode(codec, "replace")
    reader = _Reader()
    # Not closed: Python then looks through the whole rest of the page for each tag that is not whole.
    reader.feed(text)
    return Page(text, codec, tuple(each.form for each in reader.forms), tuple(reader.links))


def filled(form: Form, values: Mapping[str, str], codec: str) -> bytes | None:
    """Return the body of a form with these values in it; `None` if its charset cannot say them."""
    kept = [(name, value) for name, value in form.fields if name not in values]
    try:
        return urlencode([*kept, *values.items()], encoding=codec, errors="strict").encode("ascii")
    except UnicodeEncodeError:
        return None


def link_with(page: Page, part: str, at: str, origin: str) -> str | None:
    """Return the target of the page's first link whose address has this part; `None` if it has none of its own site.

    `origin` is the public one, in which many applications write their links.
    """
    targets = (_own_target(link, at, origin) for link in page.links if part in link)
    return next((target for target in targets if target is not None), None)


def succeeded(success: SuccessSettings, status: int, headers: Headers, text: str, at: str) -> bool:
    """Whether an answer is that to a good login: everything that the recipe says of one holds.

    `at` is the target that was asked.
    """
    location = location_path(headers, at)
    cookies = [name for name, _ in set_cookies(headers)]
    return (
        success != SuccessSettings()
        and (success.status is None or status == success.status)
        and (not success.location or (location is not None and fits(success.location, location)))
        and (not success.not_location or (location is not None and not fits(success.not_location, location)))
        and (not success.cookie or any(fits(success.cookie, name) for name in cookies))
        and (not success.text_present or success.text_present in text)
        and (not success.text_absent or success.text_absent not in text)
    )


def has_ended(ended: EndedSettings, status: int, headers: Headers, at: str) -> bool:
    """Whether an answer says that the application's session is over."""
    if ended == EndedSettings() or (ended.status is not None and status != ended.status):
        return False
    location = location_path(headers, at) if ended.location else None
    return not ended.location or (location is not None and fits(ended.location, location))


def location_path(headers: Headers, at: str) -> str | None:
    """Return the path that an answer's `Location` leads to; `None` without one."""
    found = next((value for name, value in headers if name.lower() == b"location"), None)
    if found is None:
        return None
    parts = _parts(found.decode("latin-1"), at)
    return None if parts is None else parts[1].partition("?")[0] or "/"


def fits(pattern: str, text: str) -> bool:
    """Whether a text is the pattern's; a `*` at an end of the pattern stands for anything."""
    begins, ends = pattern.startswith("*"), pattern.endswith("*")
    inner = pattern.strip("*")
    if begins and ends:
        return inner in text
    return text.endswith(inner) if begins else text.startswith(inner) if ends else text == inner


def set_cookies(headers: Headers) -> list[tuple[str, bytes]]:
    """Return the cookies that an answer sets or expires: the name, and the whole line."""
    lines = [value for name, value in headers if name.lower() == b"set-cookie"]
    return [(line.partition(b"=")[0].strip().decode("latin-1"), line) for line in lines if b"=" in line]


def named_accounts(pattern: str, headers: Headers) -> tuple[str, ...]:
    """Return the accounts that an answer's cookies name: the part before a `|` of each whose name fits the pattern."""
    if not pattern:
        return ()
    values = (
        unquote(line.partition(b"=")[2].partition(b";")[0].strip().decode("latin-1"))
        for name, line in set_cookies(headers)
        if fits(pattern, name)
    )
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
    label = (stated[1] if stated else meta[1].decode("ascii") if meta else "utf-8").lower()
    codec = _CODECS.get(label, label)
    try:
        if _NO_CHARSETS.fullmatch(codecs.lookup(codec).name):
            return "utf-8"
        "".encode(codec)
    except LookupError:
        return "utf-8"
    return codec


@dataclass
class _Form:
    """A form that is being read."""

    action: str
    posts: bool
    fields: list[tuple[str, str]] = field(default_factory=list)
    longest: dict[str, int] = field(default_factory=dict)

    @property
    def form(self) -> Form:
        return Form(tuple(self.fields), self.action, self.posts, dict(self.longest))


@dataclass
class _Select:
    name: str
    value: str | None = None
    chosen: bool = False


@dataclass
class _Text:
    """A field whose value stands between its tags."""

    name: str
    parts: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    """Finds the forms and the links of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.forms: list[_Form] = []
        self.links: list[str] = []
        self._form: _Form | None = None
        self._select: _Select | None = None
        self._area: _Text | None = None

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """Read `<![` as browsers do, as a comment up to the next `>`: Python knows a few words behind it alone."""
        return self.parse_bogus_comment(i, bool(report))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a form, a field, or a link."""
        values = {name: value or "" for name, value in attrs}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "form":
            self._form = _Form(values.get("action", ""), values.get("method", "").strip().lower() == "post")
            self.forms.append(self._form)
        elif self._form is not None and "disabled" not in values:
            self._field(tag, values)

    def _field(self, tag: str, values: Mapping[str, str]) -> None:
        name = values.get("name", "")
        if tag == "option" and self._select is not None:
            if self._select.value is None or ("selected" in values and not self._select.chosen):
                self._select.value = values.get("value", "")
                self._select.chosen = "selected" in values
        elif not name:
            return
        elif tag == "input":
            kind = values.get("type", "text").lower()
            if kind in ("checkbox", "radio"):
                if "checked" in values:
                    self._add(name, values.get("value", "on"))
            elif kind not in _NOT_SENT:
                self._add(name, values.get("value", ""), values.get("maxlength", ""))
        elif tag == "select":
            self._select = _Select(name)
        elif tag == "textarea":
            self._area = _Text(name)

    def handle_data(self, data: str) -> None:
        """Take the text of a field with several lines."""
        if self._area is not None:
            self._area.parts.append(data)

    def handle_endtag(self, tag: str) -> None:
        """End a form or a field."""
        if tag == "form":
            self._form = self._select = self._area = None
        elif tag == "select" and self._select is not None:
            if self._select.value is not None:
                self._add(self._select.name, self._select.value)
            self._select = None
        elif tag == "textarea" and self._area is not None:
            self._add(self._area.name, "".join(self._area.parts))
            self._area = None

    def _add(self, name: str, value: str, longest: str = "") -> None:
        if self._form is not None and len(self._form.fields) < MOST_FIELDS:
            self._form.fields.append((name, value))
            if re.fullmatch(r"[0-9]{1,6}", longest):
                self._form.longest[name] = int(longest)
