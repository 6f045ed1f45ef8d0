"""RG1 underspecified and RE1 foretold: several rewards of the same data, and which of them to choose."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from audit_checks import evaluation_sample, finding_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from accord.artefacts import EVALUATION_SAMPLES, Finding, Verdict
from accord.audit import CHECKS, AuditSettings, Evidence
from accord.audit.evidence import REWARD_BESIDE
from accord.audit.reward.foretold import best_of, pairs_to_tell, rank_correlation
from accord.audit.reward.underspecified import disagreement
from accord.feedback import Dataset, write_data
from accord.interfaces import Judge, Scores
from accord.records import Completion, Prompt
from accord.run import RunDirectory
from small_data import letters_dataset, truth


class Of:
    """A judge by functions of a text: their mean, and members where there are several."""

    def __init__(self, *functions: Callable[[str], float], components: bool = False) -> None:
        self.name, self.functions, self.components = "reward", functions, components

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        score_NS = np.array([[of_text(each.text) for of_text in self.functions] for each in completions])
        if self.components:
            parts = {f"part {i}": Scores(of_part) for i, of_part in enumerate(score_NS.T)}
            return Scores(score_NS.mean(1), components=parts)
        return Scores(score_NS.mean(1), members_NS=score_NS if len(self.functions) > 1 else None)


def version(seed: int) -> Callable[[str], float]:
    """The truth, and where a text has a `z` a number of the seed's own for it."""
    return lambda text: truth(text) + ("z" in text) * float(np.random.default_rng([seed, *text.encode()]).normal(0, 3))


def write(path: Path, data: Dataset, *, mark: str = " z") -> RunDirectory:
    """A run whose start writes letters, and whose policy does so with a mark."""
    run, random = RunDirectory.create(path / "run"), np.random.default_rng(3)
    write_data(run, data)
    rows = [
        evaluation_sample(arm, prompt.id, index=k, text="".join(random.choice(list("ab"), 9)) + tail + f" {k}")
        for arm, tail in (("start", ""), ("policy", mark))
        for prompt in data.prompts_of("held_out")
        for k in range(8)
    ]
    EVALUATION_SAMPLES.write(run, rows)
    return run


def assessed(check: str, path: Path, judges: dict[str, Judge], *, mark: str = " z") -> Finding:
    with write(path, letters_dataset(prompts=36), mark=mark) as run:
        return finding_of(check, run, **judges)


@pytest.mark.parametrize("mark", [" z", ""], ids=["what nobody judged", "what people judged"])
@pytest.mark.parametrize("members", [True, False])
def test_versions_that_part_on_what_the_policy_writes(members: bool, mark: str, tmp_path: Path) -> None:
    versions = [version(seed) for seed in range(4)]
    judges: dict[str, Judge] = {"reward": Of(*versions) if members else Of(versions[0])}
    judges |= {} if members else {f"{REWARD_BESIDE}{i}": Of(each) for i, each in enumerate(versions[1:])}
    finding = assessed("RG1 underspecified", tmp_path, judges, mark=mark)
    assert finding.verdict is (Verdict.FIRES if mark else Verdict.QUIET), finding.result
    assert ("4 members" in finding.result) is members


def test_one_reward_has_no_versions(tmp_path: Path) -> None:
    finding = assessed("RG1 underspecified", tmp_path, {"reward": Of(truth)})
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "ensemble_size" in finding.needs


def test_a_version_that_tells_no_texts_apart_is_said(tmp_path: Path) -> None:
    finding = assessed("RG1 underspecified", tmp_path, {"reward": Of(truth, lambda text: 1.0)})
    assert "tell held-out texts apart" in finding.needs


