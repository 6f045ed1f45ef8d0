"""P-SPLIT: whether what was learnt from is also judged on."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from accord.artefacts import RECIPE, pairs_of
from accord.audit.challenges import P_SPLIT
from accord.audit.checks import Outcome, artefact, check
from accord.audit.evidence import (
    CANDIDATES,
    COMPLETIONS,
    EVALUATORS,
    EXAMPLES,
    PAIRS,
    PROMPTS,
    ROLLOUTS,
    SAMPLES,
    SUMMARY,
    TRAIN_PAIRS,
    Evidence,
)
from accord.audit.preflight.thresholds import PreflightThresholds
from accord.audit.verdicts import none_of
from accord.feedback import Dataset, Overlaps, overlaps, read_data, same_texts
from accord.stats import proportion

if TYPE_CHECKING:
    from accord.records import Feedback, Pair

__all__ = ["overlap"]

KINDS = ("prompt", "session", "evaluator", "completion")


class Sides(NamedTuple):
    """Of one kind of thing: what its ids name, those on the wrong side of a split or on two, and all looked at."""

    ids: str
    stray: set[str]
    all: set[str]


@check(
    P_SPLIT,
    "overlap",
    claim="Nothing stands on both sides of a split.",
    thresholds=PreflightThresholds,
    needs=(artefact(PROMPTS), artefact(TRAIN_PAIRS, ROLLOUTS), artefact(PAIRS, SAMPLES)),
)
def overlap(evidence: Evidence, thresholds: PreflightThresholds) -> Outcome:
    """Prompts, sessions, evaluators and completions of several splits, and examples outside of their split."""
    data = _data(evidence)
    shared = overlaps(data)
    looked_at = _ids_of(data, shared)
    by_design = _allowed(evidence)
    sides = {
        kind: Sides(f"{kind}s", set(shared.by_kind[kind]), looked_at[kind])
        for kind in KINDS
        if kind not in {*shared.unassessable, *by_design}
    }
    sides |= _strays(evidence, data)
    counts = {kind: len(side.stray) for kind, side in sides.items() if side.stray}
    listed = ", ".join(f"{number} x {kind}" for kind, number in counts.items()) or "nothing"
    unknown = [kind for kind in shared.unassessable if kind in KINDS]
    optional = (PROMPTS, EXAMPLES, ROLLOUTS, CANDIDATES, SAMPLES)
    return Outcome(
        ruling=none_of(sum(counts.values())),
        estimate=proportion(sum(counts.values()), sum(len(side.all) for side in sides.values())),
        threshold="anything that stands on the wrong side of a split, or on two sides",
        result=f"On the wrong side of a split, or on two: {listed}."
        + "".join(
            f" {len(shared.by_kind[kind])} {kind}s stand on two, as a split by prompts has it."
            for kind in by_design
            if shared.by_kind[kind]
        )
        + (f" Not known, because some pairs do not say it: {', '.join(unknown)}." if unknown else ""),
        remedy="Split by whole prompts, sessions or evaluators (`[data] split_by`), never by row.",
        evidence=(
            *(pairs_of(split).path() for split in data.pairs),
            *(name for name in optional if evidence.holds(name)),
        ),
        ids=_strays_by_kind(sides.values()),
        facts={"texts in pairs of several splits": proportion(len(shared.by_kind["text"]), len(looked_at["text"]))}
        if looked_at["text"]
        else {},
    )


def _data(evidence: Evidence) -> Dataset:
    """The data set of the run; of a run without pairs, its prompts alone."""
    if evidence.holds(TRAIN_PAIRS, PAIRS):
        for path in (COMPLETIONS, EVALUATORS, EXAMPLES, SUMMARY):
            evidence.first_of(path)
        return read_data(evidence.run, prefix=evidence.prefix)
    return Dataset(evidence.prompts, {}, {}, evidence.split_of, {})


def _allowed(evidence: Evidence) -> tuple[str, ...]:
    """What may stand on two sides: sessions and evaluators, where the recipe splits by prompts."""
    recipe = evidence.recipe if evidence.has(RECIPE) else {}
    return ("session", "evaluator") if recipe and recipe.get("data", {}).get("split_by", "prompt") == "prompt" else ()


def _ids_of(data: Dataset, shared: Overlaps) -> dict[str, set[str]]:
    """What stands in any pair (in any feedback, where there are none), or in feedback of several splits, by kind."""
    pairs = [pair for of_split in data.pairs.values() for pair in of_split]
    records = [] if pairs else [record for of_split in data.feedback.values() for record in of_split]
    said: list[Pair | Feedback] = [*pairs, *records]
    completions = {name for pair in pairs for name in (pair.chosen, pair.rejected)}
    completions |= {name for record in records for name in record.completions}
    ids = {
        "prompt": {each.prompt for each in said},
        "session": {each.session for each in said if each.session is not None},
        "evaluator": {each.evaluator for each in said if each.evaluator is not None},
        "completion": completions,
        "text": {data.completions[name].text for name in completions},
    }
    return {kind: every | set(shared.by_kind[kind]) for kind, every in ids.items()}


def _strays(evidence: Evidence, data: Dataset) -> dict[str, Sides]:
    """What was learnt from though it is reserved for judging, and what was judged on though it is not held out."""
    same = same_texts(data.prompts, data.completions)

    def texts(names: Iterable[str]) -> dict[str, str]:
        """The names by the record that first said the same."""
        return {same.get(name, name): name for name in names}

    reserved = texts(
        name
        for split, pairs in data.pairs.items()
        if split != "train"
        for pair in pairs
        for name in (pair.chosen, pair.rejected)
    )
    held_out = texts(prompt for prompt, split in data.split_of.items() if split == "held_out")
    learnt = texts(example.completion for example in data.examples)
    wrong = {
        name
        for text, name in learnt.items()
        if text in reserved or same.get(data.completions[name].prompt, data.completions[name].prompt) in held_out
    }
    sides = {"supervised example": Sides("completions", wrong, set(learnt.values()))}
    for file, read in ((ROLLOUTS, evidence.samples), (CANDIDATES, evidence.candidates)):
        if evidence.holds(file):
            trained = texts(row.prompt for row in read())
            stray = {name for text, name in trained.items() if text in held_out}
            sides["prompt of a rollout"] = Sides("prompts", stray, set(trained.values()))
    if evidence.holds(SAMPLES):
        evaluated = texts(row.prompt for row in evidence.evaluation_samples)
        stray = {name for text, name in evaluated.items() if text not in held_out}
        sides["prompt of the evaluation"] = Sides("prompts", stray, set(evaluated.values()))
    return sides


def _strays_by_kind(sides: Iterable[Sides]) -> dict[str, list[str]]:
    """The stray ids by what they name, in order."""
    ids: dict[str, list[str]] = {}
    for side in sides:
        ids.setdefault(side.ids, []).extend(sorted(side.stray))
    return ids
