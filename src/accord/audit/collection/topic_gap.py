"""DQ1: whether the reward is as good on every topic of the deployment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accord.artefacts.finding import Collection, Verdict
from accord.audit.challenges import DQ1
from accord.audit.checks import LEDGER, Outcome, artefact, check, judge
from accord.audit.collection.coverage import prompt_sets
from accord.audit.collection.prompt_distances import PromptSets, text_key
from accord.audit.collection.thresholds import CoverageThresholds
from accord.audit.collection.topics import Topics, topics_of
from accord.audit.evidence import DEPLOYMENT_PROMPTS, Evidence
from accord.audit.verdicts import Ruling, at_most, beyond, units_needed
from accord.errors import MissingEvidence
from accord.records import Comparison, Feedback
from accord.stats import Estimate, mean

__all__ = ["UNITS", "Votes", "agreement_of", "gap_of", "topics", "votes_on"]

Floats = NDArray[np.float64]
UNITS = 6  # people, and prompts, below which nothing is said of a topic


@check(
    DQ1,
    "topics",
    claim="The reward is as good on every topic that the policy will be asked about.",
    thresholds=CoverageThresholds,
    needs=(LEDGER, artefact(DEPLOYMENT_PROMPTS), judge("reward")),
    collect=Collection(
        "Feedback.judgement",
        "comparisons of two answers to deployment prompts of every topic (`--audit-ledger LEDGER`)",
        "for each topic 30 prompts and 10 people, three people a prompt",
        "deployment",
    ),
)
def topics(evidence: Evidence, thresholds: CoverageThresholds) -> Outcome:
    """The accuracy of the reward on the worst topic against that on all, people's own agreement taken off."""
    sets = prompt_sets(evidence, thresholds.max_prompts)
    found = topics_of(sets)
    votes = votes_on(evidence, sets, found)
    judged = [topic for topic in range(len(found.names)) if votes.units(topic) >= UNITS]
    if len(judged) < 2:
        raise MissingEvidence(
            f"judged pairs of answers to prompts of two topics or more ({UNITS} people and prompts each; "
            f"{len(judged)} of {len(found.names)} topics have them: {_names(found, judged) or 'none'})"
        )
    gaps = {topic: gap_of(votes, topic, judged) for topic in judged}
    worst = max(gaps, key=lambda topic: gaps[topic].value)
    share_K = np.bincount(found.topic_N[len(sets.feedback) :], minlength=len(found.names)) / len(sets.deployment)
    unjudged = [t for t in range(len(found.names)) if t not in gaps and share_K[t] >= thresholds.topic_share]
    return Outcome(
        ruling=_ruling(gaps, worst, thresholds.gap, [found.names[topic] for topic in unjudged]),
        estimate=gaps[worst],
        threshold=f"above {thresholds.gap:g}",
        result=_result(found, votes, gaps, worst, unjudged),
        remedy="Collect feedback on this topic, as many labels as its share of the deployment.",
        evidence=(DEPLOYMENT_PROMPTS, "the ledger of the audit" if votes.asked_after else "the run's held-out pairs"),
        ids={"feedback": votes.wrong_on(worst)},
        facts={f"accuracy on {found.names[topic]}": votes.accuracy(topic) for topic in judged}
        | {
            f"share of {name}": Estimate(float(share), None, None, len(sets.deployment))
            for name, share in zip(found.names, share_K, strict=True)
        },
        source="worst-group accuracy; simultaneous by Bonferroni; difference of means: Zou & Donner 2008",
    )


