"""What a run learnt from, or held out, as a ledger of one split that any format of rows can be written from."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from accord.artefacts import SPLITS
from accord.errors import LedgerError
from accord.feedback.dataset.dataset import Dataset
from accord.feedback.dataset.files import read_data
from accord.feedback.dataset.views import is_evidence
from accord.feedback.formats.origins import Origins
from accord.feedback.provenance import neutral_order, unknown_evaluator
from accord.feedback.store.ledger import Ledger
from accord.records import Comparison, Evaluator, Feedback, Pair
from accord.run import RunDirectory

__all__ = ["split_as_ledger"]


@contextmanager
def split_as_ledger(run: RunDirectory, split: str, carries: frozenset[str]) -> Iterator[tuple[Ledger, Origins]]:
    """A ledger of what stands in a split of a run, for formats that carry these kinds; and where each act comes from.

    Comparisons are the pairs that the run drew (of comparisons, rankings and ratings), with their weights; every other
    kind is what was said, without control questions and repeats. The ledger goes at the end of the block. Raises
    `LedgerError` where the run has no such split.
    """
    data = read_data(run)
    if split not in SPLITS or not (data.pairs.get(split) or data.prompts_of(split)):
        held = [name for name in SPLITS if data.pairs.get(name) or data.prompts_of(name)]
        raise LedgerError(f"--split {split}: {run.path} has nothing of it; its splits are {', '.join(held) or 'none'}")
    pairs = list(_pairs(data, split)) if "comparison" in carries else []
    acts = list(_beside_pairs(data, split, carries, [pair for _, pair in pairs]))
    weight_of = data.evaluator_weights.get(split, {})
    weights = {act.id: weight_of.get(act.evaluator, 1.0) for act, _ in acts}
    weights |= {act.id: pair.weight for act, pair in pairs}
    rests_on = {act.id: (name,) for act, name in acts} | {act.id: pair.feedback_ids for act, pair in pairs}
    with TemporaryDirectory(prefix="accord-export-") as folder, Ledger(Path(folder) / "split.db") as ledger:
        prompts = data.prompts_of(split)
        asked = {prompt.id for prompt in prompts}
        ledger.extend(
            [
                *prompts,
                *data.evaluators.values(),
                *_nobody(pairs),
                *(each for each in data.completions.values() if each.prompt in asked),
                *(act for act, _ in pairs),
                *(act for act, _ in acts),
            ]
        )
        yield ledger, Origins(split, weights, rests_on)


def _beside_pairs(
    data: Dataset, split: str, carries: frozenset[str], pairs: list[Pair]
) -> Iterator[tuple[Feedback, str]]:
    """What was said in a split beside its pairs, and under which id; without what the pairs stand for already.

    Kinds that are not carried come too, so that they are counted as lost, unless a pair was drawn from them.
    """
    stands_for = {name for pair in pairs for name in pair.feedback_ids}
    for each in filter(is_evidence, data.feedback.get(split, ())):
        kind = each.judgement.kind
        if "comparison" not in carries or (kind != "comparison" and (kind in carries or each.id not in stands_for)):
            yield _alone(each), each.id


def _alone(feedback: Feedback) -> Feedback:
    """The act without the names of others, which need not be of this split."""
    if feedback.replaces is None and feedback.repeat_of is None:
        return feedback
    return feedback.model_copy(update={"replaces": None, "repeat_of": None})


NOBODY = unknown_evaluator("run")


def _nobody(pairs: list[tuple[Feedback, Pair]]) -> list[Evaluator]:
    return [NOBODY] if any(pair.evaluator is None for _, pair in pairs) else []


def _pairs(data: Dataset, split: str) -> Iterator[tuple[Feedback, Pair]]:
    """Each pair of a split as a comparison; equal ones are told apart by which of them they are."""
    said = {each.id: each for each in data.feedback.get(split, ())}
    met: Counter[str] = Counter()
    for pair in data.pairs.get(split, ()):
        act = _comparison(pair, data, said)
        met[act.id] += 1
        number = met[act.id] - 1
        yield (act if not number else act.model_copy(update={"occurrence": number})), pair


def _comparison(pair: Pair, data: Dataset, said: dict[str, Feedback]) -> Feedback:
    """A pair as a comparison; what its feedback says beside the preference comes along where that is one comparison."""
    chosen, rejected = data.completions[pair.chosen], data.completions[pair.rejected]
    left, right = neutral_order(chosen, rejected)
    sources = [said[name] for name in pair.feedback_ids if name in said]
    own = sources[0] if len(sources) == 1 else None
    stated = own.judgement if own is not None and isinstance(own.judgement, Comparison) else None
    return Feedback(
        evaluator=pair.evaluator or NOBODY.id,
        prompt=pair.prompt,
        completions=(left.id, right.id),
        judgement=Comparison(
            preferred="tie" if pair.tie else "left" if left.id == chosen.id else "right",
            strength=None if stated is None else stated.strength,
        ),
        session=pair.session,
        study=None if own is None else own.study,
        time=None if own is None else own.time,
        seconds=None if own is None else own.seconds,
        round=None if own is None else own.round,
    )
