"""The one reader of a run's files as they are now: whole ones by their digest, growing ones as far as they are.

What is put by a rename is whole whenever it is looked at. A file that is missing, damaged or altered is a problem that
the snapshot names, never the end of it.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar

from pydantic import ValidationError

from accord.artefacts import (
    ASKING,
    CARD,
    CURVE,
    EVALUATION,
    FINDINGS,
    METRICS,
    PROMPTS,
    RECIPE,
    REWARD_UPDATE,
    ROUNDS,
    SAMPLES,
    AskingRow,
    CurvePoint,
    Finding,
    PolicyEvaluation,
    RewardCard,
)
from accord.errors import AccordError, storage
from accord.recipe.toml_text import read_toml
from accord.records import explain
from accord.reward.kinds.person import PersonReward
from accord.run import MANIFEST, Holder, Manifest, RunDirectory, holder_of
from accord.run.files import within
from accord.watch.live_log import LiveLog, MetricsLog, SampleLog, SamplePlace, StepRow, newest_rows
from accord.watch.snapshot import FollowedPrompt, LabelCount, SampleText, Snapshot, split_stage

__all__ = ["LiveRun"]

T = TypeVar("T")
L = TypeVar("L", bound=LiveLog)
FOLLOWED = 4  # prompts
SHOWN = 5  # samples of each
LONGEST = 4_000  # characters of a text
TRIES = 3  # of reading a manifest while processes come and go
UPDATED = f"/{REWARD_UPDATE.file}"
PARSED = 512  # values of files that are kept


class LiveRun:
    """A run's folder that is looked at again and again; only what has come since is read. Safe among threads."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path, self.clock = path, clock
        self._logs: dict[Path, LiveLog] = {}
        self._parsed: dict[tuple[object, ...], Any] = {}
        self._alone = Lock()

    def look(self, prefix: str = "", *, whole: bool = True) -> Snapshot:
        """The run as it is now; of its stages those below `prefix`. Not `whole`: the newest steps, and no samples."""
        with self._alone:
            return self._look(prefix, whole)

    def prefixes(self) -> list[str]:
        """What stands before the names of its stages, in the order in which they were begun; none of a damaged run."""
        with self._alone:
            try:
                manifest, _ = self._manifest()
            except AccordError:
                return []
        stages = (*manifest.stages, *manifest.begun)
        return list(dict.fromkeys(split_stage(stage)[0] for stage in stages))

    # -- inside ----------------------------------------------------------------------------------------------

    def _look(self, prefix: str, whole: bool) -> Snapshot:
        moment, problems = self.clock(), list[str]()
        try:
            holder, manifest, noted = self._held_manifest()
        except AccordError as error:
            return Snapshot(self.path, prefix, moment, None, str(error))
        reading = _Reading(self, RunDirectory(self.path, manifest, None), prefix, problems)
        recipe = reading.once(RECIPE.path(), lambda: read_toml(RECIPE.read(reading.run), RECIPE.path())) or {}
        return Snapshot(
            self.path,
            prefix,
            moment,
            manifest,
            holder=holder,
            noted=noted,
            recipe=recipe,
            metrics=dict(reading.metrics(whole)),
            samples=tuple(reading.samples()) if whole else (),
            asking=reading.once(ASKING.path(reading.full("ask")), reading.asking),
            summary=reading.once(ROUNDS.path(), lambda: ROUNDS.read(reading.run)),
            curve=reading.once(CURVE.path(reading.full("evaluate")), reading.curve) or (),
            evaluation=reading.once(EVALUATION.path(reading.full("evaluate")), reading.evaluation),
            cards={stage: card for stage, card in reading.cards() if card is not None},
            findings=reading.once(FINDINGS.path(reading.full("audit")), reading.findings) or (),
            labels=tuple(
                chain(_labels(recipe, problems), reading.round_labels(recipe), reading.labels_between_steps(recipe))
            ),
            problems=tuple(problems),
        )

    def _held_manifest(self) -> tuple[Holder | None, Manifest, float]:
        """Who works on the run, and the manifest of that time: nobody came or went while it was read.

        A stage that has just begun, or was just finished, would else look as if its process had been killed.
        """
        before = holder_of(self.path)
        for _ in range(TRIES):
            manifest, noted = self._manifest()
            holder = holder_of(self.path)
            if holder == before:
                break
            before = holder
        return holder, manifest, noted

    def _manifest(self) -> tuple[Manifest, float]:
        """The manifest and when it was written. Raises `AccordError` where it cannot be read."""
        file = self.path / MANIFEST
        with storage(file):
            noted = os.stat(file).st_mtime
        with RunDirectory.open(self.path, write=False) as run:
            return run.manifest, noted

    def log(self, kind: type[L], path: Path) -> L:
        """The log at a path, which is made when it is first asked for."""
        found = self._logs.get(path)
        if not isinstance(found, kind):
            found = self._logs[path] = kind(path)
        return found

    def keep(self, key: tuple[object, ...], read: Callable[[], T]) -> T:
        """What was read before under this key; else what `read` makes, which is kept."""
        if key not in self._parsed:
            value = read()
            while len(self._parsed) >= PARSED:
                del self._parsed[next(iter(self._parsed))]
            self._parsed[key] = value
        kept: T = self._parsed[key]
        return kept


