"""The benchmark's arithmetic, on cases worked out by hand, and its stages on the tiny model; no peer is needed."""

import json
from pathlib import Path
from typing import Any

import pytest
from benchmarks import ours
from benchmarks.driver import compare, side_by_side
from benchmarks.limits import decode_bound, training_flops
from benchmarks.table import BEGIN, END, table, verdict
from benchmarks.work import places_of

ROOT = Path(__file__).parents[1]
LIMITS = {"gflops": 400.0, "read_gb": 20.0}


def result(seconds: list[float], tokens: list[float | None], gb: float) -> dict[str, Any]:
    return {"seconds": seconds, "tokens": tokens, "peak_gb": gb, "losses": []}


def test_places_of_prompts_and_their_answers() -> None:
    """A prompt of 3 with answers of 2 and 1: 6 places, 3 predictions, 6 + (6 + 3) + (3 + 1) pairs."""
    assert places_of([3], [[2, 1]]) == (6, 3, 19.0)


def test_operations_written_out() -> None:
    """10 layer weights on 6 places, 5 head weights on 3, 19 pairs of width 2 in one layer."""
    found = training_flops(layer_weights=10, head_weights=5, places=6, predictions=3, scores=19, width=2)
    assert found == 6 * 10 * 6 + 6 * 5 * 3 + 12 * 2 * 19


def test_the_bound_of_decoding() -> None:
    assert decode_bound(269e6, 26.9) == pytest.approx(0.01)


def test_ratios_and_their_spread() -> None:
    assert side_by_side([10.0, 12.0, 20.0], [4.0, 5.0]) == {"median": 12 / 4.5, "low": 2.0, "high": 5.0}


def test_the_first_step_is_warm_up_and_writing_is_counted_by_tokens() -> None:
    found = {
        "accord": [result([99.0, 2.0, 2.0], [1.0, 100.0, 100.0], 3.0)],
        "default": [result([99.0, 6.0, 6.0], [1.0, 60.0, 60.0], 6.0)],
    }
    (row,) = compare("grpo", found, LIMITS)
    assert row["ratio"]["median"] == pytest.approx((6 / 60) / (2 / 100))
    assert row["memory_ratio"] == 0.5
    assert (row["goal"], row["met"]) == (5.5, False)


def test_what_nobody_else_has_is_held_against_ourselves() -> None:
    found = {
        "accord": [result([9.0, 2.6, 2.6], [None, None, None], 1.1)],
        "reward": [result([9.0, 2.0, 2.0], [None, None, None], 1.0)],
    }
    (row,) = compare("reward5", found, LIMITS)
    assert (row["peer"], row["peer_setting"]) == ("accord", "reward")
    assert row["ratio"]["median"] == pytest.approx(2.0 / 2.6)
    assert (row["met"], row["memory_goal"], row["memory_met"]) == (True, 1.2, True)


def test_goals_stand_where_they_were_set_for() -> None:
    """Ratios against the default and the best, memory against no checkpointing, the limit once."""
    found = {
        "accord": [result([9.0, 1.0], [None, None], 2.0)],
        "default": [result([9.0, 4.0], [None, None], 2.0)],
        "GC off, malloc": [result([9.0, 3.0], [None, None], 4.0)],
        "GC off, malloc, bf16 weights": [result([9.0, 2.0], [None, None], 3.0)],
    }
    rows = {row["peer_setting"]: row for row in compare("grpo", found, LIMITS)}
    assert [(row["goal"], row["met"]) for row in rows.values()] == [(5.5, False), (None, None), (4.5, False)]
    assert [row["memory_goal"] for row in rows.values()] == [None, 0.6, None]
    assert rows["GC off, malloc"]["memory_met"]
    assert [row["best_setting"] for row in rows.values()] == [False, False, True]


def test_a_decoding_step_of_sequences_that_end_early_is_counted_as_a_step() -> None:
    """32 texts of 16 to 128 tokens take 128 steps: 1.28 s are 10 ms a step, the bound at 26.9 GB/s."""
    tokens = float(sum(16 + (112 * i) // 31 for i in range(32)))
    sides = {
        "accord": [result([1.0, 1.28], [tokens, tokens], 1.0)],
        "generate fp32": [result([1.0, 9.0], [tokens, tokens], 1.0)],
    }
    (row,) = compare("generate32", sides, {"gflops": 400.0, "read_gb": 26.9})
    assert row["limit_share"] == pytest.approx(1.0)
    assert row["limit_met"]


def test_sides_that_did_not_do_the_same_work_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.work.flops_of", lambda stage: 1e12)
    ours = {**result([1.0, 1.0], [None, None], 1.0), "held_out": 2.0}
    for theirs, wrong in ((2.01, False), (2.2, True)):
        found = {"accord": [ours], "default": [{**ours, "held_out": theirs}]}
        if wrong:
            with pytest.raises(RuntimeError, match="not equal work"):
                compare("sft", found, LIMITS)
        else:
            assert compare("sft", found, LIMITS)[0]["limit_share"] == pytest.approx(1e12 / 1e9 / 400)


def results(ratio: float) -> dict[str, Any]:
    row = {"stage": "sft", "peer": "trl", "peer_setting": "default", "ratio": {"median": ratio}}
    return {"results": [row]}


def test_becoming_slower_is_told_and_noise_is_not() -> None:
    assert verdict(results(3.0), results(2.4)) == ["sft against default: 2.40 times as fast, was 3.00"]
    assert verdict(results(3.0), results(2.6)) == []
    assert verdict(results(3.0), results(4.0)) == []


def test_the_table_in_the_docs_is_that_of_the_results() -> None:
    content = json.loads((ROOT / "benchmarks/results.json").read_text())
    page = (ROOT / "docs/benchmarks.md").read_text()
    assert page.split(BEGIN)[1].split(END)[0].strip() == table(content)


@pytest.mark.parametrize("stage", ["sft", "reward", "reward5", "dpo", "dpo_lora", "grpo", "ppo"])
def test_every_stage_of_ours_runs(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the tiny model, with short texts."""
    snippets = ("A short text.", "Another text, of some more words.", "One more.")
    monkeypatch.setattr("benchmarks.texts._snippets", lambda: snippets)
    monkeypatch.setattr("benchmarks.texts.CHARACTERS", (20, 40))
    for name, value in {"MODEL": "tiny", "SIZES": dict.fromkeys(ours.SIZES, 4), "GROUP": 2, "NEW_TOKENS": 4}.items():
        monkeypatch.setattr(ours, name, value)
    result = ours.measure(stage, 2)
    assert len(result["seconds"]) == len(result["losses"]) == len(result["tokens"]) == 2
    assert all(seconds > 0 for seconds in result["seconds"])
    assert (result["tokens"][0] is not None) == (stage in ("grpo", "ppo"))
    assert ("held_out" in result) == (stage in ("sft", "dpo", "dpo_lora"))
