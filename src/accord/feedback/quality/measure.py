"""Everything that can be said of the quality of a ledger's feedback, as one value."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accord.feedback.quality.answers import Answers
from accord.feedback.quality.compared import compared_texts
from accord.feedback.quality.composition import Composition, composition
from accord.feedback.quality.evaluators import EvaluatorQuality, evaluator_qualities, worst_first
from accord.feedback.quality.gathering import Gathered, gather
from accord.feedback.quality.poisoning import Poisoning, suspected_poisoning
from accord.feedback.quality.questions import QuestionAgreement, closeness, question_agreement
from accord.feedback.quality.sequences import drift, late_half
from accord.feedback.quality.unknown import NotAssessed
from accord.feedback.quality.written import WrittenAnswers, WrittenTexts, written_answers
from accord.feedback.statistics.agreement import agreement_of_preferences
from accord.feedback.statistics.assistance import AssistanceEffect, assistance_effects
from accord.feedback.statistics.codings import counts_as_person
from accord.feedback.statistics.raking import Target
from accord.feedback.statistics.workers.estimates import model_estimates
from accord.feedback.statistics.workers.fitting import MODELS
from accord.feedback.statistics.workers.votes import Votes, votes_of_preferences
from accord.feedback.store.ledger import Ledger
from accord.feedback.trust.from_controls import standing_from_control_counts
from accord.feedback.trust.from_votes import standing_from_votes
from accord.feedback.trust.standing import Standings
from accord.records import Evaluator, Record
from accord.stats import Estimate, rate

__all__ = ["ModelGain", "Quality", "measure_quality"]

MOST_VOTES = 500_000  # that models of evaluators are fitted to; of more, those on a random choice of items


@dataclass(frozen=True)
class ModelGain:
    """What a model of single evaluators gains on held-out votes over one accuracy for all, nats a vote; used or not."""

    model: str
    gain: Estimate | NotAssessed
    helps: bool


@dataclass(frozen=True)
class Quality:
    """The feedback of a ledger, or of one study.

    evaluators    everybody who answered, those to look at first in front
    questions     agreement on each question, and by groups
    agreement     how often another evaluator orders two texts as the first did, a tie of theirs half
    left          share of people's decided comparisons in which the left side was chosen; clusters are people
    fatigue       people's agreement in the second halves of sessions less that in the first; clusters are people
    models        whether models of single evaluators foretell held-out votes
    composition, poisoning, written, assistance
                  each with a module of its own
    """

    study: str | None
    kinds: Mapping[str, int]
    taken_back: int
    unknown: int
    evaluators: Sequence[EvaluatorQuality]
    questions: Sequence[QuestionAgreement]
    agreement: Estimate | NotAssessed
    left: Estimate | NotAssessed
    fatigue: Estimate | NotAssessed
    models: Sequence[ModelGain]
    composition: Composition | NotAssessed
    poisoning: Poisoning | NotAssessed
    written: WrittenAnswers | NotAssessed
    assistance: Sequence[AssistanceEffect]

    @property
    def answers(self) -> int:
        """How many judgements stand, of evaluators that are known one by one."""
        return sum(self.kinds.values())


def measure_quality(
    source: Ledger | Iterable[Record],
    *,
    study: str | None = None,
    target: Target | None = None,
    upto: int | None = None,
    models: Collection[str] = MODELS,
) -> Quality:
    """Measure everything that the records allow. Taken-back answers count nowhere.

    `study` restricts it to one study, `target` holds the shares of a population by attribute, `upto` is the last row
    read of a ledger; `models` names the models of single evaluators that are fitted, which takes most of the time.
    Raises `RecordError` where there is no such study, or nobody has an attribute of the target.
    """
    gathered = gather(source, study=study, upto=upto)
    answers, evaluators = gathered.answers, gathered.evaluators
    close = closeness(gathered.codings, answers.n)
    votes = _at_most(votes_of_preferences(gathered.preferences))
    people = {name for name, evaluator in evaluators.items() if counts_as_person(evaluator)}
    fitted = [name for name in MODELS if name in models]
    fits = {name: model_estimates(votes, name, people) if votes.items else None for name in fitted}
    no_votes = NotAssessed("no two evaluators ordered the same two texts")
    return Quality(
        study,
        gathered.kinds,
        gathered.taken_back,
        gathered.unknown,
        worst_first(
            evaluator_qualities(
                answers,
                close,
                {name: fit.accuracy if (fit := fits.get(name)) else {} for name in MODELS},
                standing_from_votes(votes, people=people) if votes.items else Standings({}, {}, {}),
                _by_controls(answers),
                evaluators,
            )
        ),
        [question_agreement(coding, evaluators) for coding in gathered.codings],
        agreement_of_preferences(gathered.preferences) or no_votes,
        _left(answers, evaluators),
        drift(close[0], late_half(answers.session_N, answers.position_N), answers.evaluator_N)
        or NotAssessed("places in sessions of four answers or more, to items of others, were not recorded"),
        [
            ModelGain(name, no_votes if fit is None or fit.gain is None else fit.gain, fit is not None and fit.helps)
            for name, fit in fits.items()
        ],
        _composition(answers, gathered, target),
        suspected_poisoning(compared_texts(gathered.preferences, gathered.completions, gathered.prompts)),
        written_answers(_written(gathered)),
        assistance_effects(gathered.assisted, evaluators=evaluators),
    )


def _at_most(votes: Votes) -> Votes:
    n = votes.vote_N.size
    if n <= MOST_VOTES:
        return votes
    return votes.where(np.random.default_rng(0).random(votes.items) < MOST_VOTES / n)


def _by_controls(answers: Answers) -> Standings:
    checked_N = np.isfinite(answers.right_N)
    size, evaluator_M = len(answers.evaluators), answers.evaluator_N[checked_N]
    count_E = np.bincount(evaluator_M, minlength=size).astype(np.float64)
    right_E = np.bincount(evaluator_M, answers.right_N[checked_N], size).astype(np.float64)
    return standing_from_control_counts(answers.evaluators, right_E, count_E)


def _left(answers: Answers, evaluators: Mapping[str, Evaluator]) -> Estimate | NotAssessed:
    person_E = np.array([counts_as_person(evaluators[name]) for name in answers.evaluators], dtype=np.bool_)
    known_N = np.isfinite(answers.left_N) & person_E[answers.evaluator_N]
    if not known_N.any():
        return NotAssessed("no person's decided comparison whose order on the screen was recorded")
    return rate(answers.left_N[known_N], answers.evaluator_N[known_N].tolist())


def _composition(answers: Answers, gathered: Gathered, target: Target | None) -> Composition | NotAssessed:
    if not target:
        return NotAssessed("no target population was named (--target FILE)")
    count_E = np.bincount(answers.evaluator_N, minlength=len(answers.evaluators))
    people = {
        name: count
        for name, count in zip(answers.evaluators, count_E.tolist(), strict=True)
        if counts_as_person(gathered.evaluators[name])
    }
    return composition(people, gathered.evaluators, target) or NotAssessed("no evaluator has attributes on record")


def _written(gathered: Gathered) -> WrittenTexts:
    rows = np.array([one.row for one in gathered.written], dtype=np.intp)
    answers = gathered.answers
    return WrittenTexts(
        [one.text for one in gathered.written],
        [one.evaluator for one in gathered.written],
        answers.pasted_N[rows],
        answers.keystrokes_N[rows],
        answers.seconds_N[rows],
        gathered.sampled,
    )
