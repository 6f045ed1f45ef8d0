"""Context distillation: the divergence against plain passes, and a small model that needs its context no longer."""

import itertools
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn.functional import kl_div

from accord.errors import RecipeError
from accord.lm.adapters import LoRA
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.lm.logprobs import _Divergence, token_divergences
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.writer import ModelWriter
from accord.policy import SFT, ContextDistillation
from accord.policy.context_distillation import _states
from accord.policy.materials import Materials, SupervisedExample
from accord.records import Completion, Prompt, Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim

MUCH, LITTLE = "Much a", "Little a"
PROMPTS = [Prompt.ask(f"Text {number}") for number in range(9)]
SETTINGS = ContextDistillation(
    context=MUCH,
    dtype="float32",
    n=24,
    epochs=4,
    batch_size=16,
    save_every=6,
    sampling=Sampling(max_tokens=8),
    optim=Optim(lr=3e-3, warmup_steps=2),
)


def divergence(logits_NV: Tensor, taught_NV: Tensor) -> Tensor:
    return _Divergence.apply(logits_NV, taught_NV)  # type: ignore[no-any-return, no-untyped-call]


def test_the_divergence_of_two_coins() -> None:
    p, q = 0.8, 0.3
    logits, taught = (torch.tensor([[each, 1 - each]]).log() + shift for each, shift in ((q, 2.0), (p, -1.0)))
    (found,) = divergence(logits, taught).tolist()
    assert found == pytest.approx(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q)), rel=1e-5)


