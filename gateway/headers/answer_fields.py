"""Fields of an application's answer that are not passed on as they are, each with what becomes of it and why.

The browser and every server in front of us read an answer. Some of its fields are orders: to show another page, to keep
an answer, to report every address of the origin, to forget its cookies. Our own pages are on the application's origin,
so an order for the origin is an order for them. All other fields pass. `answer` carries the table out;
`docs/contract.md` shows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from gateway.headers.names import HOP_BY_HOP
from gateway.request.field_names import fold


class Action(Enum):
    """The treatment of a field; the value says it in the documentation."""

    AS_IT_IS = "passes"
    DROP = "is removed"
    ORDER = "is removed, and the event `answer_field_removed` names it"
    CONNECTION = "is removed, with the fields that it names"
    CACHE_CONTROL = "passes for a page that the policy gives to everybody; otherwise it is made `private`"
    SHARED_CACHE = (
        "passes for a page that the policy gives to everybody, unless it makes the server include other pages"
    )
    SET_COOKIE = "passes, except for cookies of Sekisho's names, and without a `Domain` that names an inner host"
    CLEAR_SITE_DATA = "passes without the values that clear cookies, and without values that Sekisho does not know"
    LOCATION = "passes, with the inner address replaced by the public one"
    REFRESH = "passes, with the inner address in its URL replaced by the public one"
    WWW_AUTHENTICATE = "passes, except for NTLM and Negotiate"
    WORKER_SCOPE = "passes for a scope that cannot hold Sekisho's pages"
    HSTS = "passes if `tls.hsts` is not set, unless it turns HTTPS off"
    OPENER = "passes without `report-to`"


@dataclass(frozen=True, slots=True)
class AnswerField:
    """One row: a name, or all names that begin (`name-*`) or end (`*-name`) so."""

    name: str
    action: Action
    reason: str


_FOR_A_SERVER = (
    "A server in front would show another page or file instead of the answer, without a check of the policy."
)
_FOR_OUR_PAGES = "It affects the whole origin, also our pages and the callback's address."
_DOCUMENT = "It affects only the document that carries it."

ANSWER_FIELDS: tuple[AnswerField, ...] = (
    # Fields about the connection.
    AnswerField("connection", Action.CONNECTION, "The listener writes its own (RFC 9110 section 7.6.1)."),
    *(
        AnswerField(name.decode(), Action.DROP, "It concerns the connection to the application.")
        for name in sorted(HOP_BY_HOP - {b"connection"})
    ),
    AnswerField("content-length", Action.DROP, "The listener frames the body anew."),
    AnswerField("proxy-authenticate", Action.DROP, "It concerns a proxy between us and the application."),
    AnswerField("proxy-authorization", Action.DROP, "It concerns a proxy between us and the application."),
    AnswerField("proxy-authentication-info", Action.DROP, "It concerns a proxy between us and the application."),
    AnswerField("persistent-auth", Action.DROP, "Connections to the application are shared, so none is signed in."),
    AnswerField(
        "www-authenticate", Action.WWW_AUTHENTICATE, "NTLM and Negotiate sign in a connection, which is shared."
    ),
    AnswerField("sekisho-*", Action.DROP, "These names are ours."),
    # Orders for a server in front.
    AnswerField("x-accel-buffering", Action.AS_IT_IS, "nginx passes an event stream on as it comes."),
    AnswerField("x-accel-charset", Action.AS_IT_IS, "It names the charset of this answer."),
    AnswerField("x-accel-expires", Action.SHARED_CACHE, "nginx caches the answer for that time."),
    AnswerField("x-accel-limit-rate", Action.AS_IT_IS, "It slows this answer down."),
    AnswerField("x-accel-*", Action.ORDER, _FOR_A_SERVER),
    AnswerField("x-sendfile", Action.ORDER, _FOR_A_SERVER),
    AnswerField("x-sendfile2", Action.ORDER, _FOR_A_SERVER),
    AnswerField("x-sendfile-*", Action.ORDER, _FOR_A_SERVER),
    AnswerField("x-lighttpd-*", Action.ORDER, _FOR_A_SERVER),
    AnswerField("x-litespeed-location", Action.ORDER, _FOR_A_SERVER),
    AnswerField("x-reproxy-*", Action.ORDER, _FOR_A_SERVER),
    AnswerField("x-archive-*", Action.ORDER, "nginx's mod_zip would fetch the pages that the body lists."),
    AnswerField("x-appengine-*", Action.ORDER, _FOR_A_SERVER),
    AnswerField("x-envoy-upstream-service-time", Action.AS_IT_IS, "It says how long the application took."),
    AnswerField("x-envoy-*", Action.DROP, "Envoy in front would take the gateway for overloaded or unhealthy."),
    # Caches.
    AnswerField(
        "cache-control",
        Action.CACHE_CONTROL,
        "A shared cache would show the page to people whom the policy has not judged.",
    ),
    AnswerField("surrogate-control", Action.SHARED_CACHE, "It overrules `Cache-Control` in a cache in front."),
    AnswerField("edge-control", Action.SHARED_CACHE, "It overrules `Cache-Control` in a cache in front."),
    AnswerField("*-cache-control", Action.SHARED_CACHE, "It overrules `Cache-Control` in a cache in front (RFC 9213)."),
    # Orders for the browser that reach beyond the document.
    AnswerField("set-cookie", Action.SET_COOKIE, "An application neither sets nor clears our cookies."),
    AnswerField("set-cookie2", Action.DROP, "No browser takes it, and an old program would take our cookies from it."),
    AnswerField(
        "clear-site-data", Action.CLEAR_SITE_DATA, "The field can only clear all cookies together, ours included."
    ),
    AnswerField("sec-session-*", Action.DROP, "A bound session can have the browser end cookies of any name."),
    AnswerField("secure-session-*", Action.DROP, "A bound session can have the browser end cookies of any name."),
    AnswerField("service-worker-allowed", Action.WORKER_SCOPE, "A worker in front of our pages would read them."),
    AnswerField(
        "strict-transport-security", Action.HSTS, "`max-age=0` would have browsers ask for our pages in clear."
    ),
    AnswerField("public-key-pins", Action.DROP, "A wrong pin makes the host unreachable for the pin's lifetime."),
    AnswerField("public-key-pins-report-only", Action.DROP, _FOR_OUR_PAGES),
    AnswerField("alt-svc", Action.DROP, "Another address for the same origin is a way around the gateway."),
    AnswerField("nel", Action.DROP, f"It sends reports of each request to a server that it names. {_FOR_OUR_PAGES}"),
    AnswerField("report-to", Action.DROP, f"It names the receiver of reports. {_FOR_OUR_PAGES}"),
    AnswerField("reporting-endpoints", Action.AS_IT_IS, _DOCUMENT),
    AnswerField(
        "cross-origin-opener-policy", Action.OPENER, "A report names the page before and after, which may be ours."
    ),
    AnswerField(
        "cross-origin-opener-policy-report-only",
        Action.DROP,
        "A report names the page before and after, which may be ours.",
    ),
    # Looked at, and harmless.
    AnswerField("content-security-policy", Action.AS_IT_IS, _DOCUMENT),
    AnswerField("content-security-policy-report-only", Action.AS_IT_IS, _DOCUMENT),
    AnswerField("cross-origin-embedder-policy", Action.AS_IT_IS, _DOCUMENT),
    AnswerField("access-control-*", Action.AS_IT_IS, "It opens this answer to other origins, not ours."),
    AnswerField("link", Action.AS_IT_IS, "A page of ours is for a person: a preload or a prefetch gets none."),
    AnswerField("speculation-rules", Action.AS_IT_IS, "A page of ours is for a person: a prefetch gets none."),
    # Fields that tell the application's address.
    AnswerField("location", Action.LOCATION, "A browser does not reach the inner address."),
    AnswerField("content-location", Action.LOCATION, "A browser does not reach the inner address."),
    AnswerField("refresh", Action.REFRESH, "It leads where a redirect leads."),
)
"""A name's own row comes before that of its family. Names are read as the least careful server reads them (`fold`)."""

_EXACT = {row.name.encode(): row.action for row in ANSWER_FIELDS if "*" not in row.name}
_BEGINNING = tuple((row.name[:-1].encode(), row.action) for row in ANSWER_FIELDS if row.name.endswith("*"))
_ENDING = tuple((row.name[1:].encode(), row.action) for row in ANSWER_FIELDS if row.name.startswith("*"))


def action_of(name: bytes) -> Action:
    """Return what becomes of a field, by the application's spelling of its name."""
    folded = fold(name)
    exact = _EXACT.get(folded)
    if exact is not None:
        return exact
    for beginning, action in _BEGINNING:
        if folded.startswith(beginning):
            return action
    for ending, action in _ENDING:
        if folded.endswith(ending):
            return action
    return Action.AS_IT_IS
