"""Envoy, plain, and with its oauth2 filter: one worker thread, no access log, no admin listener.

The filter keeps its session in signed cookies, so it needs no store; it checks their signature on
each request and forwards the token it holds.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

from benchmarks.browser import Browser
from benchmarks.peer import Running, SignIn
from benchmarks.programs import PEER_CORE, find, free_port, running
from benchmarks.provider import CLIENT, SECRET, provider
from benchmarks.surroundings import BODY, Surroundings

_ROUTER = {
    "name": "envoy.filters.http.router",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
        "suppress_envoy_headers": True,
        "dynamic_stats": False,
    },
}


def _cluster(name: str, port: int) -> dict[str, Any]:
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    endpoint = {"endpoint": {"address": address}}
    limits = {"thresholds": [{"max_connections": 40000, "max_requests": 40000, "max_pending_requests": 40000}]}
    return {
        "name": name,
        "type": "STATIC",
        "circuit_breakers": limits,
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _config(port: int, clusters: list[dict[str, Any]], filters: list[dict[str, Any]]) -> dict[str, Any]:
    route = {"match": {"prefix": "/"}, "route": {"cluster": "application", "timeout": "0s"}}
    manager = {
        "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
        ".HttpConnectionManager",
        "stat_prefix": "door",
        "codec_type": "HTTP1",
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        "http_filters": [*filters, _ROUTER],
    }
    chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    return {
        "node": {"id": "measured", "cluster": "measured"},
        "static_resources": {
            "listeners": [{"name": "door", "address": address, "filter_chains": [chain]}],
            "clusters": clusters,
        },
        "overload_manager": {
            "resource_monitors": [
                {
                    "name": "envoy.resource_monitors.global_downstream_max_connections",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3"
                        ".DownstreamConnectionsConfig",
                        "max_active_downstream_connections": 40000,
                    },
                }
            ]
        },
    }


def _command(config: str) -> list[str]:
    return [find("envoy"), "-c", config, "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]


class Envoy:
    """The proxy of service meshes."""

    name = "envoy"
    what = "plain proxy"

    @contextlib.contextmanager
    def run(self, around: Surroundings) -> Iterator[Running]:
        """Run it for the length of a block."""
        port = free_port()
        config = around.folder / "envoy.json"
        config.write_text(json.dumps(_config(port, [_cluster("application", around.upstream)], [])))
        with running(self.name, _command(str(config)), core=PEER_CORE, folder=around.folder, ready=port) as program:
            yield Running(program, port)


class EnvoyOAuth2:
    """Envoy signing people in by itself."""

    name = "envoy-oauth2"
    what = "session in signed cookies"

    @contextlib.contextmanager
    def run(self, around: Surroundings) -> Iterator[Running]:
        """Run it, and a provider to sign in at, for the length of a block."""
        port = free_port()
        with provider(around, f"http://localhost:{port}/callback") as (issuer, provider_port):
            oauth2 = {
                "name": "envoy.filters.http.oauth2",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.oauth2.v3.OAuth2",
                    "config": {
                        "token_endpoint": {"cluster": "provider", "uri": f"{issuer}/token", "timeout": "5s"},
                        "authorization_endpoint": f"{issuer}/authorize",
                        "redirect_uri": f"http://localhost:{port}/callback",
                        "redirect_path_matcher": {"path": {"exact": "/callback"}},
                        "signout_path": {"path": {"exact": "/signout"}},
                        "forward_bearer_token": True,
                        "credentials": {
                            "client_id": CLIENT,
                            "token_secret": {"name": "token", **_secret(around, "token", SECRET)},
                            "hmac_secret": {"name": "hmac", **_secret(around, "hmac", SECRET * 2)},
                        },
                        "auth_scopes": ["openid"],
                    },
                },
            }
            clusters = [_cluster("application", around.upstream), _cluster("provider", provider_port)]
            config = around.folder / "envoy-oauth2.json"
            config.write_text(json.dumps(_config(port, clusters, [oauth2])))
            with running(self.name, _command(str(config)), core=PEER_CORE, folder=around.folder, ready=port) as program:
                sign_in = SignIn(f"http://localhost:{port}/")
                with contextlib.closing(Browser()) as browser:
                    cookies = browser.walk(sign_in.url, BODY.encode(), sign_in.answers)
                cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
                yield Running(program, port, {"Host": f"localhost:{port}", "Cookie": cookie}, sign_in)


def _secret(around: Surroundings, name: str, value: str) -> dict[str, Any]:
    """Return where Envoy reads a secret from: a file, as it takes none in place here."""
    path = around.folder / f"envoy-{name}.json"
    kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
    secret = {"@type": kind, "name": name, "generic_secret": {"secret": {"inline_string": value}}}
    path.write_text(json.dumps({"resources": [secret]}))
    return {"sds_config": {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}}
