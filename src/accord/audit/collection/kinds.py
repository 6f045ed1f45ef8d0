"""What a kind of feedback tells for its time."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import FT1
from accord.audit.checks import AUDIT_LEDGER, LEDGER, Outcome, check
from accord.audit.collection.kinds_thresholds import FeedbackKindsThresholds
from accord.audit.collection.latent_scores import KINDS, AnswerBits, foreseen_in, told_by_each
from accord.deferred import deferred
from accord.errors import MissingEvidence
from accord.records import Feedback
from accord.run import MANIFEST
from accord.stats import jackknife

with deferred():
    from scipy.stats import false_discovery_control

    from accord.audit.evidence import Evidence, LedgerRecords
    from accord.audit.verdicts import Ruling, above
    from accord.feedback.dataset.views import is_evidence
    from accord.feedback.provenance import is_known
    from accord.feedback.statistics.alpha import alpha
    from accord.feedback.statistics.codings import Codings, counts_as_person
    from accord.stats import Estimate, mean

__all__ = ["SAME_TEXTS", "against", "answers_by_study", "bits", "of_all"]

K = TypeVar("K")

SAME_TEXTS = Collection(
    "Feedback.seconds",
    "the same completions judged by the same people in each kind, with the seconds of each answer",
    "24 completions of 2 prompts, 12 people, 12 answers or more of each kind by everybody",
    "kinds",
)


@check(
    FT1,
    "bits",
    claim="No kind of feedback in use tells less for its time than another would.",
    thresholds=FeedbackKindsThresholds,
    needs=(LEDGER, AUDIT_LEDGER),
    collect=SAME_TEXTS,
)
def bits(evidence: Evidence, thresholds: FeedbackKindsThresholds) -> Outcome:
    """Bits a second of each kind in use, as a ratio to another kind that the same people used on the same texts.

    `latent_scores` says what a bit is. A person's rate is the mean of their bits over the median of their seconds; the
    ratio is of the means over people, who are its clusters. All pairs of a kind in use and another are tested, and
    corrected after Benjamini & Hochberg; the estimate is that of the pair that speaks most against the claim.
    """
    in_use = {one.judgement.kind for one in evidence.ledger_records.feedback.values()} & set(KINDS)
    same_texts = _of_same_texts(evidence.audit_records, thresholds.min_people)
    told = told_by_each(same_texts)
    kinds = [kind for kind in KINDS if any(one.kind == kind for one in told)]
    pairs = {
        (own, other): ratio
        for own in kinds
        for other in kinds
        if own in in_use and own != other and len(_people(told, own) & _people(told, other)) >= thresholds.min_people
        if (ratio := _ratio(told, own, other)) is not None
    }
    if not pairs:
        raise MissingEvidence(
            f"a kind in use ({', '.join(sorted(in_use)) or 'none'}) and another by which {thresholds.min_people} "
            "people judged the same completions, with seconds (Feedback.seconds), and which surely tells something"
        )
    rulings = {pair: above(ratio, thresholds.rate) for pair, ratio in pairs.items()}
    worst = min(pairs, key=lambda pair: against(rulings[pair], pairs[pair]))
    own, other = worst
    rates = {kind: _rate(told, kind) for kind in kinds}
    return Outcome(
        ruling=of_all(rulings, worst),
        estimate=pairs[worst],
        threshold=f"a ratio below {thresholds.rate:g}",
        result=f"A {own} tells {rates[own].value:.3f} bits a second of what a completion is worth, a {other} "
        f"{rates[other].value:.3f}: {pairs[worst].value:.2f} of it.",
        remedy=f"Spend the time on the kind that tells most a second, or on both in one likelihood (`kind = 'joint'`): "
        f"what only a {own} can say (how strongly, or beyond the texts at hand) is not counted here.",
        evidence=(MANIFEST,),
        facts={f"{kind}: bits a second": rates[kind] for kind in kinds}
        | {f"{kind}: bits an answer": _bits(told, kind) for kind in kinds}
        | _accuracy(same_texts)
        | {f"{kind}: alpha": found for kind, found in _reliability(evidence.audit_records).items()},
        source="held-out log-loss of a latent quality, a lower bound of mutual information; Benjamini & Hochberg 1995",
    )


def answers_by_study(records: LedgerRecords) -> dict[str, list[Feedback]]:
    """What people that are known one by one said of completions, by study; no control questions or repetitions."""
    by_study: dict[str, list[Feedback]] = defaultdict(list)
    for answer in records.feedback.values():
        evaluator = records.evaluators.get(answer.evaluator)
        if evaluator is not None and is_known(evaluator) and counts_as_person(evaluator) and is_evidence(answer):
            by_study[answer.study or ""].append(answer)
    return dict(by_study)


def _of_same_texts(records: LedgerRecords, least: int) -> list[Feedback]:
    """Timed answers about texts that were judged by two kinds, of the study that has most of them."""
    studies = [_judged_twice(answers, least) for answers in answers_by_study(records).values()]
    return max(studies, key=len, default=[])


def _judged_twice(answers: Sequence[Feedback], least: int) -> list[Feedback]:
    """Answers with seconds, of kinds that so many people used, about texts that were judged by two such kinds."""
    timed = [one for one in answers if one.seconds is not None and one.judgement.kind in KINDS]
    people: dict[str, set[str]] = defaultdict(set)
    kinds: dict[str, set[str]] = defaultdict(set)
    for one in timed:
        people[one.judgement.kind].add(one.evaluator)
    timed = [one for one in timed if len(people[one.judgement.kind]) >= least]
    for one in timed:
        for name in one.completions:
            kinds[name].add(one.judgement.kind)
    return [one for one in timed if all(len(kinds[name]) > 1 for name in one.completions)]


def _accuracy(answers: Sequence[Feedback]) -> dict[str, Estimate]:
    """How often scores that were learnt from a kind foresee others' comparisons, all kinds in the same seconds.

    As many as the kind has that least was spent on, of half of the people. People are clusters.
    """
    spent: dict[str, float] = defaultdict(float)
    for one in answers:
        spent[one.judgement.kind] += one.seconds or 0.0
    kinds = [kind for kind in ("comparison", "ranking", "rating") if spent[kind] > 0]
    seconds = min((spent[kind] for kind in kinds), default=0.0) / 2
    found: dict[str, Estimate] = {}
    for kind in kinds if len(kinds) > 1 and "comparison" in kinds else ():
        people, right = zip(*foreseen_in(seconds, kind, answers), strict=True)
        found[f"{kind}: others' comparisons foreseen from {seconds:.0f} s"] = mean(right, people)
    return found


def _people(told: Sequence[AnswerBits], kind: str) -> set[str]:
    return {one.evaluator for one in told if one.kind == kind}


def _rate_of_people(told: Sequence[AnswerBits], kind: str) -> dict[str, float]:
    """Bits a second of each person: the mean of their bits over the median of their seconds."""
    by_person: dict[str, list[AnswerBits]] = defaultdict(list)
    for one in told:
        if one.kind == kind:
            by_person[one.evaluator].append(one)
    return {
        name: float(np.mean([one.bits for one in own]) / max(np.median([one.seconds for one in own]), 0.1))
        for name, own in by_person.items()
    }


def _rate(told: Sequence[AnswerBits], kind: str) -> Estimate:
    of_people = _rate_of_people(told, kind)
    return mean(list(of_people.values()), list(of_people))


def _bits(told: Sequence[AnswerBits], kind: str) -> Estimate:
    own = [one for one in told if one.kind == kind]
    return mean([one.bits for one in own], [one.evaluator for one in own])


def _ratio(told: Sequence[AnswerBits], own: str, other: str) -> Estimate | None:
    """Bits a second of one kind to another's, over the people who used both; None where the other may tell nothing.

    Below 0 where the kind misleads. The other's rate has to be surely above 0, or the ratio would have no variance.
    """
    of_own, of_other = _rate_of_people(told, own), _rate_of_people(told, other)
    people = sorted(of_own.keys() & of_other.keys())
    own_P, other_P = (np.array([of[name] for name in people]) for of in (of_own, of_other))
    surely = mean(other_P, people).low
    if surely is None or surely <= 0:
        return None
    return jackknife(lambda row_M: float(own_P[row_M].mean() / other_P[row_M].mean()), len(people), people)


def against(ruling: Ruling, estimate: Estimate, *, downward: bool = True) -> tuple[float, float]:
    """Small where much speaks against the claim."""
    return (1.0 if ruling.p_value is None else ruling.p_value, estimate.value if downward else -estimate.value)


def of_all(rulings: Mapping[K, Ruling], worst: K) -> Ruling:
    """The worst one's, with its p-value among all; inconclusive where any is, or where it fires only by itself."""
    p_values = [1.0 if ruling.p_value is None else ruling.p_value for ruling in rulings.values()]
    adjusted = float(min(false_discovery_control(p_values)))
    if rulings[worst].verdict is Verdict.FIRES and adjusted < 0.05:
        return Ruling(Verdict.FIRES, p_value=adjusted)
    unclear = [ruling for ruling in rulings.values() if ruling.verdict is Verdict.INCONCLUSIVE]
    if unclear:
        return Ruling(Verdict.INCONCLUSIVE, unclear[0].needs, adjusted)
    if any(ruling.verdict is Verdict.FIRES for ruling in rulings.values()):
        return Ruling(
            Verdict.INCONCLUSIVE,
            "more of the same: it fires by itself, but not among all that were held beside it",
            adjusted,
        )
    return Ruling(Verdict.QUIET, p_value=adjusted)


def _reliability(records: LedgerRecords) -> dict[str, Estimate]:
    """Krippendorff's alpha of each kind in studies of several kinds: two people's agreement beyond chance."""
    found: dict[str, Estimate] = {}
    for answers in answers_by_study(records).values():
        if len({one.judgement.kind for one in answers} & set(KINDS)) < 2:
            continue
        codings = Codings(records.evaluators)
        for one in answers:
            codings.add(one)
        for coding in codings.codings():
            agreement = alpha(coding.data, coding.metric)
            if agreement is not None:
                found[f"{coding.kind} ({coding.about})"] = agreement
    return found
