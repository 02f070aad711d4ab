"""The service over HTTP. Handlers' types are looked up when they are made, so annotations stay real here."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from audit.deploy.batching import Answer, Batcher, Busy
from audit.deploy.counters import Counters
from audit.deploy.description import Description
from audit.deploy.inference import BadRequest, metadata, read_request, write_answer
from audit.deploy.page import page
from audit.deploy.prediction_log import PredictionLog
from audit.deploy.schema import InputError
from audit.errors import ModelError

OPEN_METRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

if TYPE_CHECKING:
    from fastapi import FastAPI
    from starlette.types import ASGIApp, Receive, Scope, Send


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one request may cost."""

    body: int = 8 << 20
    """Bytes."""
    rows: int = 10_000
    seconds: float = 30.0
    """From the first byte of the body to the answer."""
    strict: bool = True
    """Whether categories, ranges and missing values are compared with the schema, or types alone."""


@dataclass(slots=True, kw_only=True, eq=False)
class Served:
    """All that the handlers share."""

    description: Description
    batcher: Batcher
    limits: Limits = field(default_factory=Limits)
    log: PredictionLog | None = None
    counters: Counters = field(default_factory=Counters)
    ready: bool = False

    async def run(self) -> None:
        """Turn logged rows into files as they come due."""
        while self.log is not None:
            await asyncio.sleep(0.2)
            if self.log.due():
                await asyncio.to_thread(self.log.flush)

    async def infer(self, stream: AsyncIterator[bytes], length: int = 0) -> tuple[int, bytes]:
        """Answer one request, of so many bytes if it says so, with a status and a body."""
        started, rows = time.perf_counter(), 0
        try:
            _require_short(length, self.limits.body)
            async with asyncio.timeout(self.limits.seconds):
                body = await _received(stream, self.limits.body)
                request = read_request(body, self.description, most_rows=self.limits.rows, strict=self.limits.strict)
                rows = request.rows
                answer = await self.batcher.ask(request.values, rows)
            self._log(request.id, answer, request.values)
            status, said = 200, write_answer(self.description, answer, request)
        except Exception as error:
            status, said = _refusal(error)
        self.counters.add(status, rows=rows, seconds=time.perf_counter() - started)
        return status, said

    def _log(self, name: str, answer: Answer, values: dict[str, list[Any]]) -> None:
        if self.log is not None:
            rows = len(answer.label)
            self.log.add([name] if rows == 1 else [f"{name}/{row}" for row in range(rows)], answer, values)

    def readiness(self) -> tuple[object, int]:
        """Tell whether requests are answered."""
        return {"ready": self.ready}, 200 if self.ready else 503

    def metrics(self) -> str:
        """Return counters and gauges as OpenMetrics text."""
        gauges = {"ready": float(self.ready), "queue_rows": float(self.batcher.waiting)}
        if self.log is not None:
            gauges |= {
                "logged_rows": float(self.log.written),
                "log_waiting_rows": float(self.log.waiting),
                "log_dropped_rows": float(self.log.dropped),
                "log_failures": float(self.log.failures),
            }
        return self.counters.text(gauges)


async def _received(stream: AsyncIterator[bytes], limit: int) -> bytes:
    body = bytearray()
    async for chunk in stream:
        body += chunk
        _require_short(len(body), limit)
    return bytes(body)


def _require_short(length: int, limit: int) -> None:
    if length > limit:
        raise OverflowError(f"the body is longer than {limit} bytes")


def _refusal(error: Exception) -> tuple[int, bytes]:
    """Choose the status of an error; what is our own mistake is not shown to strangers."""
    kinds: tuple[tuple[type[Exception], int], ...] = (
        (InputError, 422),
        (BadRequest, 400),
        (OverflowError, 413),
        (Busy, 503),
        (TimeoutError, 504),
        (ModelError, 500),
    )
    status = next((code for kind, code in kinds if isinstance(error, kind)), 500)
    said = {503: "the queue is full; try again", 504: "not answered in time"}.get(status, str(error))
    if status == 500:
        said = "the model cannot answer these rows"
    return status, json.dumps({"error": said}).encode()


UNREAD = {413, 504}
"""Answers after which the rest of a body may still come: the connection is closed instead of reading it."""
CLOSE = {"Connection": "close"}


