"""The benchmark's arithmetic, on cases worked out by hand, and its stages on the tiny model; no peer is needed."""

import json
import os
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks import driver, ours, pairs
from benchmarks.__main__ import best_known, contents
from benchmarks.decoding import gguf_file
from benchmarks.driver import Course, plan
from benchmarks.limits import decode_bound, training_flops
from benchmarks.machine import PLAYED, Load, kind
from benchmarks.pairs import Pair
from benchmarks.rows import ratios, row_of, with_goals
from benchmarks.stages import GOALS, SETTINGS, STAGES, settings_of
from benchmarks.table import BEGIN, END, table, tables, verdict
from benchmarks.turns import Side, SideFailedError
from benchmarks.work import places_of

from accord.errors import SlowPathWarning

ROOT = Path(__file__).parents[1]
FACTS = {
    "limits": {"gflops": 400.0, "read_gb": 26.9, "product": "bfloat16"},
    "flops": {"sft": 1e12},
    "path": {"computes_bfloat16": True},
    "weight_bytes": 269e6,
    "writing": {
        "stages": {"generate32": {"lengths": [16, 64, 128], "prompts": [[1]] * 3}},
        "likeliest": [3, 4, 5, 6],
    },
}


def steps(seconds: list[float], tokens: float | None = None) -> list[dict[str, Any]]:
    return [{"seconds": each, "processor": each, "tokens": tokens} for each in seconds]


def pair(
    ours: list[float],
    theirs: list[float],
    *,
    tokens: tuple[float | None, float | None] = (None, None),
    gb: tuple[float, float] = (1.0, 2.0),
    at_least: float | None = None,
    **ends: tuple[Any, Any],
) -> Pair:
    mine, peers = ({"peak_gb": gb[i], **{name: both[i] for name, both in ends.items() if both[i]}} for i in (0, 1))
    return Pair(steps(ours, tokens[0]), steps(theirs, tokens[1]), (mine, peers), at_least, 0.01, 60.0)


def test_places_of_prompts_and_their_answers() -> None:
    """A prompt of 3 with answers of 2 and 1: 6 places, 3 predictions, 6 + (6 + 3) + (3 + 1) pairs."""
    assert places_of([3], [[2, 1]]) == (6, 3, 19.0)


def test_operations_written_out() -> None:
    """10 layer weights on 6 places, 5 head weights on 3, 19 pairs of width 2 in one layer."""
    found = training_flops(layer_weights=10, head_weights=5, places=6, predictions=3, scores=19, width=2)
    assert found == 6 * 10 * 6 + 6 * 5 * 3 + 12 * 2 * 19


def test_the_bound_of_decoding() -> None:
    assert decode_bound(269e6, 26.9) == pytest.approx(0.01)


def test_ratios_are_of_medians_and_their_bracket_of_neighbours() -> None:
    """Steps that followed one another are held against one another: 10/4, 12/6, 20/5."""
    assert ratios([10.0, 12.0, 20.0], [4.0, 6.0, 5.0]) == {"median": 12 / 5, "low": 2.0, "high": 4.0}


def test_writing_is_counted_by_tokens() -> None:
    row = row_of("grpo", "default", pair([2.0, 2.0], [6.0, 6.0], tokens=(100.0, 60.0)), FACTS)
    assert row["ratio"]["median"] == pytest.approx((6 / 60) / (2 / 100))
    assert row["memory_ratio"] == 0.5
    (judged,) = with_goals([row], native=True)
    assert (judged["goal"], judged["met"]) == (5.5, False)


def test_what_nobody_else_has_is_held_against_ourselves() -> None:
    row = row_of("reward5", "reward", pair([2.6], [2.0], gb=(1.1, 1.0)), FACTS)
    (judged,) = with_goals([row], native=True)
    assert judged["peer"] == "accord"
    assert (judged["goal"], judged["met"]) == (1 / 1.3, True)
    assert (judged["memory_goal"], judged["memory_met"]) == (1.2, True)


