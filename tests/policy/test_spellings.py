"""No spelling that a server takes for a guarded path is judged by a weaker rule, and honest paths pass."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from random import Random

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.identity import Birthdate, Identity, Scope
from gateway.policy.decide import CompiledPolicy
from gateway.policy.example import make_inbound
from gateway.policy.matching import matches
from gateway.policy.policy import Allow, Policy, Rule
from gateway.policy.verdict import Challenge, Deny, Permit, ReasonKind, Verdict
from gateway.request.target import DEFAULT_PATHS, Target, canonical
from gateway.settings.settings import PathSettings, Stack
from tests.policy.random_cases import NOW, policy_of

EVERYTHING = frozenset(Scope)
MINOR = Identity("client", "minor", NOW, EVERYTHING, birthdate=Birthdate(2015, 4, 1))
ADULT = Identity("client", "adult", NOW, EVERYTHING, birthdate=Birthdate(1986, 4, 1))
PEOPLE = (None, MINOR, ADULT)

GUARDED = (
    "name: adults, match: {path: /adult/**}, require: [adult]",
    "name: public, match: {path: [/open/**, /public/**]}, allow: everyone",
    "name: rest, allow: signed_in",
)


def judged(
    policy: CompiledPolicy, sent: str, who: Identity | None, paths: PathSettings = DEFAULT_PATHS
) -> Verdict | str:
    """Return what the gateway says to a target as a browser sends it; a word where the door refuses it."""
    target = canonical(sent.encode(), paths)
    if not isinstance(target, Target):
        return target.value
    inbound = msgspec.structs.replace(make_inbound("GET", target.path), target=target)
    rule = policy.fitting(inbound, NOW)
    return "no_rule" if rule is None else rule.decide(inbound, who, NOW).verdict


def is_ambiguous(verdict: Verdict | str) -> bool:
    return isinstance(verdict, Deny) and [reason.kind for reason in verdict.reasons] == [ReasonKind.AMBIGUOUS_PATH]


SPELLINGS = [
    # ASP.NET's tokens: of the session, the forms, the anonymous user; version 1's; in the middle of a name.
    "/(A(a)F(b)S(c))/adult/1",
    "/(S(lit3py55t21z5v55vlm25s55))/adult/1",
    "/(lit3py55t21z5v55vlm25s55)/adult/1",
    "/adu/(S(x))lt/1",
    "/ad(S(x))ult/1",
    "/(S(x))/(F(y))/adult/1",
    # Windows' names: dots and spaces at the end, short names, streams, any case.
    "/adult%20/1",
    "/adult./1",
    "/adult.%20./1",
    "/adult.",
    "/%20adult/1",
    "/ADULT~1/1",
    "/adult~1",
    "/adult::$DATA",
    "/adult::$INDEX_ALLOCATION/1",
    "/adult:$I30:$INDEX_ALLOCATION/1",
    "/ADULT/1",
    "/Adult/1",
    "/%41dult/1",
    # Dot segments hidden in spaces and in other signs.
    "/public/.%20./adult/1",
    "/public/..%20/adult/1",
    "/public/%20../adult/1",
    "/public/..%20%20/adult/1",
    "/public/.../adult/1",
    "/public/x/.../adult/1",
    "/public/%EF%BC%8E%EF%BC%8E/adult/1",
    "/public/%E2%80%A4%E2%80%A4/adult/1",
    "/public/%E2%80%A5/adult/1",
    "/public/.%E2%80%8B./adult/1",
    "/public/.%C2%AD./adult/1",
    "/public/..+/adult/1",
    "/public/%E3%80%82%E3%80%82/adult/1",
    # Signs that are taken for a slash.
    "/public/..%EF%BC%8Fadult/1",
    "/public/..%E2%88%95adult/1",
    "/public/..%E2%81%84adult/1",
    "/public/..%EF%BC%BCadult/1",
    "/public/..%C2%A5adult/1",
    "/public/..%E2%82%A9adult/1",
    "/public/..%E2%88%96adult/1",
    "/adult%C2%A51",
    "/adult%EF%BC%8F1",
    # Signs that are taken for another, or for none.
    "/%EF%BD%81dult/1",
    "/%EF%BC%A1%EF%BC%A4%EF%BC%B5%EF%BC%AC%EF%BC%B4/1",
    "/%C3%A1dult/1",
    "/a%CC%81dult/1",
    "/adu%C5%82t/1",
    "/%CE%B1dult/1",
    "/ad%E2%80%8Bult/1",
    "/%EF%BB%BFadult/1",
    "/adult%C2%A0/1",
    "/adult%E3%80%80/1",
    "/adult%E2%80%A8/1",
    "/%F0%9D%90%9Adult/1",
    "/adult+/1",
    "/adul%F0%9D%93%89/1",
    # Front controllers, and programs that are told the rest of a path.
    "/index.php/adult/1",
    "/INDEX.PHP/adult/1",
    "/app.php/adult/1",
    "/app_dev.php/adult",
    "/index.cgi/adult/1",
    "/index.wsgi/adult/1",
    "/site.wsgi/adult/1",
    "/public/app.wsgi/adult/1",
    "/index.cfml/adult/1",
    "/main.aspx/adult/1",
    "/cgi-bin/index.cgi/adult/1",
    "/cgi-bin/app/adult/1",
    "/index/adult/1",
    "/public/index.php/adult/1",
    "/index.php./adult/1",
    "/index.php/index.php/adult/1",
    "/adult.php/1",
    "/VirtualHostBase/https/app:443/VirtualHostRoot/adult/1",
    # A server that answers to the path also answers to these.
    "/adult/",
    "/adult.json",
    "/adult.html",
    "/adult.css",
    "/adult.php",
    "/adult.jsp.",
    "/adult%EF%BC%8Ejson",
    # A decoded path that is taken apart once more.
    "/adult%3F/open",
    "/adult%3Fx",
    "/adult%23x",
    "/open/..%20%3F/x",
    # SAP's sessions.
    "/adult(bD1qYSZjPTEwMA==)/1",
    # All at once.
    "/(S(x))/index.php/%EF%BC%A1DULT.%20/1.json",
]


@pytest.mark.parametrize("sent", SPELLINGS)
def test_a_spelling_of_a_guarded_path_is_refused(sent: str) -> None:
    """Nobody below 18 gets through, under any server's reading of it."""
    policy = CompiledPolicy(policy_of(*GUARDED))

    for who in (None, MINOR):
        verdict = judged(policy, sent, who)
        assert not isinstance(verdict, Permit), verdict
        assert isinstance(verdict, str) or is_ambiguous(verdict) or verdict == judged(policy, "/adult/1", who)


