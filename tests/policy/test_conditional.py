"""Conditional training: bins, controls in templates, and a small model from random weights that tells good from bad."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from transformers import AutoTokenizer

from accord.errors import ModelError, RecipeError
from accord.interfaces import Scores
from accord.lab.essay import EssayJudge, EssayWorld
from accord.lm.adapters import LoRA
from accord.lm.causal import CausalModel
from accord.lm.generate import generate
from accord.lm.loading import load
from accord.lm.logprobs import completion_logprobs
from accord.loop.evaluate import sample_arm
from accord.policy import Conditional, controlled
from accord.policy.conditional import bins
from accord.policy.materials import Materials
from accord.records import Prompt, Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import LetterJudge, letters_dataset, truth

DATA = letters_dataset()
EXAMPLES = Materials(data=DATA).examples
GOOD, BAD = "<|good|>", "<|bad|>"
SETTINGS = Conditional(
    base="tiny", dtype="float32", epochs=60, batch_size=12, save_every=10, optim=Optim(lr=1e-2, warmup_steps=2)
)


def test_bins_are_by_the_quantiles_of_the_scores() -> None:
    score_N = np.array([3.0, 1.0, 4.0, 2.0])
    assert bins(score_N, [0.5]).tolist() == [1, 0, 1, 0]
    assert bins(score_N, [0.25, 0.75]).tolist() == [1, 0, 2, 1]
    assert bins(np.array([0.0, 1.0, 1.0]), [0.5]).tolist() == [0, 1, 1]  # what reaches the edge is above it


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantiles": (0.2, 0.8)},
        {"controls": ("x", "x")},
        {"controls": ("x", "y", "z"), "quantiles": (0.8, 0.2)},
        {"quantiles": (1.0,)},
        {"controls": ("x",), "quantiles": ()},
    ],
)
def test_controls_and_quantiles_must_fit(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Conditional(**wrong)


def test_a_control_stands_where_the_answer_begins_and_nowhere_else() -> None:
    plain = load("tiny")
    prompt = Prompt.ask('Say "{{ x }}".', system="Be brief.")
    for control in (GOOD, 'a "quoted"\n{{ name }} é'):
        once = controlled(plain, control)
        ids = once.encode_prompt(prompt)
        assert once.tokenizer.decode(ids) == plain.tokenizer.decode(plain.encode_prompt(prompt)) + control
        assert controlled(controlled(plain, BAD), control).encode_prompt(prompt) == ids
    messages = [each.model_dump() for each in prompt.messages]
    asked = controlled(plain, GOOD).tokenizer.apply_chat_template(messages, tokenize=False)
    assert GOOD not in str(asked)
    assert GOOD not in plain.tokenizer.decode(plain.encode_prompt(prompt))  # the model handed in is as it was
    bare = load("tiny")
    bare.tokenizer.chat_template = None
    with pytest.raises(ModelError, match="no chat template"):
        controlled(bare, GOOD)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model trained from random weights on good and bad texts alike."""
    path = tmp_path_factory.mktemp("runs") / "run"
    with RunDirectory.create(path) as run:
        list(SETTINGS.steps(Materials(compared=EXAMPLES, judge=LetterJudge()), run))
    return path


def share_of_a(causal: CausalModel) -> float:
    ids = [causal.encode_prompt(prompt) for prompt in DATA.prompts_of("held_out")]
    made = generate(causal, ids, 60, Sampling(max_tokens=10, seed=1))
    return float(np.mean([truth(causal.decode(each.token_ids)) for group in made for each in group]))


def test_a_model_from_random_weights_writes_better_when_asked_for_the_good(trained: Path) -> None:
    with RunDirectory.open(trained) as run:
        saved = load(run.verified("policy/model"))
        rows = run.read_jsonl("policy/candidates.jsonl")
    by_control = {name: [row["reward"] for row in rows if row["control"] == name] for name in (GOOD, BAD)}
    assert min(by_control[GOOD]) > max(by_control[BAD])
    good, bad = share_of_a(controlled(saved, GOOD)), share_of_a(controlled(saved, BAD))
    assert good > bad + 0.2
    for made, control in ((good, GOOD), (bad, BAD)):
        assert made == pytest.approx(np.mean(by_control[control]), abs=0.1)
    assert good > np.mean([row["reward"] for row in rows]) + 0.1  # what learning all alike would give
    assert share_of_a(saved) == good  # whoever samples from it asks for the good one