def test_goals_stand_where_they_were_set_for() -> None:
    """Ratios against the default and the best, memory against no checkpointing, the limit once."""
    seconds = {"default": 4.0, "GC off, malloc": 3.0, "GC off, malloc, bf16 weights": 2.0}
    rows = [row_of("sft", name, pair([1.0, 1.0], [each, each]), FACTS) for name, each in seconds.items()]
    judged = with_goals(rows, native=True)
    assert [(row["goal"], row["met"]) for row in judged] == [(3.5, True), (None, None), (2.2, False)]
    assert [row["memory_goal"] for row in judged] == [None, 0.65, None]
    assert [row["best_setting"] for row in judged] == [False, False, True]
    # 1e12 operations in a second, of 400e9 at most.
    assert [(row["share_goal"], row["share_met"]) for row in judged] == [(None, None), (None, None), (0.6, True)]


def test_a_peer_that_was_ended_meets_a_goal_by_what_is_certain() -> None:
    """Its first step had taken 40 s; the slowest of ours took 10: 4 times at least. 3.5 is met, 4.5 would be open."""
    row = row_of("sft", "default", pair([8.0, 10.0], [], at_least=40.0), FACTS)
    assert row["at_least"]["ratio"] == pytest.approx(4.0)
    assert [each["met"] for each in with_goals([row], native=True)] == [True]
    assert with_goals([{**row, "at_least": {"ratio": 3.0}}], native=True)[0]["met"] is None
    assert "at least 4.0" in table({**content(), "results": with_goals([row], native=True)})


@pytest.mark.parametrize("native", [True, False])
def test_a_decoding_step_is_counted_as_a_step_and_held_against_the_bandwidth(native: bool) -> None:
    """208 tokens of three texts take 128 steps: 1.28 s are 10 ms a step, the bound at 26.9 GB/s."""
    row = row_of("generate32", "generate fp32", pair([1.28], [9.0], tokens=(208.0, 208.0)), FACTS)
    (judged,) = with_goals([row], native=native)
    assert judged["share"] == pytest.approx(1.0)
    assert judged["share_goal"] == pytest.approx(1 / 1.5 if native else 1 / 4.5)


def test_a_step_alone_is_held_against_memory_and_products() -> None:
    """Three sequences: 10 ms to read the weights; their 807e6 operations take 2 ms at 400 GFLOP/s, 20 at 40.35."""
    both = pair([1.28, 1.3], [9.0, 9.0], tokens=(208.0, 208.0))
    for reply in both.accord:
        reply["decode"] = 0.025
    assert row_of("generate32", "generate fp32", both, FACTS)["decode"] == pytest.approx(
        {"seconds": 0.025, "of_memory": 0.4, "of_both": 0.4}
    )
    slow = {**FACTS, "limits": {**FACTS["limits"], "gflops": 40.35}}
    row = row_of("generate32", "generate fp32", both, slow)
    assert row["decode"]["of_both"] == pytest.approx(0.8)
    assert "a step alone 40%, with its products 80%" in table({**content(), "results": with_goals([row], native=True)})


def test_sides_that_did_not_do_the_same_work_are_refused() -> None:
    with pytest.raises(ValueError, match="not equal work"):
        row_of("sft", "default", pair([1.0], [1.0], held_out=(2.0, 2.2)), FACTS)
    assert row_of("sft", "default", pair([1.0], [1.0], held_out=(2.0, 2.01)), FACTS)["held_out"]["peer"] == 2.01
    with pytest.raises(ValueError, match="25% alike"):
        row_of("generate32", "llama.cpp", pair([1.0], [1.0], likeliest=(None, [3, 9, 9, 9])), FACTS)


