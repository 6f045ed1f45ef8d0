"""DC2: a collapsed policy fires, one as various as its start does not."""

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from audit_checks import evaluation_sample, finding_of
from hypothesis import given
from hypothesis import strategies as st

from accord.artefacts import EVALUATION_SAMPLES, Verdict
from accord.audit.distribution import _distinct
from accord.run import RunDirectory

WORDS = [f"word{i}" for i in range(60)]


def sampled(
    path: Path, *, choices: int, surprise: float, seed: int, words: int = 8, samples: int = 320
) -> RunDirectory:
    """The start's 320 samples of eight words, the policy's `samples` of `words` words from the first `choices` words.

    The policy has `surprise` nats a token.
    """
    run, draw = RunDirectory.create(path), np.random.default_rng(seed)
    rows = []
    for arm, count, nats, long, many in (("start", 60, 2.0, 8, 320), ("policy", choices, surprise, words, samples)):
        for i in range(many):
            text = " ".join(draw.choice(WORDS[:count], long))
            logprobs = tuple(float(-nats * draw.exponential()) for _ in range(long))
            rows.append(evaluation_sample(arm, f"p{i % 10}", text=text, logprobs=logprobs))
    EVALUATION_SAMPLES.write(run, rows)
    return run


@pytest.mark.parametrize("seed", range(5))
def test_a_collapsed_policy_fires(seed: int, tmp_path: Path) -> None:
    run = sampled(tmp_path / "run", choices=4, surprise=0.4, seed=seed)
    assert finding_of("DC2 diversity", run).verdict is Verdict.FIRES
    assert finding_of("DC2 entropy", run).verdict is Verdict.FIRES


@pytest.mark.parametrize("seed", range(5))
def test_a_policy_as_various_as_its_start_does_not(seed: int, tmp_path: Path) -> None:
    run = sampled(tmp_path / "run", choices=60, surprise=1.8, seed=seed)
    assert finding_of("DC2 diversity", run).verdict is Verdict.QUIET
    assert finding_of("DC2 entropy", run).verdict is Verdict.QUIET


@pytest.mark.parametrize(("words", "samples"), [(40, 320), (3, 320), (8, 1600), (8, 60)])
def test_neither_length_nor_the_number_of_samples_passes_for_variety(words: int, samples: int, tmp_path: Path) -> None:
    same = sampled(tmp_path / "same", choices=60, surprise=2.0, seed=0, words=words, samples=samples)
    finding = finding_of("DC2 diversity", same)
    assert finding.verdict is Verdict.QUIET
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(1.0, abs=0.03)


def test_a_policy_that_writes_single_words_has_no_variety_left(tmp_path: Path) -> None:
    run = sampled(tmp_path / "run", choices=4, surprise=0.4, seed=0, words=1)
    finding = finding_of("DC2 diversity", run)
    assert finding.estimate is not None
    assert (finding.verdict, finding.estimate.value) == (Verdict.FIRES, 0.0)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_expected_different_pairs_is_the_mean_over_all_choices(counts: list[int], data: st.DataObject) -> None:
    pairs = Counter({(str(kind), ""): count for kind, count in enumerate(counts)})
    size = data.draw(st.integers(1, min(4, sum(counts))))
    choices = [len(set(chosen)) / size for chosen in combinations(pairs.elements(), size)]
    # elements() repeats equal kinds; combinations() tells them apart by place, as drawing without replacement does
    assert _distinct(pairs, size) == pytest.approx(np.mean(choices))


def test_alikeness_of_samples_is_told(tmp_path: Path) -> None:
    run = sampled(tmp_path / "run", choices=4, surprise=0.4, seed=0)
    facts = finding_of("DC2 diversity", run).facts
    start, policy = (facts[f"words that two samples of a prompt share, {arm}"].value for arm in ("start", "policy"))
    assert start < 0.15 < 0.7 < policy


def test_without_samples_nothing_is_assessed(tmp_path: Path) -> None:
    finding = finding_of("DC2 diversity", RunDirectory.create(tmp_path / "run"))
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "evaluation/samples.jsonl" in finding.needs
