"""The benchmark of growth, and what holds without it: work in proportion to the records, and none of them held."""

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from benchmarks.scale.run_steps import make_run
from benchmarks.scale.table import BEGIN, END, slope, table
from benchmarks.scale.world import ACTS, records
from sqlalchemy import event

from accord.artefacts import METRICS, SAMPLES, FileRows, RunReader
from accord.artefacts.file_records import FileRecords
from accord.artefacts.on_demand import OnDemand
from accord.errors import ArtefactError
from accord.feedback import Ledger, draw_dataset, read_data, write_data
from accord.feedback.quality.gathering import gather
from accord.feedback.store import stored_records
from accord.lm import load
from accord.policy.materials import Materials
from accord.policy.sft import SFT
from accord.policy.supervised import tokenize
from accord.report.training_curves import courses
from accord.run import RunDirectory
from accord.stats import resampling
from accord.stats.resampling import resampled_sums
from memory_growth import Work, growth

ROOT = Path(__file__).parents[1]
FEWEST, FEW, MANY = 400, 1_000, 4_000


def test_the_table_in_the_docs_is_that_of_what_was_measured() -> None:
    content = json.loads((ROOT / "benchmarks/scale.json").read_text())
    page = (ROOT / "docs/benchmarks.md").read_text()
    assert page.split(BEGIN)[1].split(END)[0].strip() == table(content)


def test_slopes_are_exponents() -> None:
    sizes = [1e3, 4e3, 1.6e4]
    assert slope(sizes, [3 * size**2 for size in sizes]) == pytest.approx(2)
    assert slope(sizes, [7.0] * 3) == pytest.approx(0)
    assert slope([5, 5], [1, 2]) is None


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is held at once, whatever the number, is made small beside what is measured."""
    monkeypatch.setattr("accord.feedback.store.ledger.AT_ONCE", 100)
    monkeypatch.setattr("accord.feedback.store.ledger_writer.ROWS_PER_INSERT", 100)
    monkeypatch.setattr(stored_records, "MOST_HELD", 0)
    monkeypatch.setattr(stored_records, "AT_ONCE", 50)


@pytest.fixture(scope="module")
def ledgers(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Ledgers of three sizes."""
    folder = tmp_path_factory.mktemp("scale")
    places = {acts: folder / f"{acts}.db" for acts in (FEWEST, FEW, MANY)}
    for acts, place in places.items():
        with Ledger(place) as ledger:
            assert ledger.extend(records(acts)).new["feedback"] == acts // ACTS * ACTS
    return places


def drawing(ledgers: dict[int, Path], folder: Path) -> Work:
    """The data set of a ledger and its files, of at most 50 pairs."""

    def draw(acts: int) -> None:
        number = len(list(folder.iterdir()))
        with Ledger(ledgers[acts], write=False) as ledger, RunDirectory.create(folder / f"run-{number}") as run:
            write_data(run, draw_dataset(ledger, limit=50, supervised="chosen"), ledger=ledger)

    return draw


@pytest.mark.usefixtures("small_slices")
def test_a_data_set_holds_names_and_no_records(ledgers: dict[int, Path], tmp_path: Path) -> None:
    """Feedback, prompts and answers as objects take 6,700 bytes for each act; texts that people wrote are held."""
    assert growth(drawing(ledgers, tmp_path), FEW, MANY) < 150