def test_goals_name_stages_and_settings_that_are_measured() -> None:
    """On machines with instructions for bfloat16 and without, each stage has its default and a best of its own."""
    assert set(GOALS) == set(STAGES)
    for able in (True, False):
        for stage, goal in GOALS.items():
            names = settings_of(stage, computes_bfloat16=able)
            assert set(goal.settings) <= set(names)
            assert len(names) == len(set(names))
        measured = plan(computes_bfloat16=able)
        assert {name for _, name in measured} | {"grpo", "reward"} >= {
            name for name, setting in SETTINGS.items() if setting.bfloat16 in (None, able)
        }


# --- machines


CPUINFO = (
    "processor\t: 0\nmodel name\t: AMD EPYC 9B14\ncpu family\t: 25\nmodel\t\t: 17\nflags\t\t: {}\n\nprocessor\t: 1\n"
)


def test_kinds_of_machine_are_told_apart_by_what_matters() -> None:
    zen4 = CPUINFO.format("avx2 fma f16c avx512f avx512_bf16")
    here = f"amd-epyc-9b14-{len(os.sched_getaffinity(0))}-cores"
    assert kind({}, cpuinfo=CPUINFO.format("avx2 fma")) == f"{here}-avx2"
    assert kind({}, cpuinfo=zen4) == f"{here}-avx512_bf16"
    assert kind({}, cpuinfo=CPUINFO.format("avx2 fma avx512f avx512_bf16 amx_tile amx_bf16")) == f"{here}-amx"
    assert kind({}, "avx2", cpuinfo=zen4) == f"{here}-avx512_bf16-as-avx2"
    with pytest.raises(ValueError, match="it can play avx512, avx2"):
        kind({}, "avx512_bf16", cpuinfo=zen4)
    with pytest.raises(ValueError, match="ATEN_CPU_CAPABILITY bind the libraries"):
        kind({"ATEN_CPU_CAPABILITY": "avx2"}, cpuinfo=zen4)


def test_playing_binds_all_libraries_that_choose() -> None:
    names = {"ONEDNN_MAX_CPU_ISA", "MKL_ENABLE_INSTRUCTIONS", "ATEN_CPU_CAPABILITY"}
    assert all(set(variables) == names for variables in PLAYED.values())


def test_what_others_take_of_a_machine() -> None:
    """In 200 ticks of two cores: 90 in work and 10 stolen, of which 60 are ours."""
    tick = 1 / os.sysconf("SC_CLK_TCK")
    before = Load.now("cpu  100 0 0 1000 0 0 0 0 0 0\n")
    after = Load.now("cpu  180 0 10 1100 0 0 0 10 0 0\n")
    assert after.others_since(before, 60 * tick) == pytest.approx(40 / 200)
    assert after.others_since(before, 500 * tick) == 0.0


# --- turns


CHILD = """
import sys, time
sys.path.insert(0, {root!r})
from benchmarks.turns import Turns
turns, count = Turns(), 0
while turns.wait():
    count += 1
    {work}
    turns.done(tokens=count)
turns.finish(peak_gb=turns.peak_gb(), count=count)
"""


def side(folder: Path, work: str) -> Side:
    return Side([sys.executable, "-c", CHILD.format(root=str(ROOT), work=work)], dict(os.environ), folder)


def test_two_sides_take_turns_and_tell(tmp_path: Path) -> None:
    """Each makes its step when it is asked to, and no other; a third that dies says why."""
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    with side(folders[0], "pass") as a, side(folders[1], "pass") as b, side(folders[2], "1 / 0") as c:
        for each in (a, b, c):
            each.ready(30)
        told = [each.step(30)["tokens"] for each in (a, b, a, b, a)]
        assert told == [1, 1, 2, 2, 3]
        assert [a.finish(30)["count"], b.finish(30)["count"]] == [3, 2]
        with pytest.raises(SideFailedError, match="ZeroDivisionError"):
            c.step(30)


