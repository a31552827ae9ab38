"""Names that change who or where, found by what they are made of, and names that browsers and their scripts need."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.headers.families import claim_on
from gateway.headers.listed import NotKept, not_kept
from gateway.headers.names import header_rules_of
from gateway.headers.strip import outbound
from gateway.request.field_names import Family, fold
from gateway.request.section_cache import SectionCache
from gateway.settings.settings import HeaderSettings
from tests.builders import app, inbound, route

REMOVED: dict[Family, str] = {
    Family.REWRITING: """
        X-Script-Name Script-Name X-ScriptName Path-Info X-Request-Uri X-RequestUri Request-Uri X-Request-Url
        X-Override-Url X-Url-Override X-Http-Path-Override X-Host-Override X-Ingress-Path X-Original-URL
        X-Original-Host X-OriginalUrl X-MS-Original-URL X-Rewrite-URL X-Rewritten-Path X-Envoy-Original-Path
        X-Waws-Unencoded-URL X-Accel-Mapping X-Accel-Redirect X-Sendfile-Type X-Http-DestinationURL Base-Url X-Base-Url
        X-Path-Base X-PathBase X-Path-Prefix X-Root-Path X-Context-Path X-App-Path X-Mount-Path Http-Url Url Uri
        X-Host X-Hostname X-Http-Host-Override X-Server-Name X-Vhost X-Real-Uri X-App-Root X-Relative-URL-Root
        X-Effective-Uri X-Raw-Path
        X-Document-Uri X-Target-Url X-External-Url X-Scheme X-Url-Scheme X-Invoke-Path X-Matched-Path
        X-Middleware-Subrequest X-Middleware-Rewrite X-Astro-Path X-RStudio-Root-Path Disguised-Host
    """,
    Family.FORWARDING: """
        X-Forwarded-For X-Forwarded-Host X-Forwarded-Prefix X-Forwarded-Path X-Forwarded-User X-Forwarded-Email
        X-Forwarded-Client-Cert X-Forward-For X-Forwarder-For X-Forwared-Host Forwarded-For Forwarded-For-Ip Forwarded
        CloudFront-Forwarded-Proto X-Real-IP Client-IP True-Client-IP CF-Connecting-IP Proxy Proxy-Host Proxy-Url
        WL-Proxy-Client-IP Front-End-Https X-Originating-IP
    """,
    Family.IDENTITY: """
        Remote-User REMOTE_USER X-Remote-User X-RemoteUser Remote-Groups Logon-User X-AuthenticatedUser X-Proxy-User
        iv-user iv-groups iv-creds SM_USER SM_USERDN SMUSER OAM_REMOTE_USER OAM_IDENTITY_DOMAIN Osso-User-Guid
        CT_REMOTE_USER am-eai-user-id X-Icewall-User IW-UID X-OpenAM-Uid X-User-Id X-UserId X-User X-Users X-User-Name
        X-Username X-Login X-Account-Id X-Email X-User-Email X-Mail X-Role X-User-Roles X-Groups X-Group-Id
        X-Auth-User X-Auth-Subject X-Auth-Level X-Auth-Request-Email X-Authenticated-Userid X-Is-Admin X-Admin
        X-Authentik-Username X-Authelia-User X-Pomerium-Claim-Email X-Vouch-User X-Webauth-User X-Webauth-Name
        X-Grafana-User X-RStudio-Username X-Hasura-Role X-Scope-OrgID es-security-runas-user X-Impersonate-User
        Impersonate-User X-ProxiedEntitiesChain X-Do-As Sudo X-On-Behalf-Of Tailscale-User-Login
        Cf-Access-Jwt-Assertion X-Goog-IAP-JWT-Assertion
        X-Goog-Authenticated-User-Email X-Amzn-Oidc-Identity X-MS-Client-Principal-Id X-MS-Token-AAD-Id-Token
        X-Jwt-Assertion X-Jwt-Payload X-Endpoint-API-UserInfo X-Consumer-Username X-Credential-Identifier OIDC_CLAIM_sub
        Mellon-Name-Id Shib-Session-Id CAS-User eppn uid mail cn displayName jaDisplayName isMemberOf
        unscoped-affiliation gakuninScopedPersonalUniqueCode X-Member-Id X-Staff-Code X-Employee-No
        X-Citizen-Id X-Full-Name X-First-Name
        X-UP-SUBNO X-DCMGUID X-JPHONE-UID X-EM-UID X-Nokia-MSISDN X-WAP-Profile X-Kong-Verified X-Token-Subject
        X-Shokuin-Id Shain-No X-Kojin-Bango Juki-Code GBizID X-Gbiz-Id EIAM-UID X-LGWAN-Id JPKI-Serial X-MyNumber
        X-My-Number X-Employee X-Personal-Id l5d-client-id X-Apigateway-Event
    """,
    Family.CERTIFICATE: """
        Client-Cert Client-Cert-Chain X-Client-Cert X-SSL-Cert X-SSL-Client-S-DN SSL_CLIENT_VERIFY X-TLS-Client-Cert
        X-Client-Verify X-Client-DN X-Client-Serial X-ClientCert X-Certificate X-Nginx-Ssl-Client-Verify X-MTLS-Subject
        X-XFCC
    """,
    Family.ADDRESS: """
        X-Custom-IP-Authorization X-Source-IP X-User-Ip X-Peer-IP Do-Connecting-IP Cdn-Src-Ip X-ClientIp
        X-Client-Address Real-Ip Cluster-Client-IP X-Client-Region X-Client-Geo-Location X-Viewer-Country X-Country-Code
        X-Geo-Country X-Server-Addr
    """,
    Family.PLATFORM: """
        CF-IPCountry CF-Visitor X-Appengine-User-Email X-Appengine-Cron X-CloudTasks-QueueName X-Azure-FDID
        X-ARR-ClientCert X-ARR-SSL X-Vercel-IP-Country Fly-Region CloudFront-Viewer-Country X-Amzn-Mtls-Clientcert-Leaf
    """,
    Family.METHOD: """
        X-HTTP-Method-Override X-HTTP-Method X-Method-Override Method-Override X-Http-Verb-Override X-HTTPMethodOverride
        X-Override-Method X-Method X-Request-Method X-RestLi-Method X-REST-Method X-Requested-Method
    """,
}
"""Names from products, frameworks and platforms, by the family that takes them away."""

NEEDED = """
    Accept Accept-Encoding Accept-Language Authorization Cache-Control Content-Type Content-Disposition Date DNT From
    If-Match If-Modified-Since If-None-Match If-Range Origin Pragma Priority Range Referer Save-Data Sec-CH-UA
    Sec-Fetch-Mode Sec-GPC Sec-WebSocket-Key Service-Worker Upgrade-Insecure-Requests User-Agent Via Viewport-Width
    Access-Control-Request-Method Access-Control-Request-Headers Last-Event-ID Purpose
    X-Requested-With X-CSRF-Token X-CSRFToken X-XSRF-TOKEN X-WP-Nonce X-Api-Key X-Auth-Token X-Access-Token X-User-Token
    X-Authorization X-Session-ID Idempotency-Key X-Correlation-ID X-Client-Version X-Client-Name X-App-Name
    X-App-Version HX-Request HX-Target HX-Trigger HX-Trigger-Name HX-Current-URL HX-Prompt Turbo-Frame
    Turbolinks-Referrer
    X-Turbo-Request-Id X-PJAX X-PJAX-Container X-Inertia X-Inertia-Version X-Livewire X-Up-Target X-Up-Version
    X-Alpine-Target Next-Action Next-Router-State-Tree Next-Url RSC X-Nextjs-Data X-Middleware-Prefetch Faces-Request
    Wicket-Ajax Wicket-Ajax-BaseURL X-GWT-Module-Base X-GWT-Permutation X-Prototype-Version X-OCTOBER-REQUEST-HANDLER
    X-RequestDigest SOAPAction Depth Destination Overwrite Lock-Token Timeout If baggage b3
    X-B3-TraceId Sentry-Trace X-Cloud-Trace-Context X-Amzn-Trace-Id CF-Ray Tus-Resumable Upload-Offset Upload-Metadata
    X-File-Name X-File-Size Slug X-Grpc-Web X-User-Agent Grpc-Timeout Connect-Protocol-Version Apollo-Require-Preflight
    X-Apollo-Operation-Name X-Amz-Date X-Amz-Content-Sha256 X-Amz-User-Agent X-Goog-Api-Key X-Goog-AuthUser
    X-Ms-Client-Request-Id X-Hub-Signature-256 X-Line-Signature X-GitHub-Event X-Gitlab-Token X-Grafana-Org-Id
    X-Dashboard-Uid X-Query-Group-Id X-Tenant-Id X-Payment-Method X-Page-Url X-Request-Start X-User-Locale X-Timezone
    X-Custom-Header X-Protocol-Version X-Client-Id X-Root-Id X-Country-List Jenkins-Crumb X-Atlassian-Token X-Checksum
