"""Answers that people were asked to write and that a machine may have written: shares, and nobody in particular."""

from dataclasses import replace

import numpy as np

from accord.artefacts.finding import Collection
from accord.audit.challenges import X5
from accord.audit.checks import LEDGER, Outcome, check
from accord.audit.collection.kinds_thresholds import MachineWrittenThresholds
from accord.audit.evidence import Evidence, LedgerRecords
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.feedback.provenance import is_known
from accord.feedback.quality.unknown import NotAssessed
from accord.feedback.quality.written import WrittenTexts, surely_typed, written_answers
from accord.feedback.statistics.codings import counts_as_person
from accord.records import Demonstration, Feedback
from accord.run import MANIFEST
from accord.stats import Estimate, median, rate

__all__ = ["demonstrations_of", "machine_written", "untyped", "written_texts"]

KEYS = Collection(
    "Telemetry.keystrokes",
    "demonstrations on a page that counts keys and pasting, beside texts that models wrote (Completion.sampling)",
    "30 that were surely typed, by 5 people or more, 30 others, and 30 texts of models to the same prompts",
    "demonstrations",
)


@check(
    X5,
    "machine-written",
    claim="People wrote what they were asked to write.",
    thresholds=MachineWrittenThresholds,
    needs=(LEDGER,),
    collect=KEYS,
)
def machine_written(evidence: Evidence, thresholds: MachineWrittenThresholds) -> Outcome:
    """Share of demonstrations that read as a model's: of those nobody surely typed, counted among all.

    By a classifier whose errors, on texts of models and on texts and people it has not seen, are counted and taken off
    (Rogan & Gladen 1978). It says nothing of any one person.
    """
    records = evidence.all_records
    written = written_texts(records)
    answers = written_answers(written)
    if isinstance(answers, NotAssessed):
        raise MissingEvidence("answers that people wrote themselves: demonstrations")
    if isinstance(answers.prevalence, NotAssessed):
        raise MissingEvidence(f"what a classifier of texts needs ({answers.prevalence.reason})")
    open_share = 1 - float(surely_typed(written).mean())
    among = answers.prevalence
    prevalence = _times(among, open_share, n=len(written.texts))
    return Outcome(
        ruling=at_most(prevalence, thresholds.prevalence),
        estimate=prevalence,
        threshold=f"a share above {thresholds.prevalence:g}",
        result=f"{prevalence.value:.1%} of the written answers read as a model's: {among.value:.1%} of the "
        f"{open_share:.0%} that nobody surely typed ({among.method}).{_pay(written, records)}",
        remedy="Learn from surely typed answers only, or have the others written again on a page that counts keys and "
        "says so; pay for time and not by the answer. Blame nobody: people paste drafts of their own, and some write "
        "as models do.",
        evidence=(MANIFEST,),
        facts=_facts(written, {"pasted": answers.pasted, "untyped": answers.untyped, "too fast": answers.too_fast}),
        source="Rogan & Gladen 1978; Lang & Reiczigel 2014; Veselovsky et al. 2023 (arXiv 2306.07899)",
    )


@check(
    X5,
    "untyped",
    claim="Written answers were typed on the page.",
    thresholds=MachineWrittenThresholds,
    needs=(LEDGER,),
    collect=KEYS,
)
def untyped(evidence: Evidence, thresholds: MachineWrittenThresholds) -> Outcome:
    """Share of demonstrations with fewer keys than half their characters, of those whose page counted them."""
    records = evidence.all_records
    written = written_texts(records)
    known = np.flatnonzero(np.isfinite(written.keystrokes_N)).tolist()
    if not known:
        raise MissingEvidence("keys that the page counted while people wrote (Telemetry.keystrokes)")
    few_N = written.keystrokes_N < 0.5 * np.array([len(text) for text in written.texts])
    share = rate(few_N[known], [written.evaluators[row] for row in known])
    flagged = [answer.id for answer, few in zip(demonstrations_of(records), few_N.tolist(), strict=True) if few]
    return Outcome(
        ruling=at_most(share, thresholds.untyped),
        estimate=share,
        threshold=f"a share above {thresholds.untyped:g}",
        result=f"{share.value:.1%} of the answers whose page counted keys have fewer of them than half their "
        "characters: most of each came from elsewhere, be it a draft of their own.",
        remedy="Ask on the page where a text comes from, and have it written there; hold those that were not typed "
        "against X5 machine-written before they are learnt from.",
        evidence=(MANIFEST,),
        ids={"feedback": flagged},
        source="keys counted by the page (Telemetry)",
    )


def demonstrations_of(records: LedgerRecords) -> list[Feedback]:
    """Demonstrations by people that are known one by one, in order."""
    return [
        answer
        for answer in records.feedback.values()
        if isinstance(answer.judgement, Demonstration)
        and (evaluator := records.evaluators.get(answer.evaluator)) is not None
        and is_known(evaluator)
        and counts_as_person(evaluator)
    ]


def written_texts(records: LedgerRecords) -> WrittenTexts:
    """They as columns, and the texts that models surely wrote: those that say how they were sampled."""
    answers = demonstrations_of(records)
    telemetry = [answer.telemetry for answer in answers]

    def column(values: list[float | int | None]) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)

    return WrittenTexts(
        [answer.judgement.text for answer in answers if isinstance(answer.judgement, Demonstration)],
        [answer.evaluator for answer in answers],
        column([None if counted is None else counted.pasted for counted in telemetry]),
        column([None if counted is None else counted.keystrokes for counted in telemetry]),
        column([answer.seconds for answer in answers]),
        [one.text for one in records.completions.values() if one.sampling is not None or one.token_ids is not None],
    )


def _times(share: Estimate, factor: float, *, n: int) -> Estimate:
    """A share of some answers as one of all, of which they are a part that was counted."""
    low, high = (None if end is None else end * factor for end in (share.low, share.high))
    return replace(share, value=share.value * factor, low=low, high=high, n=n)


def _facts(written: WrittenTexts, shares: dict[str, Estimate | NotAssessed]) -> dict[str, Estimate]:
    """Shares that were counted, and how long an answer takes with and without pasting."""
    facts = {name: share for name, share in shares.items() if isinstance(share, Estimate)}
    for name, row_N in (("typed", surely_typed(written)), ("pasted", written.pasted_N > 0)):
        known = np.flatnonzero(row_N & np.isfinite(written.seconds_N)).tolist()
        if known:
            people = [written.evaluators[row] for row in known]
            facts[f"seconds an answer, {name}"] = median(written.seconds_N[known], people)
    return facts


def _pay(written: WrittenTexts, records: LedgerRecords) -> str:
    """What pasting would earn whoever is paid by the answer, where both kinds were timed."""
    facts = _facts(written, {})
    typed, pasted = (facts.get(f"seconds an answer, {name}") for name in ("typed", "pasted"))
    paid = sorted({one.payment for name in set(written.evaluators) if (one := records.evaluators[name]).payment})
    said = f" Payment on record: {'; '.join(paid[:3])}." if paid else ""
    if typed is None or pasted is None or min(typed.value, pasted.value) <= 0:
        return said
    return (
        f" Typing takes {typed.value:.0f} s an answer ({3600 / typed.value:.0f} an hour), pasting {pasted.value:.0f} s "
        f"({3600 / pasted.value:.0f} an hour): paid by the answer, pasting earns "
        f"{typed.value / pasted.value:.1f} times as much.{said}"
    )
