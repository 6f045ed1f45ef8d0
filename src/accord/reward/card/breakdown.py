"""The accuracy on parts of what was held out: new prompts, new evaluators, groups, sources, lengths."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from accord.artefacts import GroupMeasure, Measure
from accord.feedback import Dataset, group_of, is_known, sampled_units
from accord.records import Pair
from accord.reward.card.enough import measured
from accord.reward.card.pairs import accuracy
from accord.stats import rate

__all__ = [
    "by_group",
    "by_length",
    "by_new_evaluators",
    "by_source",
    "of_new_prompts",
    "on_new_evaluators",
    "on_new_prompts",
    "part",
]

ALIKE = 0.1  # lengths that differ by so much of the longer one are about equal
MOST_GROUPS = 20  # of an attribute that tells groups apart; one with more tells people apart


def part(name: str, values: Mapping[str, float], pairs: Sequence[Pair], data: Dataset, reason: str = "") -> Measure:
    """The accuracy on some pairs, or the reason why there is none."""
    if all(pair.tie for pair in pairs):
        return Measure(name=name, note=reason or "no held-out pair of this kind says which of two is better")
    return measured(name, accuracy(values, pairs, data.evaluators))


def on_new_prompts(values: Mapping[str, float], data: Dataset, *, fitted_on: str, split: str) -> Measure:
    """The accuracy on prompts of which neither pairs nor other feedback was learnt from."""
    pairs = of_new_prompts(data, fitted_on=fitted_on, split=split)
    reason = 'all held-out prompts were learnt from; [data] split_by = "prompt" keeps some apart'
    return part("prompts of which nothing was learnt", values, pairs, data, reason)


def on_new_evaluators(values: Mapping[str, float], data: Dataset, *, fitted_on: str, split: str) -> Measure:
    """The accuracy on pairs by evaluators, known one by one, who gave nothing that was learnt from."""
    name = "evaluators of whom nothing was learnt"
    if not _by_known(data, split):
        return Measure(name=name, note="not assessable: the held-out pairs do not say which evaluator judged")
    pairs = by_new_evaluators(data, fitted_on=fitted_on, split=split)
    reason = 'not assessable: all of them were learnt from too; [data] split_by = "evaluator" keeps some apart'
    return part(name, values, pairs, data, reason)


def of_new_prompts(data: Dataset, *, fitted_on: str, split: str) -> list[Pair]:
    """The pairs of prompts of which nothing was learnt."""
    taught = {pair.prompt for pair in data.pairs.get(fitted_on, ())}
    taught |= {feedback.prompt for feedback in data.feedback.get(fitted_on, ())}
    return [pair for pair in data.pairs.get(split, ()) if pair.prompt not in taught]


def by_new_evaluators(data: Dataset, *, fitted_on: str, split: str) -> list[Pair]:
    """The pairs by evaluators, known one by one, of whom nothing was learnt."""
    taught = {pair.evaluator for pair in data.pairs.get(fitted_on, ())}
    taught |= {feedback.evaluator for feedback in data.feedback.get(fitted_on, ())}
    return [pair for pair in _by_known(data, split) if pair.evaluator not in taught]


def _by_known(data: Dataset, split: str) -> list[Pair]:
    known = {name for name, evaluator in data.evaluators.items() if is_known(evaluator)}
    return [pair for pair in data.pairs.get(split, ()) if pair.evaluator in known]


def by_group(values: Mapping[str, float], data: Dataset, *, split: str) -> tuple[GroupMeasure, ...]:
    """The accuracy by each attribute of evaluators that has two to twenty values, and by pool."""
    pairs = [pair for pair in data.pairs.get(split, ()) if pair.evaluator in data.evaluators]
    people = {name: data.evaluators[name] for name in dict.fromkeys(pair.evaluator for pair in pairs) if name}
    attributes = sorted({name for each in people.values() for name in each.attributes or ()})
    return tuple(_groups(values, data, pairs, ["pool", *(name for name in attributes if name != "pool")]))


def _groups(
    values: Mapping[str, float], data: Dataset, pairs: Sequence[Pair], attributes: Sequence[str]
) -> Iterator[GroupMeasure]:
    for attribute in attributes:
        members: dict[str, list[Pair]] = {}
        for pair in pairs:
            group = group_of(data.evaluators[pair.evaluator or ""], attribute)
            if group is not None:
                members.setdefault(group, []).append(pair)
        if 2 <= len(members) <= MOST_GROUPS:
            for group in sorted(members):
                row = part(group, values, members[group], data)
                yield GroupMeasure(attribute=attribute, group=group, estimate=row.estimate, note=row.note)


def by_source(values: Mapping[str, float], data: Dataset, *, split: str) -> tuple[Measure, ...]:
    """The accuracy by source of the prompts (`<set>/<subset>`), where there are two at least."""
    members: dict[str, list[Pair]] = {}
    for pair in data.pairs.get(split, ()):
        source = data.prompts[pair.prompt].source
        if source is not None:
            members.setdefault(source, []).append(pair)
    if len(members) < 2:
        return ()
    return tuple(part(source, values, members[source], data) for source in sorted(members))


def by_length(values: Mapping[str, float], data: Dataset, *, split: str) -> tuple[Measure, ...]:
    """The accuracy where the preferred text is longer, about as long or shorter, in characters; and matched.

    Matched, pairs whose preferred is longer weigh as much together as those whose preferred is shorter: length alone
    reaches one half, whichever way people lean.
    """
    bins: dict[str, list[Pair]] = {"longer": [], "about as long": [], "shorter": []}
    for pair in data.pairs.get(split, ()):
        if not pair.tie:
            bins[_length_bin(data, pair)].append(pair)
    rows = [part(f"the preferred is {name}", values, pairs, data) for name, pairs in bins.items()]
    return (_matched(values, data, bins["longer"], bins["shorter"]), *rows)


def _matched(values: Mapping[str, float], data: Dataset, longer: Sequence[Pair], shorter: Sequence[Pair]) -> Measure:
    name = "lengths matched"
    if not longer or not shorter:
        return Measure(name=name, note="not assessable: the preferred text is always the longer one, or always shorter")
    pairs = [*longer, *shorter]
    margin_P = np.array([values[pair.chosen] - values[pair.rejected] for pair in pairs])
    weight_P = np.repeat([1 / len(longer), 1 / len(shorter)], [len(longer), len(shorter)])
    who, texts = sampled_units(pairs, data.evaluators)
    estimate = rate((margin_P > 0) + 0.5 * (margin_P == 0), who, crossed=texts, weights=weight_P)
    return measured(name, estimate)


def _length_bin(data: Dataset, pair: Pair) -> str:
    chosen, rejected = (len(data.completions[name].text) for name in (pair.chosen, pair.rejected))
    if abs(chosen - rejected) <= ALIKE * max(chosen, rejected):
        return "about as long"
    return "longer" if chosen > rejected else "shorter"
