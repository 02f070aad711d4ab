"""A served model answers as it does in memory, refuses what it should, and loses no logged row."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from audit.deploy.app import Limits, Served
from audit.deploy.batching import Batcher, Busy, Service
from audit.deploy.description import Description
from audit.deploy.schema import Column, columns_of
from audit.deploy.service import make_service, open_model, with_patience
from audit.models.endpoint import Address, connect
from audit.models.load import wrap

httpx = pytest.importorskip("httpx")
uvicorn = pytest.importorskip("uvicorn")

CLIENT = httpx.Client(trust_env=False, verify=False)
GENERATOR = np.random.default_rng(3)
TABLE = pd.DataFrame(
    {
        "age": GENERATOR.integers(18, 80, 400),
        "sex": GENERATOR.choice(["f", "m"], 400),
        "member": GENERATOR.random(400) < 0.5,
    }
)
Y = np.where(TABLE["age"] + 10 * (TABLE["sex"] == "f") + GENERATOR.normal(0, 9, 400) > 55, "yes", "no")
ENCODED = make_column_transformer((OneHotEncoder(), ["sex", "member"]), (StandardScaler(), ["age"]))
MODEL = make_pipeline(ENCODED, LogisticRegression()).fit(TABLE, Y)
ROW: dict[str, Any] = {"age": 30.0, "sex": "f", "member": True}
DATATYPES = {"age": "FP64", "sex": "BYTES", "member": "BOOL"}


TWINS = b'{"inputs": [], "inputs": []}'


def request_of(**change: object) -> dict[str, Any]:
    values = {name: value if isinstance(value, list) else [value] for name, value in {**ROW, **change}.items()}
    return {
        "inputs": [
            {"name": name, "shape": [len(data)], "datatype": DATATYPES.get(name, "FP64"), "data": data}
            for name, data in values.items()
        ]
    }


@pytest.fixture(scope="module", autouse=True)
def _closed() -> Iterator[None]:
    yield
    CLIENT.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import skops.io

    folder = tmp_path_factory.mktemp("served")
    skops.io.dump(MODEL, folder / "loans.skops")
    TABLE.to_parquet(folder / "train.parquet")
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    """Serve in a thread on a free port."""
    from audit.deploy.app import create_app

    description, model = open_model(folder / "loans.skops", data=folder / "train.parquet")
    app = create_app(make_service(description, model, limits=Limits(body=50_000, rows=400, seconds=5)))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", http=with_patience(1.0)))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


def post(address: str, document: object) -> tuple[int, dict[str, Any]]:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    answer = CLIENT.post(f"{address}/v2/models/loans/infer", content=body)
    return answer.status_code, answer.json()


def test_our_client_sees_the_model_itself(address: str) -> None:
    model = connect(Address(url=f"{address}/v2/models/loans"))
    assert (np.asarray(model.predictor.predict(TABLE)) == Y_PRED).all()
    scores = model.predictor.predict_proba(TABLE)  # type: ignore[attr-defined]
    assert np.abs(scores - MODEL.predict_proba(TABLE)).max() <= 1e-9
    assert model.feature_names == ("age", "sex", "member")


Y_PRED = MODEL.predict(TABLE)


def test_only_outputs_that_are_asked_for_are_given(address: str) -> None:
    for asked, given in (
        ([{"name": "probabilities"}], ["probabilities"]),
        ([{"name": "label", "parameters": {"binary_data": False}}], ["label"]),
        ([], ["label", "probabilities"]),
    ):
        status, document = post(address, {**request_of(), "outputs": asked})
        assert (status, [output["name"] for output in document["outputs"]]) == (200, given)
    for wrong, said in (
        ([{"name": "score"}], "unknown output 'score'; the model gives 'label', 'probabilities'"),
        (3, "not a list"),
    ):
        status, document = post(address, {**request_of(), "outputs": wrong})
        assert status == 400
        assert said in str(document)


def test_metadata_health_and_documents(address: str) -> None:
    told = CLIENT.get(f"{address}/v2/models/loans").json()
    assert [(one["name"], one["datatype"]) for one in told["inputs"]] == list(DATATYPES.items())
    assert [one["name"] for one in told["outputs"]] == ["label", "probabilities"]
    for path in ("/v2", "/v2/health/live", "/v2/health/ready", "/v2/models/loans/ready", "/v2/models/loans/versions/1"):
        assert CLIENT.get(address + path).status_code == 200
    assert "/v2/models/loans/infer" in CLIENT.get(f"{address}/openapi.json").json()["paths"]
    assert "<script" not in CLIENT.get(f"{address}/docs").text
    post(address, request_of())
    metrics = CLIENT.get(f"{address}/metrics")
    assert metrics.headers["content-type"].startswith("application/openmetrics-text")
    assert metrics.text.endswith("# EOF\n")
    assert 'modelassay_requests_total{code="200"}' in metrics.text


@pytest.mark.parametrize(
    ("change", "column", "row"),
    [
        ({"age": "old"}, "age", 0),
        ({"age": 1e9}, "age", 0),
        ({"age": True}, "age", 0),
        ({"age": None}, "age", 0),
        ({"sex": "x"}, "sex", 0),
        ({"sex": 1}, "sex", 0),
        ({"member": 1}, "member", 0),
        ({"age": [30, 30], "sex": ["f", "?"], "member": [True, False]}, "sex", 1),
        ({"age": [30, 30]}, "sex", None),
        ({"height": 3.0}, "height", None),
    ],
)
def test_a_fault_names_column_and_row(address: str, change: dict[str, Any], column: str, row: int | None) -> None:
    status, said = post(address, request_of(**change))
    assert status == 422
    assert f"column '{column}'" in said["error"]
    assert row is None or f"row {row}" in said["error"]


def test_malformed_bodies_are_harmless(address: str) -> None:
    whole = json.dumps(request_of()).encode()
    generator = random.Random(0)  # noqa: S311 -- faults, not secrets
    url = f"{address}/v2/models/loans/infer"
    for _ in range(300):
        body = bytearray(whole)
        for _ in range(generator.randint(1, 6)):
            place = generator.randrange(len(body))
            body[place : place + generator.randint(0, 9)] = generator.randbytes(generator.randint(0, 4))
        assert CLIENT.post(url, content=bytes(body)).status_code in (200, 400, 422)
    for broken in (b"", b"[" * 40_000, b"1" * 40_000, b'{"inputs": 3}', b'{"inputs": [NaN]}', b"\xff\xfe", TWINS):
        assert CLIENT.post(url, content=broken).status_code == 400
    assert CLIENT.post(url, content=b" " * 60_000).status_code == 413
    assert CLIENT.post(url, content=json.dumps(request_of(age=[30] * 500)).encode()).status_code == 400
    assert CLIENT.get(url).status_code == 405
    assert post(address, request_of())[0] == 200


def test_half_a_request_does_not_hold_others_up(address: str) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(b"POST /v2/models/loans/infer HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{")
        assert post(address, request_of())[0] == 200


@pytest.mark.parametrize(
    "sent", [b"", b"GET /docs HTTP/1.1\r\nHost: x\r\nX: ", b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n"]
)
def test_a_connection_without_a_request_is_closed(address: str, sent: bytes) -> None:
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as idle:
        idle.sendall(sent)
        while idle.recv(65536):
            pass
    assert post(address, request_of())[0] == 200


class Careless(LogisticRegression):  # type: ignore[misc]  # scikit-learn has no types
    """A model that writes into the rows it is given."""

    def predict(self, X: Any) -> Any:  # noqa: ANN401
        X *= 2.0
        return super().predict(X)


def test_steps_before_the_last_run_once_for_label_and_score(monkeypatch: pytest.MonkeyPatch) -> None:
    ages, calls = TABLE[["age"]].astype(float), 0
    model = make_pipeline(StandardScaler(), Careless()).fit(ages, Y)
    expected, labels = model.predict_proba(ages), model.predict(ages).tolist()
    scale = StandardScaler.transform

    def counted(scaler: StandardScaler, X: Any) -> Any:  # noqa: ANN401
        nonlocal calls
        calls += 1
        return scale(scaler, X)

    monkeypatch.setattr(StandardScaler, "transform", counted)
    service = Service(model=wrap(model), columns=columns_of(ages, ["age"]), scores=True)
    for start in (0, 200):
        told = service.answer({"age": ages["age"].tolist()[start : start + 200]})
        assert told.score == pytest.approx(expected[start : start + 200])
        assert told.label.tolist() == labels[start : start + 200]
    assert calls == 2


class Company:
    """A model whose rows depend on their batch."""

    classes_ = np.array(["no", "yes"])

    def predict(self, X: pd.DataFrame) -> object:
        return self.classes_[(X["age"] > X["age"].mean()).to_numpy().astype(int)]


class Picky:
    """A model that raises on one row, and notes how many rows come at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def predict(self, X: pd.DataFrame) -> object:
        self.sizes.append(len(X))
        if (X["age"] == 66).any():
            raise ValueError("66")
        return X["age"].to_numpy()


