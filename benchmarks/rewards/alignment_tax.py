"""What a reward makes a policy forget of its pretraining, with the pretraining mix of PPO and without it.

The laboratory's essays: a transformer of some 100,000 weights that has read a corpus is trained by PPO on the true
reward with a small KL penalty. Its loss on essays of the corpus that it has not read, nats a token, before and after;
with the mix the policy reads other essays of the corpus, behind their prompts, beside its samples (Ouyang et al. 2022,
PPO-ptx).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from accord.artefacts import MODEL
from accord.lab.essay import EssayJudge, EssayWorld
from accord.lm.causal import CausalModel
from accord.lm.loading import load
from accord.lm.packed import pack
from accord.policy import PPO
from accord.policy.materials import Materials, SupervisedExample
from accord.policy.supervised import likelihood, tokenize
from accord.records import Sampling
from accord.run import RunDirectory
from accord.stats import mean
from accord.train.optimiser import Optim

COEFFICIENTS = (0.0, 0.3, 1.0, 3.0)
SPREAD = 1.45  # standard deviation of an essay's worth under the start
STEPS, READ, HELD_OUT = 24, 4000, 400


def measure(data: Path, seeds: range) -> dict[str, Any]:
    """Tax and reward by coefficient, means over seeds with their intervals."""
    rows: dict[float, list[dict[str, float]]] = {coefficient: [] for coefficient in COEFFICIENTS}
    for seed in seeds:
        with TemporaryDirectory() as folder:
            for coefficient, row in _of_seed(seed, Path(folder)).items():
                rows[coefficient].append(row)
    table: dict[str, Any] = {}
    for coefficient, found in rows.items():
        names = found[0]
        table[f"pretrain_coef {coefficient:g}"] = {n: mean([row[n] for row in found]).to_json() for n in names}
    for coefficient in COEFFICIENTS[1:]:
        saved = [bare["tax"] - row["tax"] for bare, row in zip(rows[0.0], rows[coefficient], strict=True)]
        table[f"tax saved by {coefficient:g}"] = mean(saved).to_json()
    return table


def _of_seed(seed: int, folder: Path) -> dict[float, dict[str, float]]:
    world = EssayWorld(seed)
    judge = EssayJudge(world, scale=SPREAD)
    with RunDirectory.create(folder / "start", seed=seed) as run:
        start = world.start(run, texts=READ)
    held_out = world.corpus(HELD_OUT, seed=seed + 10_000)
    corpus = folder / "corpus.jsonl"
    reader = load(start)
    others = world.corpus(READ, seed=seed + 20_000)
    texts = [f"{reader.tokenizer.decode(reader.encode_prompt(each.prompt))} {each.completion.text}" for each in others]
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    before = _loss(reader, held_out)
    found = {}
    for coefficient in COEFFICIENTS:
        mix = {"pretrain_coef": coefficient, "pretrain_texts": str(corpus)} if coefficient else {}
        settings = PPO(
            dtype="float32",
            max_steps=STEPS,
            prompts_per_step=16,
            group_size=4,
            kl_coef=0.01,
            kl_target=0.0,
            sampling=Sampling(max_tokens=48),
            optim=Optim(lr=3e-3, warmup_steps=2, lr_schedule="constant"),
            **mix,
        )
        with RunDirectory.create(folder / f"ppo-{coefficient:g}", seed=seed) as run:
            metrics = [
                step.metrics for step in settings.steps(Materials(prompts=world.prompts, judge=judge, start=start), run)
            ]
            policy = load(MODEL.verified(run, "policy"))
        last = metrics[-4:]
        found[coefficient] = {
            "tax": _loss(policy, held_out) - before,
            "reward": sum(each.reward for each in last) / len(last),
            "kl": sum(each.kl or 0.0 for each in last) / len(last),
        }
    return found


@torch.no_grad()
def _loss(causal: CausalModel, examples: Sequence[SupervisedExample]) -> float:
    """Nats a token of essays after their prompts, as the start read them."""
    total, tokens = 0.0, 0
    for batch in pack(causal, tokenize(causal, examples)):
        loss_N = likelihood(causal, batch)
        total, tokens = total + float(loss_N.sum()), tokens + len(loss_N)
    return total / tokens
