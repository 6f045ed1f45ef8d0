"""A data set: pairs split by whole units, with everything they name; and its files in a run."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from accord.errors import RecipeError
from accord.feedback.dataset.pairs import draw_pairs
from accord.feedback.dataset.splits import FRACTIONS, SPLITS, Unit, completions_of, split, split_of_prompts
from accord.feedback.provenance import is_known
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.location import File, Server
from accord.records import Completion, Evaluator, Feedback, Pair, Prompt, Record
from accord.run import InputEntry, RunDirectory

__all__ = ["Dataset", "Overlaps", "draw_dataset", "overlaps", "read_data", "write_data"]

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Dataset:
    """What a run learns from: pairs by split, and the prompts, completions and evaluators by id.

    `split_of` gives the split of every prompt, `sft` the completions (ids) that the supervised start learns from,
    `summary` counts what was read.
    """

    prompts: dict[str, Prompt]
    completions: dict[str, Completion]
    evaluators: dict[str, Evaluator]
    split_of: dict[str, str]
    pairs: dict[str, tuple[Pair, ...]]
    sft: tuple[str, ...] = ()
    summary: dict[str, Any] = field(default_factory=dict)

    def prompts_of(self, name: str) -> list[Prompt]:
        """The prompts of a split, in the order of the data set."""
        return [prompt for each, prompt in self.prompts.items() if self.split_of[each] == name]


def draw_dataset(
    ledger: Ledger,
    *,
    limit: int | None = None,
    seed: int = 0,
    fractions: Mapping[str, float] = FRACTIONS,
    unit: Unit = "prompt",
    upto: int | None = None,
    said: Sequence[Feedback] | None = None,
) -> Dataset:
    """Pairs drawn from a ledger up to and with row `upto` and split, with what they name, and all prompts.

    `said` is the ledger's feedback where it has been read already; `upto` is then of no account.

    Prompts without pairs are divided by the same fractions. The supervised start learns from the completions that
    stand in pairs of `train` and in no others.
    """
    if said is None:
        said = list(ledger.feedback(upto))
    drawn = draw_pairs(said, limit=limit, seed=seed, evaluators=ledger.evaluators())
    if not drawn.pairs:
        raise RecipeError(
            f"{ledger.location}: no pairs can be drawn from its feedback ({drawn.unused or 'there is none'})"
        )
    pairs = split(drawn.pairs, fractions=fractions, unit=unit, seed=seed)
    prompts, completions, evaluators = ledger.prompts(), ledger.completions(), ledger.evaluators()
    elsewhere = {each for name, some in pairs.items() if name != "train" for each in completions_of(some)}
    return Dataset(
        prompts=prompts,
        completions={each: completions[each] for each in completions_of(drawn.pairs)},
        evaluators={each: evaluators[each] for each in dict.fromkeys(pair.evaluator for pair in drawn.pairs) if each},
        split_of=split_of_prompts(prompts, pairs, fractions, seed),
        pairs=pairs,
        sft=tuple(each for each in completions_of(pairs.get("train", ())) if each not in elsewhere),
        summary={"feedback": drawn.feedback, "possible_pairs": drawn.possible, "unused": drawn.unused},
    )


@dataclass(frozen=True)
class Overlaps:
    """What stands in pairs of more than one split: ids by kind. `unassessable` names kinds that cannot be known.

    True where there is any, a text that answers prompts of different splits excepted: it is another completion.
    """

    found: dict[str, tuple[str, ...]]
    unassessable: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(ids for kind, ids in self.found.items() if kind != "text")


def overlaps(dataset: Dataset) -> Overlaps:
    """The prompts, sessions, evaluators, completions and texts that stand in pairs of more than one split.

    Evaluators cannot be assessed where some pair does not say whose it is, nor sessions where some pair has none.
    """
    sides: dict[str, dict[str, set[str]]] = {
        kind: {} for kind in ("prompt", "session", "evaluator", "completion", "text")
    }
    unknown: set[str] = set()
    for name, pairs in dataset.pairs.items():
        for pair in pairs:
            sides["prompt"].setdefault(pair.prompt, set()).add(name)
            for each in (pair.chosen, pair.rejected):
                sides["completion"].setdefault(each, set()).add(name)
                sides["text"].setdefault(dataset.completions[each].text, set()).add(name)
            if pair.session is None:
                unknown.add("session")
            else:
                sides["session"].setdefault(pair.session, set()).add(name)
            if pair.evaluator is None or not is_known(dataset.evaluators[pair.evaluator]):
                unknown.add("evaluator")
            else:
                sides["evaluator"].setdefault(pair.evaluator, set()).add(name)
    found = {kind: tuple(each for each, names in of.items() if len(names) > 1) for kind, of in sides.items()}
    return Overlaps(found, tuple(sorted(unknown)))


def write_data(
    run: RunDirectory,
    dataset: Dataset,
    *,
    ledger: Ledger | None = None,
    upto: int | None = None,
    about: str | None = None,
    stage: str = "data",
) -> None:
    """Write the `data/` files of a run; `about` says in a sentence what people were asked.

    With a ledger, the manifest records its path (relative to the run) or its URL (without a password), rows, last row
    read and digest of the rows.
    """
    prompts = ({**_row(prompt), "split": dataset.split_of[name]} for name, prompt in dataset.prompts.items())
    run.write_jsonl("data/prompts.jsonl", prompts, stage=stage)
    run.write_jsonl("data/completions.jsonl", map(_row, dataset.completions.values()), stage=stage)
    run.write_jsonl("data/evaluators.jsonl", map(_row, dataset.evaluators.values()), stage=stage)
    for name, pairs in dataset.pairs.items():
        rows = (pair.model_dump_json(exclude_none=True) for pair in pairs)
        run.write_jsonl(f"data/pairs-{name}.jsonl", rows, stage=stage)
    sft = ({"prompt": dataset.completions[name].prompt, "completion": name} for name in dataset.sft)
    run.write_jsonl("data/sft.jsonl", sft, stage=stage)
    summary = {
        **dataset.summary,
        "evaluators": len(dataset.evaluators),
        "prompts": dict(Counter(dataset.split_of.values())),
        "completions": len(dataset.completions),
        "pairs": {name: len(pairs) for name, pairs in dataset.pairs.items()},
        "ties": {name: sum(pair.tie for pair in pairs) for name, pairs in dataset.pairs.items()},
        "about": about,
    }
    run.write_json("data/summary.json", summary, stage=stage)
    if ledger is not None:
        last = ledger.last_row if upto is None else upto
        place = _place(ledger, run)
        read = InputEntry(ledger.digest(last), **place, rows=ledger.rows(last), last_row=last)
        run.record_input("ledger", read)


def _place(ledger: Ledger, run: RunDirectory) -> dict[str, str]:
    match ledger.location:
        case File(path):
            return {"path": os.path.relpath(path.resolve(), run.path.resolve())}
        case Server():
            return {"url": str(ledger.location)}


def read_data(run: RunDirectory) -> Dataset:
    """The data set of a run, from its files; their digests are checked."""
    prompts = run.read_jsonl("data/prompts.jsonl")
    names = [name for name in SPLITS if run.has(f"data/pairs-{name}.jsonl")]
    return Dataset(
        prompts=dict(_read(Prompt, row) for row in prompts),
        completions=dict(_read(Completion, row) for row in run.read_jsonl("data/completions.jsonl")),
        evaluators=dict(_read(Evaluator, row) for row in run.read_jsonl("data/evaluators.jsonl")),
        split_of={row["id"]: row["split"] for row in prompts},
        pairs={
            name: tuple(map(Pair.model_validate_json, run.read_bytes(f"data/pairs-{name}.jsonl").splitlines()))
            for name in names
        },
        sft=tuple(row["completion"] for row in run.read_jsonl("data/sft.jsonl")),
        summary=run.read_json("data/summary.json"),
    )


def _row(record: Record) -> dict[str, Any]:
    return {"id": record.id, **record.model_dump(mode="json", exclude_none=True)}


def _read(kind: type[R], row: dict[str, Any]) -> tuple[str, R]:
    content = {name: value for name, value in row.items() if name not in {"id", "split"}}
    return row["id"], kind.model_validate(content, strict=False)