def test_no_row_depends_on_its_batch() -> None:
    columns = columns_of(TABLE, ["age"])
    batcher = Batcher(service=Service(model=wrap(Company()), columns=columns, scores=False))
    assert not batcher.merges

    async def ask() -> list[str]:
        batcher.start()
        answers = await asyncio.gather(batcher.ask({"age": [20.0, 70.0]}, 2), batcher.ask({"age": [70.0]}, 1))
        await batcher.stop()
        return [str(value) for one in answers for value in one.label]

    assert asyncio.run(ask()) == ["no", "no", "no"]


def test_requests_share_a_batch_and_not_their_faults() -> None:
    picky = Picky()
    batcher = Batcher(service=Service(model=wrap(picky), columns=columns_of(TABLE, ["age"]), scores=False))
    assert batcher.merges
    picky.sizes.clear()

    async def ask() -> list[object]:
        batcher.start()
        asked = [batcher.ask({"age": [float(age)]}, 1) for age in range(60, 80)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        await batcher.stop()
        return list(answers)

    answers = asyncio.run(ask())
    assert [isinstance(one, Exception) for one in answers] == [age == 66 for age in range(60, 80)]
    assert max(picky.sizes) > 1


def test_a_full_queue_says_so() -> None:
    batcher = Batcher(
        service=Service(model=wrap(Picky()), columns=columns_of(TABLE, ["age"]), scores=False), queue_rows=3
    )

    async def ask() -> list[object]:
        asked = [batcher.ask({"age": [float(age)]}, 1) for age in range(20, 30)]
        tasks = [asyncio.ensure_future(one) for one in asked]
        await asyncio.sleep(0)
        batcher.start()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        await batcher.stop()
        return list(answers)

    assert sum(isinstance(one, Busy) for one in asyncio.run(ask())) == 7


def test_a_slow_model_is_timed_out() -> None:
    class Slow:
        def predict(self, X: pd.DataFrame) -> object:
            time.sleep(0.3 if len(X) == 2 else 0)
            return X["age"].to_numpy(dtype=float)

    columns = columns_of(TABLE, ["age"])
    description = open_description(columns)
    batcher = Batcher(service=Service(model=wrap(Slow()), columns=columns, scores=False))
    service = Served(description=description, batcher=batcher, limits=Limits(seconds=0.1))
    tensor = {"name": "age", "shape": [2], "datatype": "FP64", "data": [30, 40]}

    async def stream() -> AsyncIterator[bytes]:
        yield json.dumps({"inputs": [tensor]}).encode()

    async def ask() -> int:
        batcher.start()
        status, _ = await service.infer(stream())
        await batcher.stop()
        return status

    assert asyncio.run(ask()) == 504


def open_description(columns: tuple[Column, ...]) -> Description:
    return Description(name="m", file="m", sha256="", columns=columns)


def test_no_logged_row_is_lost_on_sigterm(folder: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "audit", "serve", str(folder / "loans.skops"), "--data"]
    command += [
        str(folder / "train.parquet"),
        "--port",
        str(port),
        "--log",
        str(tmp_path / "log"),
        "--log-inputs",
        "sex",
    ]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address, process)
        for number in range(40):
            status, _ = post(address, {"id": f"r{number}", **request_of(age=20 + number)})
            assert status == 200
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    finally:
        process.kill()
        process.communicate()
    files = sorted((tmp_path / "log").glob("*.parquet"))
    log = pd.concat([pd.read_parquet(file) for file in files])
    assert list(log["id"]) == [f"r{number}" for number in range(40)]
    assert list(log.columns) == ["time", "id", "prediction", "score", "model", "version", "sex"]
    expected = MODEL.predict_proba(pd.DataFrame({"age": range(20, 60), "sex": "f", "member": True}))[:, 1]
    assert np.abs(log["score"] - expected).max() < 1e-9
    assert str(log["time"].dtype).endswith("UTC]")


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(2400):  # a busy machine takes its time to import
        assert process.poll() is None, process.stderr and process.stderr.read()
        try:
            if CLIENT.get(f"{address}/v2/health/ready").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")
