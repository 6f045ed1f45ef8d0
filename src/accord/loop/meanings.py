"""Which samples of start and policy mean the same, by a function of the user's own: once, and where it changed."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from accord.artefacts import EVALUATION_SAMPLES, MEANINGS, PROMPTS, RunReader
from accord.audit.distribution.meanings import SameMeaning, meanings_asked
from accord.audit.distribution.thresholds import DistributionThresholds
from accord.errors import ExtensionError, nearest
from accord.extensions import blamed, load_extensions
from accord.loop.arms import all_there, digests_of_files, places_of
from accord.loop.stage import Context
from accord.records import Prompt
from accord.run import InputEntry, digest_of_settings

__all__ = ["sort_answers"]


def sort_answers(context: Context) -> None:
    """Write `meanings.jsonl` by the function that `[audit.distribution] meaning` names; nothing where it names none.

    Where the same function was asked of the same samples before, what is there stays; so it does where its file is not
    there any more, as when a run was moved. Raises `ExtensionError` where the file holds no such function, or it does
    not say whether each two texts mean the same.
    """
    settings = context.recipe.audit.of(DistributionThresholds)
    run, stage = context.run, context.beside("audit")
    path, name = MEANINGS.path(stage), f"{stage}: meanings"
    reader = RunReader.of(run, prefix=context.prefix)
    if settings.function is None or not reader.has(EVALUATION_SAMPLES) or not reader.has(PROMPTS):
        return
    file, function = settings.function
    if run.has(path) and not all_there([file]):
        return
    of_samples = run.manifest.files[reader.path(EVALUATION_SAMPLES)].sha256
    entry = InputEntry(digest_of_settings([digests_of_files([file]), function, of_samples]), places_of(context, [file]))
    if run.manifest.inputs.get(name) == entry and run.has(path) and not run.problem_of(path):
        return
    samples = [row for row in reader.evaluation_samples if row.arm in {"start", "policy"}]
    prompts = [reader.prompts[row.prompt] for row in samples]
    same = _function(file, function)
    with context.progress.busy("  audit: asking which answers mean the same"):
        rows = list(meanings_asked(samples, prompts, same, f"{Path(file).name}:{function}"))
    MEANINGS.write(run, rows, stage=stage)
    run.record_input(name, entry)


def _function(file: str, name: str) -> SameMeaning:
    """The function, whose mistakes are blamed on its file."""
    (extension,) = load_extensions([file], Path())
    function: Callable[..., Iterable[object]] | None = getattr(extension.module, name, None)
    if function is None or not callable(function):
        known = [each for each, value in vars(extension.module).items() if callable(value)]
        raise ExtensionError(f"{file}: no function '{name}'{nearest(name, known)}")

    def same(prompts: Sequence[Prompt], first: Sequence[str], second: Sequence[str]) -> list[bool]:
        with blamed(Path(file)):
            answers = list(function(list(prompts), list(first), list(second)))
        if len(answers) != len(first) or not all(isinstance(each, bool | np.bool_) for each in answers):
            raise ExtensionError(f"{file}: '{name}' is to return True or False for each of {len(first)} pairs of texts")
        return [bool(each) for each in answers]

    return same
