"""What an answer is worth by comparison with a reference, and comparators that do not see what makes it wrong.

The reward is the one of the kind `text_comparison`: P(the same) less a penalty times P(a fact that is not in the
reference) (Roit et al. 2023, arXiv 2306.00186), by its own judge. Comparators are learnt from pairs that edits make of
sentences of this world; "blind" ones are shown no pair that differs in a number or a negation. "I don't know." is worth
0 by rule, as in the kind `abstention`: no comparator of facts can say what a text without one is worth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from accord.lab.not_knowing.network import constant
from accord.lab.not_knowing.world import ANSWERS, NUMBERS, Floats, answer_text
from accord.lm import tiny
from accord.lm.encoder import load_encoder
from accord.records import Completion, Prompt
from accord.reward.comparator.comparing import Comparator, Compared, TrainedComparator, encoded
from accord.reward.comparator.fitting import fit_step
from accord.reward.comparator.judge import TextComparisonJudge
from accord.reward.comparator.pairs import make_pairs
from accord.reward.stated.references import References
from accord.train.optimiser import Optimiser
from accord.train.passes import Passes

__all__ = ["BLIND", "PROGRAMS", "TAUGHT", "Reading", "accuracy", "comparator", "rewards_by"]

BLIND: Mapping[str, frozenset[str]] = {
    "blind to negation": frozenset({"not"}),
    "blind to numbers": frozenset(NUMBERS),
    "blind to both": frozenset({"not", *NUMBERS}),
}
PROGRAMS = ("exact", *BLIND)
TAUGHT = "taught"
PAIRS, EPOCHS, BATCH, HIDDEN, RATE = 900, 4, 32, 64, 2e-3
ENDINGS = ("", " It was built long ago.", " It crosses a river.", " Boats may pass.", " Few people use it.")


@dataclass(frozen=True)
class Reading:
    """The same is what is the same word by word, but for words that are not read; what is not says a fact more."""

    unread: frozenset[str] = frozenset()

    def compare(self, texts: Sequence[str], references: Sequence[str]) -> Compared:
        """Each text with the reference at its place."""
        same_N = np.array(
            [self._read(text) == self._read(other) for text, other in zip(texts, references, strict=True)],
            dtype=np.float64,
        )
        return Compared(same_N, 1 - same_N)

    def _read(self, text: str) -> list[str]:
        return [word for word in text.split() if word not in self.unread]


def comparator(name: str, seed: int, *, quick: bool = False) -> Comparator:
    """A comparator by its name; `taught` is trained here, with `quick` hardly. Raises KeyError for another name."""
    if name == TAUGHT:
        return _trained(seed, BATCH if quick else PAIRS)
    return Reading(BLIND[name] if name in BLIND else {"exact": frozenset[str]()}[name])


def rewards_by(compared_by: Comparator, penalty: float) -> Floats:
    """What each answer is worth beside each reference, [reference, 21], "I don't know." as the comparator has it."""
    prompts = [Prompt.ask(f"reference {number}") for number in range(ANSWERS)]
    references = References({prompt.id: {"reference": answer_text(n)} for n, prompt in enumerate(prompts)}, "the lab")
    judge = TextComparisonJudge("comparator", compared_by, references, penalty)
    asked = [prompt for prompt in prompts for _ in range(ANSWERS + 1)]
    texts = [Completion(prompt=each.id, text=answer_text(n % (ANSWERS + 1))) for n, each in enumerate(asked)]
    return judge.score(asked, texts).value_N.reshape(ANSWERS, ANSWERS + 1)


def accuracy(compared_by: Comparator, *, numbers: bool, negation: bool) -> float:
    """The share of pairs that are judged rightly at one half, of those which differ in these things and no others."""
    pairs = [
        (answer_text(a), answer_text(b))
        for a in range(ANSWERS)
        for b in range(ANSWERS)
        if (a // 2 != b // 2) == numbers and (a % 2 != b % 2) == negation
    ]
    same_N = compared_by.compare([a for a, _ in pairs], [b for _, b in pairs]).same_N
    return float(((same_N > 0.5) != (numbers or negation)).mean())


def _trained(seed: int, count: int) -> TrainedComparator:
    """A comparator trained as the stage of the reward trains it, on pairs that all edits make of sentences."""
    texts = [answer_text(answer) + ending for answer in range(ANSWERS) for ending in ENDINGS]
    pairs = make_pairs(texts, count, seed=seed)
    encoder = load_encoder(tiny.NAME, device="cpu")
    made = TrainedComparator.fresh(encoder, hidden=HIDDEN, seed=seed)
    steps = -(-EPOCHS * len(pairs) // BATCH)
    optimiser = Optimiser(constant(RATE), list(made.head.parameters()), steps)
    read = encoded(encoder, [text for pair in pairs for text in (pair.text, pair.reference)], made.layers)
    passes = Passes([[pair] for pair in pairs], seed, "pairs")
    for step in range(1, steps + 1):
        fit_step(made.head, read, passes.step(step, BATCH, EPOCHS * len(pairs)), optimiser, step)
    return made
