"""OV2: what people did not see, and whether it would have changed what they said."""

import numpy as np

from accord.artefacts.finding import Collection
from accord.audit.challenges import OV2
from accord.audit.checks import LEDGER, Outcome, check
from accord.audit.evidence import Evidence
from accord.audit.oversight.thresholds import OversightThresholds
from accord.audit.oversight.twice import Twice, asked_again, difference, was_cut, was_whole
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.records import Rating
from accord.run import MANIFEST
from accord.stats import Estimate, mean, rate

__all__ = ["hidden", "shown"]

FEWEST_PEOPLE = 6
AUDITED = Collection(
    field="Feedback.shown_digest",
    what="answers to items of which a part was hidden, the same people's answers with everything shown, and their "
    "answers to some of them asked again as they were",
    amount="10 people with 10 items each, all of them judged in both ways and half of them twice in the same way",
    study="full_context",
)


@check(
    OV2,
    "hidden",
    claim="What people did not see would not have changed what they said.",
    thresholds=OversightThresholds,
    needs=(LEDGER,),
    collect=AUDITED,
)
def hidden(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Answers changed once everything is shown, beyond the share that changes when nothing else is shown."""
    twice = asked_again(evidence.all_records.feedback.values())
    compared = [both for both in twice if not isinstance(both.earlier.judgement, Rating)]
    audited = [both for both in compared if both.whole]
    again = [both for both in compared if not both.whole]
    if len({both.later.evaluator for both in audited}) < FEWEST_PEOPLE:
        raise MissingEvidence(
            f"items that {FEWEST_PEOPLE} people judged with a part hidden and then with everything shown "
            "(Feedback.shown_digest beside Feedback.available_digest)"
        )
    if len({both.later.evaluator for both in again}) < FEWEST_PEOPLE:
        raise MissingEvidence(
            f"items that {FEWEST_PEOPLE} people judged twice with the same shown (Feedback.repeat_of)"
        )
    both_kinds = audited + again
    excess = difference(
        [both.changed for both in both_kinds],
        [both.whole for both in both_kinds],
        [both.later.evaluator for both in both_kinds],
        [both.items for both in both_kinds],
    )
    changed, by_noise = (_changed(some) for some in (audited, again))
    return Outcome(
        ruling=at_most(excess, thresholds.flips),
        estimate=excess,
        threshold=f"{thresholds.flips:g} more answers changed than when an item is asked again as it was",
        result=f"With everything shown, {changed.value:.1%} of the answers are others; asked again as they were, "
        f"{by_noise.value:.1%} are.",
        remedy="Show everything there is to see (the whole dialogue, what tools returned); judge again what was judged "
        "without it; learn from the answers to the whole.",
        evidence=(MANIFEST,),
        ids={"feedback": [both.earlier.id for both in audited if both.changed]},
        facts={"changed with everything shown": changed, "changed when asked again": by_noise, **_directed(twice)},
        source="flip rate beside the test-retest rate; directed errors of Lang et al. 2024 (arXiv 2402.17747)",
    )


@check(
    OV2,
    "shown",
    claim="People saw what there was to see.",
    thresholds=OversightThresholds,
    needs=(LEDGER,),
    collect=Collection(
        field="Feedback.available_digest",
        what="digests of what each answer's page showed and of all there was to show",
        amount="every answer of the run's ledger",
        study="full_context",
    ),
)
def shown(evidence: Evidence, thresholds: OversightThresholds) -> Outcome:
    """Share of the run's answers that were given to a part of the item."""
    answers = [answer for answer in evidence.ledger_feedback.values() if was_cut(answer) or was_whole(answer)]
    if not answers:
        raise MissingEvidence("what was shown beside what there was to show (Feedback.available_digest)")
    cut = [was_cut(answer) for answer in answers]
    share = rate(cut, [answer.evaluator for answer in answers])
    return Outcome(
        ruling=at_most(share, thresholds.partly_shown),
        estimate=share,
        threshold=f"a share above {thresholds.partly_shown:g}",
        result=f"{share.value:.1%} of the answers were given to a part of what there was to see.",
        remedy="Show everything, or audit whether what is hidden matters: `OV2 hidden`.",
        evidence=(MANIFEST,),
        ids={"feedback": [answer.id for answer, part in zip(answers, cut, strict=True) if part]},
        source="digests of what was shown and of what there was; the threshold is a convention",
    )


def _changed(twice: list[Twice]) -> Estimate:
    return rate(
        [both.changed for both in twice],
        [both.later.evaluator for both in twice],
        crossed=[both.items for both in twice],
    )


def _directed(twice: list[Twice]) -> dict[str, Estimate]:
    """What a part made texts look better by, and worse, in widths of the scale, where they were rated in both ways."""
    rated = [(both, both.inflation) for both in twice if both.whole]
    known = [(both, above) for both, above in rated if above is not None]
    if len({both.later.evaluator for both, _ in known}) < FEWEST_PEOPLE:
        return {}
    above_N = np.array([above for _, above in known])
    people, items = [both.later.evaluator for both, _ in known], [both.items for both, _ in known]
    return {
        name: mean(value_N, people, crossed=items)
        for name, value_N in (
            ("overestimated by what was hidden", np.maximum(above_N, 0.0)),
            ("underestimated by what was hidden", np.maximum(-above_N, 0.0)),
        )
    }