@dataclass(frozen=True)
class Votes:
    """Decided comparisons [N], the topic of each, whether the reward agrees, and how many of the others do.

    `agreed_N` is NaN where nobody else judged the same two texts.
    """

    ids: Sequence[str]
    people: Sequence[str]
    prompts: Sequence[str]
    topic_N: NDArray[np.intp]
    right_N: Floats
    agreed_N: Floats
    asked_after: bool

    def units(self, topic: int) -> int:
        """The fewer of its people and its prompts."""
        rows = np.flatnonzero(self.topic_N == topic).tolist()
        return min(len({self.people[row] for row in rows}), len({self.prompts[row] for row in rows}))

    def wrong_on(self, topic: int) -> Iterator[str]:
        """The feedback of a topic that the reward contradicts."""
        return (self.ids[row] for row in np.flatnonzero((self.topic_N == topic) & (self.right_N == 0)).tolist())

    def accuracy(self, topic: int) -> Estimate:
        """How often the reward agrees with people on it."""
        return self._mean(self.right_N, self.topic_N == topic, 0.95)

    def behind(self, mask_N: NDArray[np.bool_], level: float) -> Estimate:
        """How often the reward agrees with a person, less how often the others do where there are any everywhere."""
        return self._mean(self.right_N - self.agreed_N if self.overlapping else self.right_N, mask_N, level)

    @property
    def overlapping(self) -> bool:
        """Whether half of every topic's answers have another beside them."""
        return all(
            np.isfinite(self.agreed_N[self.topic_N == topic]).mean() >= 0.5 for topic in set(self.topic_N.tolist())
        )

    def _mean(self, value_N: Floats, mask_N: NDArray[np.bool_], level: float) -> Estimate:
        rows = np.flatnonzero(mask_N & np.isfinite(value_N)).tolist()
        people, prompts = ([names[row] for row in rows] for names in (self.people, self.prompts))
        return mean(value_N[rows], people, crossed=prompts, level=level)


def gap_of(votes: Votes, topic: int, judged: Sequence[int]) -> Estimate:
    """By how much the reward is worse on a topic than on all that were judged, at a level for all topics together.

    The difference to all others, times their share of the answers. Ends are joined by the root of their squares
    (MOVER), as if topics were judged by different people: those who are the same make the interval too wide.
    """
    level = 1 - 0.05 / len(judged)
    own_N = votes.topic_N == topic
    others_N = np.isin(votes.topic_N, judged) & ~own_N
    own, others = votes.behind(own_N, level), votes.behind(others_N, level)
    share = float(others_N.sum() / (own_N.sum() + others_N.sum()))
    value = share * (others.value - own.value)
    method = f"difference (MOVER), simultaneous over {len(judged)} topics"
    low = high = None
    if own.low is not None and own.high is not None and others.low is not None and others.high is not None:
        low = value - share * float(np.hypot(others.value - others.low, own.high - own.value))
        high = value + share * float(np.hypot(others.high - others.value, own.value - own.low))
    return Estimate(value, low, high, own.n + others.n, own.clusters, level, method)


def _ruling(gaps: Mapping[int, Estimate], worst: int, limit: float, unjudged: Sequence[str]) -> Ruling:
    """Fires where some topic's interval lies above the limit; not quiet while a large topic was not judged at all."""
    p_values = [p for gap in gaps.values() if (p := beyond(gap, limit)) is not None]
    p_value = min(1.0, len(gaps) * min(p_values)) if p_values else None
    if any(gap.low is not None and gap.low > limit for gap in gaps.values()):
        return Ruling(Verdict.FIRES, p_value=p_value)
    ruling = at_most(gaps[worst], limit)
    missing = f"judged pairs on {', '.join(unjudged)}" if unjudged else ""
    if ruling.verdict is Verdict.QUIET and all(gap.high is not None and gap.high <= limit for gap in gaps.values()):
        return Ruling(Verdict.INCONCLUSIVE, missing, p_value) if missing else Ruling(Verdict.QUIET, p_value=p_value)
    widest = max(gaps.values(), key=lambda gap: -np.inf if gap.high is None else gap.high)
    needs = f"about {units_needed(widest, limit):,} people and prompts a topic instead of {widest.clusters}"
    return Ruling(Verdict.INCONCLUSIVE, "; ".join(filter(None, (needs, missing))), p_value)


