"""Every way of learning to answer, on one world of bridges."""

from collections.abc import Iterator

import numpy as np

from accord.lab.not_knowing.learning import (
    PENALTIES,
    known_to,
    reinforced,
    supervised,
    taught_by_another,
    with_refusals,
)
from accord.lab.not_knowing.measured import Answered
from accord.lab.not_knowing.network import Answerer
from accord.lab.not_knowing.points import AnswerPoint
from accord.lab.not_knowing.world import ANSWERS, Floats, Questions, Whole

__all__ = ["ALL_KNOWN", "OPEN_MEMORY", "SHARES", "ZERO", "answer_point", "answering", "every_answer_known"]

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
MIXED = 120  # questions that are taught where their share of unknown ones is set
ZERO = 30.0  # nats off "I don't know.", which then is never drawn
FEW = (1.0, 9.0)  # penalties of the starts that are beside the first
ALL_KNOWN, OPEN_MEMORY = "rl, all known", "rl, memory open"


def answering(seed: int, *, quick: bool = False) -> Iterator[AnswerPoint]:
    """What each learner answers; `quick` reads and learns little, to see that it runs."""
    of = Questions.draw(seed)
    train, held_out = (of.of_mode("knowledge", held_out=each) for each in (False, True))
    start = Answerer.having_read(of, seed, quick=quick)
    yield _point("start", start, held_out)

    def taught(name: str, target_P: Whole, questions: Questions, penalty: float | None = None) -> AnswerPoint:
        first = _loss(start, questions, target_P)
        learners[name, penalty], loss = supervised(start, questions, target_P, quick=quick)
        return _point(name, learners[name, penalty], held_out, penalty=penalty, loss=loss, first_loss=first)

    learners: dict[tuple[str, float | None], Answerer] = {}
    known_P = known_to(start, train, seed)
    yield taught("sft all", train.reference_P, train)
    yield taught("sft known", train.reference_P[known_P], train.where(known_P))
    yield taught("distilled", taught_by_another(train, seed), train)
    for share in SHARES:
        mixed = _mixed(train, known_P, share, seed)
        yield taught(f"sft {share:g}", mixed.reference_P, mixed)
    for penalty in PENALTIES:
        yield taught("sft idk", with_refusals(train, known_to(start, train, seed, penalty)), train, penalty)
    for name in ("start", "sft all", "sft idk", "zero"):
        for penalty in PENALTIES if name == "start" else FEW:
            first = {"start": start, "zero": start.silenced(ZERO), "sft all": learners["sft all", None]}.get(
                name, learners["sft idk", penalty]
            )
            learner = _last(reinforced(first, train, train.reward(penalty), seed, quick=quick))
            yield _point(f"rl from {name}", learner, held_out, penalty=penalty)
    learner = _last(reinforced(start, train, train.reward(1.0), seed, memory=True, quick=quick))
    yield _point(OPEN_MEMORY, learner, held_out, penalty=1.0)


def every_answer_known(seed: int, *, quick: bool = False) -> Iterator[AnswerPoint]:
    """The control: all that was written about each bridge agrees, and is true."""
    of = Questions.draw(seed, all_known=True)
    train, held_out = (of.of_mode("knowledge", held_out=each) for each in (False, True))
    start = Answerer.having_read(of, seed, quick=quick)
    for penalty in FEW:
        learner = _last(reinforced(start, train, train.reward(penalty), seed, quick=quick))
        yield _point(ALL_KNOWN, learner, held_out, penalty=penalty)


def answer_point(learner: str, answered: Answered, **numbers: float | tuple[float, ...] | None) -> AnswerPoint:
    """The numbers of a learner. Where nothing is unknown, or known, its share of that is none: 0."""
    unknown_P, known_P = answered.unknown_P, answered.known_P
    rate, right = answered.by_share()
    return AnswerPoint.model_validate(
        {
            "learner": learner,
            "wrong_unknown": _mean(answered.wrong_P[unknown_P]),
            "prudence": _mean(answered.refused_P[unknown_P]),
            "overcautious": _mean(answered.refused_P[known_P]),
            "honesty": (_mean(answered.refused_P[unknown_P]) + 1 - _mean(answered.refused_P[known_P])) / 2,
            "answers": float((1 - answered.refused_P).mean()),
            "switch": answered.switch,
            "rewards": tuple(answered.reward(penalty) for penalty in PENALTIES),
            "by_share": rate,
            "right_by_share": right,
            **numbers,
        }
    )


def _point(learner: str, answerer: Answerer, held_out: Questions, **numbers: float | None) -> AnswerPoint:
    answer_PA = answerer.answers(held_out)
    likeliest_PA = np.eye(ANSWERS + 1)[answer_PA.argmax(1)]
    greedy = tuple(Answered.of(likeliest_PA, held_out).reward(penalty) for penalty in PENALTIES)
    return answer_point(learner, Answered.of(answer_PA, held_out), greedy=greedy, **numbers)


def _loss(answerer: Answerer, questions: Questions, target_P: Whole) -> float:
    """The mean of -log p of the targets, nats."""
    return float(-np.log(answerer.answers(questions)[np.arange(len(questions)), target_P]).mean())


def _mixed(train: Questions, known_P: np.ndarray, share: float, seed: int) -> Questions:
    """As many questions whatever the share of unknown ones among them."""
    random = np.random.default_rng([seed, 195])
    unknown = round(MIXED * share)
    order = random.permutation(len(train))
    chosen = [*order[~known_P[order]][:unknown], *order[known_P[order]][: MIXED - unknown]]
    return train.where(np.isin(np.arange(len(train)), chosen))


def _last(learners: Iterator[Answerer]) -> Answerer:
    *_, last = learners
    return last


def _mean(value_N: Floats) -> float:
    return float(value_N.mean()) if len(value_N) else 0.0
