"""Simulated people whom a round asks: opened from their file, with what is true of the texts that they are shown."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from accord.collect.sources.simulated import SimulatedAnswerer, SimulatedEvaluator
from accord.collect.study import Study
from accord.collect.study.kinds.comparison import ComparisonQuestion
from accord.errors import RecipeError
from accord.feedback import read_data
from accord.interfaces import Judge
from accord.loop.earlier_round import EarlierRound
from accord.loop.stage import Context
from accord.recipe.crowd import Crowd, read_crowd
from accord.recipe.rounds import CROWD, AskedEvaluator
from accord.records import Completion
from accord.run import digest_of_settings

__all__ = ["crowd_of", "open_crowds"]


def crowd_of(evaluator: AskedEvaluator, study: Study) -> Crowd:
    """The crowd that an evaluator is, for the question of a study.

    Raises `RecipeError` where its file is not what it should be, or it cannot answer the study.
    """
    return _read(evaluator, study)[0]


def open_crowds(
    context: Context, earlier: EarlierRound, study: Study, texts: Mapping[str, Completion]
) -> dict[int, Sequence[SimulatedAnswerer]]:
    """The people of each crowd among a round's evaluators, by its place there.

    What is true of `texts` is worked out once. Raises as `crowd_of`; `ArtefactError` where what the truth reads of
    files has changed since this round first asked.
    """
    assert context.recipe.round is not None
    crowds: dict[int, Sequence[SimulatedAnswerer]] = {}
    for place, evaluator in enumerate(context.recipe.round.evaluators):
        if not evaluator.by.startswith(CROWD):
            continue
        crowd, written = _read(evaluator, study)
        stage = f"{context.stage}/truth-{place}"
        judge = _truth(context, earlier, crowd, stage)
        shown = list(texts.values())
        prompts = earlier.reader.prompts
        value_N = judge.score([prompts[text.prompt] for text in shown], shown).value_N if shown else np.zeros(0)
        qualities = {text.id: (float(value),) for text, value in zip(shown, value_N, strict=True)}
        read = {name: entry.digest for name, entry in context.run.manifest.inputs.items() if name.startswith(stage)}
        truth = digest_of_settings({"written": written, "read": sorted(read.values())})
        crowds[place] = [
            SimulatedAnswerer(_marked(person, truth), qualities, context.run.seed)
            for person in crowd.everybody(f"crowd:{Path(evaluator.by.removeprefix(CROWD)).name}")
        ]
    return crowds


def _read(evaluator: AskedEvaluator, study: Study) -> tuple[Crowd, dict[str, object]]:
    path = Path(evaluator.by.removeprefix(CROWD))
    crowd, written = read_crowd(path)
    people, question = crowd.everybody("crowd"), study.question
    if not isinstance(question, ComparisonQuestion):
        raise RecipeError(f"{path}: simulated people compare two texts, and study '{study.name}' asks something else")
    if not question.ties and any(person.tie_within for person in people):
        raise RecipeError(f"{path}: people.tie_within: study '{study.name}' offers no ties; leave it out")
    if len(people) < study.overlap:
        raise RecipeError(
            f"{path}: people: {len(people)}, and study '{study.name}' asks {study.overlap} people about each pair "
            "(overlap); add some"
        )
    return crowd, written


def _truth(context: Context, earlier: EarlierRound, crowd: Crowd, stage: str) -> Judge:
    """What is true, as a judge; what it reads of files is noted the first time, and the same from then on."""
    if not crowd.truth.trained(context.run, stage=stage):
        for _ in crowd.truth.steps(read_data(earlier.run), context.run, stage=stage):
            pass
    return crowd.truth.load(context.run, stage=stage)


def _marked(person: SimulatedEvaluator, truth: str) -> SimulatedEvaluator:
    """The person with what would change its answers among its attributes."""
    own = digest_of_settings(person.model_dump(mode="json", exclude={"seed", "attributes"}))
    return person.changed(attributes={"truth": truth, "settings": own})
