"""The audit's questions, asked of start and policy: once, and again where the questions or the models changed."""

from collections.abc import Sequence
from pathlib import Path

from accord.artefacts import QUESTION_ANSWERS, QuestionAnswer
from accord.audit.remeasure.questions import question_answers
from accord.audit.values.question_file import Question, read_questions
from accord.audit.values.thresholds import ValuesThresholds
from accord.lm.memory import release_memory
from accord.loop.arms import all_there, digests_of_arms, digests_of_files, has_arms, open_arm, places_of
from accord.loop.stage import Context
from accord.recipe import Recipe
from accord.run import InputEntry, digest_of_settings

__all__ = ["ask_questions", "with_questions"]


def with_questions(recipe: Recipe, paths: Sequence[Path]) -> Recipe:
    """The recipe with other files of questions; itself where none are named. Raises as `read_questions` does."""
    if not paths:
        return recipe
    read_questions(paths)
    values = recipe.audit.of(ValuesThresholds).model_copy(update={"questions": tuple(map(str, paths))})
    return recipe.model_copy(update={"audit": recipe.audit.model_copy(update={values.family: values})})


def ask_questions(context: Context) -> None:
    """Write `question_answers.jsonl` of the files that `[audit.values] questions` names; nothing where it names none.

    Where the same files were asked of the same models before, what is there stays; so it does where the files are not
    there any more, as when a run was moved. Raises `AuditError` where a file does not hold questions.
    """
    settings = context.recipe.audit.of(ValuesThresholds)
    run, stage = context.run, context.beside("audit")
    path, name = QUESTION_ANSWERS.path(stage), f"{stage}: questions"
    if not settings.questions or not has_arms(context):
        return
    if run.has(path) and not all_there(settings.questions):
        return
    questions = read_questions(settings.questions)
    entry = InputEntry(_digest(context, settings), places_of(context, settings.questions))
    if run.manifest.inputs.get(name) == entry and run.has(path) and not run.problem_of(path):
        return
    rows = [*_answers(context, "start", questions, settings), *_answers(context, "policy", questions, settings)]
    QUESTION_ANSWERS.write(run, rows, stage=stage)
    run.record_input(name, entry)


def _answers(
    context: Context, arm: str, questions: Sequence[Question], settings: ValuesThresholds
) -> list[QuestionAnswer]:
    causal = open_arm(context, arm)
    with context.progress.busy(f"  audit: asking the {arm} {len(questions)} questions"):
        answers = list(question_answers(causal, arm, questions, answers=settings.answers))
    del causal
    release_memory()
    return answers


def _digest(context: Context, settings: ValuesThresholds) -> str:
    """Of the files of questions, of how they are answered, and of the models' files in the manifest."""
    return digest_of_settings([digests_of_files(settings.questions), settings.answers, *digests_of_arms(context)])
