"""One pool of connections to an endpoint, on a loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from typing import Any

from audit.optional import require


class Line:
    """Connections that are kept open; a notebook already has a loop in its thread, so this one has its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="endpoint")
        self._thread.start()
        self._client = require("httpx", extra="serve", purpose="endpoints").AsyncClient(
            follow_redirects=False, trust_env=False, timeout=None
        )

    def request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], limit: int, seconds: float
    ) -> tuple[int, bytes]:
        """Send one request; the clock runs over connection, headers and body together."""
        task = self._request(method, url, body, headers, limit, seconds)
        return asyncio.run_coroutine_threadsafe(task, self._loop).result()

    async def _request(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str], limit: int, seconds: float
    ) -> tuple[int, bytes]:
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream(method, url, content=body, headers=dict(headers)) as response,
            ):
                if response.headers.get("content-encoding", "identity") != "identity":
                    raise ValueError("compresses its answer though it was asked not to")
                return response.status_code, await _body(response, limit)
        except TimeoutError as error:
            raise TimeoutError(f"not done within {seconds:.3g} s") from error

    def close(self) -> None:
        """Close connections and end the thread."""
        asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


async def _body(response: Any, limit: int) -> bytes:  # noqa: ANN401 -- httpx.Response
    received = bytearray()
    async for chunk in response.aiter_raw():
        received += chunk
        if len(received) > limit:
            raise ValueError(f"answers more than {limit} bytes")
    return bytes(received)
