"""Whether a run may be gone on with: which settings each of its stages was made with, and what it builds on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os.path import relpath
from pathlib import Path
from typing import Any

from accord.artefacts import METRICS, RECIPE
from accord.errors import ArtefactError, storage
from accord.lm.loading import fetched_commit
from accord.loop.stages import builds_on, sections_of, settings_in, stages_of
from accord.recipe import Recipe, read_toml
from accord.recipe.toml_text import flat
from accord.run import InputEntry, RunDirectory, digest_of_folder, digest_of_settings

__all__ = ["base_inputs", "basis_of", "changes_between", "check_settings", "hub_inputs"]

SHOWN = 8  # changed keys that a message names


def check_settings(recipe: Recipe, run: RunDirectory, *, but: Iterable[str] = ()) -> None:
    """Raises `ArtefactError` where a stage that is done, or has begun, was made with other settings or another model.

    The message names each key with its old and its new value. Stages of `but` are to be done again, and may differ.
    """
    if run.seed != recipe.seed:
        raise ArtefactError(f"{run.path}: this run has seed {run.seed}, the recipe {recipe.seed}; use a new folder")
    if not RECIPE.has(run):
        return
    before, now = (
        read_toml(RECIPE.read(run), str(run.path / RECIPE.path())),
        recipe.model_dump(mode="json", exclude_none=True),
    )
    models = base_inputs(recipe, run)
    for name in stages_of(recipe):
        done = name in run.manifest.stages
        if name in but or not (done or run.has_traces(name)):
            continue
        sections = sections_of(recipe, name)
        changes = _changes(settings_in(before, sections), settings_in(now, sections))
        changes += _moved_models(run, models, sections)
        if changes:
            raise ArtefactError(
                f"{run.path}: stage '{name}' {'finished' if done else 'began'} with other settings "
                f"({_listed(changes)}); set them back, use a new folder, or do it again with --again {name}"
            )


def basis_of(recipe: Recipe, run: RunDirectory, name: str, prefix: str = "") -> str:
    """A digest of the files of all stages that a stage builds on, but for their logs of steps, which hold seconds."""
    files = {
        file: entry.sha256
        for needed in builds_on(recipe, name)
        for file, entry in run.files_of(f"{prefix}/{needed}" if prefix else needed).items()
        if Path(file).name != METRICS.file
    }
    return digest_of_settings(files)


def base_inputs(recipe: Recipe, run: RunDirectory) -> dict[str, InputEntry]:
    """The model folders that a recipe names, as inputs of the run by the key that names them: `policy.base`."""
    digests = {}
    for key, value in _model_names(recipe):
        folder = Path(value).expanduser()
        with storage(folder):
            if folder.is_dir():
                digests[key] = InputEntry(digest_of_folder(folder), relpath(folder.resolve(), run.path.resolve()))
    return digests


def _model_names(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """What stages start from, and who writes beside them, by key."""
    for key, value in flat(recipe.model_dump(mode="json")).items():
        section, _, last = key.rpartition(".")
        if last in {"base", "start", "go_on_from", "reference_model", "moments_from"} and isinstance(value, str):
            yield key, value
        elif last == "writers":
            yield from ((f"{section}.writer {number}", each) for number, each in enumerate(value, 1))


def hub_inputs(recipe: Recipe, section: str) -> dict[str, InputEntry]:
    """The commit of the model that a section had opened from the hub, by the key that names it; else nothing."""
    settings = flat(recipe.model_dump(mode="json"))
    base, revision = (settings.get(f"{section}.{key}") for key in ("base", "revision"))
    commit = fetched_commit(base, revision) if isinstance(base, str) else None
    return {f"{section}.base": InputEntry(commit)} if commit else {}


def _moved_models(run: RunDirectory, models: Mapping[str, InputEntry], sections: Sequence[str]) -> list[str]:
    """The models of some sections whose files are not what they were when the run noted them."""
    return [
        f"the files of {key} were {noted.digest[:16]}, now {entry.digest[:16]}"
        for key, entry in models.items()
        if any(key.startswith(f"{section}.") for section in sections)
        and (noted := run.manifest.inputs.get(key)) is not None
        and noted.digest != entry.digest
    ]


def changes_between(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Each key of settings that has another value, with the old and the new one; empty where none has."""
    return _listed(_changes(before, now))


def _changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each key that has another value, kinds first."""
    keys = sorted(before.keys() | now.keys(), key=lambda key: (key.rpartition(".")[2] != "kind", key))
    return [
        f"{key} was {_shown(before, key)}, now {_shown(now, key)}" for key in keys if before.get(key) != now.get(key)
    ]


def _shown(settings: Mapping[str, Any], key: str) -> str:
    return repr(settings[key]) if key in settings else "unset"


def _listed(changes: Sequence[str]) -> str:
    more = f"; and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
    return "; ".join(changes[:SHOWN]) + more
