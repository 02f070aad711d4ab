"""Answer requests together without letting a row depend on its neighbors."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from audit.deploy.schema import Column, as_frame, made_up_rows
from audit.errors import ModelError
from audit.models.answers import as_model_input, call
from audit.models.load import Model

Values = Mapping[str, Sequence[Any]]
STEADY = 1e-9
"""Scores of a row alone and among others may differ by so much: the last bits of double precision, no more."""


class Answer(NamedTuple):
    """Labels (or numbers) and scores of some rows."""

    label: npt.NDArray[Any]
    score: npt.NDArray[np.float64] | None

    def rows(self, start: int, stop: int) -> Answer:
        """Return some of the rows."""
        return Answer(self.label[start:stop], None if self.score is None else self.score[start:stop])


class Busy(Exception):  # noqa: N818 -- a signal to the caller
    """The queue is full."""


@dataclass(slots=True, eq=False)
class _Pipeline:
    """A pipeline of scikit-learn whose steps before the last run once for rows asked for both label and score."""

    whole: Any
    _rows: object = None
    _prepared: Any = None

    def predict(self, X: object) -> object:
        return self.whole[-1].predict(self._before_last(X))

    def predict_proba(self, X: object) -> object:
        return self.whole[-1].predict_proba(self._before_last(X))

    def _before_last(self, X: object) -> Any:  # noqa: ANN401 -- an array, a frame, a sparse matrix
        if X is not self._rows:
            self._rows, self._prepared = X, self.whole[:-1].transform(X)
        return self._prepared.copy()  # a last step may write into what it is given


def _ask(predictor: Any) -> Any:  # noqa: ANN401 -- any model
    plain = type(predictor).__module__ == "sklearn.pipeline" and len(predictor.steps) > 1
    return _Pipeline(predictor) if plain else predictor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Service:
    """A model with the schema of its input."""

    model: Model
    columns: tuple[Column, ...]
    scores: bool

    def answer(self, values: Values) -> Answer:
        """Predict rows in one call.

        Raises
        ------
        ModelError
            If the model raises, or answers what is not a finite number.
        """
        frame = as_frame(self.columns, values)
        given, asked = as_model_input(self.model, frame), _ask(self.model.predictor)
        label = call(asked.predict, given, len(frame), "predict")
        score = None
        if self.scores:
            array = call(asked.predict_proba, given, len(frame), "predict_proba")
            score = np.asarray(array, dtype=np.float64).reshape(len(frame), -1)
            if not np.isfinite(score).all():
                raise ModelError("the model's scores are not finite numbers for these rows")
        elif label.dtype.kind == "f" and not np.isfinite(label).all():
            raise ModelError("the model's predictions are not finite numbers for these rows")
        return Answer(label, score)

    def answer_singly(self, values: Values) -> Answer:
        """Predict rows one by one."""
        rows = len(next(iter(values.values())))
        parts = [self.answer({name: data[row : row + 1] for name, data in values.items()}) for row in range(rows)]
        score = (
            None if parts[0].score is None else np.concatenate([part.score for part in parts if part.score is not None])
        )
        return Answer(np.concatenate([part.label for part in parts]), score)

    def is_batch_invariant(self, rows: int = 64) -> bool:
        """Tell whether made-up rows are answered alike together, in reverse and one by one."""
        values = made_up_rows(self.columns, rows)
        together, alone = self.answer(values), self.answer_singly(values)
        back = self.answer({name: data[::-1] for name, data in values.items()})
        backwards = Answer(back.label[::-1], None if back.score is None else back.score[::-1])
        return all(_alike(together, other) for other in (alone, backwards))


def _alike(answer: Answer, other: Answer) -> bool:
    if answer.label.dtype.kind == "f":
        same = np.allclose(answer.label, other.label, rtol=STEADY, atol=STEADY)
    else:
        same = bool((answer.label == other.label).all())
    if answer.score is None or other.score is None:
        return bool(same)
    return bool(same and np.abs(answer.score - other.score).max(initial=0.0) <= STEADY)


@dataclass(slots=True, eq=False)
class _Waiting:
    values: Values
    rows: int
    future: asyncio.Future[Answer]


@dataclass(slots=True, kw_only=True, eq=False)
class Batcher:
    """A bounded queue before one thread that predicts.

    What waits is answered together, up to `most` rows; a model whose rows depend on their batch gets each row alone.
    A batch that fails is asked again request by request, so that nobody's rows spoil another's.
    """

    service: Service
    most: int = 256
    queue_rows: int = 4096
    merges: bool = field(init=False)
    """Whether rows are answered together."""
    waiting: int = field(default=0, init=False)
    _queue: asyncio.Queue[_Waiting] = field(default_factory=asyncio.Queue, init=False)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1), init=False)
    _worker: asyncio.Task[None] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.merges = self.service.is_batch_invariant()

    def start(self) -> None:
        """Begin to answer, in the running loop."""
        self._worker = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Answer what waits, then end."""
        while self.waiting and self._worker is not None and not self._worker.done():
            await asyncio.sleep(0.01)
        if self._worker is not None:
            self._worker.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def ask(self, values: Values, rows: int) -> Answer:
        """Wait for the answer to some rows.

        Raises
        ------
        Busy
            If the queue is full.
        ModelError
            If the model raises on these rows.
        """
        if self.waiting + rows > self.queue_rows and self.waiting:
            raise Busy
        request = _Waiting(values, rows, asyncio.get_running_loop().create_future())
        self.waiting += rows
        self._queue.put_nowait(request)
        try:
            return await request.future
        finally:
            self.waiting -= rows

    async def _work(self) -> None:
        while True:
            batch = [await self._queue.get()]
            rows = batch[0].rows
            while self.merges and rows < self.most and not self._queue.empty():
                batch.append(self._queue.get_nowait())
                rows += batch[-1].rows
            await self._answer([request for request in batch if not request.future.done()])

    async def _answer(self, batch: list[_Waiting]) -> None:
        if not batch:
            return
        loop = asyncio.get_running_loop()
        values = batch[0].values
        if len(batch) > 1:
            names = [column.name for column in self.service.columns]
            values = {name: [value for request in batch for value in request.values[name]] for name in names}
        predict = self.service.answer if self.merges else self.service.answer_singly
        try:
            answer = await loop.run_in_executor(self._thread, predict, values)
        except Exception as error:
            await self._failed(batch, error)
            return
        start = 0
        for request in batch:
            if not request.future.done():
                request.future.set_result(answer.rows(start, start + request.rows))
            start += request.rows

    async def _failed(self, batch: list[_Waiting], error: Exception) -> None:
        if len(batch) > 1:
            for request in batch:
                await self._answer([request])
        elif not batch[0].future.done():
            batch[0].future.set_exception(error)
