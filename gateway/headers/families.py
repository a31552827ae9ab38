"""Families of request headers that no browser sends, and that change who a request is from or where it goes.

Gateways, single sign-on products, load balancers and cloud platforms write such headers, and applications that once
stood behind one may still believe them. There are too many to list, so most are recognised by the words they are
made of. `headers.keep` keeps a name that a family claims wrongly; `fixed` tells the names that it can never keep.

The names come from the public documentation of the products, from RFC 9440 (`Client-Cert`), RFC 7239 (`Forwarded`)
and RFC 3875 (CGI), from the federation 学認, and from the mobile carriers' documents for `かんたんログイン`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from gateway.request.field_names import Family, overrides_method


class Claim(NamedTuple):
    """The verdict of a family on a name."""

    family: Family
    fixed: bool
    """Whether `headers.keep` is of no use: with this header a client would get around policy, or speak as us."""


# --- what browsers and their scripts send ------------------------------------------------------

_BROWSER = frozenset(
    {
        # Of WebDAV: a request without one of them would mean something else (RFC 4918 section 10).
        b"depth",
        b"destination",
        b"if",
        b"lock-token",
        b"overwrite",
        b"timeout",
        b"authorization",
        b"cache-control",
        b"date",
        b"device-memory",
        b"dnt",
        b"downlink",
        b"dpr",
        b"ect",
        b"from",
        b"last-event-id",
        b"last-modified",
        b"max-forwards",
        b"origin",
        b"ping-from",
        b"ping-to",
        b"pragma",
        b"priority",
        b"purpose",
        b"range",
        b"referer",
        b"rtt",
        b"save-data",
        b"service-worker",
        b"service-worker-navigation-preload",
        b"upgrade-insecure-requests",
        b"user-agent",
        b"via",
        b"viewport-width",
        b"warning",
        b"width",
        b"x-moz",
        b"x-purpose",
        b"x-requested-with",
    },
)
_BROWSER_FAMILIES = (b"accept", b"access-control-request-", b"content-", b"if-", b"sec-")
"""Names that a browser sends by itself, or a script without a name of its own. In `pass` mode these pass unlisted."""

_SCRIPTS = frozenset(
    {
        # WebDAV (RFC 4918) and its calendars.
        b"depth",
        b"destination",
        b"overwrite",
        b"lock-token",
        b"timeout",
        b"schedule-reply",
        # Names that frameworks and libraries use in the browser, and that look like one of the families below.
        b"next-url",
        b"turbo-frame",
        b"wicket-ajax-baseurl",
        b"x-goog-authuser",
        b"x-middleware-prefetch",
        b"x-forms-based-auth-accepted",
        # Trace ids change nothing.
        b"cf-ray",
        b"cdn-loop",
        b"x-amzn-trace-id",
        b"x-amzn-requestid",
        b"x-amz-cf-id",
        b"x-appgw-trace-id",
        b"x-cloud-trace-context",
        b"x-arr-log-id",
    },
)
_SCRIPT_FAMILIES = (
    b"hx-",
    b"x-amz-",
    b"x-csrf",
    b"x-file-",
    b"x-inertia",
    b"x-livewire",
    b"x-turbo-",
    b"x-upload-",
    b"x-vaadin-",
    b"x-xsrf",
    b"upload-",
    b"tus-",
)

# --- families by name --------------------------------------------------------------------------

_OURS = (b"x-verified-", b"sekisho-")

_FIXED: dict[bytes, Family] = {
    name: family
    for family, names in {
        Family.FORWARDING: (
            "forwarded x-forwarded x-real-ip x-client-ip client-ip x-cluster-client-ip true-client-ip fastly-client-ip "
            "cf-connecting-ip cf-connecting-ipv6 x-azure-clientip x-azure-socketip x-originating-ip x-remote-ip "
            "x-remote-addr x-proxyuser-ip proxy front-end-https"
        ),
        Family.REWRITING: (
            "x-host x-http-host x-http-host-override x-scheme x-url-scheme x-http-scheme x-sendfile-type "
            "x-accel-mapping x-middleware-subrequest script-name x-script-name script-filename x-script-filename "
            "path-info x-path-info path-translated request-uri x-request-uri request-url x-request-url "
            "x-request-path x-ingress-path x-rewrite x-override-url x-url-override x-http-path-override "
            "x-path-override x-host-override x-http-destinationurl x-http-url http-url x-url x-uri base-url x-base-url "
            "x-base-path x-path-base x-path-prefix x-prefix x-root-path x-context-path x-servlet-path x-mount-path "
            "x-real-url x-real-uri x-real-path x-real-host x-host-name x-hostname x-server-name server-name "
            "x-invoke-path x-invoke-query x-matched-path x-now-route-matches x-rstudio-request x-rsc-request "
            "x-rstudio-root-path x-waws-unencoded-url disguised-host was-default-hostname x-astro-path "
            "x-reproxy-url"
        ),
    }.items()
    for name in map(str.encode, names.split())
}
"""Names that servers and common middleware are known to act on. No setting passes them."""

_FIXED_JOINED = {name.removeprefix(b"x-").removeprefix(b"http-").replace(b"-", b""): _FIXED[name] for name in _FIXED}
"""The same without hyphens: `X-ScriptName`, `X-RequestUri`."""

_FIXED_FAMILIES: tuple[tuple[bytes, Family], ...] = (
    (b"x-forwarded-", Family.FORWARDING),
    (b"forwarded-", Family.FORWARDING),
    (b"proxy-", Family.FORWARDING),
    (b"wl-proxy-", Family.FORWARDING),
    (b"x-original-", Family.REWRITING),
    (b"x-rewrite-", Family.REWRITING),
    (b"x-envoy-", Family.REWRITING),
    (b"x-accel-", Family.REWRITING),
    (b"x-middleware-", Family.REWRITING),
)

_PRODUCTS: tuple[tuple[bytes, Family], ...] = tuple(
    (prefix.encode(), family)
    for family, prefixes in {
        Family.IDENTITY: (
            # Web servers' modules: CGI's own, mod_auth_openidc, mod_auth_mellon, Shibboleth, mod_auth_cas, mod_osso.
            "remote- x-remote- oidc- mellon- shib- ajp- cas- osso- openid- saml- gakunin "
            # Access managers: WebSEAL, SiteMinder, Oracle, ClearTrust, PingAccess, OpenAM, IceWall, eIAM.
            "iv- am-eai- sm- smuser oam- ctrust- ct-remote- x-ping- openam- x-openam- opensso- icewall x-icewall iw- "
            "x-iw- isiweb secioss x-secioss "
            # Identity-aware proxies and forward-auth servers.
            "cf-access- x-goog-iap- x-goog-authenticated- x-amzn-oidc- x-amzn-ava- x-ms-client-principal x-ms-token- "
            "x-auth-request- x-authentik- x-authelia- x-pomerium- x-vouch- x-okta- x-auth0- x-keycloak- tailscale- "
            "x-tailscale- x-teleport- teleport- x-boundary- x-webauth- x-sso- sso- x-idp- idp- "
            # API gateways: Kong, APISIX, Apigee, Google's ESP, WSO2, Tyk.
            "x-consumer- x-credential- x-anonymous-consumer x-authenticated- x-endpoint-api- x-apigateway- "
            "x-jwt- x-tyk- x-3scale- x-oauth- "
            # Linkerd.
            "l5d- "
            # Standing in for somebody else: Kubernetes, GitLab, NiFi, Hadoop.
            "impersonate- x-impersonate- x-proxied- x-proxiedentit sudo x-sudo doas x-doas x-do-as "
            "x-run-as x-runas x-act-as x-actas x-on-behalf-of x-assume- "
            # Subscriber numbers of mobile carriers, which old Japanese applications take for a sign-in.
            "x-up-subno x-up-calling- x-dcmguid x-jphone- x-em-uid x-wap- x-nokia- x-h3g- x-network-info imode- "
            "x-imode-"
        ),
        Family.CERTIFICATE: "client-cert x-client-cert ssl- x-ssl- tls- x-tls- mtls- x-mtls- x-spiffe x-xfcc xfcc",
        Family.PLATFORM: (
            "cf- cloudfront- x-amzn- x-appengine- x-cloudscheduler x-cloudtasks- x-azure- x-arr- x-waws- x-iis- "
            "x-vercel- x-nf- fly- fastly- akamai- x-akamai- x-istio- x-sucuri- incap- ali- x-site-deployment-id"
        ),
        Family.ADDRESS: "geo- geoip- x-geo",
        Family.REWRITING: "x-invoke- x-reproxy- x-ingress- x-sendfile x-lighttpd- x-proxy- x-override- x-rewritten-",
    }.items()
    for prefix in prefixes.split()
)

# --- families by words -------------------------------------------------------------------------

_WHERE = b"querystring|hostname|pathname|protocol|prefix|domain|scheme|vhost|https|proto|host|path|port|root|uri|url"
_WHICH = (
    b"application|destination|downstream|overridden|translated|canonical|effective|rewritten|relative|unencoded|document"
    b"|external|frontend|internal|original|override|resolved|upstream|virtual|backend|context|gateway|ingress|matched"
    b"|mounted|request|rewrite|servlet|actual|client|entity|number|public|remote|script|server|target|front|mount|proxy"
    b"|route|base|dest|full|info|name|orig|real|site|true|app|end|raw|sub|is|on"
)
# The longest words first, and none taken back: a name is read in one way, in time that grows with its length.
_PLACE = re.compile(b"(?>%b|%b)++" % (_WHERE, _WHICH))
_PLACE_WORD = re.compile(_WHERE)
_REPLACED = re.compile(rb"(?:.*-)?(?:overrid(?:e|den)|rewrit(?:e|ten)|original|orig)(?:-.*)?")
_FORWARDED = re.compile(rb"(?:.*-)?forwar(?:d|ded|der|ed)(?:-.*)?")

_SOMEBODY = frozenset(
    b"admin administrator assertion authenticated authorized authuser consumer credential credentials dn entitlement "
    b"entitlements eppn impersonated impersonation ismemberof jwt login logon memberof msisdn person principal "
    b"principals samaccountname subscriber superuser upn userinfo username verified webauth "
    # Of Japan's administration: its sign-ins and networks, and romanised words for its people and their numbers.
    b"eiam gbiz gbizid jpki juki kojin lgwan shain shokuin".split()
)
"""Words that name an identity, at any place in a name."""

_SOMEBODY_WITH_MORE = frozenset(b"citizen employee member resident staff student".split())
"""The first word of names such as `X-Member-Id`; alone it says too little."""

_SOMEBODY_AT_AN_END = frozenset(
    b"account affiliation claim claims customer email emails group groups identity logonid mail operator permission "
    b"permissions privilege privileges role roles scope scopes sub subject".split()
)
"""Words that say so as the first or the last word of a name: `X-Query-Group-Id` is about something else."""

_SOMEBODY_WHOLE = frozenset(
    b"cn displayname edupersonprincipalname edupersonaffiliation edupersontargetedid edupersonentitlement "
    b"employeenumber fullname firstname lastname familyname givenname jadisplayname jagivenname jao jaou jasn name "
    b"nickname ou persistentid realname scopeorgid sn surname targetedid telephonenumber uid unscopedaffiliation "
    b"distinguishedname idtoken commonname loginname preferredname customcommonname employee mynumber "
    b"personalid".split()
)
"""Attributes of directories and federations as names of their own, hyphens and a leading `X-` left out."""

_FULL_NAMES = (b"displayname", b"fullname", b"firstname", b"lastname", b"familyname", b"givenname", b"realname")

_CREDENTIALS = frozenset(
    b"token tokens key keys signature sign secret nonce csrf xsrf timestamp session hash digest password".split()
)
"""The last word of what an application checks by itself: `X-Auth-Token` is its own, as is `Authorization`."""

_MANNERS = frozenset(
    b"agent lang language locale timezone tz theme preference preferences version device settings".split()
)
"""The last word of a script's header about its user that does not identify the user."""

