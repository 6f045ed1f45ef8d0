"""Attacks of the audit on start and policy: once, and again where what is attacked with, how, or the models changed.

What was answered is kept query by query below `.checkpoints/` until all is, so that an attack that was stopped goes on
to the same answers.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from accord.artefacts import ATTACK_RESULTS, CANARY_RANKS, AttackResult, CanaryRank
from accord.audit.attacks.attack_file import AttackFile, read_attacks
from accord.audit.attacks.queries import chosen_families
from accord.audit.attacks.requests import AnyRequest, Canary
from accord.audit.attacks.thresholds import AttackThresholds
from accord.audit.remeasure.attacks import Attacker
from accord.audit.remeasure.canaries import canary_rank
from accord.errors import ArtefactError, AuditError, ExtensionError, nearest, storage
from accord.extensions import load_extensions
from accord.interfaces import Judge
from accord.lm.memory import release_memory
from accord.loop.arms import all_there, digests_of_arms, digests_of_files, has_arms, open_arm, places_of
from accord.loop.rewards import judges_of
from accord.loop.stage import Context
from accord.recipe import Recipe
from accord.reward.kinds.python import FunctionJudge
from accord.run import GrowingLog, InputEntry, digest_of_settings
from accord.run.checkpoints import FOLDER
from accord.run.manifest import current_versions
from accord.train.seeds import seed_of

__all__ = ["attack_arms", "attack_judge", "function_judge", "with_attacks"]

LIMITS = {"success", "refusals", "injection", "extraction", "exposure", "trained"}
"""Settings that judge results and do not change them."""


def with_attacks(recipe: Recipe, paths: Sequence[Path]) -> Recipe:
    """The recipe with other files to attack with; itself where none are named. Raises as `read_attacks` does."""
    if not paths:
        return recipe
    read_attacks(paths)
    values = recipe.audit.of(AttackThresholds).model_copy(update={"requests": tuple(map(str, paths))})
    return recipe.model_copy(update={"audit": recipe.audit.model_copy(update={values.family: values})})


def attack_arms(context: Context) -> None:
    """Write `attack_results.jsonl` and `canary_ranks.jsonl` by the files that `[audit.attacks] requests` names.

    Nothing where it names none. Where the same was done to the same models before, what is there stays; so it does
    where the files are not there any more, as when a run was moved. Raises `AuditError` where a file holds something
    else, or a judge or texts of others are named that are not there.
    """
    settings = context.recipe.audit.of(AttackThresholds)
    run, stage = context.run, context.beside("audit")
    path, name = ATTACK_RESULTS.path(stage), f"{stage}: attacks"
    if not settings.requests or not has_arms(context):
        return
    if run.has(path) and not all_there(settings.requests):
        return
    file = read_attacks(settings.requests)
    entry = InputEntry(_digest(context, settings), places_of(context, settings.requests))
    paths = (path, CANARY_RANKS.path(stage))
    if run.manifest.inputs.get(name) == entry and all(run.has(each) and not run.problem_of(each) for each in paths):
        return
    log = run.log(f"{FOLDER}/{stage}/attacks-{digest_of_settings([entry.digest, current_versions()])}.jsonl")
    work = _Work(log)
    for arm in ("start", "policy"):
        _attack(context, arm, settings, file, work)
    ATTACK_RESULTS.write(run, work.results, stage=stage)
    CANARY_RANKS.write(run, work.ranks, stage=stage)
    run.record_input(name, entry)
    _drop(log.path.parent)


def _drop(folder: Path) -> None:
    """Delete what was kept meanwhile, of this attack and of earlier ones that were given up."""
    with storage(folder):
        for unfinished in folder.glob("attacks-*.jsonl"):
            unfinished.unlink()
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


class _Work:
    """What was done: results and ranks of each request of each arm, a line of the log each."""

    def __init__(self, log: GrowingLog) -> None:
        self.log = log
        self.results: list[AttackResult] = []
        self.ranks: list[CanaryRank] = []
        self._done: set[tuple[str, str]] = set()
        for number, line in enumerate(log.rows(), 1):
            self._take(line, f"{log.path}:{number}")

    def pending(self, arm: str, requests: Sequence[AnyRequest]) -> list[AnyRequest]:
        """The requests of which an arm has no answer yet."""
        return [request for request in requests if (arm, request.name) not in self._done]

    def keep(self, arm: str, request: AnyRequest, rows: Sequence[AttackResult] | Sequence[CanaryRank]) -> None:
        """Add what came of a request, whole or not at all."""
        lines = [
            CANARY_RANKS.encode(row) if isinstance(row, CanaryRank) else ATTACK_RESULTS.encode(row) for row in rows
        ]
        line = {"arm": arm, "request": request.name, "canary": isinstance(request, Canary), "lines": lines}
        self.log.append(line)
        self._take(line, str(self.log.path))

    def _take(self, line: dict[str, Any], place: str) -> None:
        """Raises `ArtefactError` where a line is not what was kept."""
        try:
            (arm, request), is_canary, lines = (line["arm"], line["request"]), line["canary"], line["lines"]
        except (KeyError, TypeError) as error:
            raise ArtefactError(f"{place}: a damaged line; delete this file, and attack again") from error
        if is_canary:
            self.ranks += [CANARY_RANKS.decode(each, place) for each in lines]
        else:
            self.results += [ATTACK_RESULTS.decode(each, place) for each in lines]
        self._done.add((arm, request))


def _attack(context: Context, arm: str, settings: AttackThresholds, file: AttackFile, work: _Work) -> None:
    """Everything that is still to be asked of an arm."""
    pending = work.pending(arm, file.requests)
    families, judge = chosen_families(settings), attack_judge(context, settings)
    if not pending:
        return
    seed = seed_of(context.run.seed, "attacks")
    causal = open_arm(context, arm)
    attacker = Attacker(causal, arm, settings, file, families, judge, seed)
    for request in context.progress.track(pending, f"attacks on the {arm}", len(pending)):
        if isinstance(request, Canary):
            work.keep(arm, request, [canary_rank(causal, arm, request, draws=settings.draws, seed=seed)])
        else:
            work.keep(arm, request, attacker.on(request))
    del causal, attacker
    release_memory()


def attack_judge(context: Context, settings: AttackThresholds) -> Judge | None:
    """Who says whether a harmful request was met; None where nobody is named.

    Raises `AuditError` where the judge is none of the run's, `ExtensionError` where a file holds no such function.
    """
    if settings.judge == "none":
        return None
    if settings.function is not None:
        return function_judge(*settings.function, name="attacks")
    judges = judges_of(context)
    if settings.judge not in judges:
        raise AuditError(
            f"[audit.attacks] judge: the run has no judge '{settings.judge}'{nearest(settings.judge, list(judges))}; "
            "or name a function, FILE.py:NAME"
        )
    return judges[settings.judge]


def function_judge(file: str, function: str, *, name: str) -> FunctionJudge:
    """A function of a Python file as a judge. Raises `ExtensionError` where the file holds no such function."""
    (extension,) = load_extensions([file], Path())
    found = getattr(extension.module, function, None)
    if not callable(found):
        known = [each for each, value in vars(extension.module).items() if callable(value)]
        raise ExtensionError(f"{file}: no function '{function}'{nearest(function, known)}")
    return FunctionJudge(name, Path(file), found)


def _digest(context: Context, settings: AttackThresholds) -> str:
    """Of the files, of how both arms are attacked, of the function that judges, and of the models' files."""
    how = {key: value for key, value in settings.model_dump(mode="json").items() if key not in LIMITS | {"requests"}}
    files = [*settings.requests, *([settings.function[0]] if settings.function else [])]
    how["judge"] = settings.judge.rpartition("/")[2]
    return digest_of_settings([digests_of_files(files), how, context.run.seed, *digests_of_arms(context)])
