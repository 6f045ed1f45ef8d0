"""A reward model that other software trained, asked about the comparisons that were held out."""

from dataclasses import replace
from pathlib import Path

from accord.artefacts import CARD, SCORES, pairs_of
from accord.errors import ForeignCodeError, ModelError
from accord.feedback import read_data
from accord.foreign.preferences import are_conversations
from accord.interfaces import Judge
from accord.lm.classifier import load_classifier
from accord.lm.settings import ModelForm
from accord.reward.card.measure import evaluate
from accord.reward.card.scored import score_split
from accord.run import RunDirectory

__all__ = ["asked_reward"]

STAGE = "reward"
LOG_ODDS = 1.0
"""A unit of score: TRL's trainer of rewards descends -log sigmoid(chosen - rejected) alone."""


def asked_reward(run: RunDirectory, model: Path, held_out: Path | None) -> tuple[Judge | None, str]:
    """The model as the judge `reward`, its scores and its card written into the run; and what came of it, in words.

    It reads conversations as its chat template writes them. None where nothing was held out, it is no such model, or
    the comparisons are plain texts, which it read in a form that is not kept.
    """
    if held_out is None or not pairs_of("held_out").has(run):
        return None, "The reward model was not asked: name comparisons that were held out (--held-out FILE)."
    if not are_conversations(held_out):
        return None, "The reward model was not asked: of texts that are no messages it is not known how it read them."
    try:
        judge = load_classifier(str(model), ModelForm(), name=STAGE)
        data = read_data(run)
        scores = replace(score_split(judge, data, "held_out"), scale=LOG_ODDS)
    except (ModelError, ForeignCodeError) as error:
        return None, f"The reward model was not asked: {error}."
    SCORES.write(run, scores.rows(data), stage=STAGE)
    CARD.write(run, evaluate(scores, data, fitted_on="train"), stage=STAGE)
    return judge, f"The reward model in {model.name} was asked about {len(scores.values)} held-out completions."
