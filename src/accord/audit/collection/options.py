"""Answers that the options of a label leave no room for."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from accord.audit.challenges import FT1
from accord.audit.checks import LEDGER, Outcome, check
from accord.audit.collection.kinds import SAME_TEXTS, against, answers_by_study, of_all
from accord.audit.collection.kinds_thresholds import FeedbackKindsThresholds
from accord.audit.evidence import Evidence, LedgerRecords
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.records import Declined, Feedback, Label
from accord.run import MANIFEST
from accord.stats import mean, rate

__all__ = ["options"]


@check(
    FT1,
    "options",
    claim="The options of labels have room for what people want to say.",
    thresholds=FeedbackKindsThresholds,
    needs=(LEDGER,),
    collect=replace(
        SAME_TEXTS,
        field="Label.selected",
        what="labels of two options or more, of which none may be chosen",
        amount="6 people, 20 labels each",
    ),
)
def options(evidence: Evidence, thresholds: FeedbackKindsThresholds) -> Outcome:
    """Share of labels in which no option was chosen, of choices of one: the set with the largest share.

    Lists of which somebody chose several are no such choice: there, none is an answer. People are clusters.
    """
    sets = {name: labels for name, labels in _choices(evidence.all_records).items() if len(_givers(labels)) > 5}
    if not sets:
        raise MissingEvidence("labels of a choice of one of two options or more, by 6 people (Label.selected)")
    shares = {
        name: rate([_is_empty(one) for one in labels], [one.evaluator for one in labels])
        for name, labels in sets.items()
    }
    rulings = {name: at_most(share, thresholds.uncovered) for name, share in shares.items()}
    worst = min(sets, key=lambda name: against(rulings[name], shares[name], downward=False))
    declined = [isinstance(one.judgement, Declined) for one in evidence.all_records.feedback.values()]
    return Outcome(
        ruling=of_all(rulings, worst),
        estimate=shares[worst],
        threshold=f"a share above {thresholds.uncovered:g}",
        result=f"In {shares[worst].value:.1%} of the labels out of {worst} no option was chosen. A reward that reads "
        "the others as a choice among all that could be said is told something that nobody said.",
        remedy="Read what these completions have in common and add an option for it (or 'none of these', with a "
        "remark); learn from labels as choices among what was offered (`[reward] kind`).",
        evidence=(MANIFEST,),
        ids={
            "feedback": [one.id for one in sets[worst] if _is_empty(one)],
            "completions": [one.completions[0] for one in sets[worst] if _is_empty(one)],
        },
        facts={f"no option of {name}": share for name, share in shares.items()}
        | {"declined, of all answers": mean(declined)},
        source="share of empty choices; Freedman et al. 2021 on choice sets that are misspecified",
    )


def _choices(records: LedgerRecords) -> dict[str, list[Feedback]]:
    """Labels by the set of their options, of sets of two and more of which nobody chose several."""
    sets: dict[str, list[Feedback]] = defaultdict(list)
    several: set[str] = set()
    for study, answers in answers_by_study(records).items():
        for one in answers:
            if isinstance(one.judgement, Label) and len(one.judgement.options) > 1:
                name = ", ".join(one.judgement.options) + (f" ({study})" if study else "")
                sets[name].append(one)
                several |= {name} if len(one.judgement.selected) > 1 else set()
    return {name: labels for name, labels in sets.items() if name not in several}


def _givers(labels: Sequence[Feedback]) -> set[str]:
    return {one.evaluator for one in labels}


def _is_empty(label: Feedback) -> bool:
    return isinstance(label.judgement, Label) and not label.judgement.selected