_IP = re.compile(
    rb"(?:client|remote|real|socket|source|src|user|host|peer|true|proxy|cdn|visitor|connecting|origin)?ip(?:v?[46]|s|addr|address)?"
)
_ADDRESS_OF = frozenset(b"remote client external source peer socket visitor real ip host".split())
_PLACE_OF = frozenset(b"client viewer visitor peer".split())
_PLACES = frozenset(b"asn city continent country countrycode geo latitude longitude postal region subdivision".split())
"""Words for the place that a load balancer finds for an address: `X-Client-Region`, `X-Country-Code`."""

_OF_A_CERTIFICATE = frozenset(b"verify verified dn subject issuer serial fingerprint san cn".split())

_LONGEST = 128
"""Bytes of a name that is looked into by words. No server knows a longer one."""


def is_browsers_own(folded: bytes) -> bool:
    """Whether a browser sends a field of this folded name by itself."""
    return folded in _BROWSER or folded.startswith(_BROWSER_FAMILIES)


def claim_on(folded: bytes) -> Claim | None:
    """Return the family that a folded name belongs to, or `None`: a browser or its scripts may send it."""
    if folded == b"x-verified" or folded.startswith(_OURS):
        return Claim(Family.OURS, fixed=True)
    if is_browsers_own(folded):
        return None
    if overrides_method(folded):
        return Claim(Family.METHOD, fixed=True)
    fixed = _FIXED.get(folded)
    if fixed is not None:
        return Claim(fixed, fixed=True)
    if folded in _SCRIPTS or folded.startswith(_SCRIPT_FAMILIES):
        return None
    for prefix, family in _FIXED_FAMILIES:
        if folded.startswith(prefix):
            return Claim(family, fixed=True)
    for prefix, family in _PRODUCTS:
        if folded.startswith(prefix):
            return Claim(family, fixed=False)
    if len(folded) > _LONGEST:
        return None
    if folded.startswith(b"http-"):
        # CGI's own prefix: an application that looks for `HTTP_X_USER` by a slip finds `HTTP_HTTP_X_USER`.
        return claim_on(folded[5:])
    return _claim_by_words(folded)


