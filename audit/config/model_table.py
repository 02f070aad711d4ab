"""``[model]``: the file, object or endpoint that is audited."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from audit.models.containment import TIMEOUT
from audit.models.endpoint import Outputs
from audit.models.exchange import FORBID, Budget


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTable:
    """``[model]``: one of `path`, `object`, `torch` and `url`."""

    __pydantic_config__ = FORBID

    path: str | None = None
    object: str | None = None
    url: str | None = None
    """Address of a running endpoint."""
    protocol: Literal["", "oip", "mlflow", "tensorflow"] = ""
    token_env: str = ""
    """Environment variable that holds the endpoint's bearer token."""
    inputs: dict[str, str] = field(default_factory=dict)
    outputs: Outputs = field(default_factory=Outputs)
    budget: Budget = field(default_factory=Budget)
    cache: str | None = ".modelassay/endpoint"
    """Folder of an endpoint's answers, so that an interrupted audit asks nothing twice; ``""`` keeps none."""
    torch: str | None = None
    """``package.module:build``: a function of yours that builds a torch module."""
    weights: str | None = None
    """State dict of that module, as safetensors."""
    output: Literal["auto", "logits", "probabilities", "margin", "value"] = "auto"
    """What a torch module or an ONNX graph gives."""
    output_column: int | str | None = None
    """Which output of a model of several is audited: its number from 0, or its name where the model knows names."""
    history: str | None = None
    """Log of the training, as CSV: of Lightning, Keras, fastai, or epoch, split, quantity, value."""
    source: str | None = None
    """File of the model that this one was compressed from."""
    trust: bool = False
    trusted_types: list[str] = field(default_factory=list)
    classes: list[str | int | float | bool] = field(default_factory=list)
    """Labels in the order of the model's scores, where its file does not hold them."""
    timeout: float = TIMEOUT
    """Seconds that one answer may take; a fit may take ten times as long."""
    memory: float | None = None
    """GiB that the audit may take; without a number, what the machine has."""
    sha256: str = ""
    """Fingerprint that the file must have (``SEC002``)."""