@pytest.mark.usefixtures("small_slices")
def test_what_is_learnt_from_is_read_on_demand(
    ledgers: dict[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records of files too large to be held are those of dictionaries, and so are the examples made of them."""
    causal = load("tiny")
    with Ledger(ledgers[FEWEST], write=False) as ledger, RunDirectory.create(tmp_path / "run") as run:
        write_data(run, draw_dataset(ledger, supervised="all"), ledger=ledger)
        held = Materials(data=read_data(run))
        learnt = [tokenize(causal, given) for given in (held.examples, held.preferred, held.compared)]
        run.readers.clear()
        monkeypatch.setattr("accord.artefacts.file_rows.LARGEST_KEPT", 0)
        materials = Materials(data=read_data(run))
        for name in ("prompts", "completions"):
            there, here = getattr(held.data, name), getattr(materials.data, name)
            assert isinstance(there, dict)
            assert isinstance(here, FileRecords)
            assert list(here.items()) == list(there.items())
            assert list(here.values()) == list(there.values())
            assert {key: here[key] for key in reversed(list(here))} == there
            for absent in ("c-" + "0" * 64, "", "no id at all"):
                assert absent not in here
        assert isinstance(materials.examples, OnDemand)
        assert [
            tokenize(causal, given) for given in (materials.examples, materials.preferred, materials.compared)
        ] == learnt
        assert list(materials.prompts) == list(held.prompts)
        assert list(materials.prompts[3:40:5][1:]) == list(held.prompts[3:40:5][1:])
        with pytest.raises(IndexError):
            materials.prompts[len(held.prompts)]
        drawn = SFT(max_examples=20).draw_examples(materials.examples, 5)
        assert list(drawn) == SFT(max_examples=20).draw_examples(held.examples, 5)


@pytest.mark.usefixtures("small_slices")
def test_quality_holds_columns(ledgers: dict[int, Path]) -> None:
    def gathering(acts: int) -> None:
        with Ledger(ledgers[acts], write=False) as ledger:
            assert gather(ledger).answers.n == acts

    assert growth(gathering, FEW, MANY) < 900


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("step", ["append", "data"])
def test_statements_and_records_read_grow_with_the_ledger(
    ledgers: dict[int, Path], tmp_path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four times the acts take four times the statements at most, and each record is parsed as often as before."""
    parsed = [0]
    read = Ledger._record

    def counted(*arguments: object) -> object:
        parsed[0] += 1
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Ledger, "_record", counted)
    draw, work = drawing(ledgers, tmp_path), []
    for acts in (FEW, MANY):
        statements, parsed[0] = [0], 0

        def count(*_: object, statements: list[int] = statements) -> None:
            statements[0] += 1

        from sqlalchemy.engine import Engine

        event.listen(Engine, "before_cursor_execute", count)
        try:
            if step == "append":
                with Ledger(tmp_path / f"{acts}.db") as ledger:
                    ledger.extend(records(acts))
            else:
                draw(acts)
        finally:
            event.remove(Engine, "before_cursor_execute", count)
        work.append((statements[0], parsed[0] / acts))
    assert work[1][0] <= 4.2 * work[0][0] + 20
    assert work[1][1] <= 1.1 * work[0][1]
    assert work[1][1] < 12


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Runs of three lengths, as the benchmark makes them."""
    folder = tmp_path_factory.mktemp("runs")
    places = {steps: folder / str(steps) for steps in (20, 100, 400)}
    for steps, place in places.items():
        make_run(place, steps)
    return places


def test_courses_of_a_long_run_hold_no_samples(runs: dict[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A step's four samples take 25 kB as objects; of a step numbers are held, and where lines begin."""

    def drawn(steps: int) -> list[object]:
        with RunDirectory.open(runs[steps], write=False) as run:
            return list(courses(RunReader.of(run)))

    held = drawn(100)
    monkeypatch.setattr("accord.artefacts.file_rows.LARGEST_KEPT", 0)
    assert drawn(100) == held
    assert growth(drawn, 100, 400) < 2_000


def test_rows_of_a_large_file_are_those_of_a_list(runs: dict[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with RunDirectory.open(runs[20], write=False) as run:
        held = RunReader(run).metrics("policy")
        monkeypatch.setattr("accord.artefacts.file_rows.LARGEST_KEPT", 0)
        read = RunReader(run).metrics("policy")
        assert isinstance(held, list)
        assert isinstance(read, FileRows)
        assert list(read) == list(read) == held
        assert (len(read), read[0], read[-1], read[3:9:2]) == (20, held[0], held[-1], held[3:9:2])
        with pytest.raises(IndexError):
            read[20]


def test_a_large_file_that_is_altered_between_two_passes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_run(tmp_path / "run", 5)
    monkeypatch.setattr("accord.artefacts.file_rows.LARGEST_KEPT", 0)
    with RunDirectory.open(tmp_path / "run", write=False) as run:
        rows = RunReader(run).rows(SAMPLES, "policy")
        assert len(list(rows)) == 20
        path = run.path / SAMPLES.path("policy")
        path.write_text(path.read_text().replace("answer 3", "answer 9"))
        with pytest.raises(ArtefactError):
            list(rows)


def test_lines_that_fail_on_the_way_leave_the_file_as_it_was(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        path = run.write_jsonl(METRICS.path("policy"), [{"row": 1}])

        def broken() -> object:
            yield {"row": 2}
            raise ValueError("no more")

        with pytest.raises(ValueError, match="no more"):
            run.write_jsonl(METRICS.path("policy"), broken())  # type: ignore[arg-type]
        assert path.read_text() == '{"row": 1}\n'
        assert run.verified(METRICS.path("policy")) == path
        assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_resamples_are_the_same_however_many_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    value_US = np.random.default_rng(3).integers(0, 9, (50, 3)).astype(np.float64)
    whole = np.random.default_rng(0).multinomial(50, np.full(50, 1 / 50), 400) @ value_US
    assert np.array_equal(resampled_sums(value_US, 400, np.random.default_rng(0)), whole)
    monkeypatch.setattr(resampling, "AT_ONCE", 170)
    assert np.array_equal(resampled_sums(value_US, 400, np.random.default_rng(0)), whole)
    tracemalloc.start()
    resampled_sums(np.ones((2_000, 1)), 400, np.random.default_rng(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400_000  # 6.4 MB where all draws are held