def _claim_by_words(folded: bytes) -> Claim | None:
    words = [word for word in folded.split(b"-") if word]
    while words and words[0] in (b"x", b"http"):
        del words[0]
    if not words:
        return None
    name, joined = b"-".join(words), b"".join(words)
    fixed = _FIXED_JOINED.get(joined)
    if fixed is not None:
        return Claim(fixed, fixed=True)
    if _FORWARDED.fullmatch(name):
        return Claim(Family.FORWARDING, fixed=True)
    if _REPLACED.fullmatch(name):
        return Claim(Family.REWRITING, fixed=_PLACE_WORD.search(joined) is not None)
    if _is_of_a_certificate(words):
        return Claim(Family.CERTIFICATE, fixed=False)
    if any(_IP.fullmatch(word) for word in words) or _is_an_address(words):
        return Claim(Family.ADDRESS, fixed=False)
    if _PLACE.fullmatch(joined) and _PLACE_WORD.search(joined):
        return Claim(Family.REWRITING, fixed=False)
    if _says_who(words, joined):
        return Claim(Family.IDENTITY, fixed=False)
    return None


def _is_of_a_certificate(words: list[bytes]) -> bool:
    if any(word.startswith(b"cert") or word.endswith((b"cert", b"ssl")) or word in (b"tls", b"mtls") for word in words):
        return True
    return words[0] == b"client" and not _OF_A_CERTIFICATE.isdisjoint(words)


