"""A running endpoint as a model: each batch of rows is asked for once, its answer read as labels and scores."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from audit.data.columns import label_text, label_texts
from audit.errors import ConfigError, ModelError, hint, quote, quote_all
from audit.models import protocols
from audit.models.exchange import FORBID, Budget, EndpointError, Exchange, require_plain_address
from audit.models.load import Model
from audit.models.offered import available_if
from audit.models.protocols import Array, Tensor
from reports.record import ModelInfo

KINDS = {"oip": "Open Inference Protocol v2", "mlflow": "MLflow scoring server", "tensorflow": "TensorFlow Serving"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """``[model.outputs]``: which output of an endpoint means what.

    Examples
    --------
    >>> Outputs(score="predict_proba", classes=["no", "yes"]).label is None
    True
    """

    __pydantic_config__ = FORBID

    label: str | None = None
    """Output that holds the predicted class."""
    score: str | None = None
    """Output of probabilities: a column a class, or one of the second class."""
    prediction: str | None = None
    """Output of numbers, in regression."""
    classes: list[str | int | float | bool] = field(default_factory=list)
    """Classes in the order of the columns of `score`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """All that ``[model]`` says of an endpoint."""

    url: str
    protocol: str = ""
    token_env: str = ""
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Outputs = field(default_factory=Outputs)
    budget: Budget = field(default_factory=Budget)
    cache: Path | None = None


def connect(address: Address) -> Model:
    """Ask an endpoint what it is, and make it a model.

    Raises
    ------
    ConfigError
        If inputs or outputs are neither in its metadata nor stated, or the address cannot be used.
    EndpointError
        If it does not answer.
    """
    require_plain_address(address.url)
    url = address.url.rstrip("/")
    protocol = address.protocol or protocols.protocol_of(url)
    if protocol not in protocols.PROTOCOLS:
        seen = (
            f"protocol is {quote(protocol)}"
            if protocol
            else f"protocol is not stated, and {quote(url)} does not tell it"
        )
        raise ConfigError(
            f"[model] {seen}; expected {quote_all(protocols.PROTOCOLS)}.{hint(protocol, protocols.PROTOCOLS)}"
        )
    exchange = Exchange(url=url, budget=address.budget, token_env=address.token_env, cache=address.cache)
    facts = _metadata(exchange) if protocol == "oip" else {}
    stated = tuple(protocols.read_tensor(name, text) for name, text in address.inputs.items())
    inputs = stated or protocols.read_metadata(facts, "inputs")
    if protocol == "oip" and not inputs:
        raise ConfigError(
            f"{url} does not say which inputs it has. State them: [model.inputs] with a line for each column "
            '(age = "FP64", sex = "BYTES"), or one for a matrix of all features (input = "FP64[-1,8]").'
        )
    outputs = protocols.read_metadata(facts, "outputs")
    roles, classes = _roles(address.outputs, outputs, protocol)
    exchange.identity = json.dumps([protocol, facts, address.inputs], sort_keys=True)
    predictor = Endpoint(exchange, protocol, inputs, roles, classes)
    return Model(predictor=predictor, info=_info(address, url, protocol, facts))


def _metadata(exchange: Exchange) -> dict[str, Any]:
    body = exchange.get(exchange.url)
    metadata = {} if body is None else protocols.read_json(body, f"the metadata of {exchange.url}")
    if not isinstance(metadata, dict):
        raise EndpointError(f"the metadata of {exchange.url} is not an object of JSON. Check [model] url.")
    return metadata


def _info(address: Address, url: str, protocol: str, table: Mapping[str, Any]) -> ModelInfo:
    budget = address.budget
    parameters: dict[str, str] = {"url": url, "protocol": protocol}
    for part in ("platform", "versions"):
        if value := table.get(part):
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            parameters[part] = " ".join(text.split())[:120]
    parameters["budget"] = (
        f"{budget.rows} rows, {budget.requests} requests, {budget.seconds:g} s; {budget.batch} rows a request, "
        f"{budget.timeout:g} s each, {budget.retries} retries"
    )
    name = table.get("name") if isinstance(table.get("name"), str) else ""
    short = " ".join(str(name or url.rsplit("/", 1)[-1].partition(":")[0]).split())[:120]
    return ModelInfo(name=short, kind=f"{KINDS[protocol]} endpoint", format="endpoint", parameters=parameters)