KEPT = [
    (PathSettings(encoded_slash="keep"), "/public/..%20%2Fadult/1"),
    (PathSettings(encoded_slash="keep"), "/adult%2F1"),
    (PathSettings(parameters="keep"), "/open;/..%20/adult"),
    (PathSettings(parameters="keep"), "/adult;x/open/1"),
    (PathSettings(parameters="keep"), "/open/1/;/..%20/..%20/adult"),
    (PathSettings(merge_slashes=True), "//index.php//adult"),
    (PathSettings(ignore_case=True), "/PUBLIC/..%20/ADULT/1"),
    (PathSettings(empty_segments="keep"), "/open/..%20//adult/1"),
    (PathSettings(empty_segments="keep"), "/index.php//adult/1"),
    (PathSettings(encoded_percent="keep"), "/public/%252e%252e%252fadult/1"),
    (PathSettings(encoded_percent="keep"), "/public/%25252e%25252e%25252fadult/1"),
    (PathSettings(encoded_percent="keep"), "/%2561dult/1"),
    (PathSettings(encoded_percent="keep"), "/%25u0061dult/1"),
    (PathSettings(encoded_percent="keep"), "/adult%2500/1"),
    (PathSettings(charset="cp932"), "/%82%81dult/1"),
    (PathSettings(charset="cp932"), "/public/..%C0%AFadult/1"),
    (PathSettings(charset="cp932"), "/public/x%95%5C..%95%5C/..%20/..%20/adult/1"),
    (PathSettings(charset="cp932"), "/%C3%A1dult/1"),
    (PathSettings(charset="euc-jp"), "/%A3%E1dult/1"),
]


@pytest.mark.parametrize(("paths", "sent"), KEPT)
def test_what_an_app_admits_opens_nothing(paths: PathSettings, sent: str) -> None:
    """An opt-in is read in all its ways as well."""
    policy = CompiledPolicy(policy_of(*GUARDED), paths=paths)

    assert not isinstance(judged(policy, sent, MINOR, paths), Permit)


