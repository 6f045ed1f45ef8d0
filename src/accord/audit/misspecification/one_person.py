"""PM1: whether one reward holds for one person, from beginning to end and whatever they are asked."""

from collections.abc import Mapping, Sequence

import numpy as np

from accord.artefacts.finding import Collection
from accord.audit.challenges import PM1
from accord.audit.checks import LEDGER, Outcome, artefact, check
from accord.audit.evidence import EVALUATORS, PAIRS, PROMPTS, SCORES, Evidence
from accord.audit.misspecification.answers import decided_pairs, features_of
from accord.audit.misspecification.contexts import Opinions, beyond_chance, halves_in_time
from accord.audit.misspecification.thresholds import MisspecificationThresholds
from accord.audit.verdicts import at_most
from accord.errors import MissingEvidence
from accord.feedback import text_groups
from accord.records import Pair
from accord.stats import mean

__all__ = ["context", "drift"]

LEAST_HERE = 8  # answers of a person in each of two contexts
MORE_OPINIONS = Collection(
    "Feedback.evaluator",
    "comparisons by people known one by one, of prompts of two modes and with the order of their answers",
    "100 decided held-out pairs of each of 20 people, half of them in each mode, over 20 prompts or more",
    "overlap",
)
SOURCE = (
    "held-out log-likelihood of a reward by context against one reward a person; Knox et al. 2022 (arXiv 2206.02231), "
    "Hong et al. 2022 (arXiv 2212.04717) on how models of people err"
)


@check(
    PM1,
    "drift",
    claim="People want at the end of their answers what they wanted at the beginning.",
    thresholds=MisspecificationThresholds,
    needs=(artefact(SCORES), artefact(EVALUATORS), artefact(PAIRS), LEDGER),
    collect=MORE_OPINIONS,
)
def drift(evidence: Evidence, thresholds: MisspecificationThresholds) -> Outcome:
    """What is gained where each half of a person's answers has a reward of its own.

    Somebody who tires is less decided in the second half, which is no change of what they want and does not count.
    """
    pairs = _pairs(evidence, thresholds)
    when = [(pair.evaluator, _when(evidence, pair)) for pair in pairs]
    return _outcome(
        evidence,
        thresholds,
        pairs,
        list(halves_in_time(when)),
        what="halves of a person's answers",
        by_text=False,
        remedy="Ask again now and then what was asked before, weigh what was said later higher, or fit a reward to "
        "each period.",
    )


@check(
    PM1,
    "context",
    claim="People want the same of every kind of prompt.",
    thresholds=MisspecificationThresholds,
    needs=(artefact(SCORES), artefact(EVALUATORS), artefact(PAIRS), artefact(PROMPTS)),
    collect=MORE_OPINIONS,
)
def context(evidence: Evidence, thresholds: MisspecificationThresholds) -> Outcome:
    """What is gained where prompts of each mode have a reward of their own; the two modes with most answers."""
    mode_of = {prompt.id: prompt.mode for prompt in evidence.prompts.values()}
    pairs = [pair for pair in _pairs(evidence, thresholds) if mode_of.get(pair.prompt) is not None]
    count: dict[str | None, int] = {}
    for pair in pairs:
        count[mode_of[pair.prompt]] = count.get(mode_of[pair.prompt], 0) + 1
    modes = sorted(count, key=lambda mode: (-count[mode], str(mode)))[:2]
    if len(modes) < 2:
        raise MissingEvidence("prompts of two modes (`Prompt.mode`) among those that people answered")
    pairs = [pair for pair in pairs if mode_of[pair.prompt] in modes]
    return _outcome(
        evidence,
        thresholds,
        pairs,
        [modes.index(mode_of[pair.prompt]) for pair in pairs],
        what=f"prompts of the modes {modes[0]} and {modes[1]}",
        by_text=True,
        remedy="Fit a reward for each mode, or one that reads the prompt; and say in the instructions what counts "
        "where.",
    )


def _outcome(
    evidence: Evidence,
    thresholds: MisspecificationThresholds,
    pairs: Sequence[Pair],
    contexts: Sequence[int],
    *,
    what: str,
    by_text: bool,
    remedy: str,
) -> Outcome:
    opinions, names = _opinions(features_of(evidence), pairs, contexts, thresholds.min_evaluators)
    gain_N = beyond_chance(opinions, thresholds.prior, by_text=by_text)
    gain = mean(gain_N, opinions.evaluator_N.tolist(), crossed=opinions.text_N.tolist())
    by_person = {name: float(gain_N[opinions.evaluator_N == place].mean()) for place, name in enumerate(names)}
    most = sorted(names, key=lambda name: -by_person[name])
    return Outcome(
        ruling=at_most(gain, thresholds.richer),
        estimate=gain,
        threshold=f"more than {thresholds.richer:g} nats an answer",
        result=f"A reward of its own for both {what} foretells the answers of {len(names)} people {gain.value:+.4f} "
        "nats an answer better than one reward a person, beyond what chance does.",
        remedy=remedy,
        evidence=(SCORES, PAIRS, EVALUATORS),
        ids={"evaluators": [name for name in most if by_person[name] > thresholds.richer]},
        source=SOURCE,
    )


def _pairs(evidence: Evidence, thresholds: MisspecificationThresholds) -> list[Pair]:
    """Held-out decided pairs of known people with enough of them."""
    by_evaluator = decided_pairs(evidence, features_of(evidence), thresholds.min_pairs)
    return [pair for of_evaluator in by_evaluator.values() for pair in of_evaluator]


def _when(evidence: Evidence, pair: Pair) -> float:
    """The time of the answer that a pair comes from, or else its place in the session; the later of two."""
    answers = [evidence.ledger_feedback[name] for name in pair.feedback_ids if name in evidence.ledger_feedback]
    times = [answer.time.timestamp() for answer in answers if answer.time is not None]
    places = [float(answer.position_in_session) for answer in answers if answer.position_in_session is not None]
    if not times and not places:
        raise MissingEvidence("when people answered (`Feedback.time` or `Feedback.position_in_session`)")
    return max(times or places)


def _opinions(
    features: Mapping[str, np.ndarray], pairs: Sequence[Pair], contexts: Sequence[int], least: int
) -> tuple[Opinions, list[str]]:
    """Of people with enough answers in both contexts. Raises `MissingEvidence` where there are too few."""
    count: dict[str, list[int]] = {}
    for pair, here in zip(pairs, contexts, strict=True):
        count.setdefault(pair.evaluator or "", [0, 0])[here] += 1
    names = [name for name, of_person in count.items() if min(of_person) >= LEAST_HERE]
    if len(names) < least:
        raise MissingEvidence(
            f"{least} people known one by one with {LEAST_HERE} decided held-out pairs in each context (there are "
            f"{len(names)})"
        )
    number = {name: place for place, name in enumerate(names)}
    kept = [(pair, here) for pair, here in zip(pairs, contexts, strict=True) if pair.evaluator in number]
    groups = list(text_groups([(pair.chosen, pair.rejected) for pair, _ in kept]))
    place_of = {group: place for place, group in enumerate(dict.fromkeys(groups))}
    return (
        Opinions(
            np.array([features[pair.chosen] - features[pair.rejected] for pair, _ in kept]),
            np.array([number[pair.evaluator or ""] for pair, _ in kept], dtype=np.intp),
            np.array([here for _, here in kept], dtype=np.intp),
            np.array([place_of[group] for group in groups], dtype=np.intp),
        ),
        names,
    )
