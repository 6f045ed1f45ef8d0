"""The files that rows stand in: read alike whatever they are, written and read again, damaged ones named by place."""

import codecs
import gzip
import json
import re
import tempfile
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accord.errors import AccordError, LedgerError, RecordError
from accord.feedback.formats.containers import rows_of
from accord.feedback.formats.containers.writing import write_rows
from accord.feedback.formats.rows import BadRow, SourceRow

ROWS: list[dict[str, Any]] = [
    {"prompt": "What is 2+2?", "chosen": "4.", "rejected": "fünf\n\u2028"},
    {"prompt": "Capital?", "chosen": 'Paris, "naturally".', "rejected": "Lyon."},
]
TEXT = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


def contents(path: Path) -> list[dict[str, Any]]:
    rows = list(rows_of(path))
    assert all(isinstance(row, SourceRow) for row in rows)
    return [row.content for row in rows if isinstance(row, SourceRow)]


BYTES: dict[str, Callable[[], bytes]] = {
    "a.jsonl": TEXT.encode,
    "b.jsonl": lambda: codecs.BOM_UTF8 + TEXT.encode(),
    "c.jsonl": lambda: TEXT.encode("utf-16"),
    "d.jsonl": lambda: TEXT.encode("utf-16-be"),
    "e.jsonl": lambda: codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    "f.jsonl": lambda: TEXT.replace("\n", "\r\n").encode(),
    "g.jsonl.gz": lambda: gzip.compress(TEXT.encode()),
    "h.jsonl": lambda: gzip.compress(ROWS_IN_TWO[0]) + gzip.compress(ROWS_IN_TWO[1]),
    "i.jsonl.zst": lambda: zstd(TEXT.encode()),
    "j.json.gz": lambda: gzip.compress(codecs.BOM_UTF8 + json.dumps(ROWS).encode()),
    "k.json": lambda: json.dumps(ROWS, indent=2).encode(),
    "l.json": lambda: json.dumps(ROWS).encode("utf-16"),
    "m.json": lambda: "".join(json.dumps(row, indent=1) for row in ROWS).encode(),
    "n.txt": TEXT.encode,
    "o.jsonl": lambda: ("\n\n" + TEXT.removesuffix("\n")).encode(),
}
ROWS_IN_TWO = [f"{line}\n".encode() for line in TEXT.split("\n")[:2]]


