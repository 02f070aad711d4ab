"""Bring a model file or description to the network, until it is stopped."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from audit.data.images import read_examples
from audit.deploy.app import Limits, Served, create_app
from audit.deploy.batching import Batcher, Service
from audit.deploy.description import Description, describe, read_description
from audit.deploy.prediction_log import PredictionLog
from audit.errors import ConfigError, hint, quote, quote_all
from audit.models.load import Model, load
from audit.optional import require

HEAD_SECONDS = 15.0
"""Seconds in which a request must begin and its head be complete; else its connection is closed."""


def open_model(
    path: Path, *, data: Path | None, features: tuple[str, ...] = (), trust: bool = False
) -> tuple[Description, Model]:
    """Open ``model.json``, or a model file with the table that its schema is learned from.

    Raises
    ------
    ConfigError
        If neither tells the schema.
    """
    if path.suffix == ".json" and data is None:
        return read_description(path, trust=trust)
    if data is None:
        raise ConfigError(
            f"{quote(path.name)} does not say what its input looks like. Serve the model.json that modelassay export "
            "writes, or name a table of its inputs, or a folder of pictures: --data train.csv."
        )
    model = load(path, trust=trust)
    table, pixels = read_examples(data, model.image_shape)
    return describe(model, path, table, features=features or pixels), model


def make_service(
    description: Description,
    model: Model,
    *,
    limits: Limits | None = None,
    log: Path | None = None,
    log_inputs: tuple[str, ...] = (),
    batch: int = 256,
    queue_rows: int = 4096,
) -> Served:
    """Put a model, its queue and its log together; the model is tried on made-up rows first.

    Raises
    ------
    ConfigError, ModelError
        If a column to log is not an input, or the model cannot answer rows of its schema.
    MissingExtra
        If predictions are to be logged, and what writes their files is not installed.
    """
    if log is not None:
        require("pyarrow", extra="serve", purpose="logs of predictions")
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", description.name).strip("-.") or "model"
    description = replace(description, name=name)
    known = [column.name for column in description.columns]
    if unknown := [log_input for log_input in log_inputs if log_input not in known]:
        raise ConfigError(
            f"--log-inputs names {quote(unknown[0])}; inputs are {quote_all(known)}.{hint(unknown[0], known)}"
        )
    service = Service(model=model, columns=description.columns, scores=description.scores)
    batcher = Batcher(service=service, most=batch, queue_rows=queue_rows)
    kept = (
        None
        if log is None
        else PredictionLog(folder=log, model=description.name, version=description.version, keep=log_inputs)
    )
    return Served(description=description, batcher=batcher, limits=limits or Limits(), log=kept)


def with_patience(seconds: float) -> type[Any]:
    """Return uvicorn's protocol of HTTP that closes connections on which no request comes in time.

    Parameters
    ----------
    seconds : float
        From the connection, or from the last answer, to the end of a request's head.
    """
    from uvicorn.protocols.http.auto import AutoHTTPProtocol

    class Patient(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # whichever parser is installed
        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            self.loop.call_later(seconds, self._await_head, self.cycle)

        def _await_head(self, last: object) -> None:
            """Close the connection unless a request is being answered, or was since the last look."""
            if self.transport.is_closing():
                return
            answering = self.cycle is not None and not self.cycle.response_complete
            if self.cycle is last and not answering:
                self.transport.close()
                return
            self.loop.call_later(seconds, self._await_head, self.cycle)

    return Patient


def serve(service: Served, *, host: str, port: int) -> None:
    """Answer requests until SIGTERM or SIGINT; what was accepted is answered and logged before the end."""
    uvicorn = require("uvicorn", extra="serve", purpose="serving")
    require("fastapi", extra="serve", purpose="serving")
    uvicorn.run(
        create_app(service),
        http=with_patience(HEAD_SECONDS),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        limit_concurrency=1000,
        timeout_keep_alive=int(HEAD_SECONDS),
        timeout_graceful_shutdown=30,
        h11_max_incomplete_event_size=65536,
        server_header=False,
    )
