"""Files that are cut off, flipped or made to overwhelm: one line with the file's name, never another exception."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from audit.data.bounded import MOST_COLUMNS
from audit.data.images import read_images
from audit.data.tables import read_table
from audit.errors import DataError, MissingExtra

FRAME = pd.DataFrame({
    "n": np.arange(40) / 7, "k": ["a", "NA", "b", "c"] * 10, "c": pd.Categorical(["x", "y"] * 20), "y": [0, 1] * 20,
})  # fmt: skip
SUFFIXES = (
    "csv", "tsv", "csv.gz", "csv.bz2", "csv.xz", "csv.zst", "csv.zip", "parquet", "feather", "arrow", "npz", "duckdb",
)  # fmt: skip


def written(suffix: str, folder: Path) -> bytes:
    """Return the bytes of a sound table."""
    path = folder / f"sound.{suffix}"
    text = FRAME.to_csv(index=False, sep="\t" if suffix == "tsv" else ",").encode()
    packers: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    kind = suffix.rpartition(".")[2]
    if kind in packers:
        return packers[kind](text)
    if kind == "zst":
        return bytes(pytest.importorskip("zstandard").compress(text))
    if kind == "zip":
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("t.csv", text)
        return buffer.getvalue()
    if kind == "npz":
        np.savez_compressed(path, X=FRAME[["n"]].to_numpy(), y=FRAME["y"].to_numpy())
    elif kind == "parquet":
        FRAME.to_parquet(path)
    elif kind == "duckdb":
        import duckdb

        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE TABLE t AS SELECT range AS n, range % 2 AS y FROM range(40)")
    elif kind in {"feather", "arrow"}:
        FRAME.to_feather(path)
    else:
        return text
    return path.read_bytes()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("sound")
    return {suffix: written(suffix, folder) for suffix in SUFFIXES}


def read_or_told(path: Path, content: bytes) -> None:
    """Read what was written, or meet the one error that names the file."""
    path.write_bytes(content)
    try:
        frame = read_table(path)
    except MissingExtra:
        return
    except DataError as error:
        told = str(error)
        assert path.name in told or "column" in told
        assert "\n" not in told
    else:
        assert len(frame) > 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("suffix", [one for one in SUFFIXES if one != "duckdb"])
@given(data=st.data())
def test_flipped_and_truncated_files(suffix: str, data: st.DataObject, sound: dict[str, bytes], tmp_path: Path) -> None:
    content = bytearray(sound[suffix])
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    end = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    read_or_told(tmp_path / f"t.{suffix}", bytes(content[:end]))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("suffix", SUFFIXES)
@given(content=st.binary(max_size=400))
def test_bytes_of_nothing(suffix: str, content: bytes, tmp_path: Path) -> None:
    read_or_told(tmp_path / f"t.{suffix}", content)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet='ab1,.;"\n\t \r\0é', max_size=60))
def test_any_text_is_a_table_or_told(text: str, tmp_path: Path) -> None:
    read_or_told(tmp_path / "t.csv", text.encode())


@pytest.mark.parametrize("suffix", ["csv.gz", "csv.bz2", "csv.xz", "csv.zst", "parquet", "feather", "npz"])
def test_a_file_cut_in_half_is_refused(suffix: str, sound: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / f"half.{suffix}"
    path.write_bytes(sound[suffix][: len(sound[suffix]) // 2])
    with pytest.raises(DataError, match="half"):
        read_table(path)


@pytest.mark.parametrize("true", SUFFIXES[:11])
@pytest.mark.parametrize("said", ["parquet", "npz", "csv.gz", "feather", "duckdb"])
def test_a_wrong_ending_is_told(true: str, said: str, sound: dict[str, bytes], tmp_path: Path) -> None:
    if true == said or {true, said} <= {"feather", "arrow"}:
        return
    path = tmp_path / f"wrong.{said}"
    path.write_bytes(sound[true])
    with pytest.raises(DataError, match="wrong"):
        read_table(path)


def _npy(header: str, body: bytes = b"") -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + body


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 4)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-4, 4)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (4, 1)}",
        "{'descr': '<c16', 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '<f8', 'shape': (1,)}",
        "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1, 1)}",
        "{'descr': '<f8', 'fortran_order': False, 'shape': ()}",
        "__import__('os').system('true')",
    ],
)
def test_array_headers_that_lie(header: str, tmp_path: Path) -> None:
    path = tmp_path / "lie.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("X.npy", _npy(header, b"\0" * 16))
    with pytest.raises(DataError, match="lie"):
        read_table(path)


def test_arrays_of_objects_run_no_code(tmp_path: Path) -> None:
    path = tmp_path / "objects.npz"
    np.savez(path, X=np.array([[{"a": 1}]], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="objects"):
        read_table(path)


def test_very_many_columns_are_refused_at_once(tmp_path: Path) -> None:
    names = ",".join(f"c{k}" for k in range(2 * MOST_COLUMNS))
    path = tmp_path / "wide.csv"
    path.write_text(f"{names}\n{','.join('1' * (2 * MOST_COLUMNS))}\n")
    with pytest.raises(DataError, match=r"wide\.csv.*200,000 columns"):
        read_table(path)


@pytest.mark.parametrize("suffix", ["csv.gz", "csv.bz2", "csv.xz", "csv.zst", "csv.zip", "npz"])
def test_a_small_file_that_unfolds_without_end_is_refused_in_bounded_memory(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.data.bounded.LEAST_BYTES", 4 << 20)
    size = 64 << 20
    path = tmp_path / f"bomb.{suffix}"
    text = b"a\n" + bytes(size)
    packers: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    kind = suffix.rpartition(".")[2]
    if kind in packers:
        path.write_bytes(packers[kind](text))
    elif kind == "zst":
        path.write_bytes(pytest.importorskip("zstandard").compress(text))
    else:
        header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size}, 1)}}"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(
                "X.npy" if kind == "npz" else "t.csv", _npy(header, bytes(size)) if kind == "npz" else text
            )
    del text
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"bomb.*decompresses to .* MiB"):
            read_table(path)
        assert tracemalloc.get_traced_memory()[1] < size / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_what_is_beyond_memory_is_refused_before_it_is_read(
    suffix: str, sound: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from audit.data import bounded

    monkeypatch.setattr(bounded, "machine_memory", lambda: 500)
    (tmp_path / f"t.{suffix}").write_bytes(sound[suffix])
    with pytest.raises(DataError, match=r"more than half of this machine's memory .* \[data\] log = 't\."):
        read_table(tmp_path / f"t.{suffix}")


def test_images_are_measured_before_they_are_decoded(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    Image.new("1", (13_000, 13_000)).save(tmp_path / "a" / "huge.png")
    with pytest.raises(DataError, match=r"huge\.png.*13000 × 13000 pixels"):
        read_images(tmp_path)


@pytest.mark.parametrize("name", ["a/pipe.png", "t.csv", "t.parquet"])
def test_a_pipe_is_not_waited_for(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / name)
    with pytest.raises(DataError, match="not a regular file"):
        read_images(tmp_path) if name.endswith("png") else read_table(tmp_path / name)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "tiff", "webp"])
@given(data=st.data())
def test_broken_images(kind: str, data: st.DataObject, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    (tmp_path / "a").mkdir(exist_ok=True)
    (tmp_path / "a" / f"one.{kind}").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        rows = len(read_images(tmp_path)[0])
    except DataError as error:
        rows, told = 0, str(error)
    else:
        told = ""
    assert (rows == 1) != (f"one.{kind}" in told)
