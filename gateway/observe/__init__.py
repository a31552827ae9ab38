"""Telemetry of the gateway: events, access lines, audit, metrics. Start reading at `events`."""
