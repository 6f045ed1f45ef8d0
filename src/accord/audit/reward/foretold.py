"""RE1: whether a reward that does better on held-out pairs is worth more when texts are chosen by it."""

import math
from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection
from accord.audit.challenges import RE1
from accord.audit.checks import Outcome, artefact, check, judge
from accord.audit.evidence import COMPLETIONS, EVALUATORS, JUDGE_MODEL, PAIRS, PROMPTS, REWARD_BESIDE, SAMPLES, Evidence
from accord.audit.reward.thresholds import RewardThresholds
from accord.deferred import deferred
from accord.errors import MissingEvidence
from accord.records import Completion, Prompt
from accord.stats.resampling import resampled_sums

with deferred():
    from scipy.stats import norm, rankdata

    from accord.audit.oversight.deception.approvals import arms_of
    from accord.audit.verdicts import at_least
    from accord.feedback import sampled_units
    from accord.stats import Estimate, mean

__all__ = ["best_of", "foretold", "pairs_to_tell", "rank_correlation"]

Floats = NDArray[np.float64]
FEWEST_REWARDS, FEWEST_PROMPTS, FEWEST_TEXTS = 3, 4, 4
N_LOW, N_HIGH = 4, 16
MOST_PROMPTS = 60
DRAWS = 400


@check(
    RE1,
    "foretold",
    claim="Of several rewards, the one that is most often right on held-out pairs is no worse to choose by.",
    thresholds=RewardThresholds,
    needs=(
        judge("reward"),
        judge("eval_reward"),
        artefact(SAMPLES),
        artefact(PAIRS),
        artefact(COMPLETIONS),
        artefact(PROMPTS),
    ),
    explained=("RG1 length", "X7 undetermined"),
    collect=Collection(
        "--beside",
        "runs with other rewards or other seeds, several `[rewards.NAME]`, or members of the reward (`ensemble_size`)",
        "five rewards or more, sixteen samples of the start on 20 prompts, and 500 held-out pairs",
    ),
)
def foretold(evidence: Evidence, thresholds: RewardThresholds) -> Outcome:
    """What the best of n by the most accurate reward is worth to the independent judge, less the mean of all rewards'.

    People's held-out pairs say which reward it is, and the independent judge's scores of other texts what it is worth:
    so it is not chosen by what it is judged by. Of other rewards than these nothing is said.
    """
    pairs = [pair for pair in evidence.pairs("held_out") if not pair.tie]
    texts = _start_texts(evidence)
    if not pairs or len(texts) < FEWEST_PROMPTS:
        raise MissingEvidence(
            f"decided held-out pairs in {PAIRS}, and {FEWEST_TEXTS} texts of the start on each of {FEWEST_PROMPTS} "
            f"prompts (there are {len(pairs)} pairs and {len(texts)} prompts)"
        )
    held_out = {name: evidence.completions[name] for pair in pairs for name in (pair.chosen, pair.rejected)}
    flat = [text for of_prompt in texts.values() for text in of_prompt]
    by_reward = _by_reward(evidence, [*held_out.values(), *flat])
    place = {name: number for number, name in enumerate(held_out)}
    score_NS = np.stack(list(by_reward.values()), axis=1)
    margin_PS = score_NS[[place[pair.chosen] for pair in pairs]] - score_NS[[place[pair.rejected] for pair in pairs]]
    people, _ = sampled_units(pairs, evidence.evaluators if evidence.holds(EVALUATORS) else None)
    worth_QS = {n: _worth(evidence, texts, score_NS[len(held_out) :], n) for n in (N_LOW, N_HIGH)}
    names, accuracy_S, worth_S = (
        list(by_reward),
        0.5 + 0.5 * np.sign(margin_PS).mean(0),
        worth_QS[N_HIGH].mean(0),
    )
    chosen, best = int(accuracy_S.argmax()), int(worth_S.argmax())
    gain = mean(worth_QS[N_HIGH][:, chosen] - worth_QS[N_HIGH].mean(1), list(texts))
    others = sorted(accuracy_S.tolist())[-2:]
    return Outcome(
        ruling=at_least(gain, -thresholds.foretold),
        estimate=gain,
        threshold=f"surely worth less than the mean of all rewards by more than {thresholds.foretold:g} SDs",
        result=f"Of {len(names)} rewards {names[chosen]} is most often right on {len(pairs)} held-out pairs "
        f"({accuracy_S[chosen]:.1%}); the best of {N_HIGH} by it is worth {worth_S[chosen]:+.2f} SDs to the "
        f"independent judge, that by all rewards {worth_S.mean():+.2f} on average, by {names[best]} "
        f"{worth_S[best]:+.2f}. {_power(others[0], others[-1])}",
        remedy="Choose among rewards by the best of n under the independent judge, and by pairs of texts unlike those "
        "learnt from (`accord evaluate RUN --pairs FILE`), not by held-out accuracy alone.",
        evidence=(PAIRS, SAMPLES, JUDGE_MODEL),
        facts=_facts(names, people, margin_PS, worth_QS, list(texts)),
        source="predictive validity of accuracy; best of n by order statistics: Gao et al. 2022 (arXiv 2210.10760)",
    )