def _roles(stated: Outputs, outputs: Sequence[Tensor], protocol: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """Find which output is the label, the score or the number: as stated, else by type and shape."""
    named: Mapping[str, str | None] = {"label": stated.label, "score": stated.score, "prediction": stated.prediction}
    roles = {role: name for role, name in named.items() if name is not None}
    known = {output.name: output for output in outputs}
    for role, name in roles.items():
        if known and name not in known:
            raise ConfigError(
                f"[model.outputs] {role} names {quote(name)}; the endpoint has {quote_all(known)}.{hint(name, known)}"
            )
    if not roles and outputs:
        roles = _by_type(outputs)
    if not roles and protocol != "oip":
        roles = {"prediction": "predictions"}
    if not roles:
        seen = f"has outputs {quote_all(known)}" if known else "does not say which outputs it has"
        raise ConfigError(
            f'the endpoint {seen}. State [model.outputs] label = "…" (classes), score = "…" (probabilities) or '
            'prediction = "…" (numbers).'
        )
    classes = tuple(label_text(class_) for class_ in stated.classes)
    if not classes and "score" in roles and roles["score"] in known:
        classes = known[roles["score"]].classes
    if "score" in roles and "label" not in roles and not classes:
        raise ConfigError(
            f"[model.outputs] score = {quote(roles['score'])} needs classes = […], in the order of its columns, "
            "where no output is the label."
        )
    return roles, classes


def _by_type(outputs: Sequence[Tensor]) -> dict[str, str]:
    labels = [output.name for output in outputs if output.datatype not in protocols.FLOATS and output.width is None]
    matrices = [output.name for output in outputs if output.datatype in protocols.FLOATS and output.width is not None]
    numbers = [output.name for output in outputs if output.datatype in protocols.FLOATS and output.width is None]
    if len(outputs) == 1 and numbers:
        return {"prediction": numbers[0]}
    if len(labels) > 1 or len(matrices) > 1:
        return {}
    roles = {"label": labels[0]} if labels else {}
    return roles | ({"score": matrices[0]} if matrices else {})


class Endpoint:
    """A predictor that asks an address; scikit-learn's methods, as far as its outputs carry them."""

    def __init__(
        self,
        exchange: Exchange,
        protocol: str,
        inputs: Sequence[Tensor],
        roles: Mapping[str, str],
        classes: tuple[str, ...],
    ) -> None:
        self._exchange, self._protocol, self._inputs, self._roles = exchange, protocol, inputs, roles
        self.classes_ = np.array(classes, dtype=object) if classes else None
        self._latest: tuple[tuple[bytes, ...], dict[str, Array]] | None = None
        self._compared, self._version = False, ""
        if len(inputs) > 1 or (len(inputs) == 1 and inputs[0].width is None):
            self.feature_names_in_ = np.array([tensor.name for tensor in inputs], dtype=object)
        elif inputs and inputs[0].width and inputs[0].width > 0:
            self.n_features_in_ = inputs[0].width

    def predict(self, X: object) -> npt.NDArray[Any]:
        """Ask for rows and return a label or a number for each; asked again, the endpoint is asked again."""
        bodies, answer = self._ask(_frame(X))
        self._latest = (bodies, answer)
        if "label" in self._roles:
            label = self._values(answer, "label")
            self._require_agreement(label, answer)
            return label
        if "prediction" in self._roles:
            return self._values(answer, "prediction")
        scores = self._scores(answer)
        if self.classes_ is None:  # pragma: no cover -- refused on connecting
            raise EndpointError("the endpoint gives scores and no classes.")
        return np.asarray(self.classes_[scores.argmax(axis=1)])

    @available_if(lambda self: "score" in self._roles)
    def predict_proba(self, X: object) -> npt.NDArray[np.float64]:
        """Return scores of shape (n, classes), from the answer to ``predict`` where that was for the same rows."""
        frame = _frame(X)
        latest, self._latest = self._latest, None
        if latest is not None and latest[0] == tuple(self._bodies(frame)):
            return self._scores(latest[1])
        return self._scores(self._ask(frame)[1])

    def latency(self) -> str:
        """Say how long the endpoint took by rows of a request; answers from the cache took no time."""
        return self._exchange.latency()

    def _bodies(self, frame: pd.DataFrame) -> list[bytes]:
        batch = max(1, self._exchange.budget.batch)
        build = protocols.REQUESTS[self._protocol]
        parts = [frame.iloc[start : start + batch] for start in range(0, len(frame), batch)]
        # Some servers give their first output alone unless others are asked for.
        more = (
            {"outputs": [{"name": name} for name in dict.fromkeys(self._roles.values())]}
            if self._protocol == "oip"
            else {}
        )
        return [json.dumps(build(part, self._inputs) | more, allow_nan=False).encode() for part in parts]

    def _ask(self, frame: pd.DataFrame) -> tuple[tuple[bytes, ...], dict[str, Array]]:
        bodies = self._bodies(frame)
        batch = max(1, self._exchange.budget.batch)
        parts = [self._one(body, min(batch, len(frame) - place * batch)) for place, body in enumerate(bodies)]
        wanted = set(self._roles.values())
        for part in parts:
            if missing := sorted(wanted - set(part)):
                raise EndpointError(
                    f"the endpoint's answer has no output {quote_all(missing)}; it has {quote_all(part)}."
                )
        try:
            return tuple(bodies), {name: np.concatenate([part[name] for part in parts]) for name in wanted}
        except ValueError as error:
            raise EndpointError("the endpoint's answers change their shape from request to request.") from error

    def _one(self, body: bytes, rows: int) -> dict[str, Array]:
        url = f"{self._exchange.url}/infer" if self._protocol == "oip" else self._exchange.url
        answer = self._exchange.post(url, body, rows)
        document = protocols.read_json(answer, f"the answer of {url}")
        read = protocols.ANSWERS[self._protocol](document, rows)
        self._require_same_version(document)
        self._exchange.keep(url, body, answer)
        return read

    def _require_same_version(self, document: Mapping[str, Any]) -> None:
        """Refuse an answer of another version than the one before: half an audit of each says nothing about either."""
        version = document.get("model_version")
        if version is None:
            return
        self._version = self._version or str(version)
        if str(version) != self._version:
            raise EndpointError(
                f"the endpoint answered as version {quote(self._version)} and now as {quote(version)}. "
                "Name a version in [model] url (…/versions/N), or delete the folder of answers and run again."
            )

    def _values(self, answer: Mapping[str, Array], role: str) -> Array:
        values = answer[self._roles[role]]
        flat = values.reshape(len(values), -1)
        if flat.shape[1] != 1:
            raise EndpointError(
                f"output {quote(self._roles[role])} has {flat.shape[1]} values a row; expected one. For probabilities "
                f"state [model.outputs] score = {quote(self._roles[role])} and classes."
            )
        return np.asarray(flat[:, 0])

    def _scores(self, answer: Mapping[str, Array]) -> npt.NDArray[np.float64]:
        name = self._roles["score"]
        values = answer[name]
        if values.dtype == object:
            raise EndpointError(f"output {quote(name)} holds text; expected scores.")
        scores = values.reshape(len(values), -1).astype(np.float64)
        if scores.shape[1] == 1:
            scores = np.column_stack([1 - scores[:, 0], scores[:, 0]])
        if self.classes_ is not None and scores.shape[1] != len(self.classes_):
            raise EndpointError(
                f"output {quote(name)} has {scores.shape[1]} columns; classes are {quote_all(self.classes_)}."
            )
        return scores

    def _require_agreement(self, label: Array, answer: Mapping[str, Array]) -> None:
        """Refuse columns in an order that nobody stated and that the labels contradict."""
        if self._compared or self.classes_ is not None or "score" not in self._roles or len(label) < 30:
            return
        self._compared = True
        texts = label_texts(label)
        highest = self._scores(answer).argmax(axis=1)
        levels = sorted({str(text) for text in texts})
        if len(levels) < 2 or highest.max() >= len(levels):
            return
        if np.mean(np.array(levels, dtype=object)[highest] == texts) < 0.5:
            raise ModelError(
                f"the columns of output {quote(self._roles['score'])} are not in the order {quote_all(levels)}. "
                "State [model.outputs] classes in the order of the columns."
            )


def _frame(X: object) -> pd.DataFrame:
    if isinstance(X, pd.DataFrame):
        return X
    values = np.asarray(X)
    return pd.DataFrame(values, columns=[str(place) for place in range(values.shape[1])])
