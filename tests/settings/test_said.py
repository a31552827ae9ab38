"""Faults that readers of keys, secrets, URLs, operators and aliases find: each is said in both languages."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from gateway.login.aliases import read_aliases
from gateway.login.keys import KeySet, read_key_set
from gateway.policy.losses import read_adoptions
from gateway.policy.switches import Switch, read_switches, turned_off, turned_on
from gateway.portal.operators import new_token, read_operators
from gateway.redis_client import RedisOptions, check_options, parse_redis_url
from gateway.session.seal import Secrets
from gateway.yaml.mistakes import Language, SaidError

GOOD = Switch(0.0, 60.0, "hanako", "work")

FAULTS: list[tuple[Callable[[str], object], str]] = [
    (parse_redis_url, "http://redis"),
    (parse_redis_url, "redis://user:hunter2@redis"),
    (parse_redis_url, "redis://redis#3"),
    (parse_redis_url, "redis://redis?timeout=1"),
    (parse_redis_url, "redis://redis?hunter2"),
    (parse_redis_url, "redis://redis/three"),
    (parse_redis_url, "redis://redis/1/2"),
    (parse_redis_url, "redis://a,b"),
    (parse_redis_url, "redis://"),
    (parse_redis_url, "redis://redis:0"),
    (parse_redis_url, "redis://redis:port"),
    (parse_redis_url, "redis://[::1"),
    (parse_redis_url, "unix://run/redis.sock"),
    (parse_redis_url, "unix:///run/redis.sock?timeout=1"),
    (parse_redis_url, "redis+sentinel://a,b"),
    (parse_redis_url, "redis+cluster://a,b/3"),
    (lambda url: check_options(parse_redis_url(url), RedisOptions()), "redis://user@redis"),
    (lambda url: check_options(parse_redis_url(url), RedisOptions(sentinel_password="p")), "redis://redis"),
    (Secrets.parse, ""),
    (Secrets.parse, "short"),
    (Secrets.parse, "s" * 64),
    (Secrets.parse, "0123456789abcdef0123456789abcdef\n" * 2),
    (lambda text: read_key_set(text.encode()), "no JSON"),
    (lambda text: read_key_set(text.encode()), "{}"),
    (
        lambda text: read_key_set(text.encode()),
        '{"keys": [1, {}, {"kid": "a"}, {"kid": "a", "alg": "ES256", "use": "enc"}]}',
    ),
    (lambda text: read_key_set(text.encode()), '{"keys": [{"kid": "a", "alg": "RS256", "kty": "RSA", "n": "AQAB"}]}'),
    (lambda text: read_key_set(text.encode()), '{"keys": [{"kid": "a", "alg": "ES256", "kty": "EC", "crv": "P-256"}]}'),
    (lambda _: KeySet(()).rotated(), ""),
    (lambda kid: KeySet(()).retired(kid), "a"),
    (lambda text: read_aliases([text.encode()]), "no alias"),
    (lambda text: read_switches(text.encode()), "{"),
    (lambda name: turned_on({}, name, GOOD), "災害 時"),
    (lambda name: turned_on({}, name, Switch(0.0, 60.0, "hanako", " ")), "storm"),
    (lambda name: turned_on({}, name, Switch(0.0, 1e9, "hanako", "work")), "storm"),
    (lambda name: turned_on({}, name, Switch(0.0, 60.0, "hanako", "work", {"ja": "あ" * 501})), "storm"),
    (lambda name: turned_off({"storm": GOOD}, name, 1.0, "hanako", ""), "strom"),
    (lambda text: read_adoptions(text.encode()), "{"),
    (read_operators, "hanako"),
    (read_operators, "ha/nako 0 look"),
    (read_operators, "hanako 0 look"),
    (read_operators, f"hanako {'0' * 64} lok"),
    (read_operators, f"hanako {'0' * 64} nothing"),
    (read_operators, f"hanako {'0' * 64}\nhanako {'1' * 64}\ntaro {'0' * 64}"),
    (lambda name: new_token(name, b""), "ha/nako"),
]


@pytest.mark.parametrize(("reader", "text"), FAULTS, ids=[repr(text)[:40] for _, text in FAULTS])
def test_a_fault_is_said_in_both_languages(reader: Callable[[str], object], text: str) -> None:
    """An operator in Japan reads no half sentence of English, and a secret is in neither."""
    with pytest.raises(SaidError) as raised:
        reader(text)

    said = raised.value.said
    assert str(raised.value) == said.en
    assert re.search("[ぁ-ん]", said.say(Language.JA))
    assert not re.search("[ぁ-ん]", said.en.replace(text, ""))
    # English words that are not quoted, and no name of a format, would be half a sentence.
    assert not re.search("(?<![`A-Za-z])(?:is|no|the|must|not) ", re.sub("`[^`]*`|（[^）]*）", "", said.ja))
    assert "hunter2" not in said.en + said.ja
