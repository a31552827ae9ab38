"""Apache with mod_auth_openidc: its session in shared memory, or in Redis.

Debian's packages, the event MPM with as many threads as the load has connections and a few more, no log.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from benchmarks.browser import Browser
from benchmarks.peer import Running, SignIn
from benchmarks.programs import PEER_CORE, find, free_port, running
from benchmarks.provider import CLIENT, SECRET, provider
from benchmarks.surroundings import BODY, Surroundings

_CONFIG = """
ServerRoot {folder}
ServerName localhost
PidFile {folder}/{name}.pid
Listen 127.0.0.1:{port}
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authn_core_module /usr/lib/apache2/modules/mod_authn_core.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule authz_user_module /usr/lib/apache2/modules/mod_authz_user.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule auth_openidc_module /usr/lib/apache2/modules/mod_auth_openidc.so
User {user}
Group {group}
Mutex posixsem
ErrorLog {folder}/{name}-error.log
LogLevel warn
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 300
OIDCProviderMetadataURL {issuer}/.well-known/openid-configuration
OIDCClientID {client}
OIDCClientSecret {secret}
OIDCRedirectURI http://localhost:{port}/callback
OIDCCryptoPassphrase {secret}
OIDCScope openid
OIDCResponseType code
OIDCSSLValidateServer Off
OIDCSessionInactivityTimeout 3600
OIDCAuthNHeader X-Verified-Subject
OIDCRemoteUserClaim sub
{cache}
<Location "/">
    AuthType openid-connect
    Require valid-user
    ProxyPass "http://127.0.0.1:{upstream}/" keepalive=On disablereuse=Off max=64
</Location>
<Location "/callback">
    AuthType openid-connect
    Require valid-user
    ProxyPass "!"
</Location>
"""


class ModAuthOpenidc:
    """The relying party that many offices run today."""

    def __init__(self, *, redis: bool) -> None:
        self._redis = redis
        self.name = "mod_auth_openidc-redis" if redis else "mod_auth_openidc-shm"
        self.what = "session in Redis" if redis else "session in shared memory"

    @contextlib.contextmanager
    def run(self, around: Surroundings) -> Iterator[Running]:
        """Run it, and a provider to sign in at, for the length of a block."""
        port = free_port()
        cache = (
            f"OIDCCacheType redis\nOIDCRedisCacheServer 127.0.0.1:{around.redis}"
            if self._redis
            else "OIDCCacheType shm"
        )
        with provider(around, f"http://localhost:{port}/callback") as (issuer, _):
            config = around.folder / f"{self.name}.conf"
            config.write_text(
                _CONFIG.format(
                    name=self.name,
                    folder=around.folder,
                    port=port,
                    upstream=around.upstream,
                    issuer=issuer,
                    client=CLIENT,
                    secret=SECRET,
                    cache=cache,
                    # Apache wants a user to become where it is started as root.
                    user="www-data" if os.geteuid() == 0 else f"#{os.geteuid()}",
                    group="www-data" if os.geteuid() == 0 else f"#{os.getegid()}",
                )
            )
            command = [find("apache2"), "-f", str(config), "-DFOREGROUND"]
            with running(self.name, command, core=PEER_CORE, folder=around.folder, ready=port) as program:
                sign_in = SignIn(f"http://localhost:{port}/")
                with contextlib.closing(Browser()) as browser:
                    cookies = browser.walk(sign_in.url, BODY.encode(), sign_in.answers)
                cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
                yield Running(program, port, {"Host": f"localhost:{port}", "Cookie": cookie}, sign_in)
