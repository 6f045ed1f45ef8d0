"""Dividing pairs by whole units (prompts, sessions or evaluators), never by row."""

import hashlib
import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeVar

from accord.artefacts import SPLITS
from accord.errors import RecipeError, nearest
from accord.feedback.dataset.units import Joined
from accord.records import Feedback, Pair

__all__ = ["FRACTIONS", "SPLITS", "SplitUnit", "allocate", "completions_of", "split", "split_of_prompts", "unit_of"]

FRACTIONS: Mapping[str, float] = {"train": 0.44, "eval_reward": 0.44, "held_out": 0.12}
SplitUnit = Literal["prompt", "session", "evaluator"]
H = TypeVar("H", bound=Hashable)
NOTHING: Mapping[str, str] = MappingProxyType({})


def split(
    pairs: Sequence[Pair],
    *,
    fractions: Mapping[str, float] = FRACTIONS,
    unit: SplitUnit = "prompt",
    seed: int = 0,
    same: Mapping[str, str] = NOTHING,
    known: Mapping[str, str] = NOTHING,
) -> dict[str, tuple[Pair, ...]]:
    """Divide pairs by whole units, so that the numbers of pairs come as near to the fractions as units allow.

    Units that share a completion are kept together; `same` names prompts and completions that are another one's text
    (`same_texts`), and count as that. A pair that has no session (or evaluator) is in one unit with the others of its
    prompt. `known` is the split of prompts that had one before, which their units keep. Raises `RecipeError` where the
    fractions are none, or there are too few units.
    """
    check_fractions(fractions)
    units = _units(pairs, unit, same)
    sizes = Counter(units)
    with_share = [name for name, share in fractions.items() if share > 0]
    if len(sizes) < len(with_share):
        raise RecipeError(
            f"{len(with_share)} splits need at least {len(with_share)} units ({unit}) with pairs, and there are "
            f"{len(sizes)} that share no completion; take fewer splits or another unit"
        )
    before = {
        unit_name: known[pair.prompt] for pair, unit_name in zip(pairs, units, strict=True) if pair.prompt in known
    }
    side = allocate(sizes, fractions, seed, before)
    return {
        name: tuple(pair for pair, unit_name in zip(pairs, units, strict=True) if side[unit_name] == name)
        for name in fractions
    }


def split_of_prompts(
    prompts: Iterable[str],
    pairs: Mapping[str, Sequence[Pair]],
    fractions: Mapping[str, float],
    seed: int,
    same: Mapping[str, str] = NOTHING,
    known: Mapping[str, str] = NOTHING,
) -> dict[str, str]:
    """The split of every prompt (id): that of its pairs, or by the same fractions where it has none.

    `known` is the split of prompts that had one before; one without pairs keeps it.

    A prompt with pairs in several splits (which a unit other than the prompt allows) belongs to the first of them:
    it has been learnt from. Prompts that are the `same` text have the same split.
    """
    with_pairs: dict[str, str] = {}
    for name in pairs:
        for pair in pairs[name]:
            with_pairs.setdefault(same.get(pair.prompt, pair.prompt), name)
    text_of = {prompt: same.get(prompt, prompt) for prompt in prompts}
    others = [text for text in dict.fromkeys(text_of.values()) if text not in with_pairs]
    before = {text: known[prompt] for prompt, text in text_of.items() if prompt in known}
    split_of_text = with_pairs | allocate(dict.fromkeys(others, 1), fractions, seed, before)
    return split_of_text | {prompt: split_of_text[text] for prompt, text in text_of.items()}


def allocate(
    sizes: Mapping[H, int], fractions: Mapping[str, float], seed: int, before: Mapping[H, str] = MappingProxyType({})
) -> dict[H, str]:
    """A split for every unit: the largest unit first, each to the split that lacks the most of its share.

    Units of one size are taken in an order given by the seed. Every split with a share gets a unit where there are
    enough of them. Units that had a split `before` keep it, whatever their size is now.
    """
    shares = {name: share for name, share in fractions.items() if share > 0}
    total = sum(sizes.values())
    lacking = {name: share * total for name, share in shares.items()}
    side = {unit: before[unit] for unit in sizes if unit in before}
    for unit, name in side.items():
        lacking[name] = lacking.get(name, 0.0) - sizes[unit]
    order = sorted(sizes.keys() - side.keys(), key=lambda unit: (-sizes[unit], _shuffle(unit, seed)))
    for done, unit in enumerate(order):
        empty = [name for name in shares if lacking[name] == shares[name] * total]
        candidates = empty if len(order) - done <= len(empty) else list(shares)
        name = max(candidates, key=lambda split_name: lacking[split_name])
        side[unit] = name
        lacking[name] -= sizes[unit]
    return side


def check_fractions(fractions: Mapping[str, float]) -> None:
    """Raises `RecipeError` where these are not fractions of the known splits that sum to 1."""
    for name, share in fractions.items():
        if name not in SPLITS:
            raise RecipeError(f"fractions.{name}: no such split{nearest(name, list(SPLITS))}")
        if not 0 <= share <= 1:
            raise RecipeError(f"fractions.{name}: {share} is not between 0 and 1")
    if not math.isclose(sum(fractions.values()), 1.0, abs_tol=1e-6):
        raise RecipeError(f"fractions: they sum to {sum(fractions.values()):g}, not to 1")


def completions_of(pairs: Iterable[Pair]) -> dict[str, None]:
    """The ids of the completions of these pairs, in order, each once."""
    return dict.fromkeys(completion for pair in pairs for completion in (pair.chosen, pair.rejected))


def _units(pairs: Sequence[Pair], unit: SplitUnit, same: Mapping[str, str]) -> list[str]:
    """The unit of each pair, after joining units that share a completion."""
    units = Joined()
    first: dict[str, str] = {}
    own = [unit_of(pair, unit, same) for pair in pairs]
    for pair, name in zip(pairs, own, strict=True):
        for completion in (pair.chosen, pair.rejected):
            units.join(first.setdefault(same.get(completion, completion), name), name)
    return [units.root(name) for name in own]


def unit_of(item: Pair | Feedback, unit: SplitUnit, same: Mapping[str, str] = NOTHING) -> str:
    """The unit that a pair or feedback belongs to; its prompt where the one that is meant is not recorded."""
    prompt = same.get(item.prompt, item.prompt)
    name = {"prompt": prompt, "session": item.session, "evaluator": item.evaluator}[unit]
    return prompt if name is None else name


def _shuffle(unit: Hashable, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{unit}".encode()).digest()
