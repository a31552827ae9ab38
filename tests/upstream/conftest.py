"""The way to the application is tried with the whole byte path before it, on the product's own loop."""

from __future__ import annotations

from tests.listen.conftest import door, pytest_asyncio_loop_factories

__all__ = ["door", "pytest_asyncio_loop_factories"]