HONEST = {
    GUARDED: [
        "/",
        "/open",
        "/open/",
        "/open/a.css",
        "/open/A/Logo.PNG",
        "/open/index.html",
        "/open/a%20b/c+d.pdf",
        "/open/%E6%96%BD%E8%A8%AD%EF%BC%88%E6%9C%AC%E9%A4%A8%EF%BC%89/%E6%A1%88%E5%86%85.html",
        "/public/%E3%81%93%E3%82%93%E3%81%AB%E3%81%A1%E3%81%AF%E3%80%82",
        "/public/wiki/Special:Search",
        "/open/index.php/2026/11/hello-world/",
        "/open/~user/file.tar.gz",
        "/open/v1.2.3/a...b",
        "/open/C%23/100%25/what%3F",
        "/open/caf%C3%A9/%CE%B1%E7%89%88",
        "/open/f(x)/(a)/[1]",
        "/open/.well-known/x",
        "/favicon.ico",
        "/robots.txt",
        "/index.html",
        "/index.php",
        "/index.php/Main_Page",
        "/Wiki/%E3%83%A1%E3%82%A4%E3%83%B3",
        "/cgi-bin/bbs.cgi/12",
        "/repo.git/info/refs",
        "/x.aspx/y",
        "/a.b.c/d.e",
        "/adults",
        "/adult-info",
        "/adult/1",
        "/adult/Index.html",
        "/adult/a%20b/c.pdf",
    ],
    (
        "name: docs, match: {path: [/Docs/**, /Static/**, /index.php/**]}, allow: everyone",
        "name: pages, match: {path: [/list.html, /shop/, /予約/案内.html]}, allow: everyone",
        "name: shop, match: {path: [/shop/**, /list.pdf]}, allow: signed_in",
    ): [
        "/Docs/A/b.HTML",
        "/Static/x",
        "/index.php/Special:Search",
        "/index.php",
        "/list.html",
        "/list.pdf",
        "/shop/",
        "/shop/1",
        "/%E4%BA%88%E7%B4%84/%E6%A1%88%E5%86%85.html",
    ],
    (
        "name: script, match: {path: [/x.aspx/open/**, /reserve.html]}, allow: everyone",
        "name: guarded, match: {path: [/x.aspx/**, /reserve/**]}, require: [adult]",
        "name: rest, allow: everyone",
    ): ["/x.aspx/open/1", "/x.aspx/1", "/reserve.html", "/reserve/1.html", "/other.html", "/a/b.php/c"],
}


@pytest.mark.parametrize(("rules", "sent"), [(rules, sent) for rules, targets in HONEST.items() for sent in targets])
def test_honest_paths_pass(rules: tuple[str, ...], sent: str) -> None:
    """An adult who is signed in gets every page that some rule opens to her, however odd its address."""
    assert isinstance(judged(CompiledPolicy(policy_of(*rules)), sent, ADULT), Permit)


@pytest.mark.parametrize("stack", list(Stack))
def test_a_wrong_stack_opens_nothing(stack: Stack) -> None:
    """It adds readings; those of every path stay."""
    policy = CompiledPolicy(policy_of(*GUARDED), stacks=(stack,))

    assert not [sent for sent in SPELLINGS if isinstance(judged(policy, sent, MINOR), Permit)]


@pytest.mark.parametrize(
    ("stack", "guarded", "sent"),
    [
        (Stack.IIS, "/adult/**", "/adult:x/1"),
        (Stack.ASPNET, "/adult.aspx", "/adult/1/2"),
        (Stack.DOMINO, "/adult.nsf/**", "/adult.nsf!OpenView"),
        (Stack.MEDIAWIKI, "/wiki/Adult_Page", "/wiki/Adult%20Page"),
        (Stack.MEDIAWIKI, "/wiki/Adult_Page", "/wiki/Adult__page_"),
        (Stack.PHP, "/adult.dat", "/adult.dat/x.php"),
        (Stack.SPRING, "/adult", "/adult.html"),
        (Stack.WORDPRESS, "/adult", "/adult/feed/"),
        (Stack.WORDPRESS, "/adult", "/adult/page/2/"),
        (Stack.WORDPRESS, "/おとな/**", "/%E3%82%AA%E3%83%88%E3%83%8A/1"),
        (Stack.ZOPE, "/adult/**", "/open/x/adult/1"),
    ],
)
def test_a_stack_adds_its_own_readings(stack: Stack, guarded: str, sent: str) -> None:
    """They are refused where the App says what it is made with, and are other paths else."""
    rules = (
        "name: open, match: {path: [/open/**, /adult.html]}, allow: everyone",
        f"name: adults, match: {{path: {guarded}}}, require: [adult]",
        "name: rest, allow: everyone",
    )

    assert isinstance(judged(CompiledPolicy(policy_of(*rules)), sent, None), Permit)
    assert is_ambiguous(judged(CompiledPolicy(policy_of(*rules), stacks=(stack,)), sent, None))


