"""Drawing a data set from a ledger."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from accord.artefacts import DataSummary
from accord.errors import RecipeError
from accord.feedback.dataset.dataset import Dataset, count
from accord.feedback.dataset.examples import Supervised, added_completions, supervised_examples
from accord.feedback.dataset.feedback_splits import split_feedback
from accord.feedback.dataset.pairs import PairSample, draw_pairs
from accord.feedback.dataset.same_texts import same_texts
from accord.feedback.dataset.splits import (
    FRACTIONS,
    NOTHING,
    SplitUnit,
    check_fractions,
    completions_of,
    split,
    split_of_prompts,
)
from accord.feedback.dataset.structured import StructuredRule, plain_texts
from accord.feedback.dataset.two_readings import contradicted
from accord.feedback.provenance import replaced_ids
from accord.feedback.store.ledger import Ledger
from accord.feedback.store.stored_records import StoredFeedback, StoredRecords, pick, subset
from accord.records import Completion, Evaluator, Feedback, Pair, Prompt

__all__ = ["dataset_of", "draw_dataset"]


def draw_dataset(
    ledger: Ledger,
    *,
    limit: int | None = None,
    seed: int = 0,
    fractions: Mapping[str, float] = FRACTIONS,
    unit: SplitUnit = "prompt",
    supervised: Supervised = "all",
    upto: int | None = None,
    feedback: Sequence[Feedback] | None = None,
    without: Collection[str] = (),
    structured: StructuredRule = "refuse",
    known: Mapping[str, str] = NOTHING,
) -> Dataset:
    """What a ledger holds up to and with row `upto`: pairs (at most `limit`), feedback and examples by split.

    `feedback` is what of the ledger's is to be learnt from, where it has been read already; `upto` is then not used.
    `without` names prompts that are left out; no feedback may be about one. `structured` says what becomes of what is
    more than texts (`plain_texts`).

    Pairs are split by whole units, prompts without pairs by the same fractions, and feedback after both
    (`split_feedback`), so that nothing stands on two sides because of what gives no pairs. What is the same text under
    another id (`same_texts`) goes to the same side. `supervised` says what the supervised start learns from, of `train`
    alone. Prompts that nobody judged suffice. `known` is the split of prompts that had one before: they keep it. Raises
    `RecipeError` where there are none either, or where pairs are of
    too few units for the splits.
    """
    check_fractions(fractions)
    if feedback is None:
        feedback = StoredFeedback.of(ledger, upto)
    evaluators, prompts = ledger.evaluators(), StoredRecords.of(ledger, Prompt)
    completions = StoredRecords.of(ledger, Completion)
    if not feedback and not prompts:
        raise RecipeError(
            f"{ledger.location}: there is no feedback in it; `accord import` or `accord collect` adds some"
        )
    plain = plain_texts(feedback, prompts, completions, structured, without=without)
    return dataset_of(
        plain.feedback,
        evaluators,
        prompts.without({*without, *plain.without}),
        completions,
        limit=limit,
        seed=seed,
        fractions=fractions,
        unit=unit,
        supervised=supervised,
        known=known,
    )


def dataset_of(
    feedback: Sequence[Feedback],
    evaluators: Mapping[str, Evaluator],
    prompts: Mapping[str, Prompt],
    completions: Mapping[str, Completion],
    *,
    limit: int | None = None,
    seed: int = 0,
    fractions: Mapping[str, float] = FRACTIONS,
    unit: SplitUnit = "prompt",
    supervised: Supervised = "all",
    known: Mapping[str, str] = NOTHING,
) -> Dataset:
    """The data set of records that are at hand, all of them plain texts; `prompts` are those that belong to it.

    Raises `RecipeError` where pairs are of too few units for the splits.
    """
    sample = draw_pairs(feedback, limit=limit, seed=seed, evaluators=evaluators)
    same = same_texts(prompts, completions)
    pairs = _split(sample, fractions, unit, seed, same, known)
    split_of = split_of_prompts(prompts, pairs, fractions, seed, same, known)
    contradictory = contradicted(lambda: feedback, evaluators)
    gone = replaced_ids(feedback) | contradictory
    standing = subset(feedback, [record.id not in gone for record in feedback]) if gone else feedback
    by_split, bound_twice = split_feedback(
        standing, pairs, split_of, completions, unit=unit, fractions=fractions, seed=seed, same=same
    )
    named = _Named.of(sample.pairs, chain.from_iterable(by_split.values()))
    data = Dataset(
        prompts=prompts,
        completions=pick(completions, named.completions, named.added),
        evaluators={name: evaluators[name] for name in named.evaluators if name},
        split_of=split_of,
        pairs=pairs,
        feedback=by_split,
    )
    data = replace(data, examples=tuple(supervised_examples(data, supervised)))
    return replace(data, summary=_summary(data, sample, bound_twice))


def _split(
    sample: PairSample,
    fractions: Mapping[str, float],
    unit: SplitUnit,
    seed: int,
    same: Mapping[str, str],
    known: Mapping[str, str],
) -> dict[str, tuple[Pair, ...]]:
    if not sample.pairs:
        return dict.fromkeys(fractions, ())
    return split(sample.pairs, fractions=fractions, unit=unit, seed=seed, same=same, known=known)


@dataclass(frozen=True)
class _Named:
    """Completions and evaluators by id: those of the pairs, then those of what gave no pair; texts that were added."""

    completions: dict[str, None]
    evaluators: dict[str | None, None]
    added: dict[str, Completion]

    @classmethod
    def of(cls, pairs: Sequence[Pair], feedback: Iterable[Feedback]) -> "_Named":
        """In one pass."""
        named = cls(completions_of(pairs), dict.fromkeys(pair.evaluator for pair in pairs), {})
        for record in feedback:
            named.completions.update(dict.fromkeys(record.completions))
            named.evaluators[record.evaluator] = None
            named.added.update(added_completions([record]))
        return named


def _summary(data: Dataset, sample: PairSample, bound_twice: int) -> DataSummary:
    return count(data).model_copy(
        update={
            "feedback": sample.feedback,
            "possible_pairs": sample.possible,
            "unused": sample.unused,
            "bound_twice": bound_twice or None,
        }
    )