def test_what_the_teacher_never_says_costs_nothing() -> None:
    logits = torch.zeros(1, 3, requires_grad=True)
    kl = divergence(logits, torch.tensor([[0.0, 0.0, -torch.inf]]))
    kl.sum().backward()
    assert kl.tolist()[0] == pytest.approx(np.log(1.5))
    assert logits.grad is not None
    assert logits.grad[0].tolist() == pytest.approx([1 / 3 - 1 / 2, 1 / 3 - 1 / 2, 1 / 3])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_divergence_and_its_gradient_are_the_written_out_ones(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    logits, taught = (3 * torch.randn(150, 40) for _ in range(2))
    weight = torch.randn(150)
    mine, theirs = (logits.to(dtype).requires_grad_() for _ in range(2))
    found = divergence(mine, taught.to(dtype))
    wanted = kl_div(
        theirs.float().log_softmax(-1), taught.to(dtype).float().log_softmax(-1), log_target=True, reduction="none"
    )
    torch.testing.assert_close(found, wanted.sum(-1), atol=1e-5, rtol=1e-4)
    (weight * found).sum().backward()
    (weight * wanted.sum(-1)).sum().backward()
    assert mine.grad is not None
    torch.testing.assert_close(mine.grad, theirs.grad, atol=2e-2 if dtype == torch.bfloat16 else 1e-6, rtol=2e-2)


def plain_divergence(
    student: CausalModel, teacher: CausalModel, asked: TokenizedCompletion, taught: TokenizedCompletion
) -> Tensor:
    """KL(teacher || student) at each token of one answer, by one plain forward pass of each."""
    made = []
    for causal, each in ((student, asked), (teacher, taught)):
        ids = torch.tensor([[*each.prompt, *each.completion]])
        made.append(causal.model(ids).logits[0, len(each.prompt) - 1 : -1].log_softmax(-1))
    own_TV, taught_TV = made[0], made[1].detach()
    return (taught_TV.exp() * (taught_TV - own_TV)).sum(-1)


def test_packed_divergences_are_those_of_plain_passes() -> None:
    """Prompts that answers share, lengths that pack otherwise for the teacher, a key that stands twice in a batch."""
    draw = random.Random(0)
    student, teacher = load("tiny"), load("tiny", seed=1)
    heads = [tuple(draw.choices(range(200), k=size)) for size in (3, 9, 5)]
    asked, taught = [], []
    for key in range(10):
        completion = tuple(draw.choices(range(200), k=draw.randint(1, 7)))
        asked.append(TokenizedCompletion(heads[key % 3], completion, key))
        taught.append(TokenizedCompletion((*range(60), *heads[key % 3]), completion, key))
    for batch in pack(student, [*asked, asked[4]], row_tokens=24, batch_tokens=72):
        taught_ND = _states(teacher, batch, taught)
        found_N = token_divergences(student, batch, batch.hidden(student), teacher, taught_ND, chunk=5)
        for owner, key in enumerate(batch.keys):
            wanted_T = plain_divergence(student, teacher, asked[key], taught[key])
            torch.testing.assert_close(found_N[batch.owner_N == owner], wanted_T, atol=1e-5, rtol=1e-4)
    student.model.zero_grad()
    (batch,) = pack(student, asked)
    token_divergences(student, batch, batch.hidden(student), teacher, _states(teacher, batch, taught)).sum().backward()
    mine = {name: weight.grad.clone() for name, weight in student.model.named_parameters() if weight.grad is not None}
    student.model.zero_grad()
    sum(plain_divergence(student, teacher, *each).sum() for each in zip(asked, taught, strict=True)).backward()  # type: ignore[union-attr]
    for name, weight in student.model.named_parameters():
        torch.testing.assert_close(mine[name], weight.grad, atol=1e-4, rtol=1e-3)
    assert all(weight.grad is None for weight in teacher.model.parameters())


def test_a_context_stands_before_what_is_there() -> None:
    assert Prompt.ask("Hi").with_system("Be kind.") == Prompt.ask("Hi", system="Be kind.")
    assert Prompt.ask("Hi", system="Now.").with_system("Be kind.") == Prompt.ask("Hi", system="Be kind.\n\nNow.")
    with pytest.raises(ValidationError, match="context"):
        ContextDistillation()  # type: ignore[call-arg]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that writes a often after one system text, seldom after another, and either way after none."""
    draw = random.Random(0)
    examples = []
    for number in range(240):
        prompt, share = PROMPTS[number % 9], (0.9, 0.1)[number % 2]
        asked = prompt.with_system((MUCH, LITTLE)[number % 2]) if number % 3 else prompt
        text = "".join(draw.choices("ab", weights=[share, 1 - share], k=5))
        examples.append(SupervisedExample(asked, Completion(prompt=asked.id, text=text)))
    settings = SFT(
        base="tiny", dtype="float32", epochs=8, batch_size=16, save_every=99, optim=Optim(lr=1e-2, warmup_steps=2)
    )
    with RunDirectory.create(tmp_path_factory.mktemp("runs") / "start") as run:
        list(settings.train_on(examples, run))
        return run.verified("sft/model")


def share_of_a(causal: CausalModel, *, context: str | None = None) -> float:
    prompts = [prompt if context is None else prompt.with_system(context) for prompt in PROMPTS[6:]]
    made = ModelWriter(causal).write(prompts, 40, Sampling(max_tokens=8, seed=1))
    return float(np.mean([each.text.count("a") / max(1, len(each.text)) for group in made for each in group]))


@pytest.mark.parametrize("lora", [None, LoRA(rank=8)])
def test_the_student_comes_to_write_as_the_teacher(lora: LoRA | None, start: Path, tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"lora": lora, "optim": Optim(lr=1e-2, warmup_steps=2)} if lora else {})
    with RunDirectory.create(tmp_path / "run") as run:
        made = list(settings.steps(Materials(prompts=PROMPTS[:6], start=start), run))
        rows = run.read_jsonl("policy/candidates.jsonl")
        tuned = load(run.verified("policy/model"))
    before = load(start)
    assert len(rows) == 6 * 24
    assert {row["prompt"] for row in rows} == {prompt.id for prompt in PROMPTS[:6]}
    assert np.mean([step.metrics.loss for step in made[-4:]]) < 0.3 * made[0].metrics.loss
    teacher, plain, after = share_of_a(before, context=MUCH), share_of_a(before), share_of_a(tuned)
    assert teacher > plain + 0.15
    assert after == pytest.approx(teacher, abs=0.06)
    tokens = [tuple(tuned.encode_completion("aaaba"))]
    gaps = []
    for student in (before, tuned):
        each = [
            plain_divergence(
                student,
                before,
                TokenizedCompletion(tuple(student.encode_prompt(prompt)), tokens[0], 0),
                TokenizedCompletion(tuple(before.encode_prompt(prompt.with_system(MUCH))), tokens[0], 0),
            )
            for prompt in PROMPTS[6:]
        ]
        gaps.append(float(torch.cat(each).mean().detach()))
    assert gaps[1] < 0.3 * gaps[0]  # on prompts that were not learnt from


def test_a_broken_off_stage_goes_on_to_the_same_numbers(start: Path, tmp_path: Path) -> None:
    losses = []
    for name, taken in (("whole", None), ("broken", 8)):
        with RunDirectory.create(tmp_path / name) as run:
            list(itertools.islice(SETTINGS.steps(Materials(prompts=PROMPTS[:6], start=start), run), taken))
        with RunDirectory.open(tmp_path / name) as run:
            if taken is not None:
                list(SETTINGS.steps(Materials(prompts=PROMPTS[:6], start=start), run))
            losses.append([row["loss"] for row in run.read_jsonl("policy/metrics.jsonl")])
    assert losses[0] == losses[1]


def test_nothing_to_answer_is_an_error(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        with pytest.raises(RecipeError, match="no prompts to answer"):
            list(SETTINGS.steps(Materials(prompts=[], start="tiny"), run))
        with pytest.raises(RecipeError, match="no model to start from"):
            list(SETTINGS.steps(Materials(prompts=PROMPTS), run))