"""
"""The fields of browsers, of their scripts and of libraries, among them names that look like one of a family."""


@pytest.mark.parametrize(
    ("family", "name"), [(family, name) for family, names in REMOVED.items() for name in names.split()]
)
def test_a_name_that_no_browser_sends_is_removed(family: Family, name: str) -> None:
    """No browser sends such a header, so the application gets it under no spelling."""
    for spelling in (name, name.lower(), name.upper(), name.replace("-", "_"), f"HTTP_{name}"):
        settings = HeaderSettings(odd_names="keep")
        head, removed = outbound(
            inbound("/", (spelling, "attacker"), client_address="127.0.0.1"), route(app=app(headers=settings)), b""
        )

        assert b"attacker" not in head
        assert [name for _, name in removed] == [spelling.encode()]
    claim = claim_on(fold(name.encode()))
    assert claim is not None
    # A platform's name may say an address, a proxy's name a person: that it goes matters, and not on which account.
    assert claim.family is family or {claim.family, family} <= set(Family) - {Family.METHOD, Family.OURS}


@pytest.mark.parametrize("name", NEEDED.split())
def test_a_name_that_browsers_and_their_scripts_send_passes(name: str) -> None:
    """The application must not notice us."""
    head, removed = outbound(inbound("/", (name, "value")), route(), b"")

    assert f"\r\n{name}: value\r\n".encode() in head
    assert removed == ()


@given(st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", max_size=40))
def test_a_qualified_user_is_always_somebody(before: str) -> None:
    """Property: a name of any product in front of `-User`, `-Email` or `-Roles` does not get through."""
    for noun in ("user", "username", "email", "roles", "groups"):
        assert claim_on(fold(f"x-{before}-{noun}".encode())) is not None or before.startswith(
            # Names that a framework's scripts send with the framework's own prefix.
            ("amz-", "csrf", "file-", "inertia", "livewire", "turbo-", "upload-", "vaadin-", "xsrf")
        )


def test_a_long_name_is_judged_in_little_time() -> None:
    """A client chooses its names: reading one takes time that grows with its length, and not faster."""
    began = time.process_time()
    for name in (
        b"x-" + b"base" * 30 + b"z",
        b"x-" + b"request" * 18,
        b"-" * 128,
        b"x-user" * 21,
        b"a-" * 4_000,
        b"http-" * 4_000,
    ):
        claim_on(name)

    assert time.process_time() - began < 0.05


def test_what_a_proxy_in_front_says_is_no_news() -> None:
    """A trusted proxy writes its headers on each request; only a client that comes by itself is told of."""
    behind = inbound("/", ("X-Forwarded-For", "198.51.100.7"), ("X-User-Id", "1"))
    alone = inbound("/", ("X-Forwarded-For", "198.51.100.7"), client_address="127.0.0.1")

    assert outbound(behind, route(), b"")[1] == ((Family.IDENTITY, b"X-User-Id"),)
    assert outbound(alone, route(), b"")[1] == ((Family.FORWARDING, b"X-Forwarded-For"),)


def test_what_is_kept_of_a_connection_remembers_what_was_removed() -> None:
    """The second request with the same fields is counted as the first."""
    kept = SectionCache()
    here = route()

    disclosed = [outbound(inbound("/", ("X-User-Id", "1"), section_cache=kept), here, b"")[1] for _ in range(2)]

    assert disclosed == [((Family.IDENTITY, b"X-User-Id"),)] * 2


def test_a_harmless_name_can_be_kept() -> None:
    """An application whose own scripts send `X-User-Id` gets it where its operator says so, and nothing beside."""
    settings = HeaderSettings(keep=("X-User-Id", "X-Base-Domain"))
    asked = inbound("/", ("X-User-Id", "7"), ("X-Base-Domain", "a"), ("X-User-Name", "attacker"))

    head, removed = outbound(asked, route(app=app(headers=settings)), b"")

    assert b"X-User-Id: 7" in head
    assert b"X-Base-Domain: a" in head
    assert b"attacker" not in head
    assert removed == ((Family.IDENTITY, b"X-User-Name"),)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("X-Verified-Subject", NotKept.FIXED),
        ("Sekisho-Visit", NotKept.FIXED),
        ("X-Forwarded-For", NotKept.FIXED),
        ("X-Script-Name", NotKept.FIXED),
        ("x_script_name", NotKept.FIXED),
        ("X-Original-URL", NotKept.FIXED),
        ("X-HTTP-Method-Override", NotKept.METHOD),
        ("Host", NotKept.WRITTEN_ANEW),
        ("Transfer-Encoding", NotKept.WRITTEN_ANEW),
        ("X-Request-Id", NotKept.WRITTEN_ANEW),
        ("X-Wallet-Owner", NotKept.STRIPPED),
        ("X-Citizen", NotKept.STRIPPED),
        ("X_Old", NotKept.ODD),
        ("Remote-User", None),
        ("X-User-Id", None),
        ("X-Anything", None),
    ],
)
def test_a_keep_that_would_not_be_honoured_is_known(name: str, why: NotKept | None) -> None:
    """The gateway passes a name on exactly if `check` does not refuse it."""
    settings = HeaderSettings(names={"subject": "X-Citizen"}, strip=("X-Wallet-Owner",), keep=(name,))

    assert not_kept(name, settings) is why
    head, _ = outbound(inbound("/", (name, "sent")), route(app=app(headers=settings)), b"")
    assert (b"sent" in head.replace(b"X-Forwarded-Host", b"")) is (why is None)


def test_only_listed_names_pass_where_a_list_is_given() -> None:
    """An application that was behind another gateway gets what is listed, and what browsers send themselves."""
    settings = HeaderSettings(passed=("X-CSRF-Token", "X-User-Id"))
    asked = inbound(
        "/",
        ("Accept", "text/html"),
        ("Sec-Fetch-Mode", "navigate"),
        ("X-Requested-With", "XMLHttpRequest"),
        ("If-None-Match", '"1"'),
        ("Authorization", "Basic x"),
        ("x-csrf-token", "t"),
        ("X-User-Id", "7"),
        ("X-Unknown-Legacy-Thing", "attacker"),
        ("X-Script-Name", "attacker"),
        ("Connection", "keep-alive"),
    )

    head, removed = outbound(asked, route(app=app(headers=settings)), b"")

    for line in (b"Accept: text/html", b"Sec-Fetch-Mode: navigate", b"x-csrf-token: t", b"X-User-Id: 7", b"Basic x"):
        assert line in head
    assert b"attacker" not in head
    assert removed == ((Family.UNLISTED, b"X-Unknown-Legacy-Thing"), (Family.REWRITING, b"X-Script-Name"))


def test_an_empty_list_lets_only_a_browsers_own_pass() -> None:
    """No list and a list of nothing are not the same."""
    assert header_rules_of(HeaderSettings(passed=()))[b"X-CSRF-Token"] == b""
    assert header_rules_of(HeaderSettings())[b"X-CSRF-Token"] != b""