def test_a_peer_that_lags_is_ended_and_ours_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    found = Pair([], [], ({}, None), None, 0.0, 0.0)
    monkeypatch.setattr(pairs, "LEAST", 0.2)
    with side(folders[0], "pass") as ours_side, side(folders[1], "time.sleep(60)") as peer:
        for each in (ours_side, peer):
            each.ready(30)
        pairs._alternate(ours_side, peer, found, warm=1, counted=2, bound=3.0)
        assert found.at_least == pytest.approx(0.2)
        assert (len(found.accord), len(found.peer)) == (1, 0)
        assert ours_side.finish(30)["count"] == 2


# --- the course


def content() -> dict[str, Any]:
    machine = {
        "kind": "some",
        "cpu": "CPU",
        "family": "1/2",
        "cores": 2,
        "threads": 2,
        "instructions": ["avx2"],
        "played": {"as": "avx2", **PLAYED["avx2"]},
        "versions": {"torch": "2"},
        "commit": "abc",
    }
    return {
        "machine": machine,
        "limits": FACTS["limits"],
        "busy": 0.5,
        "results": [],
        "failed": [],
        "left_out": [],
        "growth": [],
    }


def course(folder: Path, monkeypatch: pytest.MonkeyPatch, minutes: float = 40.0) -> Course:
    monkeypatch.setattr(driver, "source_digest", lambda: "1")
    made = Course(folder, play=None, minutes=minutes)
    made.facts = FACTS
    return made


def test_what_fails_is_recorded_and_what_was_measured_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comparison fails the first time; the course that is begun again makes that one alone."""
    asked: list[str] = []

    def measured(stage: str, setting: str, **_: Any) -> Pair:
        asked.append(setting)
        if setting == "GC off, malloc" and len(asked) == 2:
            raise SideFailedError("Traceback\nMemoryError: none is left")
        return pair([1.0, 1.0], [3.0, 3.0])

    monkeypatch.setattr(driver, "measure", measured)
    comparisons = [("sft", "default"), ("sft", "GC off, malloc"), ("sft", "GC off, malloc, bf16 weights")]
    first = course(tmp_path, monkeypatch)
    first.run(comparisons)
    assert [row["error"] for row in first.report["failed"]] == ["Traceback\nMemoryError: none is left"]
    assert len(first.report["results"]) == 2
    again = course(tmp_path, monkeypatch)
    again.run(comparisons)
    assert asked[3:] == ["GC off, malloc"]
    assert (len(again.report["results"]), again.report["failed"]) == (3, [])
    monkeypatch.setattr(driver, "source_digest", lambda: "2")
    assert Course(tmp_path, play=None, minutes=40.0).report["results"] == []


def test_no_comparison_is_begun_when_time_is_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    late = course(tmp_path, monkeypatch, minutes=0.0)
    late.run([("sft", "default")])
    assert late.report["results"] == []
    assert "no time was left" in late.report["left_out"][-1]["reason"]


def test_peers_that_are_not_there_are_left_out_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCORD_BENCH_VLLM", str(tmp_path / "none"))
    found = course(tmp_path, monkeypatch)
    found.run([("generate16", "vllm")])
    assert "make bench-peers" in found.report["left_out"][-1]["reason"]
    assert f"Left out: generate16, vllm: no {tmp_path / 'none'}" in table({**found.report, "limits": FACTS["limits"]})


def results(ratio: float) -> dict[str, Any]:
    row = {"stage": "sft", "peer": "trl", "peer_setting": "default", "ratio": {"median": ratio}, "best_setting": True}
    return {"results": [row], "failed": []}


def test_becoming_slower_is_told_and_noise_is_not() -> None:
    assert verdict(results(3.0), results(2.4)) == ["sft against default: 2.40 times as fast, was 3.00"]
    assert verdict(results(3.0), results(2.6)) == []
    assert verdict(results(3.0), results(4.0)) == []
    failed = {"results": [], "failed": [{"stage": "sft", "peer_setting": "default", "error": "E"}]}
    assert verdict(results(3.0), failed) == ["sft against default failed: E"]
    assert best_known(results(3.0), [("sft", "other"), ("dpo", "other")]) == [("sft", "default"), ("dpo", "other")]


def test_the_tables_in_the_docs_are_those_of_the_results() -> None:
    page = (ROOT / "docs/benchmarks.md").read_text()
    assert page.split(BEGIN)[1].split(END)[0].strip() == tables(contents())
    for file in (ROOT / "benchmarks/results").glob("*.json"):
        assert json.loads(file.read_text())["machine"]["kind"] == file.stem


# --- the sides


class Told:
    """Asks for so many steps, as the one who measures would, and keeps what is said."""

    def __init__(self, steps: int) -> None:
        self.left, self.replies, self.end = steps, [], {}  # type: ignore[var-annotated]

    def wait(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def done(self, **found: Any) -> None:
        self.replies.append(found)

    def finish(self, **found: Any) -> None:
        self.end = found

    @staticmethod
    def peak_gb() -> float:
        return 1.0


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages on the tiny model, with short texts."""
    snippets = ("A short text.", "Another text, of some more words.", "One more.")
    monkeypatch.setattr("benchmarks.texts._snippets", lambda: snippets)
    monkeypatch.setattr("benchmarks.texts.CHARACTERS", (20, 40))
    for name, value in {"MODEL": "tiny", "SIZES": dict.fromkeys(ours.SIZES, 4), "GROUP": 2, "NEW_TOKENS": 4}.items():
        monkeypatch.setattr(ours, name, value)


