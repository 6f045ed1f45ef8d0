"""What is concluded: the numbers of the marks."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from accord.lab.not_knowing.answering import ALL_KNOWN, FEW, SHARES
from accord.lab.not_knowing.comparators import BLIND, TAUGHT
from accord.lab.not_knowing.learning import PENALTIES
from accord.lab.not_knowing.measured import BINS
from accord.lab.not_knowing.results import Results, answered, bar, by_share, compared, in_mode, rewards
from accord.lab.not_knowing.world import Floats
from accord.stats import Estimate, mean

__all__ = ["conclude"]

RL = "rl from start"
NEAR = 0.1


def conclude(results: Results) -> Mapping[str, Estimate]:
    """What the marks are about, of what was run."""
    parts = (_guessing(results), _feedback(results), _ahead(results), _gamed(results), _modes(results), _words(results))
    return {name: mean(value_S) for part in parts for name, value_S in part if len(value_S)}


Values = Iterator[tuple[str, Floats]]


def _guessing(results: Results) -> Values:
    start_S = answered(results, "start", "wrong_unknown")
    wrong = {name: answered(results, name, "wrong_unknown") for name in ("sft all", "distilled", "sft known")}
    wrong["sft idk"] = answered(results, "sft idk", "wrong_unknown", 1.0)
    for name, wrong_S in wrong.items():
        yield f"guessing:{name}", wrong_S - start_S
    yield "known-only", wrong["sft all"] - wrong["sft known"]
    lines = [
        np.corrcoef(SHARES, wrong_N) if np.ptp(wrong_N) else np.zeros((2, 2))
        for wrong_N in (by_unknown_share(results)).T
    ]
    yield "unknown-share", np.array([np.polyfit(SHARES, wrong_N, 1)[0] for wrong_N in by_unknown_share(results).T])
    yield "unknown-line", np.array([line[0, 1] ** 2 for line in lines])
    yield "loss", answered(results, "sft all", "loss") - answered(results, "sft all", "first_loss")
    told = [
        answered(results, name, "prudence") - answered(results, name, "overcautious") for name in ("distilled", "start")
    ]
    yield "copied-ignorance", told[0] - told[1]


def by_unknown_share(results: Results) -> Floats:
    """Wrong answers to what is unknown by the share of unknown ones among what was taught, [share, S]."""
    return np.stack([answered(results, f"sft {share:g}", "wrong_unknown") for share in SHARES])


def _feedback(results: Results) -> Values:
    yield "honesty", answered(results, RL, "honesty", 1.0) - answered(results, "sft all", "honesty")
    for milder, stricter in pairwise(PENALTIES):
        rate_S, next_S = (answered(results, RL, "answers", penalty) for penalty in (milder, stricter))
        yield f"fewer-answers:{milder:g}", rate_S - next_S
    for penalty in PENALTIES:
        yield f"switch:{penalty:g}", np.abs(answered(results, RL, "switch", penalty) - bar(penalty))
        rate_SB, _ = by_share(results, RL, penalty)
        below_B, above_B = BINS[1:] <= bar(penalty) - NEAR + 1e-9, BINS[:-1] >= bar(penalty) + NEAR - 1e-9
        for name, chosen_B in (("below", below_B), ("above", above_B)):
            if chosen_B.any():
                yield f"rate-{name}:{penalty:g}", np.nanmean(rate_SB[:, chosen_B], axis=1)
    for penalty in FEW:
        yield f"never:{penalty:g}", 1 - answered(results, "rl from zero", "answers", penalty)
        yield f"all-known:{penalty:g}", 1 - answered(results, ALL_KNOWN, "answers", penalty)


def _ahead(results: Results) -> Values:
    for name, field in (("ahead", "rewards"), ("ahead-greedy", "greedy")):
        for penalty in PENALTIES:
            rl_S, taught_S = (
                rewards(results, learner, penalty, knows=penalty, field=field) for learner in (RL, "sft idk")
            )
            yield f"{name}:{penalty:g}", rl_S - taught_S


def _gamed(results: Results) -> Values:
    for name, comparator in (("exact", "exact"), ("taught", TAUGHT)):
        yield f"{name}-truth", compared(results, comparator, lambda point: point.by_truth[-1] - point.by_truth[0])
    for comparator in BLIND:
        blind_to = comparator.removeprefix("blind to ")
        for name, field in (("reward", "by_comparator"), ("truth", "by_truth"), ("wrong", "wrong_unknown")):
            value_SN = compared(results, comparator, lambda point, field=field: getattr(point, field))  # type: ignore[misc]
            yield f"gamed-{name}:{blind_to}", value_SN[:, -1] - value_SN[:, 0]


def _modes(results: Results) -> Values:
    def wrong(learner: str, mode: str) -> Floats:
        return in_mode(results, learner, mode, "wrong")

    start_S = wrong("start", "knowledge")
    yield "text-sft", wrong("sft", "text")
    yield "knowledge-sft", wrong("sft", "knowledge") - start_S
    yield "knowledge-rule", wrong("rule", "knowledge") - start_S
    yield "creative-rule", in_mode(results, "rule", "creative", "refused")
    yield "creative-comparison", in_mode(results, "comparison", "creative", "refused")
    sft_S, rule_S = (in_mode(results, learner, "creative", "variety") for learner in ("sft", "rule"))
    yield "creative-variety", sft_S - rule_S


def _words(results: Results) -> Values:
    start_S = answered(results, "start", "wrong_unknown", words=True)
    for name in ("sft all", "sft known", "sft idk"):
        yield f"words-guessing:{name}", answered(results, name, "wrong_unknown", words=True) - start_S
    rl_S, sft_S = (answered(results, name, "honesty", words=True) for name in (RL, "sft all"))
    yield "words-honesty", rl_S - sft_S
    rl_S, idk_S = (rewards(results, name, 1.0, words=True) for name in (RL, "sft idk"))
    yield "words-ahead", rl_S - idk_S
