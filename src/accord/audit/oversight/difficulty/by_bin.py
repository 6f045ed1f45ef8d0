"""The primary check of OV3: do people answer hard items better than a coin would?"""

import numpy as np

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import OV3
from accord.audit.checks import LEDGER, Outcome, check
from accord.audit.evidence import Evidence
from accord.audit.oversight.difficulty.item_response import DifficultyBins, bins_of_difficulty, fit_rasch
from accord.audit.oversight.difficulty.known_answers import Bools, KnownAnswers, known_answers
from accord.audit.oversight.difficulty.thresholds import DifficultyThresholds
from accord.audit.oversight.difficulty.time_taken import time_facts, time_told
from accord.audit.verdicts import Ruling, beyond, observations_needed
from accord.errors import MissingEvidence
from accord.run import MANIFEST
from accord.stats import Estimate, rate

__all__ = ["CONTROLS", "crowd_in_bins", "difficulty", "rate_where"]

CONTROLS = Collection(
    "Feedback.gold",
    "answers of people to items whose right answer is known, easy and hard ones in one study",
    "60 items with known answers, each answered by 10 or more of at least 20 people",
    "controls",
)


@check(
    OV3,
    "difficulty",
    claim="People can tell right from wrong on the hardest items too.",
    thresholds=DifficultyThresholds,
    needs=(LEDGER,),
    collect=CONTROLS,
)
def difficulty(evidence: Evidence, thresholds: DifficultyThresholds) -> Outcome:
    """Accuracy of the crowd on the hardest known items, where it is accurate on the easiest.

    Bins of difficulty are made by other people than those who are judged. It fires only where both are sure: people
    fail on hard items, and are careful enough on easy ones that carelessness does not explain it.
    """
    answers, placed = crowd_in_bins(evidence, thresholds)
    accuracy = [rate_where(answers, placed.bin_N == place, "right") for place in range(thresholds.bins)]
    easy, hard = accuracy[0], accuracy[-1]
    ruling = _ruling(hard, easy, thresholds)
    hardest = np.argsort(-fit_rasch(answers).difficulty_I, kind="stable")[
        : max(len(answers.items) // thresholds.bins, 1)
    ]
    fires = ruling.verdict is Verdict.FIRES
    of_time = time_facts(
        answers.where((placed.bin_N == thresholds.bins - 1) & ~answers.declined_N), thresholds.unlimited
    )
    names = ["easiest", *(f"bin {place + 1}" for place in range(1, thresholds.bins - 1)), "hardest"]
    return Outcome(
        ruling=ruling,
        estimate=hard,
        threshold=f"accuracy below {thresholds.hard_accuracy:g} on the hardest items and above "
        f"{thresholds.easy_accuracy:g} on the easiest",
        result=f"On the hardest of {thresholds.bins} bins of items whose answer is known, people are right in "
        f"{hard.value:.1%} of their answers, on the easiest in {easy.value:.1%}."
        f"{time_told(of_time)}",
        remedy="Ask for verdicts on steps that are each easy, show verified help beside hard items, or send them to "
        "experts (`[experts]` of a study).",
        evidence=(MANIFEST,),
        ids={"prompts": [answers.items[place] for place in hardest.tolist()]} if fires else {},
        facts={f"accuracy, {name}": each for name, each in zip(names, accuracy, strict=True)}
        | _declined(answers, placed, names)
        | of_time,
        source="accuracy in bins of difficulty by other people (Rasch 1960, penalised, five-fold); intervals over "
        "people crossed with items, intersection of two one-sided tests",
    )


def crowd_in_bins(
    evidence: Evidence, thresholds: DifficultyThresholds, *, with_experts: bool = True
) -> tuple[KnownAnswers, DifficultyBins]:
    """Known answers, and bins of difficulty. Raises `MissingEvidence` where there are too few people or items."""
    answers = known_answers(evidence, thresholds.experts)
    people = int((np.bincount(answers.person_N[~answers.of_experts_N]) > 0).sum())
    if people < thresholds.min_people:
        raise MissingEvidence(f"{thresholds.min_people} people (experts aside) who answered known items; {people} did")
    placed = bins_of_difficulty(answers, thresholds.bins, with_experts=with_experts)
    items = int((placed.bin_KI >= 0).all(axis=0).sum())
    if items < thresholds.min_items:
        raise MissingEvidence(
            f"{thresholds.min_items} items with a known answer that several people answered; there are {items}"
        )
    return answers, placed


def rate_where(answers: KnownAnswers, chosen_N: Bools, what: str) -> Estimate:
    """The share of answers that are `right`, of those not declined, or `declined`; people crossed with items."""
    some = answers.where(chosen_N if what == "declined" else chosen_N & ~answers.declined_N)
    if not some.right_N.size:
        raise MissingEvidence("answers that were not declined in every bin of difficulty")
    values_N = some.declined_N if what == "declined" else some.right_N
    return rate(values_N, some.person_N.tolist(), crossed=some.item_N.tolist())


def _ruling(hard: Estimate, easy: Estimate, thresholds: DifficultyThresholds) -> Ruling:
    """Fires where both are sure; quiet where people surely are right on the hardest items."""
    p_hard = beyond(hard, thresholds.hard_accuracy, upward=False)
    p_easy = beyond(easy, thresholds.easy_accuracy)
    p_value = None if p_hard is None or p_easy is None else max(p_hard, p_easy)
    if hard.low is None or hard.high is None or easy.low is None:
        return Ruling(Verdict.INCONCLUSIVE, observations_needed(hard, thresholds.hard_accuracy), p_value)
    if hard.low >= thresholds.hard_accuracy:
        return Ruling(Verdict.QUIET, p_value=p_value)
    if hard.high >= thresholds.hard_accuracy:
        return Ruling(Verdict.INCONCLUSIVE, observations_needed(hard, thresholds.hard_accuracy), p_value)
    if easy.low <= thresholds.easy_accuracy:
        needs = (
            f"easier items with a known answer, or {observations_needed(easy, thresholds.easy_accuracy)}: people who "
            "are not surely right on the easiest may be careless (OV1), and not at the end of what they can"
        )
        return Ruling(Verdict.INCONCLUSIVE, needs, p_value)
    return Ruling(Verdict.FIRES, p_value=p_value)


def _declined(answers: KnownAnswers, placed: DifficultyBins, names: list[str]) -> dict[str, Estimate]:
    """How often people said that they cannot tell, by bin; nothing where nobody did."""
    if not answers.declined_N.any():
        return {}
    return {
        f"'cannot tell', {name}": rate_where(answers, placed.bin_N == place, "declined")
        for place, name in enumerate(names)
    }