def test_apps_of_one_host_are_not_reached_through_another() -> None:
    """A reading outside of the App, or inside another, is never this App's to judge."""
    everyone = policy_of("name: all, allow: everyone")
    root = CompiledPolicy(everyone, elsewhere=("/members",))
    below = CompiledPolicy(everyone, prefix="/members")

    assert isinstance(judged(root, "/x", None), Permit)
    assert isinstance(judged(below, "/members/x", None), Permit)
    for sent in ("/Members/x", "/x/..%20/members/1", "/index.php/members/1", "/members./1"):
        assert is_ambiguous(judged(root, sent, None)), sent
    for sent in ("/members/..%20/x", "/members/..%EF%BC%8Fx"):
        assert is_ambiguous(judged(below, sent, None)), sent


def test_a_rule_with_a_condition_counts_while_it_holds() -> None:
    """A request that is refused by a stricter rule in force passes at other times, and is not remembered as passing."""
    policy = CompiledPolicy(
        policy_of(
            "name: closed, match: {path: /draw/**}, when: office, allow: nobody",
            "name: rest, allow: everyone",
        )
    )

    for _ in range(2):
        for client, refused in (("192.0.2.1", True), ("198.51.100.1", False)):
            inbound = make_inbound("GET", "/Draw/1", client=client)
            rule = policy.fitting(inbound, NOW)
            assert rule is not None
            assert is_ambiguous(rule.decide(inbound, None, NOW).verdict) is refused
    assert policy.always("GET", "/Draw/1") is None


# --- every server, every policy ------------------------------------------------------


def _lines(path: str, change: Callable[[str], str]) -> str:
    return "/".join(change(segment) for segment in path.split("/"))


def _resolve(path: str) -> str:
    kept: list[str] = []
    pieces = path.split("/")[1:]
    for piece in pieces:
        if piece == "..":
            kept = kept[:-1]
        elif piece not in ("", "."):
            kept.append(piece)
    return "/" + "/".join(kept) + ("/" if kept and pieces[-1] in ("", ".", "..") else "")


def windows(path: str) -> str:
    """NTFS through any server: no case, no dots and spaces at the end of a name, streams are the file."""

    def name(segment: str) -> str:
        if set(segment) <= {".", " "} and segment not in ("", ".", ".."):
            return "." if len(segment.replace(" ", "")) < 2 else ".."
        return segment if segment in (".", "..") else re.sub(r":.*\$.*", "", segment).rstrip(". ")

    return _resolve(_lines(path, name)).lower()


def old_windows(path: str) -> str:
    """A segment of dots is the folder itself."""
    return _resolve(_lines(path, lambda one: "." if one and set(one) <= {".", " "} else one.rstrip(". "))).lower()


def aspnet(path: str) -> str:
    """The tokens of sessions are removed, with what joins them to the name before."""
    rest = re.sub(r"/\((?:[A-Z]\([^()]*\))+\)", "", path)
    return _resolve(rest if rest.startswith("/") else "/" + rest)


def best_fit(path: str) -> str:
    """A program that knows no Unicode."""
    signs = {"¥": "/", "＼": "/", "／": "/", "∕": "/", "⁄": "/", "．": ".", "　": " ", "ł": "l", "α": "a", "á": "a"}
    wide = {0xFF01 + place: 0x21 + place for place in range(94)}
    return _resolve("".join(signs.get(sign, sign) for sign in path).translate(wide).replace("\\", "/"))


def compatible(path: str) -> str:
    """A framework that normalizes what it decodes."""
    return _resolve(unicodedata.normalize("NFKC", path))


def mysql(path: str) -> str:
    """Names that are looked up in a database."""
    bare = "".join(sign for sign in unicodedata.normalize("NFD", path) if not unicodedata.combining(sign))
    return _lines(bare.casefold(), lambda segment: segment.rstrip(" "))


def apple(path: str) -> str:
    """HFS+: composed or not, any case, and signs that nobody sees are none."""
    return "".join(sign for sign in unicodedata.normalize("NFD", path) if unicodedata.category(sign) != "Cf").lower()


def stripping(path: str) -> str:
    """Frameworks that strip each part of a route."""
    return _resolve(_lines(path.replace("+", " "), str.strip))


def reparsing(path: str) -> str:
    """Rewriting that takes the decoded path apart once more."""
    return re.split(r"[?#]", path)[0] or "/"


