"""``modelassay serve``: answer predictions over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from audit.cli import output
from audit.models.containment import contain
from audit.models.supervision import supervise

if TYPE_CHECKING:
    from audit.deploy.app import Served


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
    """Open a model, say where it is served, and answer until stopped."""
    from audit.deploy.app import Limits
    from audit.deploy.service import make_service, open_model
    from audit.deploy.service import serve as answer
    from audit.optional import require

    require("fastapi", extra="serve", purpose="serving")
    if asked.log is not None:
        output.require_writable(asked.log)
    limits = Limits(seconds=asked.timeout, strict=not asked.types_only)

    def opened(log: Path | None) -> Served:
        description, own = open_model(model, data=data, features=names(features), trust=trust)
        return make_service(description, own, limits=limits, log=log, log_inputs=names(asked.log_inputs))

    def work() -> None:
        service = opened(asked.log)
        if not service.batcher.merges:
            output.note("Rows of this model depend on their batch (see rule ROB005): each row is answered alone.")
        output.note(f"Serving http://{asked.host}:{asked.port}/v2/models/{service.description.name} (Ctrl+C ends)")
        answer(service, host=asked.host, port=asked.port)

    contain(lambda _: bool(opened(None)))  # loads the model and tries it, which may crash
    supervise(work)
    return 0


def names(text: str) -> tuple[str, ...]:
    """Split a list of names at commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())
