"""Feedback from contrasting prompts: what enters the ledger, and that a policy learns what the texts in front did."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from accord.collect import ContrastSource
from accord.feedback import Ledger, draw_dataset, draw_pairs
from accord.interfaces import Source, Writer
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.lm.writer import ModelWriter
from accord.policy import DPO, SFT
from accord.policy.materials import Materials, SupervisedExample
from accord.records import Comparison, Completion, Declined, Feedback, Prompt, Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim

MUCH, LITTLE = "Much a", "Little a"
PROMPTS = [Prompt.ask(f"Text {number}") for number in range(12)]
SAMPLING = Sampling(max_tokens=8, seed=5)


@dataclass
class Echo:
    """Writes the first word of its system text, or the same whatever it is told."""

    deaf: bool = False
    name: str = "echo"

    def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
        """The word and a number."""
        return [
            [
                Completion(
                    prompt=prompt.id,
                    text=f"{'deaf' if self.deaf else prompt.messages[0].content.split()[0]} {number}",
                    writer=self.name,
                    sampling=sampling,
                )
                for number in range(n)
            ]
            for prompt in prompts
        ]


def contrast(writer: Writer, n: int, *, seed: int = 0) -> ContrastSource:
    return ContrastSource(MUCH, LITTLE, PROMPTS, writer, n, SAMPLING, name="much a", seed=seed)


def test_the_better_text_is_preferred_under_the_plain_prompt(tmp_path: Path) -> None:
    assert isinstance(Echo(), Writer)
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.extend(contrast(Echo(), 3).records())
        sample = draw_pairs(ledger)
        completions = ledger.completions()
        texts = {name: completion.text for name, completion in completions.items()}
        (evaluator,) = ledger.evaluators().values()
        assert set(ledger.prompts()) == {prompt.id for prompt in PROMPTS}
    assert len(sample.pairs) == 36
    for pair in sample.pairs:
        assert (texts[pair.chosen][:4], texts[pair.rejected][:6]) == ("Much", "Little")
        assert texts[pair.chosen][-1] == texts[pair.rejected][-1]
        assert pair.evaluator == evaluator.id
        assert len(pair.feedback_ids) == 1
    assert evaluator.kind == "rule"
    assert evaluator.attributes == {"plus": MUCH, "minus": LITTLE}
    assert {completion.writer for completion in completions.values()} == {"echo"}


def test_sides_are_drawn_and_the_same_each_time() -> None:
    sides = []
    for seed in (0, 0, 1):
        feedback = [record for record in contrast(Echo(), 8, seed=seed).records() if isinstance(record, Feedback)]
        judgements = [record.judgement for record in feedback]
        sides.append([judgement.preferred for judgement in judgements if isinstance(judgement, Comparison)])
    assert sides[0] == sides[1] != sides[2]
    assert 0.3 < np.mean([side == "left" for side in sides[0]]) < 0.7


def test_equal_texts_say_nothing() -> None:
    source = contrast(Echo(deaf=True), 2)
    assert isinstance(source, Source)
    records = list(source.records())
    assert records[: 1 + len(PROMPTS)] == [source.evaluator, *PROMPTS]
    feedback = [record for record in records if isinstance(record, Feedback)]
    assert len(feedback) == 2 * len(PROMPTS)
    assert {record.judgement for record in feedback} == {Declined(reason="the same text under both")}
    with pytest.raises(ValueError, match="must differ"):
        ContrastSource("x", "x", PROMPTS, Echo(), 1, SAMPLING)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that writes a often after one system text, seldom after the other, and either way after none."""
    draw = random.Random(0)
    examples = []
    for number in range(240):
        prompt, share = PROMPTS[number % 12], (0.9, 0.1)[number % 2]
        with_text = prompt.with_system((MUCH, LITTLE)[number % 2]) if number % 3 else prompt
        text = "".join(draw.choices("ab", weights=[share, 1 - share], k=5))
        examples.append(SupervisedExample(with_text, Completion(prompt=with_text.id, text=text)))
    settings = SFT(
        base="tiny", dtype="float32", epochs=8, batch_size=16, save_every=99, optim=Optim(lr=1e-2, warmup_steps=2)
    )
    with RunDirectory.create(tmp_path_factory.mktemp("runs") / "start") as run:
        list(settings.train_on(examples, run))
        return run.verified("sft/model")


def share_of_a(causal: CausalModel) -> float:
    groups = ModelWriter(causal).write(PROMPTS, 30, Sampling(max_tokens=8, seed=1))
    texts = [completion.text for group in groups for completion in group]
    return float(np.mean([text.count("a") / max(1, len(text)) for text in texts]))


def test_a_policy_learns_from_it_what_the_text_in_front_did(start: Path, tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        ledger.extend(contrast(ModelWriter(load(start)), 8).records())
        data = draw_dataset(ledger)
    settings = DPO(dtype="float32", epochs=4, batch_size=16, save_every=99, optim=Optim(lr=1e-3, warmup_steps=2))
    with RunDirectory.create(tmp_path / "run") as run:
        list(settings.steps(Materials(data=data, start=start), run))
        tuned = load(run.verified("policy/model"))
    assert share_of_a(tuned) > share_of_a(load(start)) + 0.1
