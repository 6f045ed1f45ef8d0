"""DC2: a collapsed policy fires, one as various as its start does not."""

from pathlib import Path

import numpy as np
import pytest

from accord.audit import distribution
from accord.audit.evidence import Evidence
from accord.audit.finding import Verdict
from accord.audit.settings import AuditSettings
from accord.run import RunDirectory

SETTINGS = AuditSettings()
WORDS = [f"word{i}" for i in range(60)]


def sampled(path: Path, *, choices: int, surprise: float, seed: int) -> RunDirectory:
    """Samples of eight words; the policy draws from the first `choices` words with `surprise` nats a token."""
    run, draw = RunDirectory.create(path), np.random.default_rng(seed)
    rows = []
    for arm, count, nats in (("start", 60, 2.0), ("policy", choices, surprise)):
        for i in range(320):
            rows.append(
                {
                    "arm": arm,
                    "prompt": f"p{i % 10}",
                    "text": " ".join(draw.choice(WORDS[:count], 8)),
                    "token_ids": [1] * 8,
                    "logprobs": [float(-nats * draw.exponential()) for _ in range(8)],
                }
            )
    run.write_jsonl("evaluation/samples.jsonl", rows)
    return run


@pytest.mark.parametrize("seed", range(5))
def test_a_collapsed_policy_fires(seed: int, tmp_path: Path) -> None:
    run = sampled(tmp_path / "run", choices=4, surprise=0.4, seed=seed)
    assert distribution.DIVERSITY.run(Evidence(run), SETTINGS).verdict is Verdict.FIRES
    assert distribution.ENTROPY.run(Evidence(run), SETTINGS).verdict is Verdict.FIRES


@pytest.mark.parametrize("seed", range(5))
def test_a_policy_as_various_as_its_start_does_not(seed: int, tmp_path: Path) -> None:
    run = sampled(tmp_path / "run", choices=60, surprise=1.8, seed=seed)
    assert distribution.DIVERSITY.run(Evidence(run), SETTINGS).verdict is Verdict.QUIET
    assert distribution.ENTROPY.run(Evidence(run), SETTINGS).verdict is Verdict.QUIET


def test_calibration_says_what_it_lacks(tmp_path: Path) -> None:
    run = sampled(tmp_path / "run", choices=60, surprise=1.8, seed=0)
    finding = distribution.CALIBRATION.run(Evidence(run), SETTINGS)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "questions with known answers" in finding.needs


def test_without_samples_nothing_is_assessed(tmp_path: Path) -> None:
    finding = distribution.DIVERSITY.run(Evidence(RunDirectory.create(tmp_path / "run")), SETTINGS)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "evaluation/samples.jsonl" in finding.needs
