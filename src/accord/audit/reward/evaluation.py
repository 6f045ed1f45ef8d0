"""RE1: whether the reward model was shown to be worth something, by a judge that is independent of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from accord.artefacts.finding import Collection
from accord.audit.challenges import RE1
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import (
    CARD,
    COMPLETIONS,
    EVALUATORS,
    JUDGE_MODEL,
    JUDGE_PAIRS,
    PROMPTS,
    TRAIN_PAIRS,
    Evidence,
)
from accord.audit.reward.thresholds import RewardThresholds
from accord.audit.verdicts import above, at_most, none_of
from accord.errors import MissingEvidence
from accord.feedback import is_known, same_texts
from accord.records import Pair
from accord.stats import proportion

__all__ = ["accuracy", "calibration", "leakage"]

HELD_OUT = Collection(
    "Feedback.judgement",
    "comparisons of held-out texts by people who judged none of the training pairs",
    "about 1,000 pairs of 40 people over 40 prompts or more",
    "overlap",
)


@check(
    RE1,
    "accuracy",
    claim="The reward model knows more than the cheapest guesses.",
    thresholds=RewardThresholds,
    needs=(artefact(CARD),),
    explained=("OV1 careless", "OV1 control", "PM2 one reward", "MH3 triggered reward"),
    collect=HELD_OUT,
)
def accuracy(evidence: Evidence, thresholds: RewardThresholds) -> Outcome:
    """Whether the reward model is right more often than what costs nothing."""
    card = evidence.card("reward")
    measured = card.accuracy
    if measured is None:
        raise MissingEvidence(f"accuracy in {CARD} (no held-out pair says which of two is better)")
    free = {"majority": card.majority, "length_only": card.length_only, "words_only": card.words_only}
    baselines = {name: estimate for name, estimate in free.items() if estimate is not None}
    best = max(baseline.value for baseline in baselines.values())
    more = {
        "another evaluator": card.agreement,
        "all other evaluators together": card.consensus,
        "expected calibration error": card.ece,
    }
    note = f"; all other evaluators together are in {card.consensus.value:.1%}" if card.consensus else ""
    return Outcome(
        ruling=above(measured, best),
        estimate=measured,
        threshold=f"no better than the best baseline, {best:.3f}",
        result=f"On held-out pairs the reward model is right in {measured.value:.1%}, the best baseline in "
        f"{best:.1%}{note}.",
        remedy="Collect more or cleaner feedback, or a stronger base model, before optimising against it.",
        evidence=(CARD,),
        facts=baselines | {name: estimate for name, estimate in more.items() if estimate},
        source="Gleave et al. 2020 (arXiv 2006.13900) on why accuracy alone does not suffice",
    )


@check(
    RE1,
    "calibration",
    claim="Its probabilities are those with which people answer.",
    thresholds=RewardThresholds,
    needs=(artefact(CARD),),
    explained=("OV1 careless", "OV1 control", "PM2 one reward", "MH3 triggered reward", "RE1 accuracy"),
    collect=HELD_OUT,
)
def calibration(evidence: Evidence, thresholds: RewardThresholds) -> Outcome:
    """The expected calibration error of the reward model on held-out pairs."""
    error = evidence.card("reward").ece
    if error is None:
        raise MissingEvidence(
            f"ece in {CARD} (no pair was held out, or the reward does not say what its scores are in log-odds)"
        )
    return Outcome(
        ruling=at_most(error, thresholds.ece),
        estimate=error,
        threshold=f"an expected calibration error above {thresholds.ece:g}",
        result=f"The probabilities of the reward model are off by {error.value:.1%} on average.",
        remedy="Fit fewer passes, or scale the margins on pairs of their own.",
        evidence=(CARD,),
        source="Naeini et al. 2015",
    )


@check(
    RE1,
    "leakage",
    claim="The judge that evaluates is independent of the reward model.",
    thresholds=RewardThresholds,
    needs=(artefact(JUDGE_MODEL), artefact(TRAIN_PAIRS), artefact(JUDGE_PAIRS)),
)
def leakage(evidence: Evidence, thresholds: RewardThresholds) -> Outcome:
    """What the judge that evaluates and the reward model both learnt from; prompts and completions by their text.

    Who is not known one by one may or may not be the same person: that is said, and does not fire.
    """
    sides = [evidence.pairs("train"), evidence.pairs("eval_reward")]
    if not sides[0]:
        raise MissingEvidence(f"pairs in {TRAIN_PAIRS} (the reward learns from judgements that give none)")
    texts = all(evidence.holds(file) for file in (PROMPTS, COMPLETIONS))
    same = same_texts(evidence.prompts, evidence.completions) if texts else {}
    people = evidence.evaluators if evidence.holds(EVALUATORS) else {}
    unknown = {name for name, evaluator in people.items() if not is_known(evaluator)}
    shared = {
        "prompts": _shared(sides, lambda pair: (pair.prompt,), same),
        "sessions": _shared(sides, lambda pair: (pair.session,) if pair.session else ()),
        "evaluators": _shared(sides, lambda pair: () if pair.evaluator in unknown else (pair.evaluator,)),
        "completions": _shared(sides, lambda pair: (pair.chosen, pair.rejected), same),
    }
    nobody = any(pair.evaluator is None or pair.evaluator in unknown for side in sides for pair in side)
    return Outcome(
        ruling=none_of(sum(map(len, shared.values()))),
        estimate=proportion(
            len(shared["completions"]), len({name for p in sides[0] for name in (p.chosen, p.rejected)})
        ),
        threshold="anything shared",
        result="Reward model and judge share "
        + ", ".join(f"{len(ids)} {kind}" for kind, ids in shared.items())
        + "."
        + (" Of some answers it is not known whose they are, so people may be shared unseen." if nobody else ""),
        remedy="Give the judge prompts, sessions and evaluators of its own (`[data] eval_reward`).",
        evidence=(TRAIN_PAIRS, JUDGE_PAIRS),
        ids={kind: sorted(ids) for kind, ids in shared.items()},
        source="Casper et al. 2023 (arXiv 2307.15217), section 3.2.3",
    )


def _shared(
    sides: Sequence[Sequence[Pair]],
    names_of: Callable[[Pair], Iterable[str | None]],
    same: Mapping[str, str] | None = None,
) -> set[str]:
    """What pairs of both sides name, by the record that first said it."""
    first, second = (
        {(same or {}).get(name, name) for pair in side for name in names_of(pair) if name is not None} for side in sides
    )
    return first & second
