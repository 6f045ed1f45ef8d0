"""The audit's plain texts, foretold by start and policy: once, and again where the texts or the models changed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from accord.artefacts import TEXT_LOSSES, TextLoss
from accord.audit.remeasure.texts import text_losses
from accord.audit.values.thresholds import ValuesThresholds
from accord.lm.memory import release_memory
from accord.loop.arms import all_there, digests_of_arms, digests_of_files, has_arms, open_arm, places_of
from accord.loop.stage import Context
from accord.policy.pretraining import read_texts
from accord.recipe import Recipe
from accord.run import InputEntry, digest_of_settings

__all__ = ["foretell_texts", "read_plain_texts", "with_texts"]


def with_texts(recipe: Recipe, paths: Sequence[Path]) -> Recipe:
    """The recipe with other files of plain texts; itself where none are named. Raises as `read_plain_texts` does."""
    if not paths:
        return recipe
    names = tuple(map(str, paths))
    read_plain_texts(names)
    values = recipe.audit.of(ValuesThresholds).model_copy(update={"texts": names})
    return recipe.model_copy(update={"audit": recipe.audit.model_copy(update={values.family: values})})


def read_plain_texts(paths: Sequence[str]) -> dict[str, str]:
    """Texts by name, each once: the file and the place in it. Files are those that `[policy] pretrain_texts` may name.

    Raises `RecordError`, `RecipeError` or `StorageError` where a file cannot be read or holds no text.
    """
    texts: dict[str, str] = {}
    files = [Path(path).name for path in paths]
    for path, file in zip(paths, files, strict=True):
        for place, text in enumerate(read_texts(path, None), 1):
            texts.setdefault(text, f"{file if files.count(file) == 1 else path}:{place}")
    return {name: text for text, name in texts.items()}


def foretell_texts(context: Context) -> None:
    """Write `text_losses.jsonl` of the files that `[audit.values] texts` names; nothing where it names none.

    Where the same files were foretold by the same models before, what is there stays; so it does where the files are
    not there any more, as when a run was moved. Raises as `read_plain_texts` does.
    """
    settings = context.recipe.audit.of(ValuesThresholds)
    run, stage = context.run, context.beside("audit")
    path, name = TEXT_LOSSES.path(stage), f"{stage}: texts"
    if not settings.texts or not has_arms(context):
        return
    if run.has(path) and not all_there(settings.texts):
        return
    texts = read_plain_texts(settings.texts)
    entry = InputEntry(_digest(context, settings), places_of(context, settings.texts))
    if run.manifest.inputs.get(name) == entry and run.has(path) and not run.problem_of(path):
        return
    rows = [row for arm in ("start", "policy") for row in _losses(context, arm, texts, settings.text_tokens)]
    TEXT_LOSSES.write(run, rows, stage=stage)
    run.record_input(name, entry)


def _losses(context: Context, arm: str, texts: Mapping[str, str], tokens: int) -> list[TextLoss]:
    causal = open_arm(context, arm)
    with context.progress.busy(f"  audit: the {arm} foretells {len(texts)} texts"):
        rows = list(text_losses(causal, arm, texts, tokens=tokens))
    del causal
    release_memory()
    return rows


def _digest(context: Context, settings: ValuesThresholds) -> str:
    """Of the files of texts, of how much of one is read, and of the models' files in the manifest."""
    return digest_of_settings([digests_of_files(settings.texts), settings.text_tokens, *digests_of_arms(context)])
