"""Ask an address over HTTP: within a budget, to that address only, and never the same thing twice.

The address is a stranger. Redirects are not followed, proxies of the environment are not used, an answer that is
too long or too slow is cut off, and what the server says appears in messages only in part, on one line.
"""

from __future__ import annotations

import hashlib
import os
import random
import tempfile
import time
import weakref
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np

from audit.data.user_key import with_seal, without_seal
from audit.errors import AuditError, ConfigError, ModelError, quote
from audit.optional import require

if TYPE_CHECKING:
    from audit.models.http_line import Line

FORBID = {"extra": "forbid"}
LOOPBACK = ("127.0.0.1", "::1", "localhost")
SHORTEST_LIMIT, BYTES_PER_ROW = 1 << 20, 1 << 14
"""Bytes that an answer may have: the first, and the second for each row."""
SIZES = (1, 10, 100, 1000, 10**9)
"""Latency is summed up for requests of up to so many rows."""
REPEATED = "(token)"
"""What stands where a server repeats the token."""
MOST_FAILURES = 20
"""So many requests may fail for good before the endpoint counts as out of order."""


class EndpointError(AuditError):
    """An endpoint cannot be reached or does not speak the protocol; no later request would help."""


class BudgetSpent(AuditError):  # noqa: N818 -- it reads as what has happened
    """The budget of rows, requests or seconds is used up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """``[model.budget]``: what an audit may ask of an endpoint.

    Examples
    --------
    >>> Budget(rows=10_000).requests
    100000
    """

    __pydantic_config__ = FORBID

    rows: int = 1_000_000
    """Rows in all requests together; what the cache answers counts as well, so that a resumed audit asks the same."""
    requests: int = 100_000
    seconds: float = 3600.0
    """Time for all requests together."""
    timeout: float = 30.0
    """Seconds for one request, from the connection to the last byte of the answer."""
    batch: int = 500
    """Rows to a request at most."""
    retries: int = 3
    """Further attempts after a lost connection, a time-out, or an answer of 429 or 5xx."""
    per_second: float = 0.0
    """Requests to a second at most; 0 sets no limit."""


@dataclass(slots=True, kw_only=True, eq=False, weakref_slot=True)
class Exchange:
    """Requests to one address.

    Parameters
    ----------
    url : str
        Address of the model; every request goes to it or to a path that begins with it.
    budget : Budget
    token_env : str
        Environment variable that holds a bearer token; ``""`` for none.
    cache : Path, optional
        Folder of answers that were given before.

    Raises
    ------
    ConfigError
        If the address holds credentials or is none, or the token is missing or would travel in the open.
    """

    url: str
    budget: Budget = field(default_factory=Budget)
    token_env: str = ""
    cache: Path | None = None
    identity: str = ""
    """What the endpoint says it is; answers of another model or version are not taken from the cache."""
    _token: str = field(default="", init=False, repr=False)
    _started: float | None = field(default=None, init=False)
    _last: float = field(default=float("-inf"), init=False)
    _rows: int = field(default=0, init=False)
    _requests: int = field(default=0, init=False)
    _failures: int = field(default=0, init=False)
    _seen: Counter[str] = field(default_factory=Counter, init=False)
    _seconds: float = field(default=0.0, init=False)
    _times: list[tuple[int, float]] = field(default_factory=list, init=False, repr=False)
    _open: Line | None = field(default=None, init=False, repr=False)
    _jitter: random.Random = field(default_factory=random.Random, init=False, repr=False)

    def __post_init__(self) -> None:
        require("httpx", extra="serve", purpose="endpoints")
        require_plain_address(self.url)
        self._token = _token(self.token_env, self.url)

    def get(self, url: str) -> bytes | None:
        """Return what stands at an address, or None where nothing does (404, 405, 501); never from the cache."""
        status, body = self._ask("GET", url, None, SHORTEST_LIMIT)
        if status in (404, 405, 501):
            return None
        self._require_success(status, body, url, rows=0)
        return body

    def post(self, url: str, body: bytes, rows: int) -> bytes:
        """Send rows and return the answer, from the cache where this was asked before.

        Raises
        ------
        ModelError
            If the endpoint refuses these rows (400, 413, 422, or 5xx after it has answered others).
        EndpointError
            If it cannot be reached, redirects, or keeps failing.
        BudgetSpent
            If the budget does not allow the request.
        """
        file = self._file(url, body)
        self._spend(rows)
        known = None if file is None else _known(file)
        if known is not None:
            return known
        status, answer = self._ask("POST", url, body, SHORTEST_LIMIT + rows * BYTES_PER_ROW)
        self._require_success(status, answer, url, rows)
        self._times.append((rows, self._seconds))
        return answer

    def latency(self) -> str:
        """Say how long requests took by their number of rows; ``""`` where nothing was asked."""
        parts, edge = [], 0
        for most in SIZES:
            taken = [seconds for rows, seconds in self._times if edge < rows <= most]
            if taken:
                sizes = sorted({rows for rows, _ in self._times if edge < rows <= most})
                size = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
                median, slow = (1000 * float(np.quantile(taken, share)) for share in (0.5, 0.95))
                word = "row" if size == "1" else "rows"
                parts.append(f"{size} {word} in {median:.0f} ms (95 % within {slow:.0f} ms; {len(taken):,} requests)")
            edge = most
        return f"The endpoint answered {', '.join(parts)}." if parts else ""

    def keep(self, url: str, body: bytes, answer: bytes) -> None:
        """Store an answer that could be read, whole or not at all."""
        file = self._file(url, body, again=True)
        if file is None or _known(file) is not None:
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, part = tempfile.mkstemp(dir=file.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(with_seal(_purpose(file), answer))
            Path(part).replace(file)
        finally:
            Path(part).unlink(missing_ok=True)

    def _file(self, url: str, body: bytes, *, again: bool = False) -> Path | None:
        """Name the file of a request; one that is repeated on purpose has a file for each time it is asked."""
        digest = hashlib.sha256(b"\0".join([url.encode(), self.identity.encode(), body])).hexdigest()
        self._seen[digest] += 0 if again else 1
        return None if self.cache is None else self.cache / digest[:2] / f"{digest}.{self._seen[digest]}.json"

    def _spend(self, rows: int) -> None:
        for name, used, asked in (("rows", self._rows, rows), ("requests", self._requests, 1)):
            most = getattr(self.budget, name)
            if used + asked > most:
                raise BudgetSpent(
                    f"[model.budget] {name} = {most} does not allow {asked} more after {used}; "
                    "raise it, or choose fewer checks."
                )
        self._rows += rows
        self._requests += 1

    def _ask(self, method: str, url: str, body: bytes | None, limit: int) -> tuple[int, bytes]:
        """Try until an answer comes that a repetition would not change."""
        httpx = require("httpx", extra="serve", purpose="endpoints")
        self._started = self._started or time.monotonic()
        said, wait = "", 0.0
        for attempt in range(self.budget.retries + 1):
            if attempt:
                self._sleep(max(wait, 0.1 * 2**attempt * self._jitter.uniform(0.5, 1.5)))
            self._wait_for_turn()
            try:
                begun = time.monotonic()
                reply = self._line().request(method, url, body, self._headers(), limit, self._remaining())
            except (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL) as error:
                said, wait = f"{type(error).__name__} {self._quote(str(error))}".strip(), 0.0
                continue
            self._seconds = time.monotonic() - begun
            answer, wait = self._without_token(reply.body), reply.wait
            if reply.status != 429 and reply.status < 500:
                return reply.status, answer
            said = f"status {reply.status}: {self._quote(answer)}"
            if wait > self._left():
                raise EndpointError(
                    f"{self.url} asks to wait {wait:.0f} s ({said}), longer than [model.budget] seconds leaves. "
                    "Run again later."
                )
        if body is not None and said.startswith("status 5") and self._requests > 1 + self._failures:
            self._fail(f"{self.url} failed on these rows {self.budget.retries + 1} times: {said}")
        raise EndpointError(f"no answer from {self.url} in {self.budget.retries + 1} attempts; the last one: {said}.")

    def _line(self) -> Line:
        if self._open is None:
            from audit.models.http_line import Line  # asyncio takes as long to import as a small table to read

            self._open = Line()
            weakref.finalize(self, self._open.close)
        return self._open

    def _fail(self, message: str) -> None:
        """Blame the rows as long as others are answered."""
        self._failures += 1
        if self._failures > MOST_FAILURES:
            raise EndpointError(f"{message}. That was the {self._failures}th request to fail.")
        raise ModelError(f"{message}.")

    def _require_success(self, status: int, answer: bytes, url: str, rows: int) -> None:
        if 200 <= status < 300:
            return
        text = f"{url} answered status {status}: {self._quote(answer)}"
        if 300 <= status < 400:
            raise EndpointError(
                f"{url} redirects (status {status}); redirects are not followed. State the final address."
            )
        if status in (401, 403):
            raise EndpointError(f"{text}. Name the environment variable of a valid token in [model] token_env.")
        if rows and status in (400, 413, 422):
            self._fail(text)
        raise EndpointError(f"{text}. Check [model] url and protocol.")

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
        return {**headers, "Authorization": f"Bearer {self._token}"} if self._token else headers

    def _remaining(self) -> float:
        """Return seconds for the next request.

        Raises
        ------
        EndpointError
            If the time is over: a rerun goes on from the cache.
        """
        left = self._left()
        if left <= 0:
            raise EndpointError(
                f"[model.budget] seconds = {self.budget.seconds:g} is over. Run again: answers so far are kept."
                if self.cache is not None
                else f"[model.budget] seconds = {self.budget.seconds:g} is over; raise it or ask for less."
            )
        return min(left, self.budget.timeout)

    def _left(self) -> float:
        """Return seconds that the budget leaves for all requests."""
        return self.budget.seconds - (time.monotonic() - (self._started or time.monotonic()))

    def _sleep(self, seconds: float) -> None:
        self._remaining()
        time.sleep(max(0.0, min(seconds, self._left())))

    def _wait_for_turn(self) -> None:
        if self.budget.per_second > 0:
            self._sleep(self._last + 1 / self.budget.per_second - time.monotonic())
        self._last = time.monotonic()

    def _without_token(self, answer: bytes) -> bytes:
        """Leave the token out of an answer: what a server repeats would reach messages, records and the cache."""
        return answer.replace(self._token.encode(), REPEATED.encode()) if self._token else answer

    def _quote(self, text: str | bytes) -> str:
        """Quote what a server says: one line, 200 characters, without the token."""
        words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        if self._token:
            words = words.replace(self._token, REPEATED)
        return quote(" ".join(words[:2000].split()), limit=200)


def _known(file: Path) -> bytes | None:
    """Return an answer that was kept, where it carries the user's seal."""
    return without_seal(_purpose(file), file.read_bytes()) if file.is_file() else None


def _purpose(file: Path) -> str:
    return f"answer {file.name}"


def require_plain_address(url: str) -> None:
    """Refuse what is not an http address, and credentials in it.

    Raises
    ------
    ConfigError

    Examples
    --------
    >>> require_plain_address("ftp://host/model")
    Traceback (most recent call last):
    audit.errors.ConfigError: [model] url is 'ftp://host/model'; expected http:// or https:// and a host.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigError(f"[model] url cannot be read: {error}.") from error
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigError(
            "[model] url holds credentials, a query or a fragment (not shown here); the address is written into the "
            "record. Put a token into an environment variable and name it in [model] token_env."
        )
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        raise ConfigError(f"[model] url is {quote(url)}; expected http:// or https:// and a host.")


def _token(variable: str, url: str) -> str:
    if not variable:
        return ""
    token = os.environ.get(variable, "").strip()
    if not token or not token.isascii() or not token.isprintable():
        raise ConfigError(f"[model] token_env names {quote(variable)}; the environment holds no readable token there.")
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ConfigError(f"{quote(url)} is not https; a token is sent to https addresses or to this machine only.")
    return token