def _is_an_address(words: list[bytes]) -> bool:
    last = words[-1]
    if last == b"addr" or (last == b"address" and not _ADDRESS_OF.isdisjoint(words)):
        return True
    if words[0] == b"country":
        return words[1:] in ([], [b"code"], [b"name"])
    return words[0] in _PLACE_OF and not _PLACES.isdisjoint(words)


def _says_who(words: list[bytes], joined: bytes) -> bool:
    if joined in _SOMEBODY_WHOLE:
        return True
    last = words[-1]
    if last in _CREDENTIALS or last in _MANNERS:
        return False
    if words[0].startswith(b"auth") and joined not in (b"auth", b"authorization", b"authority"):
        return True
    if words[0] in _SOMEBODY_WITH_MORE and len(words) > 1:
        return True
    if words[0] in _SOMEBODY_AT_AN_END or last in _SOMEBODY_AT_AN_END or not _SOMEBODY.isdisjoint(words):
        return True
    if joined.endswith(_FULL_NAMES):
        return True
    return any(_is_a_user(word) for word in words)


_USER = re.compile(
    rb"(?!user-?agent)(?:.*users?|users?.*|.*(?:username|userid|email|logonid|loginid)|.*roles|.*groups)"
)


def _is_a_user(word: bytes) -> bool:
    return _USER.fullmatch(word) is not None
