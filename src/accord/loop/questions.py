"""The audit's questions, asked of start and policy: once, and again where the questions or the models changed."""

from collections.abc import Sequence
from os.path import relpath
from pathlib import Path

from accord.artefacts import MODEL, QUESTION_ANSWERS, QuestionAnswer
from accord.audit.remeasure.questions import question_answers
from accord.audit.values.question_file import Question, read_questions
from accord.audit.values.thresholds import ValuesThresholds
from accord.errors import storage
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.lm.memory import release_memory
from accord.loop.policy import start_of
from accord.loop.stage import Context
from accord.recipe import Recipe
from accord.run import InputEntry, digest_of_settings
from accord.run.files import digest_of
from accord.train.seeds import seed_of

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
    has_models = context.recipe.policy is not None and run.has(MODEL.path(context.beside("policy")))
    if not settings.questions or not has_models:
        return
    if run.has(path) and not all(map(_is_file, settings.questions)):
        return
    questions = read_questions(settings.questions)
    entry = InputEntry(_digest(context, settings), _places(context, settings))
    if run.manifest.inputs.get(name) == entry and run.has(path) and not run.problem_of(path):
        return
    rows = [*_answers(context, "start", questions, settings), *_answers(context, "policy", questions, settings)]
    QUESTION_ANSWERS.write(run, rows, stage=stage)
    run.record_input(name, entry)


def _answers(
    context: Context, arm: str, questions: Sequence[Question], settings: ValuesThresholds
) -> list[QuestionAnswer]:
    causal = _model(context, arm)
    causal.model.eval()
    with context.progress.busy(f"  audit: asking the {arm} {len(questions)} questions"):
        answers = list(question_answers(causal, arm, questions, answers=settings.answers))
    del causal
    release_memory()
    return answers


def _model(context: Context, arm: str) -> CausalModel:
    """Both arms as the evaluation opens them."""
    settings = context.recipe.policy
    assert settings is not None
    if arm == "start":
        return settings.open(start_of(context), seed=seed_of(context.run.seed, "policy"))
    return load(
        MODEL.verified(context.run, context.beside("policy")),
        dtype=settings.dtype,
        device=settings.resolved_device,
        trust_remote_code=settings.trust_remote_code,
    )


def _digest(context: Context, settings: ValuesThresholds) -> str:
    """Of the files of questions, of how they are answered, and of the models' files in the manifest."""
    files = []
    for path in settings.questions:
        with storage(path):
            files.append(digest_of(Path(path)))
    models = {
        file: entry.sha256
        for name in ("sft", "policy")
        for file, entry in context.run.files_of(context.beside(name)).items()
        if f"/{MODEL.file}/" in f"/{file}"
    }
    base = None if context.recipe.policy is None else context.recipe.policy.base
    return digest_of_settings([files, settings.answers, models, str(base)])


def _is_file(path: str) -> bool:
    with storage(path):
        return Path(path).is_file()


def _places(context: Context, settings: ValuesThresholds) -> str:
    return ", ".join(relpath(Path(path).resolve(), context.run.path.resolve()) for path in settings.questions)
