"""An endpoint is audited as a model in memory is; a hostile one ends in one message."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audit.cli import main
from audit.data.dataset import Dataset, Roles, build
from audit.errors import AuditError, ConfigError, ModelError
from audit.models.answers import ask
from audit.models.endpoint import Address, Outputs, connect
from audit.models.exchange import Budget, BudgetSpent, EndpointError
from audit.progress import silent

pytest.importorskip("httpx")

Reply = Callable[[BaseHTTPRequestHandler, bytes], None]
VARIABLE = "LOANS_TOKEN"
QUICK = Budget(timeout=2, seconds=8, retries=1)
GENERATOR = np.random.default_rng(0)
TABLE = pd.DataFrame({"age": GENERATOR.normal(40, 10, 300), "income": GENERATOR.normal(3, 1, 300)})
TABLE["y"] = np.where(TABLE["age"] + 5 * TABLE["income"] + GENERATOR.normal(0, 5, 300) > 55, "yes", "no")
FITTED = make_pipeline(StandardScaler(), LogisticRegression()).fit(TABLE[["age", "income"]].to_numpy(), TABLE["y"])
COLUMNS = [{"name": name, "datatype": "FP64", "shape": [-1, 1]} for name in ("age", "income")]
OUTPUTS = [
    {"name": "label", "datatype": "BYTES", "shape": [-1]},
    {"name": "p", "datatype": "FP64", "shape": [-1, 2], "parameters": {"classes": ["no", "yes"]}},
]
METADATA = {"name": "loans", "versions": ["3"], "platform": "test", "inputs": COLUMNS, "outputs": OUTPUTS}


def dataset() -> Dataset:
    return build({"test": TABLE}, Roles(target="y", task="binary", positive="yes"))


def send(handler: BaseHTTPRequestHandler, document: object, status: int = 200) -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@contextmanager
def serving(post: Reply, metadata: object = METADATA) -> Iterator[tuple[str, list[bytes]]]:
    """Serve on a free port of this machine; yield the address and the bodies received."""
    bodies: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            send(self, metadata, 200 if metadata is not None else 404)

        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            post(self, bodies[-1])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v2/models/loans", bodies
    finally:
        server.shutdown()
        server.server_close()


def answered(body: bytes) -> dict[str, Any]:
    asked = json.loads(body)["inputs"]
    table = np.array([one["data"] for one in asked], dtype=float).T
    p = FITTED.predict_proba(table)
    labels = {"name": "label", "datatype": "BYTES", "shape": [len(p)], "data": FITTED.predict(table).tolist()}
    scores = {"name": "p", "datatype": "FP64", "shape": list(p.shape), "data": p.ravel().tolist()}
    return {"model_name": "loans", "outputs": [labels, scores]}


def honest(handler: BaseHTTPRequestHandler, body: bytes) -> None:
    send(handler, answered(body))


def test_a_server_gives_only_the_outputs_that_it_is_asked_for() -> None:
    """MLServer, for one, gives its first output alone otherwise."""

    def sparing(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        document, asked = answered(body), json.loads(body).get("outputs") or [{"name": "label"}]
        names = {output["name"] for output in asked}
        send(handler, {**document, "outputs": [output for output in document["outputs"] if output["name"] in names]})

    rows = TABLE[["age", "income"]]
    with serving(sparing) as (url, bodies):
        predictor = connect(Address(url=url)).predictor
        assert (np.asarray(predictor.predict(rows)) == FITTED.predict(rows.to_numpy())).all()
        assert np.abs(predictor.predict_proba(rows) - FITTED.predict_proba(rows.to_numpy())).max() <= 1e-12  # type: ignore[attr-defined]
    assert json.loads(bodies[0])["outputs"] == [{"name": "label"}, {"name": "p"}]


def test_answers_as_the_model_itself() -> None:
    with serving(honest) as (url, bodies):
        model = connect(Address(url=url, budget=Budget(batch=120)))
        answers = ask(model, dataset().inputs(np.arange(300)), dataset(), progress=silent, what="asking")
    assert model.info.name == "loans"
    assert model.info.parameters["versions"] == "3"
    assert answers.probabilities
    assert answers.y_score is not None
    expected = FITTED.predict_proba(TABLE[["age", "income"]].to_numpy())[:, 1]
    assert np.abs(answers.y_score - expected).max() <= 1e-12
    assert len(bodies) == 3  # labels and scores of a batch come from one request


def test_a_matrix_where_metadata_are_empty_is_stated() -> None:
    def matrix(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        only = json.loads(body)["inputs"][0]
        assert only["name"] == "predict"
        table = np.array(only["data"]).reshape(only["shape"])
        p = FITTED.predict_proba(table)
        send(handler, {"outputs": [{"name": "p", "datatype": "FP64", "shape": list(p.shape), "data": p.tolist()}]})

    with serving(matrix, {"name": "m", "inputs": [], "outputs": []}) as (url, _):
        with pytest.raises(ConfigError, match=r"\[model.inputs\]"):
            connect(Address(url=url))
        with pytest.raises(ConfigError, match="classes"):
            connect(Address(url=url, inputs={"predict": "FP64[-1,2]"}, outputs=Outputs(score="p")))
        stated = Outputs(score="p", classes=["no", "yes"])
        model = connect(Address(url=url, inputs={"predict": "FP64[-1,2]"}, outputs=stated))
        answers = ask(model, dataset().inputs(np.arange(300)), dataset(), progress=silent, what="asking")
    assert (answers.y_pred == (FITTED.predict(TABLE[["age", "income"]].to_numpy()) == "yes")).all()


def test_columns_of_scores_in_another_order_are_noticed() -> None:
    outputs = [OUTPUTS[0], {"name": "p", "datatype": "FP64", "shape": [-1, 2]}]

    def swapped(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        document = answered(body)
        document["outputs"][1]["data"] = np.array(document["outputs"][1]["data"]).reshape(-1, 2)[:, ::-1].tolist()
        send(handler, document)

    with serving(swapped, {**METADATA, "outputs": outputs}) as (url, _):
        with pytest.raises(ModelError, match="classes in the order"):
            connect(Address(url=url)).predictor.predict(TABLE[["age", "income"]])
        model = connect(Address(url=url, outputs=Outputs(label="label", score="p", classes=["yes", "no"])))
        answers = ask(model, dataset().inputs(np.arange(300)), dataset(), progress=silent, what="asking")
    assert answers.y_score is not None
    assert answers.y_score[answers.y_pred == 1].min() >= 0.5


@pytest.mark.parametrize("path", ["/invocations", "/v1/models/m:predict"])
def test_mlflow_and_tensorflow_serving(path: str) -> None:
    def other(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        assert handler.path == path
        asked = json.loads(body)
        rows = asked["dataframe_split"]["data"] if "dataframe_split" in asked else asked["instances"]
        send(handler, {"predictions": FITTED.predict_proba(np.array(rows)).tolist()})

    with serving(other) as (url, _):
        stated = Outputs(score="predictions", classes=["no", "yes"])
        model = connect(Address(url=url.replace("/v2/models/loans", path), outputs=stated))
        answers = ask(model, dataset().inputs(np.arange(300)), dataset(), progress=silent, what="asking")
    assert (answers.y_pred == (FITTED.predict(TABLE[["age", "income"]].to_numpy()) == "yes")).all()


def _slowly(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        for _part in range(200):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        handler.close_connection = True


def _slow_headers(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    try:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _part in range(200):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)
    except OSError:
        handler.close_connection = True


def _endless(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b"[" * 65536)
    except OSError:
        handler.close_connection = True


def _redirect(handler: BaseHTTPRequestHandler, _: bytes) -> None:
    handler.send_response(307)
    handler.send_header("Location", "http://192.0.2.1/elsewhere")
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def _changed(**change: object) -> Reply:
    def reply(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        document = answered(body)
        document["outputs"][1].update(change)
        send(handler, document)

    return reply


HOSTILE: dict[str, Reply] = {
    "nan": lambda h, b: send(h, json.dumps(answered(b)).replace("0.", "NaN, 0.", 1).encode()),
    "null scores": _changed(data=[None] * 600),
    "text scores": _changed(data=["0.5"] * 600),
    "wrong shape": _changed(shape=[299, 2]),
    "short": _changed(data=[0.5]),
    "ragged": _changed(data=[[0.5], [0.5, 0.5]]),
    "no outputs": lambda h, b: send(h, {"outputs": []}),
    "other outputs": lambda h, b: send(h, {"outputs": [{"name": "z", "datatype": "FP64", "shape": [1], "data": [1]}]}),
    "a list": lambda h, b: send(h, [1, 2]),
    "deep": lambda h, b: send(h, b"[" * 500_000),
    "500": lambda h, b: send(h, {"error": "broken"}, 500),
    "404": lambda h, b: send(h, {"error": "no such model"}, 404),
    "401": lambda h, b: send(h, {"error": "who are you"}, 401),
    "422": lambda h, b: send(h, {"error": "\x1b[31mno\n" * 500}, 422),
    "html": lambda h, b: send(h, b"<html><script>alert(1)</script></html>"),
    "empty": lambda h, b: send(h, b""),
    "endless": _endless,
    "slow": _slowly,
    "slow headers": _slow_headers,
    "redirect": _redirect,
    "hangs up": lambda h, b: h.connection.close(),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_server_ends_in_one_message(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    TABLE.to_csv(tmp_path / "test.csv", index=False)
    with serving(HOSTILE[kind]) as (url, bodies):
        (tmp_path / "audit.toml").write_text(
            f'[model]\nurl = "{url}"\nbudget = {{ timeout = 0.7, seconds = 6, retries = 1 }}\n'
            '[data]\ntest = "test.csv"\ntarget = "y"\npositive = "yes"\n'
        )
        started = time.monotonic()
        code = main(["run", str(tmp_path / "audit.toml")])
        assert time.monotonic() - started < 9
    told = capsys.readouterr().err
    assert code == 2
    assert len(bodies) <= 2
    assert [line for line in told.splitlines() if line.startswith("modelassay: ")] == [told.splitlines()[-1]]
    assert len(told) < 1500
    assert "\x1b" not in told
    assert not (tmp_path / "audit-report" / "audit.json").exists()


@pytest.mark.parametrize("metadata", [b"<html>", b"[1]", {"inputs": [7]}, {"inputs": [{"name": 1}]}, b"\xff" * 100])
def test_hostile_metadata(metadata: object) -> None:
    with serving(honest, metadata) as (url, _), pytest.raises(AuditError):
        connect(Address(url=url, budget=QUICK))


def test_a_server_that_recovers_is_asked_again() -> None:
    seen = []

    def flaky(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.append(body)
        if len(seen) % 2:
            send(handler, {"error": "busy"}, 503)
        else:
            honest(handler, body)

    with serving(flaky) as (url, _):
        connect(Address(url=url, budget=Budget(batch=150))).predictor.predict(TABLE[["age", "income"]])
    assert len(seen) == 4


def test_rows_that_it_refuses_are_no_end() -> None:
    def picky(handler: BaseHTTPRequestHandler, body: bytes) -> None:
        if b"null" in body:
            send(handler, {"error": "missing values"}, 422)
        else:
            honest(handler, body)

    with serving(picky) as (url, _):
        predictor = connect(Address(url=url)).predictor
        rows = TABLE[["age", "income"]]
        with pytest.raises(ModelError, match="missing values"):
            predictor.predict(rows.assign(age=np.nan))
        assert predictor.predict(rows)[0] in ("yes", "no")  # type: ignore[index]


def test_budgets() -> None:
    rows = TABLE[["age", "income"]]
    with serving(honest) as (url, bodies):
        predictor = connect(Address(url=url, budget=Budget(rows=400))).predictor
        predictor.predict(rows)
        with pytest.raises(BudgetSpent, match="rows = 400"):
            predictor.predict(rows)
        with pytest.raises(BudgetSpent, match="requests = 2"):
            connect(Address(url=url, budget=Budget(requests=2, batch=100))).predictor.predict(rows)
        started = time.monotonic()
        connect(Address(url=url, budget=Budget(per_second=20, batch=60))).predictor.predict(rows)
        assert time.monotonic() - started >= 0.2
    assert len(bodies) == 1 + 2 + 5


def test_a_restart_asks_nothing_twice_and_a_repetition_is_asked(tmp_path: Path) -> None:
    rows = TABLE[["age", "income"]]
    with serving(honest) as (url, bodies):
        for restart in range(2):
            predictor = connect(Address(url=url, cache=tmp_path)).predictor
            first, again = predictor.predict(rows), predictor.predict(rows)
            assert (first == again).all()  # type: ignore[attr-defined]
            assert len(bodies) == 2, restart
    with serving(honest, {**METADATA, "versions": ["4"]}) as (url, bodies):
        connect(Address(url=url, cache=tmp_path)).predictor.predict(rows)
        assert len(bodies) == 1


def test_a_token_is_sent_and_never_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "s3cr3t-token")
    heard = []

    def echo(handler: BaseHTTPRequestHandler, _: bytes) -> None:
        heard.append(handler.headers["Authorization"])
        send(handler, {"error": f"bad token {handler.headers['Authorization']}"}, 403)

    with serving(echo) as (url, _):
        model = connect(Address(url=url, token_env=VARIABLE))
        with pytest.raises(EndpointError) as refused:
            model.predictor.predict(TABLE[["age", "income"]])
    assert heard == ["Bearer s3cr3t-token"]
    assert "s3cr3t" not in f"{refused.value} {model.info} {model.predictor.__dict__['_exchange']!r}"
    with pytest.raises(ConfigError, match="not https"):
        connect(Address(url="http://192.0.2.1/v2/models/m", token_env=VARIABLE))
    with pytest.raises(ConfigError, match="NOT_SET"):
        connect(Address(url="https://192.0.2.1/v2/models/m", token_env=VARIABLE + "_NOT_SET"))


@pytest.mark.parametrize(
    "url", ["http://me:pass@h/v2/models/m", "http://h/v2/models/m?key=pass", "ftp://h/pass", "pass", "http://[pass"]
)
def test_addresses_that_hold_secrets_or_are_none(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        connect(Address(url=url))
    assert "me:" not in str(refused.value)
    assert "key=" not in str(refused.value)


def test_nobody_there() -> None:
    with pytest.raises(EndpointError, match="2 attempts"):
        connect(Address(url="http://127.0.0.1:9/v2/models/m", budget=QUICK))
