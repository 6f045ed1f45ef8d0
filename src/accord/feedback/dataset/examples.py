"""What the supervised start learns from: completions that people preferred, and texts that they wrote."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from accord.feedback.dataset.dataset import Dataset
from accord.feedback.dataset.pairs import PAIR_KINDS
from accord.feedback.dataset.splits import completions_of
from accord.feedback.dataset.views import Judged
from accord.records import Completion, Correction, Demonstration, Example, Feedback, Pair

__all__ = ["LEARNS_FROM", "Supervised", "added_completions", "supervised_examples"]

Supervised = Literal["chosen", "demonstrations", "corrections", "all"]
LEARNS_FROM: Mapping[Supervised, frozenset[str]] = {
    "chosen": PAIR_KINDS,
    "demonstrations": frozenset({"demonstration"}),
    "corrections": frozenset({"correction"}),
    "all": PAIR_KINDS | {"demonstration", "correction"},
}
"""The kinds of judgement that give examples."""


def supervised_examples(data: Dataset, supervised: Supervised = "chosen", *, split: str = "train") -> list[Example]:
    """The examples of a split, each completion with whoever said so.

    chosen           completions that were preferred to another one
    demonstrations   what evaluators would answer
    corrections      completions as evaluators would have them
    all              every completion in a pair, better or worse, then corrections, then demonstrations

    A completion that also stands in a pair of another split is left out.
    """
    match supervised:
        case "chosen":
            return _of_pairs(data, split, "chosen")
        case "demonstrations":
            return _written(data.demonstrations(split), "demonstration")
        case "corrections":
            return _written(data.corrections(split), "correction")
        case "all":
            written = [*_written(data.corrections(split), "correction")]
            written += _written(data.demonstrations(split), "demonstration")
            return [*_of_pairs(data, split, "compared"), *written]


def added_completions(feedback: Iterable[Feedback]) -> dict[str, Completion]:
    """The texts of demonstrations and corrections as completions, by id, in the order in which they were written."""
    added = (_completion(record, record.judgement) for record in feedback if isinstance(record.judgement, _WRITTEN))
    return {completion.id: completion for completion in added}


_WRITTEN = (Demonstration, Correction)


def _of_pairs(data: Dataset, split: str, source: Literal["chosen", "compared"]) -> list[Example]:
    """Completions of the pairs of a split, in order of their first pair; `chosen` keeps those that won one."""
    pairs = data.pairs.get(split, ())
    elsewhere = completions_of(pair for name, side in data.pairs.items() if name != split for pair in side)
    pairs_with: dict[str, list[Pair]] = {name: [] for name in completions_of(pairs) if name not in elsewhere}
    for pair in pairs:
        for name in (pair.chosen, pair.rejected) if source == "compared" else (pair.chosen,):
            if name in pairs_with and (source == "compared" or not pair.tie):
                pairs_with[name].append(pair)
    return [
        Example(
            prompt=pairs_of_completion[0].prompt,
            completion=name,
            source=source,
            evaluators=_distinct(pair.evaluator for pair in pairs_of_completion),
            feedback_ids=_distinct(feedback_id for pair in pairs_of_completion for feedback_id in pair.feedback_ids),
        )
        for name, pairs_of_completion in pairs_with.items()
        if pairs_of_completion
    ]


def _written(
    written: Sequence[Judged[Demonstration]] | Sequence[Judged[Correction]],
    source: Literal["demonstration", "correction"],
) -> list[Example]:
    """Texts that evaluators wrote; where several wrote the same one, it is one example."""
    authors: dict[str, list[Feedback]] = {}
    prompts: dict[str, str] = {}
    for entry in written:
        completion = _completion(entry.feedback, entry.judgement)
        prompts[completion.id] = completion.prompt
        authors.setdefault(completion.id, []).append(entry.feedback)
    return [
        Example(
            prompt=prompts[name],
            completion=name,
            source=source,
            evaluators=_distinct(entry.evaluator for entry in because),
            feedback_ids=_distinct(entry.id for entry in because),
        )
        for name, because in authors.items()
    ]


def _completion(feedback: Feedback, judgement: Demonstration | Correction) -> Completion:
    return Completion(prompt=feedback.prompt, text=judgement.text)


def _distinct(names: Iterable[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name is not None))
