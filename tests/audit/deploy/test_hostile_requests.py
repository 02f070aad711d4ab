"""Requests that two readers would take in two ways, or that no file can hold, are refused and not read on."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from audit.deploy.app import Limits, create_app
from audit.deploy.description import Description
from audit.deploy.inference import BadRequest, read_request
from audit.deploy.prediction_log import PredictionLog
from audit.deploy.schema import InputError, columns_of
from audit.deploy.service import make_service, with_patience
from audit.models.load import wrap

uvicorn = pytest.importorskip("uvicorn")
pytest.importorskip("fastapi")

TABLE = pd.DataFrame({"age": np.arange(20.0, 60.0)})
MODEL = LogisticRegression().fit(TABLE, TABLE["age"] > 40)
DESCRIPTION = Description(
    name="loans", version="1", file="", sha256="", columns=columns_of(TABLE, ["age"]), classes=("False", "True"),
    scores=True,
)  # fmt: skip
PATH = b"POST /v2/models/loans/infer HTTP/1.1\r\nHost: x\r\n"


def _body(number: str = "30", datatype: str = "FP64", name: str = "a") -> bytes:
    text = (
        f'{{"id": "{name}", "inputs": [{{"name": "age", "shape": [1], "datatype": "{datatype}", "data": [{number}]}}]}}'
    )
    return text.encode("utf-8", "surrogatepass")


def _posted(body: bytes) -> bytes:
    return PATH + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int, PredictionLog]]:
    service = make_service(
        DESCRIPTION, wrap(MODEL), limits=Limits(body=5_000, seconds=5), log=tmp_path_factory.mktemp("log")
    )
    assert service.log is not None
    server = uvicorn.Server(uvicorn.Config(create_app(service), port=0, log_level="critical", http=with_patience(5.0)))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield "127.0.0.1", server.servers[0].sockets[0].getsockname()[1], service.log
    server.should_exit = True
    thread.join(10)


def _said(served: tuple[str, int, Any], sent: bytes) -> bytes:
    """Send bytes and return all that comes back until the server closes the connection."""
    with socket.create_connection(served[:2], timeout=4) as connection:
        connection.sendall(sent)
        got = b""
        while part := connection.recv(65536):
            got += part
    return got


def test_a_length_stated_twice_ends_the_connection(served: tuple[str, int, PredictionLog]) -> None:
    smuggled = b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n"
    said = _said(served, PATH + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled)
    assert said.startswith(b"HTTP/1.1 400")
    assert b"state one" in said
    assert said.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "sent",
    [
        PATH + b"Content-Length: 99999999999\r\n\r\n{",
        PATH + b"Transfer-Encoding: chunked\r\n\r\n" + b"2000\r\n" + b" " * 0x2000 + b"\r\n",
        _posted(b" " * 6_000) + b"GET /v2 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_too_long_is_not_read_to_its_end(served: tuple[str, int, PredictionLog], sent: bytes) -> None:
    said = _said(served, sent)
    assert said.startswith(b"HTTP/1.1 413")
    assert said.count(b"HTTP/1.1") == 1


def test_a_path_is_not_sent_elsewhere(served: tuple[str, int, PredictionLog]) -> None:
    said = _said(served, b"GET /v2/ HTTP/1.1\r\nHost: elsewhere.example\r\nConnection: close\r\n\r\n")
    assert said.startswith(b"HTTP/1.1 404")
    assert b"elsewhere" not in said


def test_no_request_keeps_others_out_of_the_log(served: tuple[str, int, PredictionLog]) -> None:
    log = served[2]
    log.flush()
    before = log.written
    for name in ("\\ud800", "\ud800", "\\u0000", "\U0001f600", "\\ud83d\\ude00", "b"):
        sent = _posted(_body(name=name)).replace(b"Host: x", b"Host: x\r\nConnection: close")
        assert _said(served, sent).startswith(b"HTTP/1.1 400" if "d800" in ascii(name) else b"HTTP/1.1 200")
    log.flush()
    assert (log.written - before, log.failures) == (4, 0)


@pytest.mark.parametrize(
    ("number", "datatype"),
    [
        ("30", "FP64"), ("30", "FP16"), ("30", "INT8"), ("30.0", "UINT64"), ("3e1", "INT32"), ("-0", "UINT8"),
        ("-0.0", "FP32"), ("1e-400", "FP64"),
    ],
)  # fmt: skip
def test_numbers_that_fit_their_datatype_are_read(number: str, datatype: str) -> None:
    request = read_request(_body(number, datatype), DESCRIPTION, most_rows=1, strict=False)
    assert request.values["age"] == [float(number)]


@pytest.mark.parametrize(
    ("number", "datatype", "said"),
    [
        ("30.5", "INT64", "'30.5' is not a number of INT64"),
        ("-1", "UINT8", "'-1' is not a number of UINT8"),
        ("256", "UINT8", "'256' is not a number of UINT8"),
        ("9223372036854775808", "INT64", "is not a number of INT64"),
        ("1e400", "INT64", "is not a number of INT64"),
        ("1e400", "FP64", "not finite"),
        ("1" + "0" * 400, "FP64", "not finite"),
        ("true", "INT8", "'True' is not a number"),
        ("30", "BOOL", "has datatype 'BOOL'"),
        ("30", "FP", "has datatype 'FP'"),
        ("30", "FP64<script>", "has datatype 'FP64<script>'"),
        ("30", "int64", "has datatype 'int64'"),
    ],
)
def test_numbers_that_do_not_fit_their_datatype_are_named(number: str, datatype: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_request(_body(number, datatype), DESCRIPTION, most_rows=1, strict=False)


@pytest.mark.parametrize(
    "body",
    [_body().decode().encode("utf-16"), _body(name="\ud800"), _body(name="\\uDfff"), _body(number="NaN"), b"\xff"],
)
def test_what_is_no_text_is_no_request(body: bytes) -> None:
    with pytest.raises(BadRequest, match="the body is not JSON"):
        read_request(body, DESCRIPTION, most_rows=1, strict=False)


def test_a_mark_of_byte_order_is_no_fault() -> None:
    assert read_request(b"\xef\xbb\xbf" + _body(), DESCRIPTION, most_rows=1, strict=True).rows == 1
    assert json.loads(_body())["id"] == "a"
