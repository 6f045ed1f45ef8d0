"""What is said of two runs of one recipe by two engines: planted differences are found, ways of samples are none."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from tools.engines_walk import compare

STEP = {"step": 1, "kl": 0.5, "seconds": 1.0, "samples_wait": None}
SAMPLE = {"step": 1, "text": "a bee", "token_ids": [1, 2], "logprobs": [-0.5, -0.25]}


def made(
    path: Path,
    *,
    step: dict[str, Any] | None = None,
    sample: dict[str, Any] | None = None,
    weight: float = 0.0,
    verdict: str = "quiet",
) -> Path:
    stage = path / "rounds/01/policy"
    (stage / "model").mkdir(parents=True)
    (stage / "metrics.jsonl").write_text(json.dumps(STEP | (step or {})) + "\n")
    (stage / "samples.jsonl").write_text(json.dumps(SAMPLE | (sample or {})) + "\n")
    save_file({"w": torch.ones(2, 2) + weight}, stage / "model/model.safetensors")
    (path / "rounds/01/audit.json").write_text(
        json.dumps({"findings": [{"challenge": "P-KL", "check": "sign", "verdict": verdict}]})
    )
    return path


@pytest.mark.parametrize(
    ("planted", "number", "weight", "same"),
    [
        ({"step": {"seconds": 9.0, "samples_wait": 0.5}}, 0.0, 0.0, True),
        ({"step": {"kl": 0.75}}, 0.25, 0.0, True),
        ({"sample": {"logprobs": [-0.5, -0.5]}}, 0.25, 0.0, True),
        ({"sample": {"token_ids": [1, 3]}}, 0.0, 0.0, False),
        ({"sample": {"logprobs": [-0.5]}}, 0.0, 0.0, False),
        ({"step": {"more": 1}}, 0.0, 0.0, False),
        ({"weight": 0.5}, 0.0, 0.5, True),
    ],
)
def test_differences_are_found(
    planted: dict[str, Any], number: float, weight: float, same: bool, tmp_path: Path
) -> None:
    of_policy, of_audit = compare(made(tmp_path / "one"), made(tmp_path / "other", **planted))
    assert of_policy == ("01", "policy", (number, weight, same))
    assert of_audit == ("01", "audit", (0.0, 0.0, True))


def test_other_verdicts_and_missing_rounds_are_found(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one"), made(tmp_path / "other", verdict="fired")
    assert not list(compare(one, other))[-1][2].same
    (one / "rounds/02").mkdir()
    where, what, apart = next(compare(one, other))
    assert (where, what, apart.same) == ("all", "rounds", False)
