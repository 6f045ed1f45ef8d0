"""Pairs that people decided, by whether their texts, and their prompts, are like those that the reward learnt from.

New texts are those of the policy, where people compared some after the run; the start's of the same study, or else
what was held out, are the known ones. Where nobody was asked about the policy's, they are held-out texts: of a writer
by whom nothing was learnt from, where all writers are named, or else those that are farther from every text learnt from
than `QUANTILE` of these are from one another.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.audit.collection.prompt_distances import (
    PromptSets,
    distinct_prompts,
    nearest_distance,
    text_key,
    vectors_of,
)
from accord.audit.collection.topic_gap import UNITS, Votes, agreement_of
from accord.audit.evidence import EVALUATORS, Evidence
from accord.audit.oversight.deception.approvals import arms_of
from accord.errors import MissingEvidence
from accord.feedback import sampled_units
from accord.records import Comparison, Completion, Prompt

__all__ = ["KNOWN", "NEW", "ShiftedPairs", "shifted_pairs"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
KNOWN, NEW = 0, 1
QUANTILE = 0.95
FEWEST = 20  # texts, or prompts, of whose distances a quantile can be told
MOST = 1000  # texts that others are held against
_WORD = re.compile(r"\w\w")


@dataclass(frozen=True)
class ShiftedPairs:
    """Decided comparisons [N]: in `votes`, whose topics are `KNOWN` and `NEW` texts, whether the reward agrees.

    score_N2  of the better text and of the other
    doubt_N   the reward's own standard deviations of both together; None where it has none
    far_N     whether the prompt is unlike those that the reward learnt from
    pairs     the two texts of each, in an order that does not say which is better
    new       in words, which texts are the new ones
    """

    votes: Votes
    score_N2: Floats
    doubt_N: Floats | None
    far_N: Bools
    pairs: Sequence[tuple[str, str]]
    new: str

    @property
    def new_N(self) -> Bools:
        """Whether the texts are new ones."""
        return np.asarray(self.votes.topic_N == NEW)

    @property
    def margin_N(self) -> Floats:
        """What the better text scores above the other."""
        return np.asarray(self.score_N2[:, 0] - self.score_N2[:, 1])


@dataclass(frozen=True)
class _Rows:
    """The same before the reward is asked: ids of feedback, of who judged, of the prompt, and of both texts."""

    ids: list[str]
    people: list[str]
    units: list[str]
    prompts: list[str]
    better: list[tuple[str, str]]
    new: list[bool]

    def __add__(self, other: "_Rows") -> "_Rows":
        return _Rows(
            self.ids + other.ids,
            self.people + other.people,
            self.units + other.units,
            self.prompts + other.prompts,
            self.better + other.better,
            self.new + other.new,
        )

    def enough(self, new: bool) -> bool:
        """Whether six people decided pairs of so many prompts, or groups of texts, on that side."""
        places = [place for place, is_new in enumerate(self.new) if is_new is new]
        return min(len({names[place] for place in places}) for names in (self.people, self.units)) >= UNITS

    def where(self, new: bool) -> "_Rows":
        """Those of one side."""
        places = [place for place, is_new in enumerate(self.new) if is_new is new]
        lists = (self.ids, self.people, self.units, self.prompts, self.better, self.new)
        return _Rows(*([of_row[place] for place in places] for of_row in lists))  # type: ignore[arg-type]


def shifted_pairs(evidence: Evidence) -> ShiftedPairs:
    """Both sorts of pairs, six people and prompts of each. Raises `MissingEvidence` where there are not so many."""
    asked = _asked_after(evidence)
    if asked.enough(True):
        rows, new = asked, "the policy wrote"
        if not asked.enough(False):
            held_out, _ = _held_out(evidence, by_texts=False)
            rows = asked.where(True) + held_out
    else:
        rows, new = _held_out(evidence)
    lacking = [
        name for name, is_new in (("like those learnt from", False), ("unlike them", True)) if not rows.enough(is_new)
    ]
    if lacking:
        raise MissingEvidence(
            f"pairs of texts {' and '.join(lacking)} that people compared ({UNITS} people and prompts of each; pairs "
            "of the policy's texts, after the run, would do)"
        )
    return _scored(evidence, rows, new)


def _asked_after(evidence: Evidence) -> _Rows:
    """Comparisons after the run of texts of both arms; new where the policy wrote one of the two."""
    rows = _Rows([], [], [], [], [], [])
    if evidence.audit_ledger is None:
        return rows
    records = evidence.audit_records
    arm_of = arms_of(evidence, records)
    for answer in records.feedback.values():
        judgement, names = answer.judgement, answer.completions
        if not isinstance(judgement, Comparison) or judgement.preferred == "tie" or answer.repeat_of is not None:
            continue
        if len(names) != 2 or any(name not in arm_of for name in names) or answer.prompt not in records.prompts:
            continue
        left, right = names
        rows.ids.append(answer.id)
        rows.people.append(answer.evaluator)
        rows.units.append(answer.prompt)
        rows.prompts.append(answer.prompt)
        rows.better.append((left, right) if judgement.preferred == "left" else (right, left))
        rows.new.append("policy" in (arm_of[left], arm_of[right]))
    return rows


def _held_out(evidence: Evidence, *, by_texts: bool = True) -> tuple[_Rows, str]:
    """What was held out, and which of its texts are new; none are where `by_texts` is false."""
    pairs = [pair for pair in evidence.pairs("held_out") if not pair.tie]
    people, units = sampled_units(pairs, evidence.evaluators if evidence.holds(EVALUATORS) else None)
    better = [(pair.chosen, pair.rejected) for pair in pairs]
    new, about = _new_texts(evidence, better) if by_texts and pairs else ([False] * len(pairs), "")
    ids = [pair.feedback_ids[0] if pair.feedback_ids else "" for pair in pairs]
    return _Rows(ids, people, units, [pair.prompt for pair in pairs], better, new), about


def _new_texts(evidence: Evidence, better: Sequence[tuple[str, str]]) -> tuple[list[bool], str]:
    """Which pairs hold a text unlike all that were learnt from, by writers or by words; and in words, which."""
    completions = evidence.completions
    learnt = dict.fromkeys(name for pair in evidence.pairs("train") for name in (pair.chosen, pair.rejected))
    writers = {completions[name].writer for name in learnt}
    of_pair = [{completions[name].writer for name in pair} for pair in better]
    if writers and None not in writers.union(*of_pair):
        by_writer = [not of_texts <= writers for of_texts in of_pair]
        if any(by_writer) and not all(by_writer):
            return by_writer, "are of writers by whom nothing was learnt from"
    far = _far_texts([completions[name].text for name in learnt], completions, better)
    return far, f"are farther from all that were learnt from than {QUANTILE:.0%} of these are from one another"


def _far_texts(
    learnt: Sequence[str], completions: Mapping[str, Completion], better: Sequence[tuple[str, str]]
) -> list[bool]:
    """Which pairs hold a text that is far from all texts learnt from, by words and characters."""
    known = sorted({text for text in learnt if _WORD.search(text)})
    known = [known[place] for place in np.random.default_rng(0).permutation(len(known))[:MOST]]
    names = list(dict.fromkeys(name for pair in better for name in pair))
    if len(known) < FEWEST:
        return [False] * len(better)
    distance_N = nearest_distance(vectors_of([*known, *(completions[name].text for name in names)]), len(known))
    own_K, other_M = np.split(distance_N, [len(known)])
    far = dict(zip(names, (other_M > np.quantile(own_K, QUANTILE) + 1e-9).tolist(), strict=True))
    return [far[first] or far[second] for first, second in better]


def _scored(evidence: Evidence, rows: _Rows, new: str) -> ShiftedPairs:
    """What the reward makes of them."""
    prompts = dict(evidence.prompts)
    completions = dict(evidence.completions)
    if evidence.audit_ledger is not None:
        prompts |= evidence.audit_records.prompts
        completions |= evidence.audit_records.completions
    names = list(dict.fromkeys(name for pair in rows.better for name in pair))
    place = {name: number for number, name in enumerate(names)}
    texts = [completions[name] for name in names]
    scores = evidence.judge("reward").score([prompts[text.prompt] for text in texts], texts)
    at_N2 = np.array([[place[first], place[second]] for first, second in rows.better])
    score_N2 = scores.value_N[at_N2]
    sign_N = np.sign(score_N2[:, 0] - score_N2[:, 1])
    votes = Votes(
        ids=rows.ids,
        people=rows.people,
        prompts=rows.units,
        topic_N=np.where(rows.new, NEW, KNOWN).astype(np.intp),
        right_N=0.5 + 0.5 * sign_N,
        agreed_N=agreement_of(rows.better),
        asked_after=bool(new),
    )
    doubt_N = None if scores.std_N is None else np.sqrt((scores.std_N[at_N2] ** 2).sum(1))
    far = _far_prompts(evidence, [prompts[name] for name in rows.prompts])
    pairs = [(min(pair), max(pair)) for pair in rows.better]
    return ShiftedPairs(votes, score_N2, doubt_N, np.array(far, dtype=np.bool_), pairs, new)


def _far_prompts(evidence: Evidence, prompts: Sequence[Prompt]) -> list[bool]:
    """Which prompts are unlike all that were learnt from: by distance, or where those are few, in another wording."""
    learnt = distinct_prompts(evidence.prompts_of("train"), MOST)
    known = {text_key(prompt) for prompt in learnt}
    others = {key: prompt for prompt in prompts if (key := text_key(prompt)) not in known}
    far = dict.fromkeys(others, True)
    if len(learnt) >= FEWEST and others:
        distance_N = PromptSets(learnt, list(others.values())).distance_N
        own_K, other_M = np.split(distance_N, [len(learnt)])
        far = dict(zip(others, (other_M > np.quantile(own_K, QUANTILE) + 1e-9).tolist(), strict=True))
    return [far.get(text_key(prompt), False) for prompt in prompts]
