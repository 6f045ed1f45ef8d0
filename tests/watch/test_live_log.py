"""Logs that grow while they are read: half lines, lines that are cut back, damaged ones, large ones."""

from pathlib import Path

import pytest
from logged_runs import begin_policy, log_steps

from accord.errors import StorageError
from accord.run import RunDirectory
from accord.watch.live_log import MetricsLog, SampleLog, newest_rows


def steps_of(log: MetricsLog) -> list[float]:
    log.read_on()
    return [row["step"] for row in log.rows]


def test_a_half_written_line_is_none_until_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    log = MetricsLog(path)
    assert steps_of(log) == []
    path.write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "lo')
    assert steps_of(log) == [1]
    with path.open("a") as file:
        file.write('ss": 0.25}\n')
    assert steps_of(log) == [1, 2]
    assert log.rows[1] == {"step": 2, "loss": 0.25}
    assert log.damages == []


def test_what_is_read_before_is_not_read_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n')
    log = MetricsLog(path)
    first = steps_of(log) and log.rows[0]
    with path.open("a") as file:
        file.write('{"step": 2}\n')
    assert steps_of(log) == [1, 2]
    assert log.rows[0] is first


@pytest.mark.parametrize("regrown", [False, True])
def test_a_log_that_a_resumed_stage_cut_back_is_read_anew(tmp_path: Path, regrown: bool) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        begin_policy(run)
        log_steps(run, 3)
        growing = run.log("policy/metrics.jsonl")
        mark = run.log("policy/metrics.jsonl").mark()
        log_steps(run, 5, first=4)
        log = MetricsLog(run.path / "policy/metrics.jsonl")
        assert steps_of(log) == [1, 2, 3, 4, 5]
        growing.cut_back(mark)
        if regrown:  # beyond where it was, with other numbers than before
            growing.append(
                {"step": 4, "reward": 7.125},
                {"step": 5, "reward": 7.25, "more": 1.0},
                *({"step": n} for n in range(6, 40)),
            )
        assert steps_of(log) == [1, 2, 3, *(range(4, 40) if regrown else ())]
        assert [row["reward"] for row in log.rows[3:5]] == ([7.125, 7.25] if regrown else [])


def test_a_file_put_in_the_place_of_another_is_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1}\n')
    log = MetricsLog(path)
    assert steps_of(log) == [1]
    (tmp_path / "new").write_text('{"step": 1}\n{"step": 2}\n')
    (tmp_path / "new").replace(path)
    assert steps_of(log) == [1, 2]
    path.unlink()
    assert steps_of(log) == []


@pytest.mark.parametrize(
    "line", ["no JSON", "[1, 2]", '{"loss": 1}', '{"step": "two"}', '{"step": true}', "", "[" * 100_000, "\x00\xff"]
)
def test_a_damaged_line_is_named_and_left_out(tmp_path: Path, line: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n' + line.encode("latin-1") + b'\n{"step": 3}\n')
    log = MetricsLog(path)
    assert steps_of(log) == [1, 3]
    assert log.damages == ["metrics.jsonl:2: a damaged line; it is left out"]


def test_numbers_are_flat_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text(
        '{"step": 1, "kl": null, "name": "k1", "fine": true, "components": {"a": 1, "b": 2.5}, "big": 1e999}\n'
    )
    log = MetricsLog(path)
    log.read_on()
    assert log.rows == [{"step": 1, "components.a": 1, "components.b": 2.5}]


def test_a_log_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").mkdir()
    with pytest.raises(StorageError, match="folder, not a file"):
        MetricsLog(tmp_path / "metrics.jsonl").read_on()


def test_samples_are_found_again_by_their_places(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        begin_policy(run)
        log_steps(run, 3, text='a "prompt":"none" {"step":99} ü')
        log = SampleLog(run.path / "policy/samples.jsonl")
        log.read_on()
        assert log.followed(5) == ["prompt-0", "prompt-1"]
        assert [place.step for place in log.places["prompt-1"]] == [1, 2, 3]
        row = log.line_at(log.places["prompt-1"][1])
        assert row is not None
        assert (row["prompt"], row["text"]) == ("prompt-1", 'a "prompt":"none" {"step":99} ü of step 2')
        run.log("policy/samples.jsonl").cut_back(None)
        assert log.line_at(log.places["prompt-1"][1]) is None


def test_the_prompts_that_are_written_on_most_are_followed(tmp_path: Path) -> None:
    path = tmp_path / "samples.jsonl"
    order = ["a", "b", "c", "b", "c", "b"]
    path.write_text(
        "".join(f'{{"step":{step},"index":0,"prompt":"{name}","text":""}}\n' for step, name in enumerate(order))
    )
    log = SampleLog(path)
    log.read_on()
    assert log.followed(2) == ["b", "c"]


def test_a_log_of_many_parts_is_read_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("accord.watch.live_log.PART", 7)
    path = tmp_path / "metrics.jsonl"
    path.write_text("".join(f'{{"step": {step}}}\n' for step in range(1, 60)) + '{"step": 60')
    assert steps_of(MetricsLog(path)) == [*range(1, 60)]


@pytest.mark.parametrize("end", [30, 1 << 16])
def test_the_newest_steps_are_those_of_the_whole_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: int) -> None:
    monkeypatch.setattr("accord.watch.live_log.END", end)
    path = tmp_path / "metrics.jsonl"
    assert newest_rows(path) == []
    path.write_text("".join(f'{{"step": {step}}}\n' for step in range(1, 9)) + 'damaged\n{"step": 9}\n{"step": 10')
    found = [row["step"] for row in newest_rows(path)]
    assert found == ([9] if end == 30 else [*range(1, 10)])
