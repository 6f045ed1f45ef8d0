"""The items of a study as a machine is asked them: those of its files, control questions among them, in two orders."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from accord.collect.sources.judge_prompt import Example
from accord.collect.study import Study
from accord.collect.study.items import Purpose, StudyItem, check_item, read_lines, resolve
from accord.errors import StudyError
from accord.feedback.store.ledger import Ledger
from accord.interfaces import Item
from accord.records import Completion, Judgement, Prompt

__all__ = ["AskedItem", "examples_from", "items_of", "key_of"]


@dataclass(frozen=True)
class AskedItem:
    """An item, its completions in the order of the file at `place`; `gold` is the answer known to be right, if any, and
    `reference` what a program holds answers against."""

    place: str
    prompt: Prompt
    completions: tuple[Completion, ...]
    gold: Judgement | None = None
    reference: Any = None

    @property
    def key(self) -> tuple[str, ...]:
        """What tells it from other items, whatever the order of the completions."""
        return key_of(Item(self.prompt, self.completions))

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of the completions, in the order of the file."""
        return tuple(completion.id for completion in self.completions)

    def shown(self, seed: int) -> Item:
        """The item in an order that is drawn from the seed and the item itself."""
        in_order = sorted(self.completions, key=lambda completion: completion.id)
        digest = hashlib.sha256("/".join((str(seed), *self.key)).encode()).digest()
        places = np.random.default_rng(list(digest)).permutation(len(in_order))
        return Item(self.prompt, tuple(in_order[place] for place in places), self.reference)


def key_of(item: Item) -> tuple[str, ...]:
    """What tells an item from others, whatever the order of the completions."""
    return (item.prompt.id, *sorted(completion.id for completion in item.completions))


def items_of(study: Study, ledger: Ledger, *, has_writer: bool = False) -> list[AskedItem]:
    """What the study's files hold: items, then control questions; the same item twice is one, with the
    answer and the reference that either has. With `has_writer` a
    prompt may have no completions yet.

    Raises `StudyError` or `RecordError` that name file and line, `StorageError` where a file cannot be read.
    """
    if study.items_file is None:
        raise StudyError("study.items_file: missing; name a file of items, one JSON object a line")
    if study.dialogue is not None:
        raise StudyError("study.dialogue: people talk with a writer there, and machines are asked about items")
    items = [
        _asked(study, item) for item in _read(study, ledger, Path(study.items_file), "item", has_writer=has_writer)
    ]
    if study.gold_file is not None:
        items += [_asked(study, item, has_gold=True) for item in _read(study, ledger, Path(study.gold_file), "gold")]
    return _each_once(items)


def _each_once(items: Iterable[AskedItem]) -> list[AskedItem]:
    """Every item where it stands first, as a control question where it is one anywhere."""
    by_key: dict[tuple[str, ...], AskedItem] = {}
    for item in items:
        earlier = by_key.setdefault(item.key, item)
        if earlier.gold is None and item.gold is not None:
            reference = item.reference if earlier.reference is None else earlier.reference
            by_key[item.key] = replace(item, reference=reference)
    return list(by_key.values())


def examples_from(study: Study, ledger: Ledger, path: Path) -> tuple[Example, ...]:
    """Items with their answers, as a file of practice or control questions has them. Raises as `items_of`."""
    name = study.question.name
    return tuple(
        Example(Item(item.prompt, item.completions), item.gold[name], item.line.explanation)
        for item in _read(study, ledger, path, "gold")
        if name in item.gold
    )


def _asked(study: Study, item: StudyItem, *, has_gold: bool = False) -> AskedItem:
    reference = study.reference if item.line.reference is None else item.line.reference
    gold = item.gold.get(study.question.name) if has_gold else None
    return AskedItem(item.place, item.prompt, item.completions, gold, reference)


def _read(
    study: Study, ledger: Ledger, path: Path, purpose: Purpose, *, has_writer: bool = False
) -> Iterator[StudyItem]:
    """The items of a file, checked against the study's question."""
    if study.questionnaire.several:
        names = ", ".join(question.name for question in study.questions)
        raise StudyError(
            f"study.questions: machines are asked one question, and there are {len(study.questions)} ({names}); copy "
            f"the one to ask into a study file of its own"
        )
    lines = read_lines(path)
    prompts = ledger.named(Prompt, {line.prompt_id for _, line in lines if line.prompt_id})
    completions = ledger.named(Completion, {name for _, line in lines for name in line.completion_ids})
    for place, line in lines:
        yield check_item(
            study.questionnaire, resolve(place, line, prompts, completions), purpose, has_writer=has_writer
        )