class OneLength:
    """Refuse a request that states its length twice: a proxy before this server may have read the other one."""

    def __init__(self, app: "ASGIApp") -> None:
        self.app = app

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:
        """Answer 400 and close the connection, or pass the request on."""
        from fastapi import Response

        names = {name for name, _ in scope.get("headers", ())}
        if {b"content-length", b"transfer-encoding"} <= names:
            said = json.dumps({"error": "the request states both Content-Length and Transfer-Encoding; state one"})
            await Response(said, 400, CLOSE, media_type="application/json")(scope, receive, send)
            return
        await self.app(scope, receive, send)


def create_app(served: Served) -> "FastAPI":
    """Make the application: Open Inference Protocol v2, metrics, and a page that documents them."""
    from fastapi import FastAPI, Request, Response

    facts = metadata(served.description)
    title, version = served.description.name, served.description.version
    app = FastAPI(
        title=title, version=version, lifespan=_lifespan(served), docs_url=None, redoc_url=None, redirect_slashes=False
    )  # fmt: skip
    app.add_middleware(OneLength)

    async def infer(request: Request) -> Response:
        """Predict rows given as tensors, one a column."""
        length = request.headers.get("content-length", "0")
        status, body = await served.infer(request.stream(), int(length) if length.isdecimal() else 0)
        headers = {"Retry-After": "1"} if status == 503 else CLOSE if status in UNREAD else None
        return Response(body, status, headers, media_type="application/json")

    body = {"requestBody": {"required": True, "content": {"application/json": {"schema": _schema(facts)}}}}
    for prefix in (f"/v2/models/{title}", f"/v2/models/{title}/versions/{version}"):
        app.add_api_route(f"{prefix}/infer", infer, methods=["POST"], openapi_extra=body)
        _get(app, prefix, "Describe the model's inputs and outputs.", lambda: (facts, 200))
        _get(app, f"{prefix}/ready", "Tell whether the model answers.", served.readiness)
    about = {"name": "modelassay", "version": "2", "extensions": []}
    _get(app, "/v2", "Describe the server.", lambda: (about, 200))
    _get(app, "/v2/health/live", "Tell that the process runs.", lambda: ({"live": True}, 200))
    _get(app, "/v2/health/ready", "Tell whether requests are answered.", served.readiness)
    _get(app, "/metrics", "Count requests, rows and seconds.", lambda: (served.metrics(), 200), OPEN_METRICS)
    _get(app, "/docs", "Show the inputs.", lambda: (page(served.description), 200), "text/html; charset=utf-8")
    return app


def _get(
    app: "FastAPI",
    path: str,
    summary: str,
    make: Callable[[], tuple[object, int]],
    media_type: str = "application/json",
) -> None:
    """Add a route that takes nothing."""
    from fastapi import Response

    async def handler() -> Response:
        document, status = make()
        text = document if isinstance(document, str) else json.dumps(document)
        policy = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
        return Response(text, status, policy, media_type=media_type)

    app.add_api_route(path, handler, methods=["GET"], summary=summary)


def _lifespan(served: Served) -> "Callable[[FastAPI], AbstractAsyncContextManager[None]]":
    @asynccontextmanager
    async def lifespan(_: "FastAPI") -> AsyncIterator[None]:
        served.batcher.start()
        flushing = asyncio.get_running_loop().create_task(served.run())
        served.ready = True
        yield
        served.ready = False
        await served.batcher.stop()
        flushing.cancel()
        if served.log is not None:
            await asyncio.to_thread(served.log.close)

    return lifespan


def _schema(facts: dict[str, Any]) -> dict[str, Any]:
    names = [value["name"] for value in facts["inputs"]]
    tensor = {
        "type": "object",
        "required": ["name", "shape", "datatype", "data"],
        "properties": {
            "name": {"enum": names},
            "shape": {"type": "array", "items": {"type": "integer"}},
            "datatype": {"enum": sorted({value["datatype"] for value in facts["inputs"]})},
            "data": {"type": "array"},
        },
    }
    inputs = {"type": "array", "items": tensor, "minItems": len(names), "maxItems": len(names)}
    return {"type": "object", "required": ["inputs"], "properties": {"id": {"type": "string"}, "inputs": inputs}}
