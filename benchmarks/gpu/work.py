"""The work: a model in a folder, and texts that need no network, as accord and TRL read them."""

from dataclasses import dataclass
from pathlib import Path
from random import Random

from accord.feedback import Dataset
from accord.lm import packaged, tiny
from accord.lm.causal import CausalModel
from accord.records import Completion, Pair, Prompt
from benchmarks.texts import Item

__all__ = ["Work", "dataset", "items", "source_of", "tokens_of"]

_TEXT = (
    "the a of to in is that it was for on with as his they at be this from have or by one had not but what all "
    "were when we there can an your which their said if do will each about how up out them then she many some "
    "so these would other into has more her two like him see time could no make than first been its who now "
    "people my made over did down only way find use may water long little very after words called just where "
    "most know "
)
WORDS = tuple(_TEXT.split())


@dataclass(frozen=True)
class Work:
    """What is measured: on which device, with which model, how large.

    source       the folder of the model
    steps        of each stage; the first is left out of its times
    batch        examples, pairs or prompts a step
    group        samples of a prompt
    characters   of a prompt or an answer
    new_tokens   of what is written
    """

    device: str
    dtype: str
    source: Path
    steps: int
    batch: int
    group: int
    characters: tuple[int, int]
    new_tokens: int

    @classmethod
    def of(cls, device: str, dtype: str, model: str, folder: Path, steps: int) -> "Work":
        """The sizes for a model: for the tiny one what 512 bytes hold, else those of the CPU's benchmark."""
        source = source_of(model, folder)
        if model == tiny.NAME:
            return cls(device, dtype, source, steps, batch=4, group=2, characters=(40, 80), new_tokens=16)
        return cls(device, dtype, source, steps, batch=16, group=8, characters=(260, 540), new_tokens=128)


def source_of(model: str, folder: Path) -> Path:
    """The folder of a model: what is packaged is put there. Raises what fetching it raises."""
    if model == packaged.NAME:
        return packaged.packaged()
    if model != tiny.NAME:
        return Path(model).expanduser().resolve()
    tiny.tiny_model().save_pretrained(folder / tiny.NAME)
    tiny.tiny_tokenizer().save_pretrained(folder / tiny.NAME)
    return folder / tiny.NAME


def items(count: int, work: Work, *, answers: int, seed: int = 1) -> list[Item]:
    """Prompts of drawn words, each with so many answers."""
    random = Random(seed)

    def passage() -> str:
        length = random.randint(*work.characters)
        text = ""
        while len(text) < length:
            text += random.choice(WORDS) + " "
        return text.rsplit(" ", 2)[0]

    return [Item("Go on: " + passage(), tuple(passage() for _ in range(answers))) for _ in range(count)]


def dataset(pairs: list[Item]) -> Dataset:
    """Preference pairs as accord's stages read them."""
    prompts: dict[str, Prompt] = {}
    completions: dict[str, Completion] = {}
    compared = []
    for item in pairs:
        prompt, (chosen, rejected) = item.records()
        prompts[prompt.id] = prompt
        completions |= {chosen.id: chosen, rejected.id: rejected}
        compared.append(Pair(prompt=prompt.id, chosen=chosen.id, rejected=rejected.id))
    return Dataset(prompts, completions, {}, dict.fromkeys(prompts, "train"), {"train": tuple(compared)})


def tokens_of(causal: CausalModel, texts: list[Item]) -> int:
    """Tokens of prompts, each once, and of their answers."""
    total = 0
    for item in texts:
        prompt, answers = item.records()
        total += len(causal.encode_prompt(prompt))
        total += sum(len(causal.encode_completion(answer.text)) for answer in answers)
    return total
