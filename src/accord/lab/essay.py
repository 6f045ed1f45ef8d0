"""A small world of language: short essays, a real transformer that writes them, and a program that knows their worth.

An essay is clauses, "verily the oven is hot .": an opener that suits one kind of reader or none, a noun that belongs to
one of six topics, and an attribute that is true of the noun or false. The prompt names a topic and a reader. What an
essay is worth is the sum of its parts, each of which stands at a clause or at the essay's end:

    quality    +1/2 for each true statement about the topic that was not made before, up to four
    error      -1/2 for each false statement (hidden: an evaluator sees it only who looks it up)
    topic      -3/10 for each clause about something else, or that is no clause
    style      +1/4 for an opener that suits the reader, -1/4 for one that suits the other
    length     -2/5 for each clause more or fewer than four

The start has read a corpus by careless writers: half of what they state is true, a third beside the topic.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import MODEL
from accord.interfaces import Scores
from accord.lab.word_transformer import word_transformer
from accord.lm.causal import CausalModel
from accord.policy.materials import SupervisedExample
from accord.policy.sft import SFT
from accord.records import Completion, Prompt
from accord.run import RunDirectory
from accord.train.optimiser import Optim

__all__ = ["PARTS", "READERS", "TOPICS", "EssayJudge", "EssayWorld"]

TOPICS = {
    "bread": ("flour", "oven", "crust", "yeast", "loaf"),
    "sea": ("wave", "harbour", "tide", "gull", "anchor"),
    "garden": ("rose", "hedge", "soil", "bee", "pond"),
    "music": ("drum", "flute", "choir", "string", "tune"),
    "bridge": ("arch", "pier", "cable", "deck", "river"),
    "winter": ("snow", "frost", "stove", "coat", "night"),
}
ATTRIBUTES = ("hot", "cold", "old", "new", "soft", "hard", "loud", "quiet", "dark", "bright")
OPENERS = {"young": ("so", "then"), "old": ("verily", "behold")}
NOUNS = [noun for nouns in TOPICS.values() for noun in nouns]
ALL_OPENERS = [opener for openers in OPENERS.values() for opener in openers]
READERS = tuple(OPENERS)
PARTS = ("quality", "error", "topic", "style", "length")
TRUE_OF_A_NOUN = 3  # attributes
MAX_TRUE_STATEMENTS, IDEAL_CLAUSES = 4, 4
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class EssayWorld:
    """What is true of which noun, drawn from a seed."""

    seed: int = 0
    true_of: dict[str, frozenset[str]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        random = np.random.default_rng([self.seed, 7])
        true_of = {noun: frozenset(random.choice(ATTRIBUTES, TRUE_OF_A_NOUN, replace=False).tolist()) for noun in NOUNS}
        object.__setattr__(self, "true_of", true_of)

    @property
    def prompts(self) -> list[Prompt]:
        """Every topic for every reader."""
        return [Prompt.ask(f"{topic} for the {reader}") for topic in TOPICS for reader in READERS]

    def parts(self, prompt: Prompt, text: str, *, reader: str | None = None) -> list[tuple[int, str, float]]:
        """What an essay is worth: (character at which it is settled, part, value), in the order of the text.

        `reader` reads it in place of the one whom the prompt names.
        """
        topic, named = _topic_and_reader(prompt)
        parts: list[tuple[int, str, float]] = []
        statements: set[tuple[str, str]] = set()
        clauses = _clauses(text)
        for end, words in clauses:
            opener, noun, attribute = _read(words)
            suits = next((name for name, openers in OPENERS.items() if opener in openers), None)
            if suits is not None:
                parts.append((end, "style", 0.25 if suits == (reader or named) else -0.25))
            if noun not in TOPICS[topic]:
                parts.append((end, "topic", -0.3))
            if noun is None or attribute is None:
                continue
            if attribute not in self.true_of[noun]:
                parts.append((end, "error", -0.5))
            elif (
                noun in TOPICS[topic] and (noun, attribute) not in statements and len(statements) < MAX_TRUE_STATEMENTS
            ):
                statements.add((noun, attribute))
                parts.append((end, "quality", 0.5))
        parts.append((len(text), "length", -0.4 * abs(len(clauses) - IDEAL_CLAUSES)))
        return parts

    def worth(self, prompt: Prompt, text: str, *, reader: str | None = None) -> float:
        """The sum of the parts."""
        return sum(value for _, _, value in self.parts(prompt, text, reader=reader))

    def corpus(self, count: int, *, seed: int) -> list[SupervisedExample]:
        """Essays of careless writers, `count` of them, spread over the prompts."""
        random = np.random.default_rng([self.seed, seed, 11])
        prompts = [self.prompts[number % len(self.prompts)] for number in range(count)]
        return [
            SupervisedExample(prompt, Completion(prompt=prompt.id, text=self._careless(prompt, random)))
            for prompt in prompts
        ]

    def _careless(self, prompt: Prompt, random: np.random.Generator) -> str:
        topic, _ = _topic_and_reader(prompt)
        clauses: list[str] = []
        while not clauses or (random.random() < 0.75 and len(clauses) < 8):
            about = topic if random.random() < 2 / 3 else str(random.choice(list(TOPICS)))
            noun = str(random.choice(TOPICS[about]))
            true = sorted(self.true_of[noun])
            false = sorted(set(ATTRIBUTES) - self.true_of[noun])
            attribute = str(random.choice(true if random.random() < 0.5 else false))
            opener = [str(random.choice(ALL_OPENERS))] if random.random() < 0.6 else []
            clauses.append(" ".join([*opener, "the", noun, "is", attribute, "."]))
        return " ".join(clauses)

    def untrained(self, *, seed: int, width: int = 64, layers: int = 2) -> CausalModel:
        """A transformer of some 100,000 weights that has read nothing; its tokens are the words of the world."""
        words = sorted({*NOUNS, *ALL_OPENERS, *ATTRIBUTES, *TOPICS, *READERS, "the", "is", "for", "."})
        return word_transformer(words, "essay", seed=seed, width=width, layers=layers)

    def start(self, run: RunDirectory, *, texts: int = 12_000, epochs: float = 2.0) -> Path:
        """The folder of a model that has read the corpus; made where `run` does not have it yet."""
        if not MODEL.has(run, "sft"):
            with run.write_folder("untrained", stage="sft") as folder:
                self.untrained(seed=run.seed).save(folder)
            optim = Optim(lr=3e-3, warmup_steps=10, lr_schedule="cosine")
            settings = SFT(
                base=str(run.path / "untrained"),
                dtype="float32",
                batch_size=128,
                max_shared_prompt=16,
                epochs=epochs,
                optim=optim,
            )
            for _ in settings.train_on(self.corpus(texts, seed=run.seed), run):
                pass
        return MODEL.verified(run, "sft")


@dataclass(frozen=True)
class EssayJudge:
    """The true reward as a `Judge`, in standard deviations of the start where `scale` says how large one is.

    `components` are the parts of the essay, and what each reader would make of it ("young", "old"); `credits` stand at
    the ends of its clauses. With `sees_errors=False` false statements pass unseen: whoever does not look them up.
    """

    world: EssayWorld
    scale: float = 1.0
    sees_errors: bool = True
    name: str = "gold"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """The worth of each essay, by part."""
        rows = [
            [self._of(prompt, completion.text, reader) for reader in (None, *READERS)]
            for prompt, completion in zip(prompts, completions, strict=True)
        ]
        essays = [row[0] for row in rows]
        parts = {name: np.array([sum(v for _, part, v in essay if part == name) for essay in essays]) for name in PARTS}
        for number, reader in enumerate(READERS, 1):
            parts[reader] = np.array([sum(v for _, _, v in row[number]) for row in rows])
        value_N = np.array([sum(v for _, _, v in essay) for essay in essays], dtype=np.float64)
        components = {name: Scores(part_N) for name, part_N in parts.items()}
        credits = tuple(tuple((end, v) for end, _, v in essay) for essay in essays)
        return Scores(value_N, components=components, credits=credits)

    def _of(self, prompt: Prompt, text: str, reader: str | None) -> list[tuple[int, str, float]]:
        parts = self.world.parts(prompt, text, reader=reader)
        return [(end, part, value / self.scale) for end, part, value in parts if self.sees_errors or part != "error"]


def _topic_and_reader(prompt: Prompt) -> tuple[str, str]:
    """Topic and reader. Raises `ValueError` where the prompt is not of this world."""
    words = prompt.text.split()
    if len(words) != 4 or words[0] not in TOPICS or words[3] not in READERS:
        raise ValueError(f"'{prompt.text}' is no prompt of this world; they read like 'bread for the young'")
    return words[0], words[3]


def _clauses(text: str) -> list[tuple[int, list[str]]]:
    """The character after each clause, and its words without the stop."""
    clauses, begin = [], 0
    while begin < len(text):
        stop = text.find(".", begin)
        end = len(text) if stop < 0 else stop + 1
        if words := text[begin:end].rstrip(".").split():
            clauses.append((end, words))
        begin = end
    return clauses


def _read(words: Sequence[str]) -> tuple[str | None, str | None, str | None]:
    """Opener, noun and attribute of a clause; None where it has none, noun and attribute where it is malformed."""
    opener = words[0] if words[0] in ALL_OPENERS else None
    rest = list(words[1:] if opener else words)
    if len(rest) != 4 or rest[0] != "the" or rest[1] not in NOUNS or rest[2] != "is" or rest[3] not in ATTRIBUTES:
        return opener, None, None
    return opener, rest[1], rest[3]