def front_controller(path: str) -> str:
    """One program that serves every page."""
    return re.sub(r"\A/index\.php(?=/)", "", path, flags=re.IGNORECASE)


def virtual_host(path: str) -> str:
    """Zope behind a proxy."""
    return "/" + path.rpartition("/VirtualHostRoot/")[2] if "/VirtualHostRoot/" in path else path


def slash(path: str) -> str:
    """A framework to which `/a/` is `/a`."""
    return path.rstrip("/") or "/"


SERVERS = (
    windows,
    old_windows,
    aspnet,
    best_fit,
    compatible,
    mysql,
    apple,
    stripping,
    reparsing,
    front_controller,
    virtual_host,
    slash,
)

SECTIONS = ("adult", "open", "a", "b")


def change(random: Random, path: str) -> str:
    """Spell a path in one way that some server takes for it."""
    segments = path.split("/")[1:]
    place = random.randrange(len(segments))
    name = segments[place]
    letters = [number for number, sign in enumerate(name) if sign.isalpha()]
    at = random.choice(letters) if letters else 0
    letter, before, behind = name[at : at + 1], name[:at], name[at + 1 :]
    names = {
        "end": name + random.choice([".", " ", ". .", "..", "  ", "\u3000", "\xa0", "+"]),
        "case": before + letter.swapcase() + behind,
        "width": before + (chr(ord(letter) + 0xFEE0) if "!" < letter < "~" else letter) + behind,
        "unseen": before + random.choice("\u200b\u00ad\ufeff\u2060") + letter + behind,
        "begin": random.choice([" ", "+"]) + name,
        "stream": name + random.choice(["::$DATA", ":$I30:$INDEX_ALLOCATION"]) if name else name,
        "accent": before + (random.choice(["á", "a\u0301", "α", "ａ"]) if letter == "a" else letter) + behind,
    }
    token = random.choice(["(S(x))", "(A(a)F(b)S(c))"])
    out = random.choice([".. ", ". .", ".. .", "．．", "..+", ".\u200b.", "...", "‥"])
    host = random.choice(["/index.php", "/INDEX.php", "/VirtualHostBase/http/a:80/VirtualHostRoot"])
    cut = random.randrange(1, len(segments) + 1)
    paths = [
        *("/" + "/".join([*segments[:place], text, *segments[place + 1 :]]) for text in names.values()),
        "/" + "/".join([*segments[:place], token, *segments[place:]]),
        f"/{random.choice(SECTIONS)}/{out}{path}",
        host + path,
        "/" + random.choice("¥＼／∕⁄").join(filter(None, ["/".join(segments[:cut]), "/".join(segments[cut:])])),
        path + random.choice(["?x", "#x", "?/../open", "/"]),
    ]
    return random.choice(paths)


def _spelling(random: Random) -> str:
    path = "/" + "/".join(random.choice(SECTIONS) for _ in range(random.randint(1, 3)))
    for _ in range(random.randint(1, 4)):
        path = change(random, path)
    # No path that the door lets in has dot segments or empty ones.
    return "/" if re.search(r"/(?:\.{0,2}/|\.{1,2}\Z)", path) else path


def _rules(random: Random) -> list[str]:
    rules = []
    for number in range(random.randint(1, 5)):
        first, second = random.choice(SECTIONS), random.choice([*SECTIONS, "*"])
        form = random.choice(
            [f"/{first}", f"/{first}/**", f"/{first}/*", f"/{first}/{second}", f"/{first}/{second}/**", "/*/adult"]
        )
        kind = random.choice(["allow: everyone", "allow: signed_in", "require: [adult]", "allow: nobody"])
        rules.append(f"name: r{number}, match: {{path: {form}}}, {kind}")
    if random.random() < 0.7:
        rules.append(f"name: rest, {random.choice(['allow: everyone', 'allow: signed_in', 'require: [adult]'])}")
    return rules


def _rule_of(policy: Policy, path: str) -> Rule | None:
    return next(
        (rule for rule in policy.rules if not rule.match.path or any(matches(p, path) for p in rule.match.path)), None
    )


def _lets_in(rule: Rule | None, who: Identity | None) -> bool:
    if rule is None or rule.allow is Allow.NOBODY:
        return False
    return rule.allow is Allow.EVERYONE or (who is not None and (rule.allow is Allow.SIGNED_IN or who is ADULT))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
