"""What `accord import` cannot do, it says in one line that names the place or the flag, and ends with 2."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from accord.cli.main import run

PLAIN = {"prompt": "2+2?", "chosen": "4.", "rejected": "5."}


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return lines(tmp_path / "f.jsonl", PLAIN)


def lines(path: Path, *rows: Any) -> Path:
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows))
    return path


def refused(capsys: pytest.CaptureFixture[str], *command: object) -> str:
    """What is printed about a command that ends with 2."""
    assert run(["import", *map(str, command), "--ledger", "l.db"]) == 2
    assert not Path("l.db").exists()
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        (["--scale", "5", "1"], "--scale: the low end 5.0 is not below"),
        (["--scale", "nan", "3"], "--scale: "),
        (["--strength-max", "-1"], "--strength-max: "),
        (["--strength-max", "0"], "--strength-max: "),
        (["--name", ""], "--name: "),
        (["--split", "train"], "f.jsonl: a file has no parts; leave --split out"),
    ],
)
def test_a_flag_that_cannot_be_is_named(
    flags: list[str], problem: str, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert problem in refused(capsys, source, *flags)
    assert "leave --split out" in refused(capsys, "packaged", "--format", "gsm8k", "--split", "train")


def test_a_folder_without_a_name(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "a folder that datasets did not save" in refused(capsys, ".", "--skip-bad")
    assert [path.name for path in source.parent.iterdir()] == [source.name]


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("state.json", "{bad", "state.json: not JSON at character 2"),
        ("state.json", '{"_data_files": [{"file": "a.arrow"}]}', "'_data_files' is no list of names"),
        ("state.json", '{"_data_files": 3}', "'_data_files' is no list of names"),
        ("dataset_dict.json", "[1]", "dataset_dict.json: expected an object"),
    ],
)
def test_a_folder_with_damaged_files_of_the_library(
    name: str, content: str, problem: str, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source.parent.joinpath(name).write_text(content)
    assert problem in refused(capsys, source.parent)


def not_utf8() -> pa.Array:
    offsets = pa.py_buffer(b"\0\0\0\0\x01\0\0\0\x02\0\0\0")
    return pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"q\xff")])


VALUES: dict[str, tuple[str, Callable[[], pa.Array], str]] = {
    "moment": ("time", lambda: pa.array([0, 2**62], pa.timestamp("us")), "date value out of range"),
    "day": ("time", lambda: pa.array([0, 2**30], pa.date32()), "magnitude"),
    "text": ("prompt", not_utf8, "no UTF-8"),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_that_python_cannot_hold_is_one_bad_row(
    name: str, source: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    column, values, problem = VALUES[name]
    table = pa.table({key: pa.array([text, text]) for key, text in PLAIN.items()} | {column: values()})
    path = source.with_name("f.parquet")
    pq.write_table(table, path)
    assert f"f.parquet row 2 {column}: a value of the type" in (err := refused(capsys, path))
    assert problem in err
    assert run(["import", str(path), "--ledger", "l.db", "--skip-bad"]) == 0
    assert "1 of 2 rows are bad" in capsys.readouterr().out


def test_columns_of_parquet_that_say_too_much(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = source.with_name("f.parquet")
    twice = pa.Table.from_arrays(
        [pa.array([text]) for text in "abcd"], names=["prompt", "prompt", "chosen", "rejected"]
    )
    pq.write_table(twice, path)
    assert "f.parquet: the column 'prompt' stands twice" in refused(capsys, path)
    zone = pa.array([0], pa.timestamp("us", tz="Nowhere/City"))
    pq.write_table(pa.table({key: pa.array([text]) for key, text in PLAIN.items()} | {"time": zone}), path)
    assert "its time zone is not known here" in (err := refused(capsys, path))
    assert "damaged" not in err


DEEP = "[" * 100_000


def test_cells_that_are_no_json_are_texts(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = {"from": "function_call", "value": DEEP}
    lines(source, {**PLAIN, "prompt": DEEP}, {**PLAIN, "prompt": [{"from": "human", "value": "q"}, call]})
    assert run(["import", str(source), "--ledger", "l.db"]) == 0
    row = {"prompt": "q", "completion": "a", "label": DEEP}
    out = Path("l2.db")
    assert run(["import", str(lines(source, row)), "--ledger", str(out), "--format", "table", "--options", "a"]) == 2
    assert "was not offered" in capsys.readouterr().err


def test_an_import_that_fails_leaves_the_earlier_bad_rows(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    earlier = source.with_name("f.jsonl.bad.jsonl")
    earlier.write_text("what an earlier import set aside")
    refused(capsys, source, "--skip-bad", "--ignore", "nothing")
    refused(capsys, lines(source, {**PLAIN, "chosen": 7}), "--skip-bad")
    assert earlier.read_text() == "what an earlier import set aside"
    lines(source, {**PLAIN, "chosen": 7}, PLAIN)
    assert run(["import", str(source), "--ledger", "l.db", "--skip-bad"]) == 0
    assert json.loads(earlier.read_text())["row"]["chosen"] == 7
    assert run(["import", str(lines(source, PLAIN)), "--ledger", "l.db", "--skip-bad"]) == 0
    assert {path.name for path in source.parent.iterdir()} == {"f.jsonl", "l.db"}


def test_a_mapping_stands_in_place_of_the_one_beside(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source.with_name("f.jsonl.import.toml").write_text('[import]\nname = "beside"\nignore = ["gone"]\n')
    other = source.with_name("other.toml")
    other.write_text("[import]\n")
    assert run(["import", str(source), "--ledger", "l.db", "--mapping", str(other), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["source"] == "trl_preference"


@pytest.mark.parametrize("bad", [{"oops": 1}, '{"prompt": "cut short', {**PLAIN, "chosen": None}])
def test_a_bad_first_row_is_set_aside(bad: Any, source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines(source, bad, PLAIN, {**PLAIN, "chosen": "6."})
    assert run(["import", str(source), "--ledger", "l.db", "--skip-bad", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["format"], counts["bad"]["rows"]) == ("trl_preference", 1)


def test_rows_of_which_most_are_of_no_format(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no format recognises it" in refused(capsys, lines(source, {"oops": 1}, PLAIN))


def test_values_of_a_column_are_named_as_json_has_them(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = {"prompt": "q", "left": "a", "right": "b"}
    lines(source, {**row, "winner": True}, {**row, "winner": False}, {**row, "winner": "both_bad"})
    mapping = source.with_name("m.toml")
    mapping.write_text('[import.values.winer]\ntrue = "left"\n')
    assert "import.values.winer: the first rows have no such column; did you mean 'winner'?" in refused(
        capsys, source, "--mapping", mapping
    )
    mapping.write_text('[import.values.winner]\ntrue = "left"\nfalse = "right"\n')
    command = ["import", str(source), "--ledger", "l.db", "--mapping", str(mapping), "--dry-run", "--json"]
    assert run(command) == 0
    shown = json.loads(capsys.readouterr().out)["records"]
    assert [record["judgement"]["preferred"] for record in shown] == ["left", "right", "tie"]


def test_records_of_a_ledger_come_under_no_other_name(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines(source, {"record": "prompt", "messages": [{"role": "user", "content": "q"}]})
    assert "leave --name out" in refused(capsys, source, "--name", "mine")


def test_a_dry_run_ends_as_the_import_would(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines(source, {**PLAIN, "chosen": 7})
    reason = "all of its 1 rows are bad; the first: f.jsonl:1 chosen: expected a text or a list of messages"
    assert reason in refused(capsys, source, "--dry-run")
    assert reason in refused(capsys, source, "--skip-bad")
    lines(source, {**PLAIN, "chosen": 7}, PLAIN)
    refused(capsys, source)
    refused(capsys, source, "--dry-run")
    assert run(["import", str(source), "--ledger", "l.db", "--dry-run", "--skip-bad"]) == 0
