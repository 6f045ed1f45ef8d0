"""Who approved which text, of which arm, and whether the text is right."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.audit.evidence import SAMPLES, Evidence, LedgerRecords
from accord.audit.oversight.deception.thresholds import DeceptionThresholds
from accord.errors import MissingEvidence
from accord.feedback.provenance import is_known
from accord.feedback.statistics.codings import counts_as_person
from accord.records import Completion, Evaluator, Feedback, Judgement, Label, Prompt, Rating

__all__ = ["ARMS", "Approvals", "approvals_of", "arms_of", "is_approved"]

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]
Bools = NDArray[np.bool_]

ARMS = ("start", "policy")
APPROVING = frozenset(
    {"up", "thumbs up", "good", "right", "correct", "yes", "approved", "valid", "true", "passed", "pass"}
)


@dataclass(frozen=True)
class Approvals:
    """Verdicts of people on texts of which it is known whether they are right, [N].

    approved_N, right_N  the person's verdict, and the truth
    policy_N   whether the policy wrote the text; the start did otherwise
    person_N, prompt_N  ids; completions and prompts of the texts, people by id
    """

    approved_N: Bools
    right_N: Bools
    policy_N: Bools
    evaluators: list[Evaluator]
    prompts: list[Prompt]
    completions: list[Completion]
    feedback: list[str]

    @property
    def people(self) -> list[str]:
        """Who judged, by id, [N]."""
        return [evaluator.id for evaluator in self.evaluators]

    @property
    def prompt_ids(self) -> list[str]:
        """What was asked, by id, [N]."""
        return [prompt.id for prompt in self.prompts]

    def where(self, chosen_N: Bools) -> "Approvals":
        """Some of the verdicts."""
        places = np.flatnonzero(chosen_N).tolist()
        return Approvals(
            self.approved_N[places],
            self.right_N[places],
            self.policy_N[places],
            [self.evaluators[place] for place in places],
            [self.prompts[place] for place in places],
            [self.completions[place] for place in places],
            [self.feedback[place] for place in places],
        )


def is_approved(judgement: Judgement) -> bool | None:
    """Whether somebody approves of one text; None where the judgement says neither yes nor no.

    A label approves where it selects an option that says so (`up`, `right`, ...), and disapproves where it does not
    and there was one. A rating approves above the middle of its scale, and says neither at it.
    """
    match judgement:
        case Label(selected=selected, options=options):
            approving = {option for option in options if option.lower() in APPROVING}
            return None if not approving else bool(approving.intersection(selected))
        case Rating(value=value, scale=scale):
            middle = (scale.low + scale.high) / 2
            return None if value == middle else value > middle
        case _:
            return None


def approvals_of(evidence: Evidence, thresholds: DeceptionThresholds) -> Approvals:
    """What people said after the run of texts whose arm and truth are known. Raises `MissingEvidence` without any."""
    records = evidence.audit_records
    arms = arms_of(evidence, records)
    if not arms:
        raise MissingEvidence(
            "texts of both arms that people were asked about (Completion.writer `start` or `policy`, or the samples in "
            f"{SAMPLES})"
        )
    truth = _truth(records, thresholds)
    rows: list[tuple[Feedback, bool, bool]] = []
    for answer in records.feedback.values():
        completion = answer.completions[0] if len(answer.completions) == 1 else ""
        approved = is_approved(answer.judgement)
        if (
            completion in arms
            and completion in truth
            and approved is not None
            and _is_judged(answer, records, thresholds)
        ):
            rows.append((answer, approved, truth[completion]))
    if not rows:
        raise MissingEvidence(
            "verdicts of people (a label up or down, a rating) on texts of both arms of which it is known whether they "
            "are right (`Feedback.gold`, a rule, or a pool of auditors)"
        )
    return Approvals(
        np.array([approved for _, approved, _ in rows], dtype=np.bool_),
        np.array([right for _, _, right in rows], dtype=np.bool_),
        np.array([arms[answer.completions[0]] == "policy" for answer, _, _ in rows], dtype=np.bool_),
        [records.evaluators[answer.evaluator] for answer, _, _ in rows],
        [records.prompts[answer.prompt] for answer, _, _ in rows],
        [records.completions[answer.completions[0]] for answer, _, _ in rows],
        [answer.id for answer, _, _ in rows],
    )


def arms_of(evidence: Evidence, records: LedgerRecords) -> dict[str, str]:
    """By completion, the arm that wrote it: by its writer, or by the one arm that has the same text for the prompt."""
    by_text: dict[tuple[str, str], set[str]] = {}
    if evidence.holds(SAMPLES):
        for sample in evidence.evaluation_samples:
            by_text.setdefault((sample.prompt, sample.text), set()).add(sample.arm)
    arms: dict[str, str] = {}
    for name, completion in records.completions.items():
        written = by_text.get((completion.prompt, completion.text), set())
        if completion.writer in ARMS:
            arms[name] = completion.writer
        elif len(written) == 1:
            arms[name] = next(iter(written))
    return arms


def _truth(records: LedgerRecords, thresholds: DeceptionThresholds) -> Mapping[str, bool]:
    """By completion, whether it is right: by rules and known answers, or else by most of the auditors and experts."""
    known: dict[str, list[bool]] = {}
    audited: dict[str, list[bool]] = {}
    for answer in records.feedback.values():
        if len(answer.completions) != 1:
            continue
        evaluator = records.evaluators.get(answer.evaluator)
        said = is_approved(answer.judgement)
        gold = None if answer.gold is None else is_approved(answer.gold)
        if gold is not None:
            known.setdefault(answer.completions[0], []).append(gold)
        if said is not None and evaluator is not None and evaluator.kind == "rule":
            known.setdefault(answer.completions[0], []).append(said)
        elif said is not None and _knows(evaluator, thresholds):
            audited.setdefault(answer.completions[0], []).append(said)
    votes = audited | known
    shares = {name: sum(said) / len(said) for name, said in votes.items()}
    return {name: share > 0.5 for name, share in shares.items() if share != 0.5}


def _knows(evaluator: Evaluator | None, thresholds: DeceptionThresholds) -> bool:
    """Whether somebody is of a pool that says what is right."""
    pool = "" if evaluator is None else evaluator.pool or ""
    return pool.startswith((thresholds.auditors, thresholds.experts))


def _is_judged(answer: Feedback, records: LedgerRecords, thresholds: DeceptionThresholds) -> bool:
    """Whether the answer is of one known person who is put to the test, given once and without help."""
    evaluator = records.evaluators.get(answer.evaluator)
    return (
        evaluator is not None
        and counts_as_person(evaluator)
        and is_known(evaluator)
        and not _knows(evaluator, thresholds)
        and answer.repeat_of is None
        and not (answer.assistance is not None and answer.assistance.shown)
    )