@example(0)
@example(12133)
def test_no_server_is_told_of_a_page_that_its_rule_does_not_open(seed: int) -> None:
    """For every policy and spelling, a person who passes may have the page of every server's reading.

    The servers are written down here once more, each by itself and each behind another.
    """
    no_page_is_told(seed)


@pytest.mark.long
@pytest.mark.timeout(900)
@settings(max_examples=1_500, deadline=None)
@given(st.integers(0, 2**32))
def test_no_server_is_told_of_a_page_in_a_long_search(seed: int) -> None:
    """As above."""
    no_page_is_told(seed)


def no_page_is_told(seed: int) -> None:
    """Judge a dozen spellings by a policy, and hold each permit against the rule of every page a server makes of it."""
    random = Random(seed)
    policy = policy_of(*_rules(random))
    compiled = CompiledPolicy(policy)

    for _ in range(12):
        path = _spelling(random)
        inbound = make_inbound("GET", path)
        rule = compiled.fitting(inbound, NOW)
        pages = {first(path): first.__name__ for first in SERVERS}
        for first in SERVERS:
            for second in SERVERS:
                pages.setdefault(second(first(path)), f"{first.__name__}, {second.__name__}")
        for who in PEOPLE:
            if rule is None or not isinstance(rule.decide(inbound, who, NOW).verdict, Permit):
                continue
            for page, servers in pages.items():
                assert _lets_in(_rule_of(policy, page), who), (
                    path,
                    page,
                    servers,
                    [str(r.match.path) for r in policy.rules],
                )


def test_challenges_are_not_hidden() -> None:
    """Nobody must sign in for a path that is refused for everybody."""
    policy = CompiledPolicy(policy_of(*GUARDED))

    assert isinstance(judged(policy, "/adult/1", None), Challenge)
    assert is_ambiguous(judged(policy, "/ADULT/1", None))


@pytest.mark.parametrize("sent", ["/adult//1", "/adult///1", "/x/..//adult//1", "/adult//1/"])
def test_an_empty_segment_that_an_app_keeps_is_no_way_around(sent: str) -> None:
    """Most servers take `//` for `/`: a path with an empty segment is judged as the path without it, too."""
    paths = PathSettings(empty_segments="keep")
    rules = (
        "name: adults, match: {path: /adult/1}, require: [adult]",
        "name: public, match: {path: /**}, allow: everyone",
    )
    policy = CompiledPolicy(policy_of(*rules), paths=paths)

    for who in (None, MINOR):
        assert not isinstance(judged(policy, sent, who, paths), Permit)
    assert isinstance(judged(policy, "/open//1", None, paths), Permit)


@pytest.mark.parametrize("spelled", ["/adult/index", "/adult/Index", "/adult.json/", "/adult.html/"])
def test_a_page_alone_has_the_spellings_of_a_folder(spelled: str) -> None:
    """MultiViews and ASP.NET MVC take `/adult/index` for `/adult`, and Rails takes `/adult.json/`."""
    guarded = policy_of("name: adults, match: {path: /adult}, require: [adult]", "name: rest, allow: everyone")

    assert is_ambiguous(judged(CompiledPolicy(guarded), spelled, None))


@pytest.mark.parametrize(
    "stricter",
    [
        "sign: {document: form, title: {ja: 申請}}",
        "limit: {name: once, once: ever, counted_when: {status: 303}}",
        "signed_in_within: 5m",
        "audit: true",
    ],
)
def test_a_rule_that_asks_for_more_than_people_is_stricter(stricter: str) -> None:
    """Both rules let the same people pass, and one of them has more to do with them."""
    rule = f"name: form, match: {{path: /form, method: POST}}, allow: signed_in, {stricter}"
    policy = CompiledPolicy(policy_of(rule, "name: rest, allow: signed_in"))

    found = policy.fitting(make_inbound("POST", "/Form"), NOW)

    assert found is not None
    assert is_ambiguous(found.decide(make_inbound("POST", "/Form"), ADULT, NOW).verdict)


def test_a_rule_that_lets_in_forms_of_more_sites_is_weaker() -> None:
    """A form of another site comes in where a rule names the site."""
    strict = "name: form, match: {path: /form, method: POST}, allow: signed_in"
    loose = "name: rest, match: {path: /**, method: POST}, allow: signed_in, returns_from: [https://pay.example]"
    policy = CompiledPolicy(policy_of(strict, loose))

    found = policy.fitting(make_inbound("POST", "/Form"), NOW)

    assert found is not None
    assert is_ambiguous(found.decide(make_inbound("POST", "/Form"), ADULT, NOW).verdict)
