"""``modelassay serve``: answer predictions over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from audit.cli import output
from audit.models.containment import contain


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How to serve."""

    host: str
    port: int
    log: Path | None
    log_inputs: str
    types_only: bool
    timeout: float


def serve(model: Path, asked: Asked, *, data: Path | None, features: str, trust: bool) -> int:
    """Open a model, say where it is served, and answer until told to stop."""
    from audit.deploy.app import Limits
    from audit.deploy.service import make_service, open_model
    from audit.deploy.service import serve as answer
    from audit.optional import require

    require("fastapi", extra="serve", purpose="serving")
    if asked.log is not None:
        output.require_writable(asked.log)
    contain(lambda _: bool(open_model(model, data=data, features=names(features), trust=trust)))  # may crash
    description, opened = open_model(model, data=data, features=names(features), trust=trust)
    limits = Limits(seconds=asked.timeout, strict=not asked.types_only)
    service = make_service(description, opened, limits=limits, log=asked.log, log_inputs=names(asked.log_inputs))
    if not service.batcher.merges:
        output.note("Rows of this model depend on their batch (see rule ROB005): each row is answered alone.")
    output.note(f"Serving http://{asked.host}:{asked.port}/v2/models/{service.description.name} (Ctrl+C ends)")
    answer(service, host=asked.host, port=asked.port)
    return 0


def names(text: str) -> tuple[str, ...]:
    """Split a list of names at commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