def test_runs_of_other_recipes_are_no_versions(tmp_path: Path) -> None:
    """Rewards are handed in beside two runs of which one has the same seed."""
    with write(tmp_path, letters_dataset(prompts=36)) as run:
        others = [tmp_path / f"other-{i}" for i in range(2)]
        for path in others:
            RunDirectory.create(path, seed=7).close()
        judges: dict[str, Judge] = {"reward": Of(truth), f"{REWARD_BESIDE}x": Of(version(1))}
        finding = CHECKS.get("RG1 underspecified").run(Evidence(run, judges, beside=others), AuditSettings())
    assert "different seeds" in finding.needs


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(-2, 2), min_size=3, max_size=3), min_size=1, max_size=6))
def test_the_share_of_versions_that_disagree_is_that_of_all_pairs(rows: list[list[int]]) -> None:
    margin_PS = np.array(rows, dtype=np.float64)
    wanted = [np.mean([0.5 if a * b == 0 else float(a * b < 0) for a, b in combinations(row, 2)]) for row in margin_PS]
    assert disagreement(margin_PS) == pytest.approx(np.array(wanted))
    assert disagreement(-margin_PS) == pytest.approx(disagreement(margin_PS))


def by_length(text: str) -> float:
    return float(len(text))


def confounded() -> Dataset:
    """Held out are pairs in which the better text is the longer."""
    data = letters_dataset(prompts=36)
    text_of = {name: completion.text for name, completion in data.completions.items()}
    kept = [p for p in data.pairs["held_out"] if len(text_of[p.chosen]) > len(text_of[p.rejected]) and not p.tie]
    return replace(data, pairs={**data.pairs, "held_out": tuple(kept)})


@pytest.mark.parametrize("is_confounded", [True, False])
def test_the_reward_that_is_right_most_often_is_worth_the_least_or_not(is_confounded: bool, tmp_path: Path) -> None:
    noisy: list[Callable[[str], float]] = [lambda text, k=k: truth(text) + 0.05 * (len(text) * k % 3) for k in (1, 2)]  # type: ignore[misc]
    data = confounded() if is_confounded else letters_dataset(prompts=36)
    judges: dict[str, Judge] = {
        "reward": Of(noisy[0]),
        "eval_reward": Of(truth),
        f"{REWARD_BESIDE}second": Of(noisy[1]),
        f"{REWARD_BESIDE}by length": Of(by_length),
    }
    with write(tmp_path, data) as run:
        finding = finding_of("RE1 foretold", run, **judges)
    assert finding.verdict is (Verdict.FIRES if is_confounded else Verdict.QUIET), finding.result
    ranks = finding.facts["rank correlation of accuracy with the best of 16"]
    assert ranks.low is not None
    assert ranks.low <= ranks.value


@pytest.mark.parametrize("components", [True, False])
def test_what_a_reward_is_made_of_and_its_members_are_rewards_too(components: bool, tmp_path: Path) -> None:
    judges: dict[str, Judge] = {
        "reward": Of(truth, by_length, lambda text: -truth(text), components=components),
        "eval_reward": Of(truth),
    }
    finding = assessed("RE1 foretold", tmp_path, judges)
    assert f"Of {4 if components else 3} rewards" in finding.result


def test_two_rewards_are_too_few(tmp_path: Path) -> None:
    judges: dict[str, Judge] = {"reward": Of(truth, by_length), "eval_reward": Of(truth)}
    finding = assessed("RE1 foretold", tmp_path, judges)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "3 rewards (there are 2;" in finding.needs


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 4), min_size=4, max_size=7), st.integers(1, 8))
def test_the_best_of_n_is_the_mean_over_all_draws_of_n(scores: list[int], n: int) -> None:
    value_M, score_M = np.arange(len(scores), dtype=np.float64) ** 2, np.array(scores, dtype=np.float64)
    best = []
    for draw in combinations(range(len(scores)), min(n, len(scores))):
        top = max(scores[place] for place in draw)
        best.append(np.mean([value_M[place] for place in draw if scores[place] == top]))
    assert best_of(score_M, value_M, n) == pytest.approx(float(np.mean(best)))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=9))
def test_a_rank_correlation_is_scipys(rows: list[tuple[int, int]]) -> None:
    one, other = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        assert rank_correlation(one, other) == 0
    else:
        assert float(rank_correlation(one, other)) == pytest.approx(float(spearmanr(one, other).statistic))


@pytest.mark.parametrize(("lower", "pairs"), [(0.70, 482), (0.65, 124), (0.60, 56), (0.55, 32)])
def test_how_many_pairs_tell_a_drop_from_three_quarters(lower: float, pairs: int) -> None:
    assert pairs_to_tell(0.75, lower) == pytest.approx(pairs, abs=1)