def _result(found: Topics, votes: Votes, gaps: Mapping[int, Estimate], worst: int, unjudged: Sequence[int]) -> str:
    gap, accuracy = gaps[worst], votes.accuracy(worst)
    taken_off = ", people's own agreement taken off," if votes.overlapping else ""
    text = (
        f"On {found.names[worst]} the reward is right in {accuracy.value:.0%} of {accuracy.n} "
        f"answers; on all topics{taken_off} it is {gap.value:.1%} better than there."
    )
    if unjudged:
        text += f" Nobody judged enough pairs on {_names(found, unjudged)}, which is said nothing of."
    return text


def _names(found: Topics, some: Sequence[int]) -> str:
    return ", ".join(found.names[topic] for topic in some)


def votes_on(evidence: Evidence, sets: PromptSets, of_topics: Topics) -> Votes:
    """Comparisons on deployment prompts after the run where two topics have them, else the held-out ones as well.

    Pairs of one study are compared with one another: those of another one may be harder.
    """
    topic_of = {
        text_key(prompt): int(topic)
        for prompt, topic in zip((*sets.feedback, *sets.deployment), of_topics.topic_N, strict=True)
    }
    if evidence.audit_ledger is not None:
        deployed = {text_key(prompt) for prompt in evidence.deployment_prompts}
        asked = {n for n, prompt in evidence.audit_records.prompts.items() if text_key(prompt) in deployed}
        after = _of(evidence, evidence.audit_records.feedback, asked, topic_of, asked_after=True)
        if sum(after.units(topic) >= UNITS for topic in set(after.topic_N.tolist())) > 1:
            return after
    held_out = {answer.id: answer for answer in evidence.feedback("held_out")}
    return _of(evidence, held_out, set(evidence.all_records.prompts), topic_of, asked_after=False)


def _of(
    evidence: Evidence,
    feedback: Mapping[str, Feedback],
    prompts: set[str],
    topic_of: Mapping[str, int],
    *,
    asked_after: bool,
) -> Votes:
    records = evidence.all_records
    used = [
        answer
        for answer in feedback.values()
        if isinstance(answer.judgement, Comparison)
        and answer.judgement.preferred != "tie"
        and answer.repeat_of is None
        and answer.prompt in prompts
        and text_key(records.prompts[answer.prompt]) in topic_of
    ]
    names = list(dict.fromkeys(name for answer in used for name in answer.completions))
    score = dict.fromkeys(names, 0.0)
    if names:
        texts = [records.completions[name] for name in names]
        scores = evidence.judge("reward").score([records.prompts[text.prompt] for text in texts], texts)
        score = dict(zip(names, scores.value_N.tolist(), strict=True))
    better = [_better(answer) for answer in used]
    margin_N = np.array([score[first] - score[second] for first, second in better])
    return Votes(
        ids=[answer.id for answer in used],
        people=[answer.evaluator for answer in used],
        prompts=[answer.prompt for answer in used],
        topic_N=np.array([topic_of[text_key(records.prompts[answer.prompt])] for answer in used], dtype=np.intp),
        right_N=np.where(margin_N == 0, 0.5, margin_N > 0).astype(np.float64),
        agreed_N=agreement_of(better),
        asked_after=asked_after,
    )


def _better(answer: Feedback) -> tuple[str, str]:
    """The better completion, then the other."""
    assert isinstance(answer.judgement, Comparison)
    left, right = answer.completions
    return (left, right) if answer.judgement.preferred == "left" else (right, left)


def agreement_of(better: Sequence[tuple[str, str]]) -> Floats:
    """Of each answer, the share of all other answers on the same two texts that say the same, [N]; NaN without any."""
    counts: dict[tuple[str, str], int] = {}
    for order in better:
        counts[order] = counts.get(order, 0) + 1
    same_N = np.array([counts[order] - 1 for order in better], dtype=np.float64)
    other_N = np.array([counts.get((order[1], order[0]), 0) for order in better], dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return same_N / (same_N + other_N)
