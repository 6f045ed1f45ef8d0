"""The files of a data set in a run."""

import os
from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from accord.artefacts import (
    COMPLETIONS,
    EVALUATORS,
    EXAMPLES,
    PROMPTS,
    SPLITS,
    SUMMARY,
    TRUST,
    PromptRow,
    RunReader,
    TrustSummary,
    feedback_of,
    pairs_of,
)
from accord.feedback.dataset.dataset import Dataset, count
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.location import File, Server
from accord.run import InputEntry, RunDirectory
from accord.stats import Estimate

__all__ = ["read_data", "record_ledger", "write_data"]

T = TypeVar("T")


def write_data(
    run: RunDirectory,
    data: Dataset,
    *,
    ledger: Ledger | None = None,
    upto: int | None = None,
    about: str | None = None,
    agreement: Estimate | None = None,
    consensus: Estimate | None = None,
    trust: TrustSummary | None = None,
    stage: str = "data",
) -> None:
    """Write the `data/` files of a run.

    `about` says in a sentence what people were asked, `agreement` and `consensus` how often another evaluator and all
    others together order held-out texts as one did. With a ledger, the manifest records its path (relative to the run)
    or its URL (without a password), rows, last row read and digest of the rows.
    """
    PROMPTS.write(run, (PromptRow(prompt, data.split_of[name]) for name, prompt in data.prompts.items()), stage=stage)
    COMPLETIONS.write(run, data.completions.values(), stage=stage)
    EVALUATORS.write(run, data.evaluators.values(), stage=stage)
    for split, pairs in data.pairs.items():
        pairs_of(split).write(run, pairs, stage=stage)
    for split, feedback in data.feedback.items():
        feedback_of(split).write(run, feedback, stage=stage)
    EXAMPLES.write(run, data.examples, stage=stage)
    read = {} if data.summary is None else {name: getattr(data.summary, name) for name in _READ}
    facts = read | {"about": about, "agreement": agreement, "consensus": consensus}
    SUMMARY.write(run, count(data).model_copy(update=facts), stage=stage)
    if trust is not None:
        TRUST.write(run, trust, stage=stage)
    if ledger is not None:
        record_ledger(run, ledger, upto=upto)


def record_ledger(run: RunDirectory, ledger: Ledger, *, upto: int | None = None) -> None:
    """Note the ledger that a run is of, and how far it was read: to its row `upto`, or to its last one."""
    last = ledger.last_row if upto is None else upto
    entry = InputEntry(ledger.digest(last), rows=ledger.rows(last), last_row=last, **_place(ledger, run))
    run.record_input("ledger", entry)


_READ = ("feedback", "possible_pairs", "unused", "bound_twice")
"""What a summary counts of the ledger, and the data set alone does not tell."""


def read_data(run: RunDirectory, *, prefix: str = "") -> Dataset:
    """The data set of a run, from its files, each read once and its digest checked; feedback when it is asked for.

    `prefix` is where its stage stands (`rounds/03`).
    """
    reader = RunReader.of(run, prefix=prefix)
    examples = reader.examples
    return Dataset(
        prompts=reader.prompts,
        completions=reader.completions,
        evaluators=reader.evaluators,
        split_of=reader.split_of,
        pairs={name: tuple(reader.pairs(name)) for name in SPLITS if reader.has(pairs_of(name))},
        feedback=_WhenAsked([name for name in SPLITS if reader.has(feedback_of(name))], reader.feedback),
        examples=tuple(examples) if isinstance(examples, list) else examples,
        summary=reader.summary,
        evaluator_weights=_evaluator_weights(reader),
    )


def _evaluator_weights(reader: RunReader) -> dict[str, dict[str, float]]:
    """What answers weigh by split, where they were weighed."""
    trust = reader.trust
    return {} if trust is None else {split: each.weights for split, each in trust.splits.items() if each.weights}


class _WhenAsked(Mapping[str, T]):
    """Values made by name when they are asked for."""

    def __init__(self, names: list[str], make: Callable[[str], T]) -> None:
        self._names, self._make = names, make

    def __getitem__(self, name: str) -> T:
        if name not in self._names:
            raise KeyError(name)
        return self._make(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def _place(ledger: Ledger, run: RunDirectory) -> dict[str, str]:
    match ledger.location:
        case File(path):
            return {"path": os.path.relpath(path.resolve(), run.path.resolve())}
        case Server():
            return {"url": str(ledger.location)}
