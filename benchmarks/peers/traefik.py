"""Traefik as a plain proxy: no access log, no telemetry, one processor."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

from benchmarks.peer import Running
from benchmarks.programs import PEER_CORE, await_answer, find, free_port, running
from benchmarks.surroundings import Surroundings


class Traefik:
    """The one that finds its services by itself; here it is told."""

    name = "traefik"
    what = "plain proxy"

    @contextlib.contextmanager
    def run(self, around: Surroundings) -> Iterator[Running]:
        """Run it for the length of a block."""
        port = free_port()
        routes, config = around.folder / "traefik-routes.yaml", around.folder / "traefik.yaml"
        transport = {"maxIdleConnsPerHost": 100}
        upstream = {"servers": [{"url": f"http://127.0.0.1:{around.upstream}"}], "serversTransport": "kept"}
        routes.write_text(
            json.dumps(
                {
                    "http": {
                        "routers": {"all": {"rule": "PathPrefix(`/`)", "service": "one", "entryPoints": ["web"]}},
                        "services": {"one": {"loadBalancer": upstream}},
                        "serversTransports": {"kept": transport},
                    }
                }
            )
        )
        config.write_text(
            json.dumps(
                {
                    "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
                    "log": {"level": "ERROR"},
                    "entryPoints": {"web": {"address": f"127.0.0.1:{port}"}},
                    "providers": {"file": {"filename": str(routes), "watch": False}},
                }
            )
        )
        command = [find("traefik"), f"--configFile={config}"]
        environment = {"GOMAXPROCS": "1"}
        with running(
            self.name, command, core=PEER_CORE, folder=around.folder, ready=port, environment=environment
        ) as program:
            await_answer(program, port)
            yield Running(program, port)
