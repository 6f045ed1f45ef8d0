"""What stands in more than one split of a data set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from accord.feedback.dataset.dataset import Dataset
from accord.feedback.dataset.same_texts import normalised, same_texts
from accord.feedback.dataset.views import is_evidence, texts_of
from accord.feedback.provenance import is_known
from accord.records import Feedback, Pair

__all__ = ["Overlaps", "overlaps"]

KINDS = ("prompt", "session", "evaluator", "completion", "text")


@dataclass(frozen=True)
class Overlaps:
    """What stands in more than one split: ids (or texts) by kind. `unassessable` names kinds that cannot be known.

    True where there is any, a text that answers prompts of different splits excepted: it is another completion.
    """

    by_kind: dict[str, tuple[str, ...]]
    unassessable: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return any(ids for kind, ids in self.by_kind.items() if kind != "text")


def overlaps(data: Dataset) -> Overlaps:
    """The prompts, sessions, evaluators, completions and texts that stand in several splits, in pairs or feedback.

    Prompts and completions go by their text (`same_texts`): one on each side of a split are both named, whatever file
    they came from. Control questions and repeats, which nothing is learnt from, are not looked at. Evaluators cannot be
    assessed where it is not said of everything whose it is, nor sessions where something has none.
    """
    same = same_texts(data.prompts, data.completions)
    splits_of: dict[str, dict[str, set[str]]] = {kind: {} for kind in KINDS}
    unknown: set[str] = set()
    for split, item in _items(data):
        for kind, names in _names(data, item):
            if names is None:
                unknown.add(kind)
            for name in names or ():
                splits_of[kind].setdefault(name, set()).add(split)
    several = {kind: _in_several(kind, of_names, same) for kind, of_names in splits_of.items()}
    return Overlaps(several, tuple(sorted(unknown)))


def _in_several(kind: str, splits_of: Mapping[str, set[str]], same: Mapping[str, str]) -> tuple[str, ...]:
    """The names of which it, or another one of the same text, stands in another split."""
    names_of: dict[str, list[str]] = {}
    for name in splits_of:
        names_of.setdefault(normalised(name) if kind == "text" else same.get(name, name), []).append(name)
    return tuple(
        name
        for names in names_of.values()
        if len(set().union(*(splits_of[name] for name in names))) > 1
        for name in names
    )


def _items(data: Dataset) -> Iterator[tuple[str, Pair | Feedback]]:
    for split, pairs in data.pairs.items():
        yield from ((split, pair) for pair in pairs)
    for split, feedback in data.feedback.items():
        yield from ((split, record) for record in feedback if is_evidence(record))


def _names(data: Dataset, item: Pair | Feedback) -> Iterator[tuple[str, list[str] | None]]:
    """What an item names, by kind; None where it is not known."""
    who = item.evaluator
    yield "prompt", [item.prompt]
    yield "session", None if item.session is None else [item.session]
    yield "evaluator", None if who is None or not is_known(data.evaluators[who]) else [who]
    completions = [item.chosen, item.rejected] if isinstance(item, Pair) else list(item.completions)
    yield "completion", completions
    if isinstance(item, Pair):
        yield "text", [data.completions[name].text for name in completions]
    else:
        yield "text", texts_of(item, data.completions)
