"""The training software whose runs are read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from accord.artefacts import (
    ASKED_ANSWERS,
    ASKED_TEXTS,
    ATTACK_RESULTS,
    CANARY_RANKS,
    CARD,
    COMPARED_TEXTS,
    COMPLETIONS,
    DEPLOYMENT_PROMPTS,
    EVALUATION,
    EVALUATORS,
    EXAMPLES,
    HARM_MARKS,
    MODEL,
    QUESTION_ANSWERS,
    SCORES,
    TEXT_LOSSES,
    pairs_of,
)
from accord.errors import ArtefactError
from accord.foreign.gathered import Gathered
from accord.foreign.settings import ReadingSettings
from accord.registry import Registry

__all__ = ["FEEDBACK", "TOOLS", "WORDS", "Tool"]


@dataclass(frozen=True)
class Tool:
    """A training software.

    name       what `--from` calls it
    title      what its makers call it
    looks_for  the files by which its runs are known, as a person reads it
    found_in   what of it a folder holds, in words; empty where it holds nothing
    read       what a folder of it says
    words      what a run lacks, and how it would get there, by the path of the artefact that would hold it
    """

    name: str
    title: str
    looks_for: str
    found_in: Callable[[Path], str]
    read: Callable[[Path, ReadingSettings], Gathered]
    words: Mapping[str, str]


FEEDBACK = "the feedback that was learnt from (`--preferences FILE`)"
HELD_OUT = "comparisons that were held out (`--held-out FILE`)"
OF_ACCORD = "(kept by runs of accord alone)"
WORDS = {
    "ledger": FEEDBACK,
    "judge": f"a reward model that can be asked {OF_ACCORD}",
    COMPLETIONS.path(): FEEDBACK,
    EVALUATORS.path(): FEEDBACK,
    pairs_of("train").path(): FEEDBACK,
    pairs_of("held_out").path(): HELD_OUT,
    pairs_of("eval_reward").path(): f"the comparisons that an independent judge learnt from {OF_ACCORD}",
    MODEL.path("eval_reward"): f"an independent judge that was learnt {OF_ACCORD}",
    MODEL.path("sft"): f"the model of the start {OF_ACCORD}",
    SCORES.path("reward"): f"the reward model's scores of held-out comparisons {OF_ACCORD}",
    CARD.path("reward"): f"an evaluation of the reward model on held-out comparisons {OF_ACCORD}",
    COMPARED_TEXTS.path(): f"what a reward that compares texts makes of changed references {OF_ACCORD}",
    QUESTION_ANSWERS.path(): f"what both models answer to questions {OF_ACCORD}",
    TEXT_LOSSES.path(): f"how well both models foretell plain texts {OF_ACCORD}",
    EVALUATION.path(): f"the policy's gain over its start, beside what its objective offers {OF_ACCORD}",
    ATTACK_RESULTS.path(): f"what attacks on both models came to {OF_ACCORD}",
    CANARY_RANKS.path(): f"how likely both models make private strings {OF_ACCORD}",
    HARM_MARKS.path(): "what lists or judges of yours find in samples of both arms (`[audit.harm]` in `--settings "
    "FILE`)",
    ASKED_ANSWERS.path(): f"rounds that ask people about the policy's texts {OF_ACCORD}",
    ASKED_TEXTS.path(): f"rounds that ask people about the policy's texts {OF_ACCORD}",
    EXAMPLES.path(): f"the supervised examples {OF_ACCORD}",
    DEPLOYMENT_PROMPTS.path(): "prompts as they come where the policy is to work (`--deployment-prompts FILE`)",
}
"""What any other software's run lacks, by the path of what it would stand in; each adds its own."""

TOOLS: Registry[Tool] = Registry("training software", error=ArtefactError)
"""By the name that `--from` has for it."""
