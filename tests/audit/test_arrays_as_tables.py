"""Tables given as arrays of odd kinds: what a mask hides is missing, records are columns, classes are no models."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.linear_model import LogisticRegression

import modelassay as ma
from audit.data.frames import to_frame, to_series

KINDS = st.sampled_from([np.int8, np.int64, np.uint16, np.float32, np.float64, np.bool_])


@given(st.data(), KINDS, st.integers(1, 30), st.integers(1, 4))
def test_what_a_mask_hides_is_missing_and_the_rest_is_kept(
    data: st.DataObject, kind: type[np.generic], rows: int, columns: int
) -> None:
    values = data.draw(
        hnp.arrays(kind, (rows, columns), elements={"allow_nan": False} if kind in (np.float32, np.float64) else None)
    )
    values = values.clip(-(2**50), 2**50) if values.dtype.itemsize == 8 else values  # what a float can hold
    hidden = data.draw(hnp.arrays(np.bool_, (rows, columns)))
    table = np.ma.MaskedArray(values, mask=hidden)
    frame = to_frame(table, "X")
    assert (frame.isna().to_numpy() == hidden).all()
    for place, name in enumerate(frame.columns):
        kept = ~hidden[:, place]
        assert frame[name][kept].tolist() == values[kept, place].tolist()
        assert to_series(table[:, place], "y").isna().tolist() == hidden[:, place].tolist()


def test_words_under_a_mask_are_missing() -> None:
    column = to_series(np.ma.MaskedArray(["a", "b"], mask=[False, True]), "group")
    assert column.tolist()[0] == "a"
    assert column.isna().tolist() == [False, True]


def test_an_array_of_records_is_a_table_with_names() -> None:
    records = np.array([(1.0, 2), (3.0, 4)], dtype=[("age", "f8"), ("count", "i4")])
    assert to_frame(records, "X").to_dict("list") == {"age": [1.0, 3.0], "count": [2, 4]}


@pytest.fixture(scope="module")
def rows() -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    return X, (X["a"] > 0).astype(int).rename("y")


def test_a_class_is_not_a_fitted_model(rows: tuple[pd.DataFrame, pd.Series]) -> None:
    with pytest.raises(ma.AuditError, match="is the class 'LogisticRegression' itself; give a fitted object"):
        ma.run(LogisticRegression, *rows)


def test_a_model_is_given_by_the_name_of_its_file(rows: tuple[pd.DataFrame, pd.Series], tmp_path: Path) -> None:
    model, path = LogisticRegression().fit(*rows), tmp_path / "model.skops"
    skops.io.dump(model, path)
    from_file, from_object = (ma.run(given, *rows, checks=["classification"]) for given in (path, model))
    assert from_file.metric("accuracy") == from_object.metric("accuracy")
    assert from_file.model.file == "model.skops"
    (tmp_path / "model.pkl").write_bytes(b"never read")
    with pytest.raises(ma.AuditError, match="runs code from it, so it was not opened"):
        ma.run(str(tmp_path / "model.pkl"), *rows)


def test_a_tensor_that_follows_gradients_is_refused_in_words(rows: tuple[pd.DataFrame, pd.Series]) -> None:
    torch = pytest.importorskip("torch")
    model = LogisticRegression().fit(rows[0].to_numpy(), rows[1])
    with pytest.raises(ma.AuditError, match="X of the test rows is given as 'Tensor'"):
        ma.run(model, torch.tensor(rows[0].to_numpy(), requires_grad=True), rows[1])
