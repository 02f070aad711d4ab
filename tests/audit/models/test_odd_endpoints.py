"""Servers that speak HTTP oddly are understood, or end in one message; what they repeat of a token is told nowhere."""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from audit.models.endpoint import Address, connect
from audit.models.exchange import Budget, EndpointError

pytest.importorskip("httpx")

VARIABLE, TOKEN = "ODD_TOKEN", "s3cr3t-t0ken"
TABLE = pd.DataFrame({"age": np.linspace(20, 60, 40)})
BUDGET = Budget(timeout=1, seconds=4, retries=1, batch=len(TABLE))
METADATA = {
    "name": "loans",
    "inputs": [{"name": "age", "datatype": "FP64", "shape": [-1]}],
    "outputs": [{"name": "score", "datatype": "FP64", "shape": [-1]}],
}
Reply = Callable[[bytes, int], bytes]
"""From the body of a request and its number to all bytes of the answer."""


def document(body: bytes, **more: object) -> dict[str, Any]:
    ages = json.loads(body)["inputs"][0]["data"]
    data = [age / 100 for age in ages]
    return {"outputs": [{"name": "score", "datatype": "FP64", "shape": [len(data)], "data": data}], **more}


def answer(content: object, headers: str = "", status: str = "200 OK") -> bytes:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return f"HTTP/1.1 {status}\r\n{headers}Content-Length: {len(body)}\r\n\r\n".encode() + body


def chunks(content: bytes, size: int = 50) -> bytes:
    parts = [content[at : at + size] for at in range(0, len(content), size)]
    sent = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + sent + b"0\r\n\r\n"


def plain(body: bytes) -> bytes:
    return json.dumps(document(body)).encode()


