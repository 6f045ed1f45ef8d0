"""The same in words: a small transformer that has read what was written, and the stages of a run as they are.

It reads statements about bridges that were drawn as they are written, is tuned by `sft` or `abstaining`, and trained by
`rloo` on the reward of the kind `abstention`. What it has of each bridge, its embeddings and first layer, stays as it
is after reading (`trained_layers`). It is measured by texts that it writes about bridges held out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from accord.artefacts import CANDIDATES, MODEL, GradedCandidate
from accord.lab.is_rl_needed.settings import open_run
from accord.lab.not_knowing.measured import Answered
from accord.lab.not_knowing.world import ANSWERS, IDK, NUMBERS, REFUSAL, Floats, Questions
from accord.lab.word_transformer import word_transformer
from accord.lm.loading import load
from accord.lm.writer import ModelWriter
from accord.policy.abstaining import Abstaining
from accord.policy.materials import Materials, SupervisedExample
from accord.policy.rloo import RLOO
from accord.policy.settings import PolicySettings
from accord.policy.sft import SFT
from accord.records import Completion, Prompt, Sampling
from accord.reward.kinds.abstention import AbstentionReward
from accord.reward.stated.references import References
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from accord.train.seeds import seed_of

__all__ = ["LEARNERS", "in_words"]

LEARNERS = ("start", "sft all", "sft idk", "sft known", "rl from start", "rl from idk")
PENALTY = 1.0
STATEMENTS, READ, READ_RATE = 24, 8.0, 8e-3
TUNED, TUNED_RATE = 8.0, 2e-3
STEPS, PROMPTS, GROUP, RATE = 48, 60, 8, 3e-3
SAMPLES = 8
SAMPLING = Sampling(max_tokens=6)
WORDS = tuple(f"{number}-{'shut' if shut else 'open'}" for number in NUMBERS for shut in (False, True))
FORM: dict[str, Any] = {"dtype": "float32", "device": "cpu"}


@dataclass(frozen=True)
class _Words:
    """Questions of one mode as prompts, references and what was written."""

    of: Questions
    seed: int

    @property
    def prompts(self) -> list[Prompt]:
        return [
            Prompt.ask(f"bridge {bridge} ?").model_copy(update={"mode": "knowledge"})
            for bridge in self.of.bridge_P.tolist()
        ]

    def examples(self) -> list[SupervisedExample]:
        """Each prompt with its reference."""
        return [
            SupervisedExample(prompt, Completion(prompt=prompt.id, text=WORDS[answer]))
            for prompt, answer in zip(self.prompts, self.of.reference_P.tolist(), strict=True)
        ]

    def written(self, count: int) -> list[SupervisedExample]:
        """Statements drawn as they are written, `count` for each prompt."""
        random = np.random.default_rng([self.seed, 193])
        texts = [*WORDS, REFUSAL]
        return [
            SupervisedExample(prompt, Completion(prompt=prompt.id, text=texts[answer]))
            for prompt, written_A in zip(self.prompts, self.of.written_PA, strict=True)
            for answer in random.choice(ANSWERS + 1, size=count, p=written_A).tolist()
        ]


def in_words(seed: int, short: bool, folder: Path) -> Iterator[tuple[str, Answered]]:
    """What each learner says of bridges that are held out; goes on in `folder` where it was stopped."""
    of = Questions.draw(seed, bridges=40 if short else 240)
    everything, train, held_out = (
        _Words(each, seed)
        for each in (
            of.where(of.mode_P == "knowledge"),
            of.of_mode("knowledge", held_out=False),
            of.of_mode("knowledge", held_out=True),
        )
    )
    place = folder / f"words-{seed}"
    start = _start(everything, place / "start", seed, short)
    yield LEARNERS[0], _answered(start, held_out, seed, short)
    models = {"start": start}
    for learner in LEARNERS[1:]:
        with open_run(place / learner.replace(" ", "-"), seed) as run:
            settings, examples, first = _learner(learner, train, models, short)
            if learner == "sft known":
                with open_run(place / "sft-idk", seed) as asked:
                    examples = _known(asked, examples)
            reward = AbstentionReward(references="", wrong=-PENALTY, match="exact")
            references: dict[str | None, Any] = {
                each.prompt.id: {"answer": each.completion.text} for each in train.examples()
            }
            judge = reward.judge("reward", References(references, "the lab"))
            materials = Materials(
                start=first, prompts=train.prompts, judge=judge, examples=examples, preferred=examples
            )
            if not MODEL.has(run, "policy"):
                for _ in settings.steps(materials, run):
                    pass
            models[learner] = MODEL.verified(run, "policy")
        yield learner, _answered(models[learner], held_out, seed, short)


def _start(words: _Words, place: Path, seed: int, short: bool) -> Path:
    with open_run(place, seed) as run:
        if not MODEL.has(run, "sft"):
            said = {word for prompt in words.prompts for word in prompt.text.split()}
            with run.write_folder("untrained", stage="sft") as folder:
                word_transformer([*sorted(said), *WORDS, *REFUSAL.split()], "bridges", seed=seed).save(folder)
            optim = Optim(lr=READ_RATE, warmup_steps=10, lr_schedule="cosine")
            settings = SFT(base=str(run.path / "untrained"), **FORM, batch_size=256, max_shared_prompt=4,
                           epochs=2.0 if short else READ, optim=optim, save_every=1000)  # fmt: skip
            for _ in settings.train_on(words.written(STATEMENTS), run):
                pass
        return MODEL.verified(run, "sft")


def _learner(
    learner: str, train: _Words, models: dict[str, Path], short: bool
) -> tuple[PolicySettings, list[SupervisedExample], Path]:
    """The settings, what it is shown, and from where it goes on."""
    common: dict[str, Any] = {**FORM, "trained_layers": 1, "save_every": 1000}
    if learner.startswith("rl"):
        optim = Optim(lr=RATE, warmup_steps=2, lr_schedule="constant")
        sampled: dict[str, Any] = {"prompts_per_step": 8 if short else PROMPTS, "group_size": GROUP, "kl_coef": 0.0}
        settings: PolicySettings = RLOO(
            **common, **sampled, max_steps=2 if short else STEPS, sampling=SAMPLING, optim=optim
        )
        return settings, [], models["sft idk" if learner.endswith("idk") else "start"]
    tuned = {"epochs": 1.0 if short else TUNED, "batch_size": 32, "optim": Optim(lr=TUNED_RATE, warmup_steps=2)}
    if learner == "sft idk":
        return Abstaining(**common, **tuned, wrong=-PENALTY, sampling=SAMPLING), train.examples(), models["start"]
    return SFT(**common, **tuned), train.examples(), models["start"]


def _known(asked: RunDirectory, examples: Sequence[SupervisedExample]) -> list[SupervisedExample]:
    """The examples whose prompts the start knows, as `abstaining` found; where it knows none, those it knows best."""
    rows = [row for row in CANDIDATES.read(asked, "policy") if isinstance(row, GradedCandidate)]
    best = max(row.share for row in rows)
    known = {row.prompt for row in rows if row.known} or {row.prompt for row in rows if row.share == best}
    return [each for each in examples if each.prompt.id in known]


def _answered(model: Path, words: _Words, seed: int, short: bool) -> Answered:
    """By the texts that a model writes: how often it gives each answer, "I don't know." last."""
    sampling = SAMPLING.model_copy(update={"seed": seed_of(seed, "measured")})
    groups = ModelWriter(load(model, dtype="float32")).write(words.prompts, 2 if short else SAMPLES, sampling)
    number = {text: answer for answer, text in enumerate([*WORDS, REFUSAL])}
    said_PA: Floats = np.zeros((len(groups), ANSWERS + 2))
    for place, group in enumerate(groups):
        for text in group:
            said_PA[place, number.get(text.text.strip(), IDK + 1)] += 1 / len(group)
    return Answered.of(said_PA, words.of)