@pytest.mark.parametrize("stage", ["sft", "reward", "reward5", "dpo", "dpo_lora", "grpo", "ppo"])
@pytest.mark.usefixtures("tiny")
def test_every_stage_of_ours_runs(stage: str) -> None:
    """As many steps as were planned, the same texts in each."""
    told = Told(2)
    with warnings.catch_warnings():
        ours.serve(stage, 2, told)  # type: ignore[arg-type]
    assert len(told.replies) == 2
    assert (told.replies[0]["tokens"] is not None) == (stage in ("grpo", "ppo"))
    assert ("held_out" in told.end) == (stage in ("sft", "dpo", "dpo_lora"))


@pytest.mark.usefixtures("tiny")
def test_nothing_is_said_of_other_texts_when_fewer_steps_were_made() -> None:
    """A peer that lags is ended before all planned steps are made; accord's side stops there too."""
    told = Told(1)
    with warnings.catch_warnings():
        ours.serve("sft", 2, told)  # type: ignore[arg-type]
    assert (len(told.replies), "held_out" in told.end) == (1, False)


def test_fewer_steps_count_where_time_is_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is expected to take 240 s; with 10 minutes two steps count, with 3 one, with half a minute none."""
    wide = {"stage": "sft", "spread": 0.2}
    for minutes, counted in ((10.0, 2), (3.0, 1), (0.5, None)):
        assert course(tmp_path, monkeypatch, minutes)._counted(["sft", "sft"]) == counted
    apart = course(tmp_path, monkeypatch)
    apart.report["results"] = [wide]
    assert apart._counted(["sft"]) == 3


@pytest.mark.usefixtures("tiny")
def test_a_slow_path_of_ours_ends_its_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attention that cannot be reached: a warning elsewhere, an error here."""
    monkeypatch.setattr("accord.lm.loading.prove", lambda *_, **__: "planted")
    with warnings.catch_warnings(), pytest.raises(SlowPathWarning, match="planted"):
        ours.serve("sft", 1, Told(1))  # type: ignore[arg-type]


def test_rows_of_heads_are_laid_as_llama_cpp_turns_them() -> None:
    """Of each head the first and second halves become neighbours: 0 1 2 3 to 0 2 1 3."""
    rows = np.arange(8, dtype=np.float32).reshape(8, 1)
    assert gguf_file._interleaved(rows, 2).ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]