@contextmanager
def serving(reply: Reply, *, host: str = "127.0.0.1", hang_up: bool = False) -> Iterator[tuple[str, list[float]]]:
    """Serve raw bytes on a free port of this machine; yield the address and when rows were asked for."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    times: list[float] = []

    def converse(connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        with suppress(OSError), connection:
            while line := stream.readline():
                size = 0
                while (header := stream.readline()) not in (b"\r\n", b""):
                    name, _, value = header.partition(b":")
                    size = int(value) if name.lower() == b"content-length" else size
                body = stream.read(size)
                if line.startswith(b"GET"):
                    connection.sendall(answer(METADATA))
                    continue
                times.append(time.monotonic())
                connection.sendall(reply(body, len(times)))
                if hang_up:
                    return

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    address = f"[{host}]" if ":" in host else host
    try:
        yield f"http://{address}:{listener.getsockname()[1]}/v2/models/loans", times
    finally:
        listener.close()


UNDERSTOOD: dict[str, Reply] = {
    "hints before the answer": lambda b, _: b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + answer(document(b)),
    "continue, continue": lambda b, _: b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + answer(document(b)),
    "chunks": lambda b, _: chunks(plain(b)),
    "another content type": lambda b, _: answer(document(b), "Content-Type: text/html; charset=utf-16\r\n"),
    "cookies": lambda b, _: answer(document(b), "Set-Cookie: a=b\r\n"),
    "HTTP 1.0": lambda b, _: b"HTTP/1.0 200 OK\r\n\r\n" + plain(b),
    "closed after each answer": lambda b, _: answer(document(b)),
}


@pytest.mark.parametrize("kind", UNDERSTOOD)
def test_odd_but_honest(kind: str) -> None:
    with serving(UNDERSTOOD[kind], hang_up=kind in ("HTTP 1.0", "closed after each answer")) as (url, _):
        predictor = connect(Address(url=url, budget=BUDGET)).predictor
        for _repeat in range(2):
            np.testing.assert_allclose(np.asarray(predictor.predict(TABLE)), TABLE["age"] / 100, rtol=0, atol=1e-12)


def test_an_address_of_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    monkeypatch.setenv(VARIABLE, TOKEN)
    try:
        with serving(lambda b, _: answer(document(b)), host="::1") as (url, _):
            answers = np.asarray(connect(Address(url=url, token_env=VARIABLE, budget=BUDGET)).predictor.predict(TABLE))
    except OSError as error:
        pytest.skip(f"no loopback address of IPv6: {error}")
    np.testing.assert_allclose(answers, TABLE["age"] / 100, rtol=0, atol=1e-12)


REFUSED: dict[str, tuple[Reply, str]] = {
    "no content": (lambda *_: b"HTTP/1.1 204 No Content\r\n\r\n", "not JSON"),
    "another protocol": (lambda *_: b"HTTP/1.1 101 S\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", "2 attempts"),
    "hints without end": (lambda *_: b"HTTP/1.1 102 Processing\r\n\r\n" * 500_000, "not done within"),
    "long headers": (lambda *_: b"HTTP/1.1 200 OK\r\nX: " + b"a" * 3_000_000 + b"\r\n\r\n{}", "2 attempts"),
    "compressed": (
        lambda b, _: answer(gzip.compress(plain(b)), "Content-Encoding: gzip\r\n"),
        "compresses its answer though",
    ),
    "compressed in secret": (lambda b, _: answer(gzip.compress(plain(b))), "not JSON"),
    "a key twice": (lambda b, _: answer(b'{"outputs": [],' + plain(b)[1:]), "holds the key 'outputs' twice"),
    "an output twice": (
        lambda b, _: answer({"outputs": document(b)["outputs"] * 2}),
        "holds output 'score' twice",
    ),
    "an infinite number": (lambda b, _: answer(plain(b).replace(b"[0.", b"[1e999, 0.", 1)), "expected finite numbers"),
    "a number of 5,000 digits": (lambda b, _: answer(plain(b).replace(b"[0.", b"[1" + b"0" * 5000 + b", 0.")), "not"),
    "a broken chunk": (
        lambda *_: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc",
        "2 attempts",
    ),
    "two lengths": (lambda b, _: answer(document(b), "Content-Length: 5\r\n"), "2 attempts"),
    "a redirect to a file": (
        lambda *_: answer(b"", "Location: file:/secret\r\n", "302 Found"),
        "redirects are not followed",
    ),
    "another version each time": (lambda b, n: answer(document(b, model_version=n)), "version '1' and now as '2'"),
    "wait for a day": (lambda *_: answer(b"", "Retry-After: 86400\r\n", "429 Busy"), "asks to wait 86400 s"),
    "wait until a day": (
        lambda *_: answer(b"", "Retry-After: Wed, 21 Oct 2099 07:28:00 GMT\r\n", "503 Busy"),
        "asks to wait",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_hostile_ones_end_within_the_budget(kind: str) -> None:
    reply, said = REFUSED[kind]
    started = time.monotonic()
    with serving(reply) as (url, _):
        predictor = connect(Address(url=url, budget=BUDGET)).predictor
        with pytest.raises(EndpointError, match=said) as told:
            predictor.predict(pd.concat([TABLE] * 2))
    assert time.monotonic() - started < BUDGET.seconds + 1
    assert len(str(told.value)) < 500
    assert str(told.value).isprintable()


def test_it_waits_as_long_as_it_is_asked_to() -> None:
    def busy_once(body: bytes, number: int) -> bytes:
        return answer(b"", "Retry-After: 1\r\n", "429 Busy") if number == 1 else answer(document(body))

    with serving(busy_once) as (url, times):
        connect(Address(url=url, budget=BUDGET)).predictor.predict(TABLE)
    assert 1 <= times[1] - times[0] < 2


@pytest.mark.parametrize(
    "reply",
    [
        lambda *_: answer(b"<html>you sent Bearer " + TOKEN.encode()),
        lambda b, _: answer(plain(b).replace(b'"score"', f'"{TOKEN}"'.encode())),
        lambda b, _: answer(plain(b).replace(b'"FP64"', f'"{TOKEN}"'.encode()).replace(b"[0.", b'["a", 0.')),
        lambda *_: answer(TOKEN.encode(), status="418 teapot"),
        lambda *_: b"HTTP/1.1 200 OK\r\n" + TOKEN.encode() + b"\r\n\r\n",
    ],
)
def test_a_token_that_is_repeated_is_told_nowhere(
    reply: Reply, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(VARIABLE, TOKEN)
    with serving(reply) as (url, _):
        predictor = connect(Address(url=url, token_env=VARIABLE, budget=BUDGET, cache=tmp_path)).predictor
        with pytest.raises(EndpointError) as told:
            predictor.predict(TABLE)
    assert TOKEN not in str(told.value)
    assert not any(TOKEN.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())


def test_latency_by_rows_of_a_request() -> None:
    with serving(lambda b, _: answer(document(b))) as (url, _):
        predictor: Any = connect(Address(url=url, budget=BUDGET)).predictor
        assert predictor.latency() == ""
        for rows in (1, 1, 7, 40):
            predictor.predict(TABLE.iloc[:rows])
    limits = r"in \d+ ms \(95 % within \d+ ms; {} requests\)"
    expected = ", ".join(f"{size} {limits.format(n)}" for size, n in (("1 row", 2), ("7 rows", 1), ("40 rows", 1)))
    assert re.fullmatch(rf"The endpoint answered {expected}\.", predictor.latency())