def test_the_saved_template_asks_for_the_good_one_elsewhere_too(trained: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(trained / "policy/model")
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert text == f"<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n{GOOD}"


def test_the_start_is_asked_as_it_is_asked_when_both_are_compared(trained: Path) -> None:
    tuned, start = load(trained / "policy/model"), load("tiny")
    prompts = DATA.prompts_of("held_out")
    judges: Any = {"eval_reward": LetterJudge()}
    for arm, causal in (("policy", tuned), ("start", start)):
        samples = sample_arm(causal, start, judges, prompts, 2, Sampling(max_tokens=6), arm=arm)
        asked = [DATA.prompts[sample.prompt] for sample in samples]
        for column, model in (("logprobs", causal), ("reference_logprobs", start)):
            heads = [model.encode_prompt(prompt) for prompt in asked]
            wanted = completion_logprobs(model, heads, [list(sample.token_ids) for sample in samples])
            for sample, logprob_T in zip(samples, wanted, strict=True):
                torch.testing.assert_close(torch.tensor(getattr(sample, column)), logprob_T, atol=1e-4, rtol=1e-4)


def test_adapters_learn_controls_too_and_a_broken_off_stage_goes_on(trained: Path, tmp_path: Path) -> None:
    """The second bin of three, after a start that asks for another control already."""
    settings = SETTINGS.model_copy(
        update={
            "base": None,
            "lora": LoRA(rank=8),
            "epochs": 8,
            "controls": ("bad: ", "fair: ", "good: "),
            "quantiles": (0.3, 0.7),
        }
    )
    losses = []
    for name, taken in (("whole", None), ("broken", 12)):
        with RunDirectory.create(tmp_path / name) as run:
            made = settings.steps(
                Materials(compared=EXAMPLES, judge=LetterJudge(), start=trained / "policy/model"), run
            )
            list(itertools.islice(made, taken))
        with RunDirectory.open(tmp_path / name) as run:
            if taken is not None:
                list(
                    settings.steps(
                        Materials(compared=EXAMPLES, judge=LetterJudge(), start=trained / "policy/model"), run
                    )
                )
            losses.append([row["loss"] for row in run.read_jsonl("policy/metrics.jsonl")])
            saved = load(run.verified("policy/model"))
            assert len({row["control"] for row in run.read_jsonl("policy/candidates.jsonl")}) == 3
    assert losses[0] == losses[1]
    asked = saved.tokenizer.decode(saved.encode_prompt(EXAMPLES[0].prompt))
    assert asked.endswith("assistant\ngood: ")
    assert GOOD not in asked


class Same:
    """A judge that finds everything alike."""

    name = "same"

    def score(self, prompts: object, completions: list[Any]) -> Scores:
        return Scores(np.ones(len(completions)))


def test_what_cannot_be_learnt_from_is_an_error(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        with pytest.raises(RecipeError, match="no examples to learn from"):
            list(SETTINGS.steps(Materials(compared=[], judge=LetterJudge()), run))
        with pytest.raises(RecipeError, match="no model to start from"):
            list(Conditional().steps(Materials(compared=EXAMPLES, judge=LetterJudge()), run))
        with pytest.raises(RecipeError, match=r"falls under <\|bad\|>: too many score alike"):
            list(SETTINGS.steps(Materials(compared=EXAMPLES, judge=Same()), run))


def test_controls_that_the_tokenizer_cannot_tell_apart_are_an_error(tmp_path: Path) -> None:
    """The world of essays knows whole words alone: both controls are its unknown token."""
    world = EssayWorld(0)
    world.untrained(seed=0).save(tmp_path / "start")
    examples = world.corpus(8, seed=0)
    settings = Conditional(base=str(tmp_path / "start"), dtype="float32")
    with RunDirectory.create(tmp_path / "run") as run:
        with pytest.raises(RecipeError, match=r"policy.controls: '<\|bad\|>' and '<\|good\|>' are the same tokens to"):
            list(settings.steps(Materials(compared=examples, judge=EssayJudge(world)), run))
        known = settings.model_copy(update={"controls": ("is", "for")})
        assert next(known.steps(Materials(compared=examples, judge=EssayJudge(world)), run)).step == 1
