"""One pool of connections to an endpoint, on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from audit.optional import require


class Reply(NamedTuple):
    """Status and body of an answer, and the seconds that it asks to wait before the next request."""

    status: int
    body: bytes
    wait: float


class Line:
    """Connections that are kept open; a notebook already has a loop in its thread, so this one has its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True, name="endpoint")
        self._thread.start()
        self._client = require("httpx", extra="serve", purpose="endpoints").AsyncClient(
            follow_redirects=False, trust_env=False, timeout=None
        )

    def request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], limit: int, seconds: float
    ) -> Reply:
        """Send one request; the clock runs over connection, headers and body together."""
        task = self._request(method, url, body, headers, limit, seconds)
        return asyncio.run_coroutine_threadsafe(task, self._loop).result()

    async def _request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], limit: int, seconds: float
    ) -> Reply:
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream(method, url, content=body, headers=dict(headers)) as response,
            ):
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise ValueError("compresses its answer though it was asked not to")
                wait = _wait(response.headers.get("retry-after", ""))
                return Reply(response.status_code, await _body(response, limit), wait)
        except TimeoutError as error:
            raise TimeoutError(f"not done within {seconds:.3g} s") from error

    def close(self) -> None:
        """Close connections and end the thread; whoever collects garbage may call this, so that nothing waits."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.create_task, self._end())

    async def _end(self) -> None:
        await self._client.aclose()
        self._loop.stop()

    def _run(self) -> None:
        self._loop.run_forever()
        self._loop.close()


def _wait(text: str) -> float:
    """Read ``Retry-After``: seconds, or the time of a day; anything else asks for nothing."""
    try:
        return min(float(int(text)), 1e9) if text.isdecimal() else parsedate_to_datetime(text).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return 0.0


async def _body(response: Any, limit: int) -> bytes:  # noqa: ANN401 -- httpx.Response
    received = bytearray()
    async for chunk in response.aiter_raw():
        received += chunk
        if len(received) > limit:
            raise ValueError(f"answers more than {limit} bytes")
    return bytes(received)
