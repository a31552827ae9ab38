"""Our own pages: what a person sees of the gateway. Start reading at `visit`, then `aiohttp_portal`."""
