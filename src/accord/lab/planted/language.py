"""A generated language for a small transformer: essays in the world's words, sums, and facts about invented places.

An essay answers "Say something about the film, 1-0", a sum "3 plus 4 ?", a fact "where is the river of norlo ?". All
three are read in pretraining, so that what optimising one of them does to the others can be seen.
"""

import hashlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from accord.fetch import cache_folder
from accord.lab.lexicon import WORDS, Policy
from accord.lab.word_transformer import word_transformer
from accord.lm.causal import CausalModel
from accord.policy.materials import SupervisedExample
from accord.policy.sft import SFT
from accord.records import Completion, Prompt
from accord.run import RunDirectory
from accord.train.optimiser import Optim

__all__ = ["fact_questions", "start_folder", "sum_questions"]

PLACES = tuple(first + second for first in ("nor", "sul", "ves", "ost", "mar", "tel") for second in ("lo", "na", "rik"))
THINGS = ("river", "street", "garden", "house")
QUESTION = ("Say", "something", "about", "the", "film,", "plus", "where", "is", "of", "?")
LARGEST = 9  # of what is added
TEXTS = {"essay": 1600, "sum": 600, "fact": 600}


def sum_questions() -> list[tuple[str, str]]:
    """Every sum of two digits, and its answer."""
    digits = range(LARGEST + 1)
    return [(f"{first} plus {second} ?", str(first + second)) for first in digits for second in digits]


def fact_questions(seed: int) -> list[tuple[str, str]]:
    """Where each thing of each place is, drawn from a seed: another place."""
    random = np.random.default_rng([seed, 3])
    return [
        (f"where is the {thing} of {place} ?", str(random.choice([other for other in PLACES if other != place])))
        for place in PLACES
        for thing in THINGS
    ]


def start_folder(seed: int = 0) -> Path:
    """The run of a transformer that has read the language (`sft/model`); trained once and kept in the cache."""
    code = [inspect.getsource(sys.modules[made.__module__]) for made in (start_folder, word_transformer)]
    digest = hashlib.sha256("".join(code).encode()).hexdigest()[:12]
    folder = cache_folder() / f"lab-language-{digest}-{seed}"
    if not (folder / "sft/model").is_dir():
        _read_the_language(folder, seed)
    return folder


def _read_the_language(folder: Path, seed: int) -> None:
    """Train beside the place where it is to lie, so that a stopped training leaves nothing that looks whole."""
    making = folder.with_name(f"{folder.name}-making-{np.random.default_rng().integers(1 << 32)}")
    settings = SFT(
        base=str(making / "untrained"),
        dtype="float32",
        batch_size=64,
        epochs=3.0,
        optim=Optim(lr=4e-3, warmup_steps=10, lr_schedule="cosine"),
    )
    with RunDirectory.create(making, seed=seed) as run:
        with run.write_folder("untrained", stage="sft") as untrained:
            _untrained(seed).save(untrained)
        for _ in settings.train_on(list(_corpus(seed)), run):
            pass
    try:
        making.rename(folder)
    except OSError:  # another process was faster, and what it made is the same
        if not (folder / "sft/model").is_dir():
            raise


def _corpus(seed: int) -> Iterator[SupervisedExample]:
    random, writer = np.random.default_rng([seed, 5]), Policy.start()
    essays = [
        (f"Say something about the film, {i % 3}-{i % 7}", writer.write(random)[0]) for i in range(TEXTS["essay"])
    ]
    for name, questions in (("sum", sum_questions()), ("fact", fact_questions(seed))):
        essays += [questions[i % len(questions)] for i in range(TEXTS[name])]
    for question, answer in essays:
        prompt = Prompt.ask(question)
        yield SupervisedExample(prompt, Completion(prompt=prompt.id, text=_spaced(answer)))


def _spaced(text: str) -> str:
    """Every word a token: small letters, the stop apart."""
    return text.lower().removesuffix(".").strip()


def _untrained(seed: int) -> CausalModel:
    """A transformer of some 110,000 weights that has read nothing."""
    numbers = [str(number) for number in range(2 * LARGEST + 1)]
    films = [f"{panel}-{film}" for panel in range(3) for film in range(12)]
    words = [*WORDS, *numbers, *films, *PLACES, *THINGS, *QUESTION]
    return word_transformer(words, "language", seed=seed, context=64)
