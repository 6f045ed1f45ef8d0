"""Is a finished run sound in itself: whole files, digests that are those of their files, every label asked for once.

Beside `tools.kill_diff`, which compares: what is wrong here is wrong in whatever run it stands.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from accord.artefacts import ASKING, ROUNDS, RoundRow, folder_of_round
from accord.collect.study import Study
from accord.errors import AccordError
from accord.feedback import Ledger
from accord.loop.earlier_round import digest_of_round
from accord.loop.sameness import basis_of
from accord.loop.stages import stages_of
from accord.recipe import Recipe, load
from accord.records import Feedback
from accord.run import RunDirectory
from accord.run.checkpoints import FOLDER
from accord.run.files import PART
from accord.run.verification import runs_within, verify
from tools.kill_diff import ledger_of

__all__ = ["unsound"]


def unsound(path: Path) -> Iterator[str]:
    """What is wrong with a finished run and those within it, a line each."""
    try:
        yield from _problems(path)
    except AccordError as error:
        yield f"not to be read: {error}"


def _problems(path: Path) -> Iterator[str]:
    for folder in (path, *runs_within(path)):
        place = "" if folder == path else f"{folder.relative_to(path).as_posix()}: "
        with RunDirectory.open(folder, write=False) as run:
            yield from (f"{place}{problem}" for problem in _files(run))
            yield from (f"{place}{problem}" for problem in _digests(run))
    missing = list(_missing_rounds(path))
    yield from missing
    if missing:
        return  # what is told of all rounds cannot be held against them
    yield from _chain(path)
    if runs_within(path) and (ledger := ledger_of(path)) is not None:
        yield from _labels(path, ledger)


# -- files and digests -------------------------------------------------------------------------------------------------


def _files(run: RunDirectory) -> Iterator[str]:
    """Files that are not what was written, and what a kill left."""
    for damage in verify(run):
        if not damage.file.startswith(f"{FOLDER}/"):
            yield f"{damage.file}: {damage.problem}"
    for stage in run.manifest.begun:
        yield f"{stage}: begun, and not finished"
    within = {folder.resolve() for folder in runs_within(run.path)}
    for left in sorted(run.path.rglob("*")):
        if not within.isdisjoint(left.resolve().parents):
            continue  # of a round, which is looked at by itself
        if left.name.endswith(PART) or left.parent.name == FOLDER:
            yield f"{left.relative_to(run.path).as_posix()}: left behind"


def _digests(run: RunDirectory) -> Iterator[str]:
    """Digests of the manifest that are not those of what they name."""
    recipe = _recipe(run)
    for stage, entry in run.manifest.stages.items():
        if recipe is not None and stage in stages_of(recipe) and entry.basis != basis_of(recipe, run, stage):
            yield f"manifest.json stages.{stage}.basis: not the digest of the files that it builds on"
    noted, file = run.manifest.inputs.get("ledger"), ledger_of(run.path)
    if noted is not None and file is not None:
        with Ledger(file, write=False) as ledger:
            read = ledger.digest(noted.last_row), ledger.rows(noted.last_row)
        if read != (noted.digest, noted.rows):
            yield f"manifest.json inputs.ledger: not what the ledger holds up to row {noted.last_row}"


def _rounds(path: Path) -> tuple[RoundRow, ...]:
    with RunDirectory.open(path, write=False) as run:
        return ROUNDS.read(run).rounds if ROUNDS.has(run) else ()


def _missing_rounds(path: Path) -> Iterator[str]:
    there = runs_within(path)
    for row in _rounds(path):
        if folder_of_round(path, row.number) not in there:
            yield f"rounds/{row.number:02d}: not there, though rounds.json tells of it"


def _chain(path: Path) -> Iterator[str]:
    """Digests by which rounds are named, and that are not those of their files."""
    before: list[str] = []
    for row in _rounds(path):
        with RunDirectory.open(folder_of_round(path, row.number), write=False) as opened:
            if row.digest != digest_of_round(opened):
                yield f"rounds.json: the digest of round {row.number} is not that of its files"
            if opened.manifest.parents != before:
                yield f"rounds/{row.number:02d}/manifest.json parents: not the digest of the round before"
        before = [row.digest]


def _recipe(run: RunDirectory) -> Recipe | None:
    file = run.path / "recipe.toml"
    return load(file) if file.is_file() else None


# -- labels ------------------------------------------------------------------------------------------------------------


def _labels(path: Path, ledger: Path) -> Iterator[str]:
    """Answers that were asked for twice, and counts of labels that are not those of the ledger."""
    recipe = load(path / "recipe.toml")
    if recipe.loop is None or recipe.loop.study is None:
        return
    study = Study.load(recipe.loop.study).name
    with Ledger(ledger, write=False) as opened:
        replaced = opened.replaced()
        answers = [each for each in opened.feedback() if each.study == study and each.id not in replaced]
    yield from _twice(answers)
    in_ledger, spent = Counter(each.round for each in answers if each.repeat_of is None), 0
    with RunDirectory.open(path, write=False) as run:
        summary = ROUNDS.read(run)
    for row in summary.rounds:
        spent += in_ledger[row.number]
        with RunDirectory.open(folder_of_round(path, row.number), write=False) as opened_round:
            asking = ASKING.read(opened_round) if ASKING.has(opened_round) else None
        told = {"rounds.json": (row.labels, row.spent)}
        told |= {} if asking is None else {f"rounds/{row.number:02d}/ask/asking.json": (asking.labels, asking.spent)}
        for file, (labels, sum_of_labels) in told.items():
            if (labels, sum_of_labels) != (in_ledger[row.number], spent):
                yield (
                    f"{file}: round {row.number} tells of {labels} labels, {sum_of_labels} in all; the ledger holds "
                    f"{in_ledger[row.number]}, {spent} in all"
                )
    if strangers := sum(in_ledger.values()) - spent:
        yield f"ledger: {strangers} labels of the study '{study}' are of no round that has ended"
    if summary.spent != spent or spent > summary.budget:
        yield f"rounds.json: {summary.spent} labels spent of {summary.budget}; the ledger holds {spent}"


def _twice(answers: list[Feedback]) -> Iterator[str]:
    """An item that one evaluator answered twice in one order: both orders are one answer and its second reading."""
    keys = [(each.round, each.evaluator, each.prompt, frozenset(each.completions)) for each in answers]
    in_order = Counter(zip(keys, (each.completions for each in answers), strict=True))
    first = Counter(key for key, each in zip(keys, answers, strict=True) if each.repeat_of is None)
    twice = [key for (key, _), n in in_order.items() if n > 1] + [key for key, n in first.items() if n > 1]
    for number, evaluator, prompt, completions in dict.fromkeys(twice):
        named = ", ".join(sorted(completions))
        yield f"ledger: {evaluator} was asked twice about {named} of {prompt} in round {number}"
