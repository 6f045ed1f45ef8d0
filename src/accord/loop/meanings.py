"""Which samples of start and policy mean the same, by a function of the user's or a model; asked once."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from accord.artefacts import EVALUATION_SAMPLES, MEANINGS, PROMPTS, RunReader
from accord.audit.distribution.meanings import SameMeaning, meanings_asked
from accord.audit.distribution.thresholds import DistributionThresholds
from accord.errors import ExtensionError, nearest
from accord.extensions import blamed, load_extensions
from accord.lm.loading import commit_of, place_of
from accord.loop.arms import all_there, digests_of_files, places_of
from accord.loop.stage import Context
from accord.records import Prompt
from accord.run import InputEntry, digest_of_folder, digest_of_settings

__all__ = ["sort_answers"]


def sort_answers(context: Context) -> None:
    """Write `meanings.jsonl` by whoever `[audit.distribution] meaning` names; nothing where it names nobody.

    Where the same function or model was asked of the same samples before, what is there stays; so it does where its
    file is not there any more, as when a run was moved. Raises `ExtensionError` where the file holds no such function,
    or it does not say whether each two texts mean the same; `ModelError` where there is no such model.
    """
    settings = context.recipe.audit.of(DistributionThresholds)
    run, stage = context.run, context.beside("audit")
    path, name = MEANINGS.path(stage), f"{stage}: meanings"
    reader = RunReader.of(run, prefix=context.prefix)
    if not settings.arbiter or not reader.has(EVALUATION_SAMPLES) or not reader.has(PROMPTS):
        return
    whoever = _function(*settings.function) if settings.function else _model(settings.arbiter)
    if run.has(path) and not all_there(whoever.places):
        return
    of_samples = run.manifest.files[reader.path(EVALUATION_SAMPLES)].sha256
    entry = InputEntry(digest_of_settings([*whoever.digest(), of_samples]), places_of(context, whoever.places))
    if run.manifest.inputs.get(name) == entry and run.has(path) and not run.problem_of(path):
        return
    samples = [row for row in reader.evaluation_samples if row.arm in {"start", "policy"}]
    prompts = [reader.prompts[row.prompt] for row in samples]
    same = whoever.open()
    with context.progress.busy("  audit: asking which answers mean the same"):
        rows = list(meanings_asked(samples, prompts, same, whoever.name))
    MEANINGS.write(run, rows, stage=stage)
    run.record_input(name, entry)


@dataclass(frozen=True)
class _Whoever:
    """Who is asked: by what name, where it lies, what tells it from others, and how it is opened."""

    name: str
    places: Sequence[str]
    digest: Callable[[], list[object]]
    open: Callable[[], SameMeaning]


def _function(file: str, name: str) -> _Whoever:
    return _Whoever(
        f"{Path(file).name}:{name}",
        [file],
        lambda: [digests_of_files([file]), name],
        lambda: _loaded_function(file, name),
    )


def _model(source: str) -> _Whoever:
    """A model of entailment in a folder, or under a hub id at its commit of now."""
    path = Path(source).expanduser()
    in_folder = path.is_absolute() or path.is_dir()

    def digest() -> list[object]:
        return [digest_of_folder(Path(place_of(source))) if in_folder else commit_of(source, None)]

    def loaded() -> SameMeaning:
        from accord.lm.entailment import load_entailment

        return load_entailment(source, revision=None if in_folder else commit_of(source, None)).same

    return _Whoever(f"entailment, {path.name}", [str(path)] if in_folder else [], digest, loaded)


def _loaded_function(file: str, name: str) -> SameMeaning:
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
