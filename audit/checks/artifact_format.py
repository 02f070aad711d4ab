"""Does loading the model file run code?"""

from __future__ import annotations

from audit.check import check
from audit.errors import NotApplicable
from audit.estimate.making import exact
from reports.record import Measurement, ModelInfo


@check(title="Format of the model file", family="artifact", references=("Python documentation of pickle: warning",))
def artifact_format(artifact: ModelInfo) -> Measurement:
    """Say whether the model's file format runs code when it is loaded.

    Reading. pickle, joblib, whole-module torch files and ``.pt2`` run code that is in the file; whoever
    can change the file can run anything on the machine that loads it. skops, safetensors and ONNX do not.

    Limits. A format that runs no code may still hold a model that was tampered with: compare fingerprints.
    """
    if not artifact.file:
        raise NotApplicable("needs a model file: this audit was given a Python object or predictions")
    if "builder" in artifact.parameters:
        raise NotApplicable("your own code builds the model; the file holds only its weights")
    value = float(artifact.runs_code)
    estimate = exact("runs_code", value, {}, unit="count")
    text = (
        "runs code when it is loaded; it was loaded because the user trusts it"
        if value
        else "runs no code when it is loaded"
    )
    return Measurement(summary=f"The model's format, {artifact.format}, {text}.", estimates=(estimate,))
