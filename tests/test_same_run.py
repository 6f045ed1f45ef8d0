"""The comparison of two runs misses nothing, and lets pass what its tables name."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tools.run_diff import FIELDS, FILES, compare

ESTIMATE = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 16, "clusters": 4, "level": 0.95, "method": "cluster bootstrap"}
FINDING = {
    "challenge": "RG1",
    "check": "edits",
    "verdict": "FIRES",
    "threshold": "above 0.25",
    "result": "It moves.",
    "estimate": ESTIMATE,
    "facts": {"a misspelling": ESTIMATE},
}


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(map(json.dumps, content)) + "\n" if path.suffix == ".jsonl" else json.dumps(content)
    path.write_text(text)


def read(path: Path) -> Any:
    text = path.read_text()
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """A small run under the old names, and its copy."""
    old = tmp_path / "old"
    write(old / "manifest.json", {"created": "today"})
    write(old / "judge" / "scores.jsonl", [{"completion": f"c-{row}", "score": row / 7} for row in range(5)])
    write(old / "policy" / "metrics.jsonl", [{"step": 1, "reward": 0.1, "reward_sd": 0.2, "seconds": 3, "parts": None}])
    write(old / "evaluation" / "samples.jsonl", [{"index": 0, "text": "a", "proxy": -0.0, "token_ids": [1, 2]}])
    write(old / "audit.json", {"findings": [FINDING, FINDING]})
    (old / "policy" / "model").mkdir()
    save_file({"weight": torch.linspace(0, 1, 12).view(3, 4)}, old / "policy" / "model" / "model.safetensors")
    shutil.copytree(old, tmp_path / "new")
    return old, tmp_path / "new"


def edit(file: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    def edited(run: Path) -> None:
        content = read(run / file)
        change(content)
        write(run / file, content)

    return edited


def flip_one_bit(run: Path) -> None:
    file = run / "policy" / "model" / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def transpose(run: Path) -> None:
    file = run / "policy" / "model" / "model.safetensors"
    save_file({"weight": load_file(file)["weight"].view(4, 3)}, file)


def finding(field: str, value: Any) -> Callable[[Path], None]:
    return edit("audit.json", lambda content: content["findings"][1].update({field: value}))


FAULTS: dict[str, tuple[Callable[[Path], None], str]] = {
    "a bit of a weight": (flip_one_bit, "policy/model/model.safetensors.weight.bytes byte 47"),
    "a weight's shape": (transpose, "policy/model/model.safetensors.weight.shape[0]: 3 -> 4"),
    "the last digit of a score": (
        edit("judge/scores.jsonl", lambda rows: rows[3].update(score=0.42857142857142855 + 2**-54)),
        "eval_reward/scores.jsonl[3].score",
    ),
    "a row": (edit("judge/scores.jsonl", lambda rows: rows.pop()), "eval_reward/scores.jsonl.length: 5 -> 4"),
    "the order of rows": (edit("judge/scores.jsonl", lambda rows: rows.reverse()), "scores.jsonl[0].completion"),
    "a sign of zero": (edit("evaluation/samples.jsonl", lambda rows: rows[0].update(proxy=0.0)), "[0].reward"),
    "a token": (edit("evaluation/samples.jsonl", lambda rows: rows[0]["token_ids"].append(3)), "token_ids.length"),
    "a field more": (edit("policy/metrics.jsonl", lambda rows: rows[0].update(kl=0.0)), "[0].kl: missing -> 0.0"),
    "a field less": (edit("policy/metrics.jsonl", lambda rows: rows[0].pop("reward")), "[0].reward: 0.1 -> missing"),
    "an unlisted name": (
        edit("policy/metrics.jsonl", lambda rows: rows[0].update(spread=rows[0].pop("reward_sd"))),
        "[0].reward_std: 0.2 -> missing",
    ),
    "a file less": (lambda run: (run / "judge" / "scores.jsonl").unlink(), "scores.jsonl: there -> missing"),
    "a file more": (lambda run: write(run / "other.json", 1), "other.json: missing -> there"),
    "a verdict": (finding("verdict", "QUIET"), "audit.json[1] RG1 edits .verdict: 'FIRES' -> 'QUIET'"),
    "an estimate": (finding("estimate", ESTIMATE | {"high": 0.61}), ".estimate.high: 0.6 -> 0.61"),
    "a fact": (finding("facts", {"a misspelling": ESTIMATE | {"n": 15}}), ".facts[0].n: 16 -> 15"),
    "a threshold": (finding("threshold", "above 0.26"), ".threshold[0]: 0.25 -> 0.26"),
    "a finding": (edit("audit.json", lambda content: content["findings"].pop()), ".verdict: 'FIRES' -> missing"),
}


def test_a_copy_is_the_same(runs: tuple[Path, Path]) -> None:
    assert list(compare(*runs)) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_found_where_it_is(fault: str, runs: tuple[Path, Path]) -> None:
    plant, place = FAULTS[fault]
    plant(runs[1])
    differences = [str(difference) for difference in compare(*runs) if not difference.note]
    assert any(place in difference for difference in differences), differences


def test_names_times_prose_and_nulls_may_differ(runs: tuple[Path, Path]) -> None:
    old, new = runs
    (new / "judge").rename(new / "eval_reward")
    write(new / "manifest.json", {"created": "tomorrow"})
    metrics = [{"step": 1, "reward": 0.1, "reward_std": 0.2, "seconds": 9, "clip_frac": None}]
    write(new / "policy" / "metrics.jsonl", metrics)
    edit("evaluation/samples.jsonl", lambda rows: rows[0].update(reward=rows[0].pop("proxy")))(new)
    renamed = {"one letter wrong": ESTIMATE}
    other = FINDING | {"result": "So it does.", "threshold": "more than 0.25", "facts": renamed}
    write(new / "audit.json", {"findings": [FINDING, other]})
    for one, another in (runs, runs[::-1]):
        differences = list(compare(one, another))
        assert all(difference.note for difference in differences)
        assert len(differences) == 3
    assert next(str(difference) for difference in compare(old, new)) == (
        "audit.json[1] RG1 edits .result: 'It moves.' -> 'So it does.'"
    )


def test_no_name_is_both_old_and_new() -> None:
    """Otherwise the newest name of a field would depend on how often it is looked up."""
    for pattern, old, _ in FIELDS:
        assert not any(old == new and pattern == other for other, _, new in FIELDS)
    assert not set(FILES) & set(FILES.values())