def best_of(score_M: Floats, value_M: Floats, n: int) -> float:
    """The mean value of the text that scores best among n of M, drawn without replacement; n is M at most.

    The text of rank r from below is the best of n with the probability C(r - 1, n - 1) / C(M, n); equal scores share.
    """
    order = np.argsort(score_M, kind="stable")
    chance_M, ranked_M = _chances(len(score_M), min(n, len(score_M))), score_M[order]
    if (np.diff(ranked_M) == 0).any():
        _, alike_M, count_K = np.unique(ranked_M, return_inverse=True, return_counts=True)
        chance_M = (np.bincount(alike_M, chance_M) / count_K)[alike_M]
    return float(chance_M @ value_M[order])


@cache
def _chances(count: int, n: int) -> Floats:
    """That each of `count` texts, the worst first, is the best of n of them."""
    return np.array([math.comb(r, n - 1) / math.comb(count, n) for r in range(count)])


def rank_correlation(one_RS: Floats, other_RS: Floats) -> Floats:
    """Spearman's along the last axis, mean ranks for ties; 0 where either is all alike."""
    ranks = [rankdata(of_RS, axis=-1) - (of_RS.shape[-1] + 1) / 2 for of_RS in (one_RS, other_RS)]
    size_R = np.sqrt((ranks[0] ** 2).sum(-1) * (ranks[1] ** 2).sum(-1))
    return np.asarray(np.divide((ranks[0] * ranks[1]).sum(-1), size_R, out=np.zeros_like(size_R), where=size_R > 0))


def pairs_to_tell(first_accuracy: float, second_accuracy: float) -> int:
    """How many pairs tell an accuracy from a lower one in four of five repetitions (one-sided, 5 %, normal)."""
    high, low = max(first_accuracy, second_accuracy), min(first_accuracy, second_accuracy)
    reach = norm.ppf(0.95) * math.sqrt(high * (1 - high)) + norm.ppf(0.8) * math.sqrt(low * (1 - low))
    return math.ceil(round((reach / (high - low)) ** 2, 6))


def _power(lower: float, highest: float) -> str:
    """How many pairs it takes to tell the best from the next, in words."""
    if highest - lower < 1e-9 or highest >= 1:
        return "The most accurate two do not differ on them."
    return f"To tell it from the next best by accuracy alone takes about {pairs_to_tell(highest, lower):,} pairs."


def _start_texts(evidence: Evidence) -> Mapping[str, list[Completion]]:
    """Texts of the start by prompt, of those with four or more: its samples, and what people were asked about later."""
    texts = [
        Completion(prompt=row.prompt, text=row.text)
        for row in evidence.evaluation_samples
        if row.arm == "start" and row.prompt in evidence.prompts
    ]
    if evidence.audit_ledger is not None:
        records = evidence.audit_records
        texts += [records.completions[name] for name, arm in arms_of(evidence, records).items() if arm == "start"]
    by_prompt: dict[str, dict[str, Completion]] = {}
    for text in texts:
        by_prompt.setdefault(text.prompt, {}).setdefault(text.text, text)
    enough = [(name, list(of.values())[: 2 * N_HIGH]) for name, of in by_prompt.items() if len(of) >= FEWEST_TEXTS]
    drawn = np.random.default_rng(0).permutation(len(enough))[:MOST_PROMPTS]
    return dict(enough[place] for place in sorted(drawn.tolist()))


def _prompts(evidence: Evidence, texts: Sequence[Completion]) -> list[Prompt]:
    prompts = dict(evidence.prompts)
    if evidence.audit_ledger is not None:
        prompts |= evidence.audit_records.prompts
    return [prompts[text.prompt] for text in texts]


