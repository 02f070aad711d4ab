"""Tables are filled, clipped, scaled and encoded; splits respect strata, clusters and time; loaders name faults."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from trainers import NetworkClassifier, TrainerError
from trainers.loaders import image_folder, text_table
from trainers.preparation import TablePreparation
from trainers.splits import split_rows

TABLE = pd.DataFrame(
    {
        "age": [20.0, 30.0, np.nan, 40.0, 50.0, 1000.0],
        "sex": ["f", "m", "f", None, "f", "x"],
        "flag": [True, False, True, True, False, False],
        "kind": pd.Categorical(["a", "b", "a", "a", "b", "a"]),
    }
)


def test_numbers_are_filled_clipped_and_scaled() -> None:
    rng = np.random.default_rng(0)
    train = pd.DataFrame({"a": np.r_[rng.normal(50, 10, 997), 1e9, np.nan, np.nan]})
    prepared = TablePreparation(clip=0.01).fit(train)
    values = prepared.transform(train)
    assert values[:, 0].mean() == pytest.approx(0, abs=1e-9)
    assert values[:, 0].std() == pytest.approx(1, abs=1e-9)
    assert np.abs(values[:, 0]).max() < 3
    assert values[:, 1].sum() == 2
    later = prepared.transform(pd.DataFrame({"a": [-1e9, np.nan]}))
    assert later[0, 0] == values[:, 0].min()
    assert later[1, 1] == 1
    np.testing.assert_array_equal(prepared.transform(train.iloc[:5]), values[:5])


def test_categories_are_encoded_and_new_ones_are_other() -> None:
    prepared = TablePreparation(min_count=2).fit(TABLE)
    names = prepared.get_feature_names_out().tolist()
    expected = "age age=(missing) sex=f sex=(other) flag=False flag=True flag=(other) kind=a kind=b kind=(other)"
    assert names == expected.split()
    new = TABLE.assign(sex="never seen", kind="c")
    columns = pd.DataFrame(prepared.transform(new), columns=names)
    assert columns["sex=(other)"].eq(1).all()
    assert columns["kind=(other)"].eq(1).all()
    shuffled = prepared.transform(TABLE[["kind", "flag", "sex", "age"]])
    np.testing.assert_array_equal(shuffled, prepared.transform(TABLE))


def test_a_rare_spike_and_a_constant_survive() -> None:
    train = pd.DataFrame({"gain": [0.0] * 999 + [5000.0], "same": 1.0, "gone": np.nan})
    values = TablePreparation().fit(train).transform(train)
    assert values[999, 0] > values[0, 0]
    assert np.isfinite(values).all()


def test_bad_tables_are_named() -> None:
    prepared = TablePreparation().fit(TABLE)
    with pytest.raises(TrainerError, match=r"lacks the columns 'age'.*Did you mean 'Age'"):
        prepared.transform(TABLE.rename(columns={"age": "Age"}))
    with pytest.raises(TrainerError, match="held numbers in training and now holds text"):
        prepared.transform(TABLE.assign(age="old"))
    with pytest.raises(TrainerError, match="at least one row"):
        TablePreparation().fit(TABLE.iloc[:0])
    with pytest.raises(TrainerError, match="infinite"):
        TablePreparation().fit(pd.DataFrame({"a": [1.0, np.inf]}))
    with pytest.raises(TrainerError, match="same name"):
        TablePreparation().fit(pd.concat([TABLE, TABLE], axis=1))


def test_it_is_a_step_of_a_pipeline() -> None:
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"n": rng.normal(size=200), "c": rng.choice(["a", "b", "c"], 200)})
    y = np.where((table["c"] == "a") ^ (table["n"] > 0), "yes", "no")
    pipeline = make_pipeline(TablePreparation(), NetworkClassifier(learning_rate=0.02, epochs=40, random_state=0))
    assert cross_val_score(clone(pipeline), table, y, cv=3).mean() > 0.9


@given(
    rows=st.integers(30, 200),
    kinds=st.integers(1, 3),
    members=st.integers(1, 4),
    seed=st.integers(0, 99),
)
def test_parts_are_disjoint_whole_and_respect_clusters(rows: int, kinds: int, members: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    clusters = np.arange(rows) // members
    strata = rng.integers(0, kinds, rows)
    parts = split_rows(rows, validation=0.2, test=0.2, strata=strata, clusters=clusters, seed=seed)
    together = np.sort(np.concatenate(parts))
    np.testing.assert_array_equal(together, np.arange(rows))
    homes = [set(clusters[part]) for part in parts]
    assert not homes[0] & homes[1]
    assert not homes[0] & homes[2]
    assert not homes[1] & homes[2]
    assert abs(len(parts.test) - 0.2 * rows) <= members * kinds + 1


@given(st.lists(st.integers(0, 8), min_size=20, max_size=100))
def test_nothing_of_training_is_later_than_the_test(time: list[int]) -> None:
    moments = np.array(time)
    shares = np.array([(moments < moment).mean() for moment in np.unique(moments)])
    if not ((shares >= 0.7) & (shares < 0.85)).any() or not (shares >= 0.85).any():
        with pytest.raises(TrainerError, match="would be empty"):
            split_rows(len(time), time=moments)
        return
    parts = split_rows(len(time), time=moments)
    assert moments[parts.train].max() < moments[parts.validation].min()
    assert moments[parts.validation].max() < moments[parts.test].min()


def test_strata_keep_their_shares() -> None:
    labels = np.array(["a"] * 900 + ["b"] * 100)
    for part, share in zip(split_rows(1000, strata=labels), (0.7, 0.15, 0.15), strict=True):
        assert len(part) == 1000 * share
        assert (labels[part] == "b").mean() == pytest.approx(0.1)
    first, second = (split_rows(1000, strata=labels, seed=seed).test for seed in (0, 1))
    assert first.tolist() != second.tolist()


def test_bad_splits_are_named() -> None:
    with pytest.raises(TrainerError, match="together under 1"):
        split_rows(10, validation=0.5, test=0.5)
    with pytest.raises(TrainerError, match="a cut in time respects neither"):
        split_rows(10, time=range(10), strata=range(10))
    with pytest.raises(TrainerError, match="part would be empty"):
        split_rows(2)
    with pytest.raises(TrainerError, match="clusters has shape"):
        split_rows(10, clusters=[1, 2])
    with pytest.raises(TrainerError, match="missing values"):
        split_rows(2, strata=np.array(["a", None], dtype=object))


def draw(path: Path, value: int, size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (value, 0, 0)).save(path)


def test_images_are_read_from_folders(tmp_path: Path) -> None:
    draw(tmp_path / "dark" / "1.png", 0)
    draw(tmp_path / "light" / "1.png", 255)
    draw(tmp_path / "light" / "2.bmp", 255)
    images = image_folder(tmp_path, channels=3)
    assert images.X.shape == (3, 3, 4, 6)
    assert images.y.tolist() == ["dark", "light", "light"]
    assert images.files == ("dark/1.png", "light/1.png", "light/2.bmp")
    assert images.X.dtype == np.uint8
    assert images.X[1, 0].min() == 255
    assert image_folder(tmp_path, size=(8, 8)).X.shape == (3, 1, 8, 8)


def test_bad_image_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(TrainerError, match="there is no folder"):
        image_folder(tmp_path / "nowhere")
    with pytest.raises(TrainerError, match="no folders with images"):
        image_folder(tmp_path)
    draw(tmp_path / "a" / "1.png", 0)
    draw(tmp_path / "a" / "2.png", 0, size=(3, 3))
    with pytest.raises(TrainerError, match="2 sizes; pass size"):
        image_folder(tmp_path)
    (tmp_path / "a" / "3.png").write_bytes(b"no image")
    with pytest.raises(TrainerError, match=r"3\.png' cannot be read"):
        image_folder(tmp_path, size=(4, 4))
    with pytest.raises(TrainerError, match="channels is 2"):
        image_folder(tmp_path, channels=2)


def test_texts_are_read_from_csv(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('label,text\nham,"NA"\nspam,\n')
    texts = text_table(path, text="text", target="label")
    assert texts.X == ["NA", ""]
    assert texts.y is not None
    assert texts.y.tolist() == ["ham", "spam"]
    assert text_table(path, text="text").y is None
    with pytest.raises(TrainerError, match=r"column 'txt' is not in.*Did you mean 'text'"):
        text_table(path, text="txt")
    with pytest.raises(TrainerError, match="there is no file"):
        text_table(tmp_path / "nowhere.csv", text="text")
    path.write_text("label,text\n,hello\n")
    with pytest.raises(TrainerError, match="missing in 1 of 1 rows"):
        text_table(path, text="text", target="label")
    path.write_text("label,text\n")
    with pytest.raises(TrainerError, match="no rows"):
        text_table(path, text="text")


def test_trainers_and_audit_read_a_picture_alike(tmp_path: Path) -> None:
    from audit.data.images import read_images

    rng = np.random.default_rng(0)
    color = Image.fromarray(rng.integers(0, 256, (37, 50, 3), dtype=np.uint8))
    kinds = {"rgb": color, "grey": color.convert("L"), "palette": color.convert("P"), "alpha": color.convert("RGBA")}
    for number, (name, image) in enumerate(kinds.items()):
        home = tmp_path / ("one" if number % 2 else "two")
        home.mkdir(exist_ok=True)
        image.save(home / f"{name}.png")
    turned = color.getexif()
    turned[0x0112] = 6
    color.save(tmp_path / "one" / "turned.jpg", exif=turned)
    for channels in (1, 3):
        ours = image_folder(tmp_path, size=(20, 30), channels=channels)
        frame, shape = read_images(tmp_path, (channels, 20, 30))
        assert shape == ours.X.shape[1:]
        assert frame["label"].tolist() == ours.y.tolist()
        np.testing.assert_array_equal(frame.drop(columns="label").to_numpy(), ours.X.reshape(len(ours.y), -1))


def test_rows_with_a_shape_are_counted_whole_and_read_flat() -> None:
    from audit.models.load import wrap

    rng = np.random.default_rng(0)
    for shape, network in (((3, 6, 6), "cnn"), ((1, 8, 8), "cnn"), ((24, 2), "gru")):
        rows, y = rng.integers(0, 256, (40, *shape)).astype(np.float64), [0, 1] * 20
        model = NetworkClassifier(network=network, epochs=1, random_state=0).fit(rows, y)
        assert model.n_features_in_ == int(np.prod(shape)) == wrap(model).feature_count
        flat = rows.reshape(40, -1)
        np.testing.assert_array_equal(model.predict_proba(flat), model.predict_proba(rows))


def test_bytes_become_shares_of_one_by_choice() -> None:
    rows = np.random.default_rng(0).integers(0, 256, (40, 1, 6, 6)).astype(np.uint8)
    model = NetworkClassifier(network="cnn", standardize="pixels", epochs=1, random_state=0).fit(rows, [0, 1] * 20)
    assert model.scale_ is not None
    assert float(model.scale_.max()) == 255.0
    np.testing.assert_array_equal(model.predict_proba(rows), model.predict_proba(rows.astype(np.float64)))


def test_channels_last_and_ragged_rows_are_refused_with_what_to_do() -> None:
    rows = np.zeros((20, 8, 8, 3))
    with pytest.raises(TrainerError, match=r"np\.moveaxis\(X, -1, 1\)"):
        NetworkClassifier(network="cnn").fit(rows, [0, 1] * 10)
    ragged = [[[0.0], [1.0]], [[0.0], [1.0], [2.0]]] * 10
    with pytest.raises(TrainerError, match=r"2 lengths, from 2 to 3.*Pad"):
        NetworkClassifier(network="gru").fit(ragged, [0, 1] * 10)


def test_a_column_of_dates_is_one_column_of_days() -> None:
    days = pd.date_range("2023-01-01", periods=60, freq="D")
    for column in (
        days,
        days.strftime("%Y-%m-%d"),
        days.tz_localize("Europe/Berlin"),
        days.strftime("%Y-%m-%d %H:%M:%S"),
    ):
        table = pd.DataFrame({"when": column})
        made = TablePreparation(clip=0.0).fit(table)
        assert made.get_feature_names_out().tolist() == ["when"]
        values = made.transform(table)[:, 0]
        np.testing.assert_allclose(np.diff(values), np.diff(values)[0], rtol=1e-6)
        again = TablePreparation.from_plain(made.to_plain())
        np.testing.assert_array_equal(again.transform(table)[:, 0], values)
    words = pd.DataFrame({"code": ["2023-01-01-x", "a", "b"] * 5})
    assert len(TablePreparation().fit(words).get_feature_names_out()) == 4
    later = TablePreparation().fit(pd.DataFrame({"when": days})).transform(pd.DataFrame({"when": [None, "2023-01-31"]}))
    assert np.isfinite(later).all()


@pytest.mark.parametrize("kind", ["times", "dates", "words"])
def test_a_column_of_days_is_one_column_however_it_is_written(kind: str) -> None:
    times = pd.Series(pd.date_range("2020-01-01", periods=300))
    column = {"times": times, "dates": times.dt.date, "words": times.astype(str)}[kind]
    table = pd.DataFrame({"when": column, "x": np.arange(300.0)})
    made = TablePreparation().fit(table).transform(table)
    assert made.shape == (300, 2)