@pytest.mark.parametrize("name", BYTES)
def test_the_same_rows_in_every_text(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(BYTES[name]())
    assert contents(tmp_path / name) == ROWS


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
NESTED = st.recursive(VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.dictionaries(st.text(), NESTED, min_size=1, max_size=4), min_size=1, max_size=5))
def test_any_row_of_json_comes_back(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.jsonl.gz", "a.json"):
            write_rows(Path(folder) / name, iter(rows))
            assert contents(Path(folder) / name) == rows


@settings(max_examples=40, deadline=None)
@given(st.lists(st.fixed_dictionaries({"a": st.none() | st.text(min_size=1), "b": st.text(min_size=1)}), min_size=1))
def test_any_cells_of_text_come_back(rows: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("a.csv", "a.tsv", "a.parquet"):
            write_rows(Path(folder) / name, iter(rows))
            assert contents(Path(folder) / name) == rows


NAMES = ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.json", "a.csv", "a.csv.gz", "a.tsv", "a.parquet"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_read_again(name: str, tmp_path: Path) -> None:
    assert write_rows(tmp_path / name, iter(ROWS)) == 2
    assert contents(tmp_path / name) == ROWS
    assert write_rows(tmp_path / name, iter(())) == 0
    assert list(rows_of(tmp_path / name)) == []


def test_columns_that_come_late_and_lists_are_written(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": [{"c": "x"}]}, *({"a": n} for n in range(2_500)), {"a": 2.5, "d": "late"}]
    for name in ("a.csv", "a.parquet"):
        assert write_rows(tmp_path / name, iter(rows)) == len(rows)
        first, *_, last = rows_of(tmp_path / name)
        assert isinstance(first, SourceRow)
        assert isinstance(last, SourceRow)
        assert (last.number("a"), last.text("d"), first.has("d")) == (2.5, "late", False)
        assert first.items("b") == [{"c": "x"}]
    with pytest.raises(LedgerError, match=r"values of different kinds in a column .*write \.jsonl"):
        write_rows(tmp_path / "b.parquet", iter([{"a": 1}, {"a": "x"}]))
    with pytest.raises(LedgerError, match=r"a name that ends in \.jsonl"):
        write_rows(tmp_path / "a.xls", iter(rows))


def test_tables_of_arrow(tmp_path: Path) -> None:
    table = pa.Table.from_pylist(ROWS)
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=1)
    pyarrow.feather.write_feather(table, tmp_path / "a.feather")
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    for name in ("a.parquet", "a.feather", "a.arrow"):
        assert contents(tmp_path / name) == ROWS
        last = list(rows_of(tmp_path / name))[-1]
        assert last.place == f"{name} row 2"


def saved(folder: Path) -> Path:
    datasets = pytest.importorskip("datasets")
    whole = datasets.Dataset.from_list(ROWS)
    whole.save_to_disk(folder / "one", num_shards=2)
    datasets.DatasetDict({"train": whole, "test": whole.select([1])}).save_to_disk(folder / "parts")
    return folder


def test_folders_of_datasets(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    assert contents(folder / "one") == ROWS
    assert [row.content for row in rows_of(folder / "parts", "test") if isinstance(row, SourceRow)] == ROWS[1:]
    for name, split, problem in [
        ("parts", None, "it has several parts; give --split, one of train, test"),
        ("parts", "dev", "it has no part 'dev'"),
        ("one", "train", "it has no parts"),
        (".", None, "a folder that datasets did not save"),
    ]:
        with pytest.raises(AccordError, match=problem):
            list(rows_of(folder / name, split))


def test_a_name_on_the_hub_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests reach no hub: in the place of the function that asks it stands one that gives a stream of the library."""
    datasets = pytest.importorskip("datasets")

    def load(name: str, *, split: str, streaming: bool) -> Any:
        if name != "somebody/votes":
            raise ConnectionError("the hub is out of reach")
        assert (split, streaming) == ("train", True)
        return datasets.IterableDataset.from_generator(lambda: iter(ROWS))

    monkeypatch.setattr(datasets, "load_dataset", load)
    first, last = rows_of(Path("somebody/votes"), "train")
    assert isinstance(first, SourceRow)
    assert (first.content, last.place) == (ROWS[0], "somebody/votes[train] row 2")
    with pytest.raises(AccordError, match=r"nobody/votes: no such file, and from the hub .* \(the hub is out of reach"):
        list(rows_of(Path("nobody/votes"), "train"))


def test_cells_with_line_ends_and_other_separators(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('prompt;chosen\n"a\nb";x\n\nq;\n')
    first, last = rows_of(tmp_path / "a.csv")
    assert isinstance(first, SourceRow)
    assert isinstance(last, SourceRow)
    assert (first.content, first.place) == ({"prompt": "a\nb", "chosen": "x"}, "a.csv:2")
    assert (last.has("chosen"), last.place) == (False, "a.csv:5")


BAD_ROWS = {
    "a.jsonl": ('{"a": 1}\n{"a": 1, "a": 2}\n', "a.jsonl:2: the key 'a' stands twice in one object"),
    "b.jsonl": ('{"a": NaN}\n', "b.jsonl:1: NaN is no number in JSON"),
    "k.jsonl": ('{"a": ' + "7" * 5_000 + "}\n", "k.jsonl:1: a number has too many digits"),
    "c.jsonl": ('{"a": 1}\n\n[1]\n', "c.jsonl:3: expected an object"),
    "d.jsonl": ('{"a": 1}\n{"a": \n', "d.jsonl:2: not JSON at character"),
    "e.jsonl": ('{"a": 1}\nhello\n', "e.jsonl:2: not JSON at character 1: 'hello"),
    "f.jsonl": ('{"a": "x\ty"}\n', r"f.jsonl:1: not JSON at character 9: '\\t' must be escaped"),
    "g.jsonl": ('{"a": ' + "[" * 100_000 + "\n", "nested too deeply"),
    "h.csv": ("a,b\n1,2,3\n", "h.csv:2: 3 cells under 2 names"),
    "i.json": ('[{"a": 1}, 7]', r"i.json row 2 \(line 1\): expected an object"),
    "j.jsonl": ('{"a": 1}\n{"a": {"b": 1, "b": 1}}\n', "the key 'b' stands twice"),
}


def test_rows_across_the_pieces_of_a_file_are_whole(tmp_path: Path) -> None:
    rows = [{"a": "é" * n, "b": [n, -1.5e-7, True], "c": "\\\n\u2028"} for n in range(0, 70_000, 6_997)]
    (tmp_path / "a.json").write_text(json.dumps(rows, ensure_ascii=False))
    (tmp_path / "b.json").write_text(json.dumps(rows), encoding="utf-16")
    assert contents(tmp_path / "a.json") == contents(tmp_path / "b.json") == rows
    numbers = "[" + ",".join(str(10**9 + number) for number in range(20_000)) + "]"
    (tmp_path / "c.json").write_text(numbers)
    values = [row.content for row in rows_of(tmp_path / "c.json") if isinstance(row, BadRow)]
    assert values == json.loads(numbers)


@pytest.mark.parametrize("first", ['{"a": 1,', '{"a": ', '{"a": "x', "{", '{"a": [1, '])
def test_a_first_line_that_is_cut_short_is_one_bad_row(first: str, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f'{first}\n{{"a": 1, "b": 2}}\n{{"a": 2, "b": 2}}\n')
    bad, *good = rows_of(tmp_path / "a.jsonl")
    assert isinstance(bad, BadRow)
    assert [row.place for row in good if isinstance(row, SourceRow)] == ["a.jsonl:2", "a.jsonl:3"]


def test_a_line_in_another_encoding_is_one_bad_row(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(TEXT.encode() + b'{"prompt": "f\xfcnf"}\n' + TEXT.encode())
    rows = list(rows_of(tmp_path / "a.jsonl"))
    (bad,) = [row for row in rows if isinstance(row, BadRow)]
    assert (len(rows), bad.place, bad.content) == (5, "a.jsonl:3", '{"prompt": "f\\xfcnf"}')
    assert "byte 14 of the line, b'\\xfc', is no UTF-8" in str(bad.problem)


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_has_a_place_and_words(name: str, tmp_path: Path) -> None:
    text, problem = BAD_ROWS[name]
    (tmp_path / name).write_text(text)
    (row,) = [row for row in rows_of(tmp_path / name) if isinstance(row, BadRow)]
    assert re.search(problem, str(row.problem))


DAMAGED: dict[str, tuple[bytes, str]] = {
    "a.jsonl.gz": (gzip.compress(TEXT.encode() * 500)[:-30], r"a.jsonl.gz:\d+: the compressed file is damaged or cut"),
    "b.jsonl.zst": (zstd(TEXT.encode() * 50_000)[:-30], r"b.jsonl.zst:\d+: the compressed file is damaged or cut"),
    "c.csv": (b"a\nx\nf\xfcnf\n", r"c.csv:3: byte 2 of the line, b'\\xfc', is no UTF-8"),
    "d.jsonl": (TEXT.encode("utf-32"), "UTF-32; convert it to UTF-8"),
    "e.jsonl": (TEXT.encode("utf-16")[:-1], r"e.jsonl:\d+: no utf-16"),
    "f.json": (json.dumps(ROWS).encode()[:-1], "f.json:1: the list has no end"),
    "g.json": (json.dumps(ROWS).encode() + b"x", "something stands behind the end of the list"),
    "p.json": (b'[{"a": 1},,{"a": 2}]', "p.json:1: a comma stands in the list with no row behind it"),
    "q.json": (b'[{"a": 1},\n]', "q.json:2: a comma stands in the list with no row behind it"),
    "r.json": (b'[{"a": 1}\n{"a": 2}]', "r.json:2: no comma stands between two rows"),
    "s.json": (b'[,{"a": 1}]', "s.json:1: not JSON at character 1"),
    "t.json": (b'[{"a": 1},{"a": "f\xfcnf"}]', r"t.json:1: b'\\xfc' is no UTF-8"),
    "h.json": (b'[{"a": 1}, {"a" 2}]', "h.json:1: not JSON at character .*: a colon is missing"),
    "i.csv": (b'a,b\n1,"2\n3,4\n', r"i.csv:2: the cells cannot be told apart"),
    "j.csv": (b"a,a\n1,2\n", "j.csv:1: the name 'a' stands twice"),
    "k.parquet": (b"PAR1 and so on", "k.parquet: the Parquet file is damaged"),
    "l.arrow": (b"ARROW1 and so on", "l.arrow: the Arrow file is damaged"),
    "m.txt": (b"To whom it may concern", "m.txt:1: begins with 'To whom it may concern', which is no JSON"),
    "n.csv": (b"\x89PNG\r\n\x1a\n", "n.csv:1: byte 1 of the line"),
    "o.jsonl": (gzip.compress(TEXT.encode())[:20], "o.jsonl:1: the compressed file is damaged or cut short"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_named_by_its_place(name: str, tmp_path: Path) -> None:
    content, problem = DAMAGED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordError, match=problem):
        list(rows_of(tmp_path / name))


@pytest.mark.parametrize("name", [*DAMAGED, *BAD_ROWS])
def test_no_words_of_a_parser_reach_a_person(name: str, tmp_path: Path) -> None:
    content = DAMAGED[name][0] if name in DAMAGED else BAD_ROWS[name][0].encode()
    (tmp_path / name).write_bytes(content)
    try:
        problems = [str(row.problem) for row in rows_of(tmp_path / name) if isinstance(row, BadRow)]
    except AccordError as error:
        problems = [str(error)]
    assert not any(
        word in each for each in problems for word in ("Expecting", "expected value", "EOF while", "line 1 col")
    )


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.csv", "a.parquet", "one line.json"])
def test_memory_does_not_grow_with_the_rows(name: str, tmp_path: Path) -> None:
    def peak(count: int) -> int:
        rows = ({"prompt": f"q {n}", "chosen": "x" * 200, "rejected": "y"} for n in range(count))
        if name == "one line.json":
            (tmp_path / name).write_text(json.dumps(list(rows)))
        else:
            write_rows(tmp_path / name, rows)
        tracemalloc.start()
        assert sum(1 for _ in rows_of(tmp_path / name)) == count
        size = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return size

    assert peak(6_000) < 1.3 * peak(1_500)
