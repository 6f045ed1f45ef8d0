"""What the sections on feedback, judges and policy show, drawn from the run; the template only lays it out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accord.report import figures
from accord.report.reading import Reading
from accord.report.table import Row
from accord.report.training_curves import Drawing, Figure, along_the_run
from accord.report.verdict import evaluators_in_words
from accord.report.words import counted, interval, observations, percent
from accord.stats import Estimate

__all__ = ["Grid", "Section", "feedback", "judges", "policy"]


@dataclass(frozen=True)
class Grid:
    """A table of texts: the first of each row names it."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Section:
    """Sentences, tables, figures and what is missing."""

    sentences: tuple[str, ...] = ()
    grids: tuple[Grid, ...] = ()
    figures: tuple[Figure, ...] = ()
    missing: tuple[str, ...] = ()


def feedback(reading: Reading) -> Section:
    """Who said what: counts, ties, splits, the agreement of two evaluators."""
    file = "data/summary.json"
    content = reading.json(file)
    if content is None:
        return Section(missing=("No summary of the feedback in this run.",))
    who = evaluators_in_words(reading)
    sentences = [f"Evaluators: {who}." if who else "Who the evaluators were is not recorded."]
    sentences += [
        f"{name}: {counted(content[key])}." for key, name in _COUNTS.items() if isinstance(content.get(key), int)
    ]
    sentences += [f"Not used: {_unused(content['unused'])}."] if content.get("unused") else []
    agreement = reading.estimate(file, "agreement") or reading.estimate("reward/evaluation.json", "agreement")
    missing = []
    if agreement is None:
        missing.append(
            "How often two evaluators agree was not measured, so there is no ceiling to hold accuracies against."
        )
    else:
        sentences.append(
            f"Two evaluators who judged the same pair agree on {percent(agreement)}: no judge can be expected to agree "
            "with them more often than that."
        )
    return Section(tuple(sentences), (_splits(content, file),), missing=tuple(missing))


_COUNTS = {
    "feedback": "Judgements read",
    "possible_pairs": "Pairs that could be drawn from them",
    "completions": "Texts that stand in the pairs drawn",
}
_PURPOSES = {
    "train": "the reward model and the policy",
    "eval_reward": "the independent judge",
    "held_out": "testing both judges",
}


def _unused(content: Any) -> str:
    if isinstance(content, dict):
        return ", ".join(f"{counted(number)} {reason}" for reason, number in content.items())
    return counted(content)


def _splits(content: dict[str, Any], file: str) -> Grid:
    columns = [content.get(key) or {} for key in ("prompts", "pairs", "ties")]
    names = list(dict.fromkeys([*_PURPOSES, *(name for column in columns for name in column)]))
    rows = [
        (_purpose(name), *(counted(column.get(name, 0)) if column else "unknown" for column in columns))
        for name in names
        if any(name in column for column in columns)
    ]
    return Grid("Prompts and pairs by split", ("split", "prompts", "pairs", "ties"), tuple(rows), (file,))


def _purpose(name: str) -> str:
    return name.replace("_", " ") + (f", for {_PURPOSES[name]}" if name in _PURPOSES else "")


def judges(reading: Reading, rows: Sequence[Row]) -> Section:
    """The reward model and the independent judge beside baselines and ceiling."""
    marks, files, missing = [], [], []
    for folder, name, role in (("reward", "reward model", "proxy"), ("eval_reward", "independent judge", "judge")):
        file = f"{folder}/evaluation.json"
        if reading.json(file) is None:
            missing.append(f"No {name} in this run.")
            continue
        files.append(file)
        found = reading.estimate(file, "accuracy")
        if found is None:
            missing.append(f"The accuracy of the {name} was not measured.")
        else:
            marks.append(figures.Mark(name, found, role))
    for key, name in (("length_only", "length alone"), ("majority", "the same answer always")):
        known = [each for file in files if (each := reading.estimate(file, key)) is not None]
        marks += [figures.Mark(name, known[0], "muted")] if known else []
    ceiling = next((row.estimate for row in rows if row.key == "agreement"), None)
    if not marks:
        return Section(missing=tuple(missing))
    drawings = tuple(Drawing(figures.accuracy(marks, ceiling, width=width), width) for width in figures.WIDTHS)
    caption = (
        "How often each orders two held-out texts as the evaluator did, ties left out. Bars are 95 % intervals that "
        "resample whole batches. Dotted lines mark chance"
        + ("; the grey band is how often two evaluators agree with one another." if ceiling else ".")
    )
    return Section(figures=(Figure(drawings, caption, tuple(files)),), missing=tuple(missing))


def policy(reading: Reading) -> Section:
    """What became of the policy: before and after, the scores along the run, the course of the training."""
    missing, grids, drawn = [], [], []
    if reading.json("evaluation/evaluation.json") is None:
        missing.append(
            "No policy was evaluated in this run." if reading.run.has("policy/model") else "No policy in this run."
        )
    else:
        grids.append(_before_and_after(reading))
    for found in along_the_run(reading):
        if isinstance(found, Figure):
            drawn.append(found)
        else:
            missing.append(found)
    return Section(grids=tuple(grids), figures=tuple(drawn), missing=tuple(missing))


_MEASURES = (
    ("eval_reward", "score by the independent judge", 2),
    ("reward", "score by the reward model", 2),
    ("stop_rate", "texts that end themselves", 3),
    ("length", "length, tokens", 1),
    ("entropy", "entropy, nats a token", 2),
    ("distinct_1", "distinct words (distinct-1)", 3),
    ("distinct_2", "distinct word pairs (distinct-2)", 3),
)


def _before_and_after(reading: Reading) -> Grid:
    file = "evaluation/evaluation.json"
    rows = []
    for key, name, digits in _MEASURES:
        found = [reading.estimate(file, arm, key) for arm in ("start", "policy")]
        if any(found):
            cells = [interval(each, digits) if each else "not measured" for each in found]
            rows.append((name, *cells, _both(found)))
    head = ("measure", "start", "policy", "n (prompts)")
    return Grid(
        "Fresh texts on held-out prompts, before and after", head, tuple(rows), (file, "evaluation/samples.jsonl")
    )


def _both(found: Sequence[Estimate | None]) -> str:
    said = list(dict.fromkeys(observations(each) for each in found if each is not None))
    return " and ".join(said)
