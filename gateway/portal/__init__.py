"""Our own pages, under a prefix of every App's host. Start with `visit`; the pages are made in `aiohttp_portal`."""
