"""What stands where a report should be written is never destroyed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from audit.cli import main
from reports.store import OutputError, write_text_atomically

RECORD = Path(__file__).resolve().parents[2] / "golden" / "record.v2.json"


@pytest.fixture
def record(tmp_path: Path) -> Path:
    path = tmp_path / "audit.json"
    path.write_bytes(RECORD.read_bytes())
    return path


def _run(*arguments: str | Path) -> int:
    return main([str(one) for one in arguments])


@pytest.mark.parametrize("format_", ["html", "md", "text", "junit", "sarif", "github", "gitlab", "json"])
def test_a_report_is_written_over_by_the_next(record: Path, tmp_path: Path, format_: str) -> None:
    from reports.formats import FORMATS

    out = tmp_path / FORMATS[format_].file if format_ != "json" else tmp_path / "again.json"
    assert _run("render", record, "--format", format_, "--out", out) == 0
    assert _run("render", record, "--format", format_, "--out", out) == 0


def test_the_record_that_is_read_is_not_written_over(record: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = record.read_bytes()
    assert _run("render", record, "--format", "html", "--out", record) == 2
    assert "is the file that was read" in capsys.readouterr().err
    assert _run("compare", record, record, "--out", record) == 2
    assert record.read_bytes() == before


def test_other_files_links_pipes_and_folders_are_left_alone(record: Path, tmp_path: Path) -> None:
    thesis = tmp_path / "thesis.html"
    thesis.write_text("<p>ten years of work</p>")
    link, pipe = tmp_path / "link.html", tmp_path / "pipe"
    link.symlink_to(thesis)
    os.mkfifo(pipe)
    for target in (thesis, link, pipe, tmp_path, Path(os.devnull)):
        assert _run("render", record, "--out", target) == 2
    assert thesis.read_text() == "<p>ten years of work</p>"
    assert link.is_symlink()
    assert pipe.is_fifo()


def test_comparisons_pages_and_models_leave_other_files_alone(record: Path, tmp_path: Path) -> None:
    thesis, link = tmp_path / "thesis.html", tmp_path / "link.safetensors"
    thesis.write_text("<p>ten years of work</p>")
    model = tmp_path / "thesis.safetensors"
    model.write_bytes(b"weights of somebody else")
    link.symlink_to(thesis)
    (tmp_path / "train.toml").write_text('[data]\ntrain = "train.csv"\ntarget = "y"\n')
    (tmp_path / "train.csv").write_text("x,y\n1,0\n2,1\n")
    (tmp_path / "net.onnx").write_bytes(b"a graph of somebody else")
    calls: list[tuple[str | Path, ...]] = [("compare", record, record, "--out", thesis)]
    calls += [("history", record, "--out", one) for one in (thesis, link, record)]
    calls += [("train", tmp_path / "train.toml", "--out", one) for one in (model, link)]
    calls.append(("export", record, "--data", tmp_path / "train.csv", "--out", tmp_path / "net.onnx"))
    for call in calls:
        assert _run(*call) == 2, call
    assert thesis.read_text() == "<p>ten years of work</p>"
    assert model.read_bytes() == b"weights of somebody else"
    assert (tmp_path / "net.onnx").read_bytes() == b"a graph of somebody else"
    again = tmp_path / "compared.txt"
    for format_ in ("text", "md"):
        again.unlink(missing_ok=True)
        assert [_run("compare", record, record, "--format", format_, "--out", again) for _ in range(2)] == [0, 0]
    assert [_run("history", record, "--out", tmp_path / "history.html") for _ in range(2)] == [0, 0]


def test_a_folder_with_another_tools_report_is_left_alone(record: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "junit.xml").write_text("<testsuites/>")
    assert _run("judge", record, "--out", out) == 2
    assert sorted(path.name for path in out.iterdir()) == ["junit.xml"]
    assert (out / "junit.xml").read_text() == "<testsuites/>"


def test_the_writer_itself_refuses_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("kept")
    (tmp_path / "b.txt").symlink_to(tmp_path / "a.txt")
    with pytest.raises(OutputError, match="symbolic link"):
        write_text_atomically(tmp_path / "b.txt", "lost")
    assert (tmp_path / "a.txt").read_text() == "kept"


@pytest.mark.parametrize("name", ["audit.toml", "card.html", "AUDIT.JSON"])
def test_a_folder_is_not_named_like_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    table = tmp_path / "rows.csv"
    table.write_text("x,y\n" + "\n".join(f"{k},{k % 2}" for k in range(50)) + "\n")
    assert main(["init", "--test", str(table), "--target", "y", "--out", str(tmp_path / name)]) == 2
    assert "is named like a file; expected a folder" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / name).exists()
