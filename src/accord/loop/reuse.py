"""A run that starts from what another one has finished: which of its stages are the same here, and why the others not.

A stage is the same where all that its outcome depends on is: its settings and those of what it builds on, the files
that it builds on, what it read from outside (the ledger's feedback, files, models' folders, each by digest), the
versions of what computes, and the day that a chat template writes. The audit and the page are of one run, and are
always made anew.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from accord.artefacts import PROMPTS, RECIPE
from accord.errors import AccordError, ArtefactError, RecipeError, storage
from accord.feedback import Ledger
from accord.feedback.store.location import is_url
from accord.loop.lengths import readers
from accord.loop.sameness import basis_of, changes_between, hub_inputs
from accord.loop.stages import TEXTS, builds_on, chosen_stages, sections_of, settings_digest, settings_in, stages_of
from accord.recipe import Recipe, read_toml
from accord.recipe.toml_text import flat
from accord.run import InputEntry, RunDirectory, StageEntry, digest_of, digest_of_folder
from accord.run.manifest import NUMERICAL
from accord.run.taking import moved_input, take_stage
from accord.run.verification import runs_within

__all__ = ["check_source", "reuse_stages"]

OF_ONE_RUN = frozenset({"audit", "report"})
"""Stages that tell of the run that they are in: of its times, its machine, its name."""


def check_source(recipe: Recipe, source: Path, out: Path) -> None:
    """Raises `ArtefactError` where no stage of the run at `source` could be used for one of `recipe` at `out`."""
    with RunDirectory.open(source, write=False) as other:
        if source.resolve() == out.resolve():
            raise ArtefactError(f"{source}: this is the new run itself; name another folder with --out")
        if not RECIPE.has(other):
            raise ArtefactError(f"{source}: this run has no {RECIPE.path()}, so nobody can tell how it was made")
        if rounds := runs_within(source):
            raise ArtefactError(f"{source}: this run is made in rounds; name one of them, such as {rounds[-1]}")
        RECIPE.verified(other)
        if other.seed != recipe.seed:
            raise RecipeError(
                f"{source}: this run has seed {other.seed}, the recipe {recipe.seed}: no number of it would be the "
                f"same; give --seed {other.seed}, or leave --from out"
            )


def reuse_stages(recipe: Recipe, run: RunDirectory, source: Path, *, only: tuple[str, ...] = ()) -> Iterator[str]:
    """Take the stages that are the same from the run at `source`, and say of each what becomes of it and why.

    Stages that `run` has finished or begun stay. What is taken stays also where a later one fails; going on with the
    run, with or without the source, does the rest.
    """
    wanted = chosen_stages(recipe, only)
    needed = {name for each in wanted for name in (*builds_on(recipe, each), each)}
    with RunDirectory.open(source, write=False) as other:
        earlier = _Earlier(recipe, run, other, read_toml(RECIPE.read(other), str(source / RECIPE.path())))
        for name in stages_of(recipe):
            if name not in needed or name in run.manifest.stages:
                continue
            if name in OF_ONE_RUN:
                yield f"{name}: made anew, since it tells of one run"
            elif run.has_traces(name):
                yield f"{name}: goes on, since it has begun here"
            elif reason := earlier.why_not(name):
                yield f"{name}: done anew, since {reason}"
            else:
                for key, entry in earlier.inputs_of(name).items():
                    run.record_input(key, moved_input(entry, other, run))
                copies = take_stage(run, other, name)
                yield f"{name}: taken from {source}{f', {copies} files of it as copies' if copies else ''}"


@dataclass
class _Earlier:
    """The run that may be taken from, beside the recipe of the new one."""

    recipe: Recipe
    run: RunDirectory
    other: RunDirectory
    before: Mapping[str, Any]

    def why_not(self, name: str) -> str:
        """Why what the other run has of a stage is not what it would be here; empty where it is the same."""
        entry = self.other.manifest.stages.get(name)
        if entry is None:
            return "it is not finished there"
        now = self.recipe.model_dump(mode="json", exclude_none=True)
        sections = sections_of(self.recipe, name)
        if changes := changes_between(settings_in(self.before, sections), settings_in(now, sections)):
            return changes
        if entry.settings != settings_digest(self.recipe, name):
            return "it was made with other settings"
        for needed in builds_on(self.recipe, name):
            if needed not in self.run.manifest.stages:
                return f"{needed}, which it builds on, is"
        if entry.basis != basis_of(self.recipe, self.run, name):
            return "what it builds on was made again there after it"
        return (
            self._other_versions(entry)
            or self._other_code()
            or self._other_day(name, sections)
            or self._other_inputs(name)
            or self._damaged(name)
        )

    def inputs_of(self, name: str) -> dict[str, InputEntry]:
        """What the other run noted that a stage read."""
        section = stages_of(self.recipe)[name].sections(self.recipe)[name]
        return {
            key: entry
            for key, entry in self.other.manifest.inputs.items()
            if key.startswith((f"{name}: ", f"{section}.")) or (name == "data" and key == "ledger")
        }

    def _other_versions(self, entry: StageEntry) -> str:
        before, now = self.other.manifest.versions | entry.versions, self.run.versions
        changed = [package for package in NUMERICAL if before.get(package) != now.get(package)]
        return "; ".join(f"{each} was {before.get(each)}, now {now.get(each)}" for each in changed)

    def _other_code(self) -> str:
        before, now = (
            {key: entry.digest for key, entry in each.manifest.inputs.items() if key.startswith("extension ")}
            for each in (self.other, self.run)
        )
        changed = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        return f"{', '.join(changed)} is another file" if changed else ""

    def _other_day(self, name: str, sections: list[str]) -> str:
        before, now = (datetime.fromisoformat(each.manifest.created).date() for each in (self.other, self.run))
        if before == now or not any(
            reader.conversation.is_dated for reader in readers(self.recipe) if reader.section in sections
        ):
            return ""
        return f"a chat template writes the day, then {before}, now {now}; template_date sets one"

    def _other_inputs(self, name: str) -> str:
        """Whether a file or folder that the settings name is not what the other run read."""
        if name == "data" and (reason := self._other_ledger()):
            return reason
        section = stages_of(self.recipe)[name].sections(self.recipe)[name]
        noted = self.inputs_of(name)
        for key, path in self._paths(section):
            digests = _digests_of(noted, key, path.name)
            if not digests:
                return f"it is not on record there what {path} ({key}) held"
            if len(digests) > 1:
                return f"it read several that are called {path.name}, and {key} may have been any of them"
            with storage(path):
                now = digest_of_folder(path) if path.is_dir() else digest_of(path) if path.is_file() else ""
            if now not in digests:
                return f"{path} ({key}) is {'not what it was' if now else 'gone'}"
        return self._other_commit(section, noted)

    def _other_commit(self, section: str, noted: Mapping[str, InputEntry]) -> str:
        """Whether a model of the hub is there at another commit now than the one that was read."""
        key = f"{section}.base"
        before, now = noted.get(key), hub_inputs(self.recipe, section).get(key)
        if before is None or before.path is not None or (now is not None and now.digest == before.digest):
            return ""
        return f"{key} was read at commit {before.digest[:12]}, which is not the one that is here"

    def _paths(self, section: str) -> Iterator[tuple[str, Path]]:
        """The files and folders that the settings of a section name, by key; the ledger is told by its rows."""
        for name, value in flat(self.recipe.model_dump(mode="json", exclude_none=True)).items():
            key = name
            if not key.startswith(f"{section}.") or key == "data.ledger" or key.rpartition(".")[2] in TEXTS:
                continue
            if section == "evaluate" and key.startswith(("evaluate.judge.", "evaluate.judges.", "evaluate.metrics.")):
                continue  # each is a stage of its own
            for number, each in enumerate(value if isinstance(value, list | tuple) else [value], 1):
                key = f"{section}.writer {number}" if name == f"{section}.writers" else name
                if isinstance(each, str) and each.startswith("/"):
                    file, colon, function = each.rpartition(":")
                    yield key, Path(file if colon and function.isidentifier() else each)

    def _other_ledger(self) -> str:
        noted, place = self.other.manifest.inputs.get("ledger"), self.recipe.data.ledger
        if noted is None:
            return "it is not on record there which ledger it read"
        if not is_url(place) and not Path(place).is_file():
            return f"there is no ledger at {place} to see whether it holds the same"
        try:
            with Ledger(place, write=False) as ledger:
                rows, digest = ledger.rows(), ledger.digest()
                judged = {record.prompt for record in ledger.feedback()} if digest == noted.digest else set()
                bare = ledger.prompts().keys() - judged
        except AccordError as error:
            return str(error)
        if digest == noted.digest:
            drawn = {row.prompt.id for row in PROMPTS.read(self.other)}
            return f"the ledger has {len(bare - drawn)} prompts now that it had not" if bare - drawn else ""
        held = f"held {noted.rows} answers, now {rows}" if rows != noted.rows else "held other answers"
        return f"the ledger {held}"

    def _damaged(self, name: str) -> str:
        if not self.other.files_of(name):
            return "none of its files is in the manifest there"
        for file in self.other.files_of(name):
            if problem := self.other.problem_of(file):
                return f"{self.other.path / file} {problem}"
        return ""


def _digests_of(noted: Mapping[str, InputEntry], key: str, name: str) -> set[str]:
    """The digests under which a stage may have noted what a key named: by the key, else by its last name."""
    if key in noted:
        return {noted[key].digest}
    return {entry.digest for entry in noted.values() if entry.path and Path(entry.path).name == name}
