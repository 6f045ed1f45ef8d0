"""The split of every act of judgement, so that what is learnt from never stands beside what is judged on.

Pairs are split first (`splits`), and prompts after them; feedback follows. Its unit (prompt, session or evaluator), its
completions, the texts it adds (of demonstrations and corrections) and its prompt each stand in one split once anything
with them does. Feedback that is bound to two splits at once is left out of both. A prompt or text that pairs already
have in several splits (which a unit other than the prompt allows) binds nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from accord.feedback.dataset.same_texts import normalised
from accord.feedback.dataset.splits import NOTHING, SplitUnit, allocate, unit_of
from accord.feedback.dataset.views import is_evidence, texts_of
from accord.feedback.store.stored_records import held_if_few, subset
from accord.records import Completion, Feedback, Pair

__all__ = ["split_feedback"]

Key = tuple[str, ...]
NOWHERE = 255


def split_feedback(
    feedback: Sequence[Feedback],
    pairs: Mapping[str, Sequence[Pair]],
    split_of: Mapping[str, str],
    completions: Mapping[str, Completion],
    *,
    unit: SplitUnit,
    fractions: Mapping[str, float],
    seed: int,
    same: Mapping[str, str] = NOTHING,
) -> tuple[dict[str, Sequence[Feedback]], int]:
    """Feedback by split, in its order, and how much was left out because it is bound to two splits.

    `pairs` are split already, and `split_of` gives the split of every prompt. Units that nothing binds are divided by
    the fractions. `same` names prompts and completions that are another one's text (`same_texts`). Control questions
    and repeats bind nothing and follow their unit, or else their prompt.
    """
    code = {name: number for number, name in enumerate(fractions)}
    if unit == "prompt":  # a prompt is in one split with all its completions and texts, so nothing is bound twice
        side_N = bytearray(code.get(split_of[record.prompt], NOWHERE) for record in feedback)
        left_out = 0
    else:
        bound = _Bound(pairs, split_of, completions, unit, same)
        bound.bind_units(feedback, fractions, seed)
        sides = [bound.side(record, split_of[record.prompt]) for record in feedback]
        side_N = bytearray(code.get(side, NOWHERE) for side in sides)
        left_out = sides.count("")
    sides_of = {name: subset(feedback, [side == number for side in side_N]) for name, number in code.items()}
    return {name: held_if_few(side, of=len(feedback)) for name, side in sides_of.items()}, left_out


class _Bound:
    """What stands in which split: units, prompts, completions, and texts of a prompt."""

    def __init__(
        self,
        pairs: Mapping[str, Sequence[Pair]],
        split_of: Mapping[str, str],
        completions: Mapping[str, Completion],
        unit: SplitUnit,
        same: Mapping[str, str],
    ) -> None:
        self._completions, self._unit, self._same = completions, unit, same
        splits: dict[Key, set[str]] = {}
        for name, side in pairs.items():
            for pair in side:
                for key in self._keys_of_pair(pair):
                    splits.setdefault(key, set()).add(name)
        for prompt, name in split_of.items():
            splits.setdefault(self._named("prompt", prompt), {name})
        self._split = {key: next(iter(names)) for key, names in splits.items() if len(names) == 1}
        self._several = splits.keys() - self._split.keys()

    def bind_units(self, feedback: Sequence[Feedback], fractions: Mapping[str, float], seed: int) -> None:
        """Bind every unit: to the split of the first feedback in it that is bound, or divided by the fractions."""
        for record in filter(is_evidence, feedback):
            names = self._names(record)
            if len(names) == 1:
                self._split.setdefault(self._unit_key(record), *names)
        free = Counter(key for key in map(self._unit_key, filter(is_evidence, feedback)) if key not in self._split)
        self._split |= allocate(free, fractions, seed)

    def side(self, feedback: Feedback, of_prompt: str) -> str:
        """The split of an act of judgement, "" where it is bound to two. `of_prompt` is that of its prompt."""
        names = self.bind(feedback) if is_evidence(feedback) else {self.unit_split(feedback) or of_prompt}
        return names.pop() if len(names) == 1 else ""

    def bind(self, feedback: Feedback) -> set[str]:
        """The splits that feedback is bound to; where it is one, all that it names is bound to it from now on."""
        names = self._names(feedback)
        if len(names) == 1:
            self._split |= dict.fromkeys(self._keys(feedback), *names)
        return names

    def unit_split(self, feedback: Feedback) -> str | None:
        """The split of its unit, where that is bound."""
        return self._split.get(self._unit_key(feedback))

    def _names(self, feedback: Feedback) -> set[str]:
        return {self._split[key] for key in self._keys(feedback) if key in self._split}

    def _unit_key(self, item: Feedback | Pair) -> Key:
        return "unit", unit_of(item, self._unit, self._same)

    def _named(self, kind: str, name: str) -> Key:
        return kind, self._same.get(name, name)

    def _text_key(self, prompt: str, text: str) -> Key:
        return "text", self._same.get(prompt, prompt), normalised(text)

    def _keys(self, feedback: Feedback) -> Iterator[Key]:
        keys: list[Key] = [self._unit_key(feedback), self._named("prompt", feedback.prompt)]
        keys += [self._named("completion", name) for name in feedback.completions]
        keys += [self._text_key(feedback.prompt, text) for text in texts_of(feedback, self._completions)]
        return (key for key in keys if key not in self._several)

    def _keys_of_pair(self, pair: Pair) -> list[Key]:
        sides = (pair.chosen, pair.rejected)
        keys: list[Key] = [self._unit_key(pair), self._named("prompt", pair.prompt)]
        keys += [self._named("completion", name) for name in sides]
        return keys + [self._text_key(pair.prompt, self._completions[name].text) for name in sides]
