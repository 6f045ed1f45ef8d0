"""What a reward is the optimum of, in words: its likelihood, its prior, and what becomes of people who differ."""

from collections.abc import Iterator

from accord.artefacts import ObjectiveRow
from accord.records import JUDGEMENT_KINDS
from accord.reward.combine import Combination
from accord.reward.kinds.bradley_terry import AnswerSettings
from accord.reward.kinds.distributional import Distributional
from accord.reward.learnt import LearntReward
from accord.reward.people.settings import PeopleSettings
from accord.reward.segments.settings import SegmentReward
from accord.reward.settings import RewardSettings
from accord.reward.terms.answering import Answering

__all__ = ["combination_row", "objective_row"]


def objective_row(settings: RewardSettings) -> ObjectiveRow:
    """The objective of a reward, as its settings have it."""
    return ObjectiveRow(
        kind=settings.kind,
        learns_from=tuple(sorted(_learns_from(settings))),
        likelihood="; ".join(_likelihood(settings)),
        prior=_prior(settings),
        disagreement="; ".join(_disagreement(settings)),
    )


def combination_row(settings: Combination) -> ObjectiveRow:
    """What makes several rewards one."""
    parts = "v_k the score of part k"
    parts += ", z_k the same in standard deviations from its mean" if settings.normalise == "standardise" else " = z_k"
    likelihood = f"{settings.objective} ({parts})" if settings.objective else ""
    return ObjectiveRow(kind=settings.kind, learns_from=(), likelihood=likelihood, disagreement="that of its parts")


def _learns_from(settings: RewardSettings) -> frozenset[str]:
    """What is read to learn from; who reads every kind does so for its completions alone."""
    return settings.learns_from if settings.reads >= JUDGEMENT_KINDS else settings.reads


def _likelihood(settings: RewardSettings) -> Iterator[str]:
    if settings.objective:
        yield settings.objective
    if isinstance(settings, AnswerSettings) and "comparison" in settings.reads:
        yield from _answers(settings.answering)


def _answers(answering: Answering) -> Iterator[str]:
    """Ties, strengths and mistakes of comparisons."""
    yield {
        "half": "a tie is half a win for each side",
        "davidson": "a tie is an outcome of its own (Davidson)",
        "rao_kupper": "a tie is a difference below a threshold that is learnt",
    }[answering.ties]
    if answering.strength == "margin":
        yield f"the stated strength is a least margin, {answering.margin_scale:g} log-odds at most"
    if answering.strength == "ordinal":
        yield "the stated strength is an ordinal answer"
    if answering.lapse:
        share = "a share that is learnt" if answering.lapse == "fitted" else f"a share of {answering.lapse:g}"
        yield f"{share} of the answers is taken to be at random"
    if answering.flip_rate:
        yield f"a share of {answering.flip_rate:g} of the answers is taken to have its sides exchanged"


def _prior(settings: RewardSettings) -> str | None:
    """None where nothing is learnt."""
    if not isinstance(settings, LearntReward | SegmentReward):
        return None
    std = settings.head_prior_std
    head = "flat for the head" if std == "flat" else f"normal about its start for the head, deviation {std:g} a weight"
    decoder = settings.decoder_prior_std if isinstance(settings, LearntReward) else None
    held = (
        "none for the decoder"
        if decoder is None
        else f"normal about its start for the decoder, deviation {decoder:g} a weight"
    )
    decay = f"; weight decay {settings.optim.weight_decay:g}" if settings.optim.weight_decay else ""
    return f"{head}; {held}{decay}"


def _disagreement(settings: RewardSettings) -> Iterator[str]:
    if settings.asks_people:
        yield "people who differ are averaged"
    elif not settings.reads:
        yield "nobody's judgement is learnt from"
    elif isinstance(settings, Distributional):
        yield "whoever differs widens the distribution of a text's utility"
    elif isinstance(settings, PeopleSettings):
        yield _people(settings)
    elif isinstance(settings, SegmentReward):
        yield "every act of judgement is an observation: who differs pulls a probability between them, as noise"
    if "rating" in settings.reads and (scale := getattr(settings, "evaluator_std", None)) is not None:
        yield f"how each evaluator uses the scale is learnt, drawn to everybody's (deviation {scale:g})"
    members = getattr(settings, "ensemble_size", 1)
    if members > 1:
        yield f"{members} members, each on people drawn anew, say how sure it is"


def _people(settings: PeopleSettings) -> str:
    if settings.head_per == "everybody" and settings.group_by is None:
        return "one reward for everybody: every answer is an observation of its own, and who differs is noise"
    whose = {
        "person": "each person has a reward",
        "unknown_group": "each of the groups that are found by their answers has a reward",
    }.get(settings.head_per, f"each group by {settings.group_by} has a reward")
    pooled = (
        "" if settings.pooling_sd is None else f", drawn to the one that all share (deviation {settings.pooling_sd:g})"
    )
    share = "by how many were heard" if settings.group_weights == "people" else "all alike"
    return f"{whose}{pooled}; they become one score by the rule '{settings.aggregation}', counting {share}"