@dataclass(frozen=True)
class _Reading:
    """One look at a run."""

    live: LiveRun
    run: RunDirectory
    prefix: str
    problems: list[str]

    def full(self, stage: str) -> str:
        return f"{self.prefix}/{stage}" if self.prefix else stage

    def once(self, name: str, read: Callable[[], T]) -> T | None:
        """What `read` makes of a file, again only where it was written anew; None where the run has no such file."""
        entry = self.run.manifest.files.get(name)
        if entry is None:
            return None
        value: T | str = self.live.keep((name, entry.sha256, *_stamp(self.run.path / name)), lambda: _or_problem(read))
        if isinstance(value, _Problem):
            self.problems.append(value)
            return None
        return value  # type: ignore[return-value]  # no file of a run is a problem

    def round_labels(self, recipe: Mapping[str, Any]) -> Iterator[LabelCount]:
        """What rounds asked for so far, against the budget of all of them."""
        summary = self.once(ROUNDS.path(), lambda: ROUNDS.read(self.run))
        asking = self.once(ASKING.path(self.full("ask")), self.asking)
        for section, said in (("loop", summary), ("round", asking)):
            settings = recipe.get(section)
            budget = settings.get("budget") if isinstance(settings, Mapping) else None
            if said is not None and isinstance(budget, int):
                yield LabelCount(section, said.spent, None, budget)

    def labels_between_steps(self, recipe: Mapping[str, Any]) -> Iterator[LabelCount]:
        """What the policy's stage asked for between its steps so far, against its budget."""
        settings, parts = recipe.get("synchronous"), self.full("policy-reward") + "/"
        budget = settings.get("budget") if isinstance(settings, Mapping) else None
        if not isinstance(budget, int):
            return
        names = [name for name in self.run.manifest.files if name.startswith(parts) and name.endswith(UPDATED)]
        rows = [self.once(name, partial(REWARD_UPDATE.read, self.run, name.removesuffix(UPDATED))) for name in names]
        yield LabelCount("synchronous", max((row.spent for row in rows if row is not None), default=0), None, budget)

    def asking(self) -> AskingRow:
        return ASKING.read(self.run, self.full("ask"))

    def curve(self) -> list[CurvePoint]:
        return list(CURVE.read(self.run, self.full("evaluate")))

    def evaluation(self) -> PolicyEvaluation:
        return EVALUATION.read(self.run, self.full("evaluate"))

    def findings(self) -> tuple[Finding, ...]:
        return FINDINGS.read(self.run, self.full("audit"))

    def cards(self) -> Iterator[tuple[str, RewardCard | None]]:
        for name, entry in self.run.manifest.files.items():
            if name == CARD.path(entry.stage or "-") and split_stage(entry.stage)[0] == self.prefix:
                if split_stage(entry.stage)[1] == EVALUATION.stage:
                    continue  # the policy's evaluation has the same name of its own
                yield entry.stage, self.once(name, partial(CARD.read, self.run, entry.stage))

    def metrics(self, whole: bool) -> Iterator[tuple[str, tuple[StepRow, ...]]]:
        """The steps of each stage that trains, or the newest of them, in the order in which they were begun."""
        manifest = self.run.manifest
        logged = [entry.stage for name, entry in manifest.files.items() if Path(name).name == METRICS.file]
        for stage in dict.fromkeys((*logged, *manifest.begun, *manifest.steps)):
            rows = self._steps(METRICS.path(stage), whole) if split_stage(stage)[0] == self.prefix else ()
            if rows:
                yield stage, rows

    def _steps(self, name: str, whole: bool) -> tuple[StepRow, ...]:
        if whole:
            log = self._log(MetricsLog, name)
            return () if log is None else tuple(log.rows)
        try:
            return tuple(newest_rows(within(self.run.path, name)))
        except (AccordError, OSError) as error:
            self.problems.append(str(error))
            return ()

    def _log(self, kind: type[L], name: str) -> L | None:
        """A log, read on; None where it leads out of the run or cannot be read, which is noted."""
        try:
            log = self.live.log(kind, within(self.run.path, name))
            log.read_on()
        except (AccordError, OSError) as error:
            self.problems.append(str(error))
            return None
        self.problems.extend(f"{name}: {damage}" for damage in log.damages)
        return log

    # -- samples ---------------------------------------------------------------------------------------------

    def samples(self) -> Iterator[FollowedPrompt]:
        """The prompts that the policy wrote on most often, along its steps."""
        policy, manifest = self.full("policy"), self.run.manifest
        stages = [stage for stage in (*manifest.begun, *manifest.stages, *manifest.steps) if stage == policy]
        stages += [stage for stage in manifest.steps if _is_arm(stage, policy)]
        for stage in stages[-1:]:
            log = self._log(SampleLog, SAMPLES.path(stage))
            chosen = [] if log is None else log.followed(FOLLOWED)
            texts = self._prompt_texts(chosen)
            for prompt in chosen:
                assert log is not None
                found = [self._sample(log, place) for place in _spread(log.places[prompt])]
                yield FollowedPrompt(prompt, texts.get(prompt, prompt), tuple(filter(None, found)))

    def _sample(self, log: SampleLog, place: SamplePlace) -> SampleText | None:
        row = self.live.keep((log.path, place, *_stamp(log.path)[:1]), lambda: log.line_at(place))
        if row is None or not isinstance(row.get("text"), str):
            return None
        text = row["text"]
        return SampleText(place.step, text[:LONGEST], dict(_scores(row)), len(text) > LONGEST)

    def _prompt_texts(self, ids: list[str]) -> Mapping[str, str]:
        """The last message of each prompt, by id; none where the run has no file of them."""
        name = PROMPTS.path(self.full("data"))
        if name not in self.run.manifest.files:
            name = PROMPTS.path("data")  # rounds may share the data of the run
        stage = self.run.manifest.files[name].stage if name in self.run.manifest.files else "data"

        def read() -> dict[str, str]:
            rows = PROMPTS.read(self.run, stage)
            return {row.prompt.id: row.prompt.messages[-1].content for row in rows}

        texts = self.once(name, read) or {}
        return {each: texts[each] for each in ids if each in texts}