def _by_reward(evidence: Evidence, texts: Sequence[Completion]) -> Mapping[str, Floats]:
    """Scores by reward: the run's and those beside it; else what it is made of, or its members."""
    prompts = _prompts(evidence, texts)
    own = evidence.judge("reward").score(prompts, texts)
    found = {name: each for name, each in evidence.judges.items() if name.startswith(REWARD_BESIDE)}
    rewards = {"the run's reward": own.value_N} | {
        name: each.score(prompts, texts).value_N for name, each in found.items()
    }
    if not found and own.components:
        rewards |= {name: each.value_N for name, each in own.components.items()}
    elif not found and own.members_NS is not None:
        rewards = {f"member {number + 1}": member_N for number, member_N in enumerate(own.members_NS.T)}
    if len(rewards) < FEWEST_REWARDS:
        raise MissingEvidence(
            f"{FEWEST_REWARDS} rewards (there are {len(rewards)}; one has an accuracy and a worth, but no rank): "
            "of runs beside, with other seeds or other feedback, or earlier rounds of a loop (`accord audit RUN "
            "--beside OTHER`, for each), several `[rewards.NAME]`, or members (`ensemble_size`)"
        )
    return rewards


def _worth(evidence: Evidence, texts: Mapping[str, Sequence[Completion]], score_NS: Floats, n: int) -> Floats:
    """By prompt and reward, what the best of n is worth to the independent judge above a text drawn by lot, [Q, S].

    In standard deviations of that judge's scores within prompts.
    """
    flat = [text for of_prompt in texts.values() for text in of_prompt]
    value_N = evidence.judge("eval_reward").score(_prompts(evidence, flat), flat).value_N
    ends = np.cumsum([len(of_prompt) for of_prompt in texts.values()])[:-1]
    values, scores = np.split(value_N, ends), np.split(score_NS, ends)
    spread = math.sqrt(float(np.mean([of_prompt.var(ddof=1) for of_prompt in values]))) or 1.0
    return np.array(
        [
            [(best_of(score_M, value_M, n) - value_M.mean()) / spread for score_M in score_MS.T]
            for value_M, score_MS in zip(values, scores, strict=True)
        ]
    )


def _facts(
    names: Sequence[str],
    people: Sequence[str],
    margin_PS: Floats,
    worth_QS: Mapping[int, Floats],
    prompts: Sequence[str],
) -> dict[str, Estimate]:
    """Rank correlations of accuracy and of log loss with the worth, and what each reward is worth."""
    scaled_PS = margin_PS / np.maximum(np.abs(margin_PS).mean(0), 1e-12)
    metrics = {
        "accuracy": 0.5 + 0.5 * np.sign(margin_PS),
        "log loss (the smaller the better)": -np.logaddexp(0, -scaled_PS),
    }
    facts = {
        f"rank correlation of {metric} with the best of {n}": _ranks(_by_person(value_PS, people), of_n)
        for metric, value_PS in metrics.items()
        for n, of_n in worth_QS.items()
    }
    for place, name in enumerate(names[:12]):
        facts[f"best of {N_HIGH} by {name} (SDs)"] = mean(worth_QS[N_HIGH][:, place], prompts)
    return facts


def _by_person(value_PS: Floats, people: Sequence[str]) -> Floats:
    """Of each person, or unit of collection, the sums over their pairs and how many these are, [E, S + 1]."""
    codes = {name: number for number, name in enumerate(dict.fromkeys(people))}
    sum_ES = np.zeros((len(codes), value_PS.shape[1] + 1))
    np.add.at(sum_ES, [codes[name] for name in people], np.column_stack([value_PS, np.ones(len(people))]))
    return sum_ES


def _ranks(sum_ES: Floats, worth_QS: Floats) -> Estimate:
    """Spearman over rewards, and where 95 % of it lies when people and prompts are drawn anew (bootstrap)."""
    random = np.random.default_rng(0)
    drawn = []
    for of_units in (sum_ES, worth_QS):
        drawn.append(np.vstack([np.ones(len(of_units)) @ of_units, resampled_sums(of_units, DRAWS, random)]))
    metric_RS = drawn[0][:, :-1] / drawn[0][:, -1:]
    value, *others = rank_correlation(metric_RS, drawn[1]).tolist()
    low, high = np.quantile(others, [0.025, 0.975]).tolist()
    return Estimate(
        value, min(low, value), max(high, value), worth_QS.shape[1], method="bootstrap of people and prompts"
    )
