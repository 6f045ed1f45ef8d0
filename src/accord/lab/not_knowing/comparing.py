"""RL on what a comparator of texts makes of answers, and the three modes of questions side by side."""

from collections.abc import Iterator

import numpy as np

from accord.lab.not_knowing.comparators import Reading, accuracy, comparator, rewards_by
from accord.lab.not_knowing.learning import reinforced, supervised
from accord.lab.not_knowing.measured import Answered
from accord.lab.not_knowing.network import Answerer
from accord.lab.not_knowing.points import ComparisonPoint, ModePoint
from accord.lab.not_knowing.world import ANSWERS, IDK, MODES, Floats, Questions

__all__ = ["compared_rewards", "comparing", "modes"]

PENALTY = 1.0
EVERY = 15


def compared_rewards(table_RA: Floats, of: Questions) -> Floats:
    """What each answer to each question is worth by a table for references; "I don't know." is worth 0 by rule."""
    reward_PA = table_RA[of.reference_P].copy()
    reward_PA[:, IDK] = 0.0
    return reward_PA


def comparing(names: tuple[str, ...], seed: int, *, quick: bool = False) -> Iterator[ComparisonPoint]:
    """RL on the reward of each comparator, measured as it goes."""
    of = Questions.draw(seed)
    train, held_out = (of.of_mode("knowledge", held_out=each) for each in (False, True))
    start = Answerer.having_read(of, seed, quick=quick)
    for name in names:
        compared_by = comparator(name, seed, quick=quick)
        table_RA = rewards_by(compared_by, PENALTY)
        reward_PA = compared_rewards(table_RA, held_out)
        steps, found = [0], [_measured(start, held_out, reward_PA)]
        policies = reinforced(start, train, compared_rewards(table_RA, train), seed, quick=quick)
        for step, learner in enumerate(policies, 1):
            if step % (2 if quick else EVERY) == 0:
                steps.append(step)
                found.append(_measured(learner, held_out, reward_PA))
        by_comparator, by_truth, wrong_unknown, answers = zip(*found, strict=True)
        yield ComparisonPoint(
            comparator=name,
            numbers=accuracy(compared_by, numbers=True, negation=False),
            negation=accuracy(compared_by, numbers=False, negation=True),
            refusal=float(table_RA[:, IDK].mean()),
            steps=tuple(steps),
            by_comparator=by_comparator,
            by_truth=by_truth,
            wrong_unknown=wrong_unknown,
            answers=answers,
        )


def modes(seed: int, *, quick: bool = False) -> Iterator[ModePoint]:
    """One learner for the questions of all modes: taught references, rewarded by a rule, or by comparison with them.

    The comparator is exact: what it gets wrong is that there are other right answers than the reference.
    """
    of = Questions.draw(seed)
    train = of.where(~of.held_out_P)
    start = Answerer.having_read(of, seed, quick=quick)
    *_, ruled = reinforced(start, train, train.reward(PENALTY), seed, quick=quick)
    compared = compared_rewards(rewards_by(Reading(), PENALTY), train)
    *_, by_reference = reinforced(start, train, compared, seed, quick=quick)
    taught, _ = supervised(start, train, train.reference_P, quick=quick)
    for learner, answerer in (("start", start), ("sft", taught), ("rule", ruled), ("comparison", by_reference)):
        for mode in MODES:
            held_out = of.of_mode(mode, held_out=True)
            answer_PA = answerer.answers(held_out)
            answered = Answered.of(answer_PA, held_out)
            yield ModePoint(
                mode=mode,
                learner=learner,
                right=float(answered.right_P.mean()),
                wrong=float(answered.wrong_P.mean()),
                refused=float(answered.refused_P.mean()),
                variety=_variety(answer_PA[:, :ANSWERS] * held_out.right_PA),
            )


def _measured(learner: Answerer, held_out: Questions, reward_PA: Floats) -> tuple[float, float, float, float]:
    """Mean reward by the comparator and by the truth, wrong answers where little is known, and how many are given."""
    answer_PA = learner.answers(held_out)
    answered = Answered.of(answer_PA, held_out)
    return (
        float((answer_PA * reward_PA).sum(1).mean()),
        answered.reward(PENALTY),
        float(answered.wrong_P[answered.unknown_P].mean()),
        float((1 - answered.refused_P).mean()),
    )


def _variety(right_PA: Floats) -> float:
    """exp of the entropy among right answers, the mean over questions."""
    among_PA = right_PA / right_PA.sum(1, keepdims=True)
    logs_PA = np.log(among_PA, out=np.zeros_like(among_PA), where=among_PA > 0)
    return float(np.exp(-(among_PA * logs_PA).sum(1)).mean())