class _Problem(str):
    """Why a file could not be read."""

    __slots__ = ()


def _or_problem(read: Callable[[], T]) -> T | _Problem:
    try:
        return read()
    except (AccordError, OSError) as error:
        return _Problem(error)


def _stamp(path: Path) -> tuple[int, ...]:
    try:
        state = os.stat(path)
    except OSError:
        return ()
    return state.st_ino, state.st_size, state.st_mtime_ns


def _spread(places: list[SamplePlace]) -> list[SamplePlace]:
    """Some of them from the first to the last, evenly."""
    if len(places) <= SHOWN:
        return places
    return [places[round(number * (len(places) - 1) / (SHOWN - 1))] for number in range(SHOWN)]


def _scores(row: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name in ("reward", "cautious_reward", "reward_std"):
        if isinstance(row.get(name), int | float):
            yield name.replace("_", " "), row[name]
    components = row.get("components")
    for name, part in (components if isinstance(components, Mapping) else {}).items():
        if isinstance(part, Mapping) and isinstance(part.get("value"), int | float):
            yield str(name), part["value"]


def _is_arm(stage: str, policy: str) -> bool:
    """Whether a stage is one of several policies that are trained as one, such as `policy-helpful`."""
    return stage.startswith(f"{policy}-") and "/" not in stage.removeprefix(policy)


def _labels(recipe: Mapping[str, Any], problems: list[str]) -> Iterator[LabelCount]:
    """What people were asked for, by each reward of the recipe that is theirs."""
    named = recipe.get("rewards")
    sections = {"reward": recipe.get("reward")}
    sections |= {f"rewards.{name}": section for name, section in named.items()} if isinstance(named, Mapping) else {}
    for name, section in sections.items():
        if not isinstance(section, Mapping) or section.get("kind") != "person":
            continue
        try:
            spent = PersonReward.model_validate(section).spending()
        except ValidationError as error:
            key, problem = explain(error)
            problems.append(f"recipe.{name}.{key}: {problem}")
        except (AccordError, OSError) as error:
            problems.append(str(error))
        else:
            yield LabelCount(name, spent.asked_for, spent.answered, spent.budget)
