"""Small runs that are true to the format of the run directory, for the tests of the report."""

from pathlib import Path
from typing import Any

import numpy as np

from accord.artefacts.finding import Finding, IdList, Verdict
from accord.records import Completion, Evaluator, Pair, Prompt
from accord.run import InputEntry, RunDirectory
from accord.stats import Estimate, mean, proportion

ABOUT = "People rated how positive or negative a sentence is, not how good it is."
RECIPE = """seed = 0

[data]
ledger = "ratings.db"
max_pairs = 200000

[policy]
kind = "{kind}"
max_steps = {steps}

[policy.sampling]
temperature = 1.0
max_tokens = 48
"""
STEPS = 12
UPDATE: dict[str, Any] = {"lr": 1e-5, "grad_norm": 1.0, "seconds": 20.0}
"""What every step of a training logs."""
WORDS = ["a", "the", "film", "is", "warm", "slow", "funny", "dull", "and", "moving", "story", "with", "actors"]


def estimate(value: float, half: float = 0.02, n: int = 4000, clusters: int | None = 130) -> dict[str, Any]:
    """A number as the files hold it."""
    return Estimate(value, value - half, value + half, n, clusters, method="cluster bootstrap").to_json()


def new(path: Path) -> RunDirectory:
    """An empty run whose manifest does not depend on when and where it was made."""
    run = RunDirectory.create(path, seed=0)
    run.manifest.created = "2025-01-01T00:00:00+00:00"
    run.manifest.versions = {"python": "3.11.9", "accord": "0.1.0", "torch": "2.9.0"}
    run.manifest.machine = {"system": "Linux", "processor": "A processor at 2 GHz", "cores": 2}
    return run


def add_data(
    run: RunDirectory, *, about: str | None = ABOUT, asks: str = "Write one sentence about a film, number {}."
) -> None:
    """Prompts, completions, evaluators, pairs and their summary."""
    run.write_text("recipe.toml", RECIPE.format(kind="ppo", steps=STEPS))
    prompts = [Prompt.ask(asks.format(number)) for number in range(12)]
    split = ["train"] * 5 + ["eval_reward"] * 5 + ["held_out"] * 2
    rows = [
        {"id": each.id, **each.model_dump(mode="json", exclude_none=True), "split": name}
        for each, name in zip(prompts, split, strict=True)
    ]
    run.write_jsonl("data/prompts.jsonl", rows, stage="data")
    texts = [Completion(prompt=p.id, text=f"text {i} of {n}") for n, p in enumerate(prompts) for i in range(2)]
    run.write_jsonl(
        "data/completions.jsonl", [{"id": c.id, **c.model_dump(exclude_none=True)} for c in texts], stage="data"
    )
    people = [Evaluator(kind="person", pseudonym=f"rater-{number}", inferred=True) for number in range(3)]
    run.write_jsonl(
        "data/evaluators.jsonl", [{"id": e.id, **e.model_dump(exclude_none=True)} for e in people], stage="data"
    )
    for name in ("train", "eval_reward", "held_out"):
        pairs = [
            Pair(prompt=p.id, chosen=texts[2 * n].id, rejected=texts[2 * n + 1].id, evaluator=people[n % 3].id)
            for n, (p, where) in enumerate(zip(prompts, split, strict=True))
            if where == name
        ]
        run.write_jsonl(f"data/pairs-{name}.jsonl", [p.model_dump_json(exclude_none=True) for p in pairs], stage="data")
    run.write_json(
        "data/summary.json",
        {
            "feedback": {"rating": 198810},
            "possible_pairs": 2880000,
            "unused": {"too few ratings": 12},
            "agreement": estimate(0.79, 0.008, 51234, 40),
            "evaluators": len(people),
            "prompts": {"train": 5, "eval_reward": 5, "held_out": 2},
            "completions": len(texts),
            "pairs": {"train": 88123, "eval_reward": 87999, "held_out": 23878},
            "ties": {"train": 27000, "eval_reward": 26911, "held_out": 7300},
            "about": about,
        },
        stage="data",
    )
    run.record_input("ledger", InputEntry("0f" * 32, path="../ratings.db", rows=198810, last_row=198810))
    run.finish("data", "s", 14.2)


def add_judge(run: RunDirectory, folder: str = "reward", *, accuracy: float = 0.712) -> None:
    """A reward model and its evaluation, under `reward` or `eval_reward`."""
    run.write_bytes(f"{folder}/model/model.safetensors", b"weights", stage=folder)
    run.write_json(
        f"{folder}/evaluation.json",
        {
            "accuracy": estimate(accuracy, 0.013, 16578),
            "majority": estimate(0.503, 0.011, 16578),
            "length_only": estimate(0.531, 0.016, 16578),
            "ece": estimate(0.031, 0.011, 23878),
            "agreement": estimate(0.79, 0.008, 51234, 40),
        },
        stage=folder,
    )
    run.finish(folder, "s", 218.0)


def add_policy(run: RunDirectory, *, samples: bool = True) -> None:
    """What PPO leaves: metrics and rollouts."""
    random = np.random.default_rng(0)
    rows, texts = [], []
    for step in range(1, STEPS + 1):
        some: list[dict[str, Any]] = []
        for index in range(16):
            size = int(random.integers(12, 36))
            some.append(
                {
                    "step": step, "index": index, "prompt": f"p-{index // 4}", "text": "a text",
                    "token_ids": list(range(size)), "rollout_logprobs": [-2.0] * size, "logprobs": [-2.0] * size,
                    "reference_logprobs": [-2.2] * size, "reward": float(random.normal(0.15 * step, 0.8)),
                    "finish_reason": "eos" if index % 7 else "length", "temperature": 1.0,
                }
            )  # fmt: skip
        rows.append(
            {
                "step": step, "reward": float(np.mean([each["reward"] for each in some])), "reward_std": 0.9,
                "kl": 0.1 + 6.5 * (step / STEPS) ** 1.3 + float(random.normal(0, 0.2)), "kl_se": 0.35,
                "entropy": 2.9 - 0.05 * step, "clip_frac": 0.05,
                "multipliers": {"two words": 0.1 * step}, "explained_variance": None if step == 1 else 0.3,
                "policy_loss": 0.01, "value_loss": 0.4, "grad_norm": 1.0, "lr": 1e-5,
                "length": float(np.mean([len(each["token_ids"]) for each in some])),
                "stop_rate": float(np.mean([each["finish_reason"] == "eos" for each in some])),
                "sampler_logprob_diff": 0.0, "sampler_kl": 0.0, "kl_coef": 0.05, "seconds": 20.0,
            }
        )  # fmt: skip
        texts += some
    run.write_bytes("policy/model/model.safetensors", b"weights", stage="policy")
    run.write_jsonl("policy/metrics.jsonl", rows, stage="policy")
    sentence = "PPO then optimised the policy against that reward model"
    run.write_json("policy/algorithm.json", {"kind": "ppo", "sentence": sentence}, stage="policy")
    if samples:
        run.write_jsonl("policy/samples.jsonl", texts, stage="policy")
    run.finish("policy", "s", 512.0)


def add_evaluation(run: RunDirectory, *, texts: list[str] | None = None, proxy: bool = True) -> None:
    """Fresh samples of both arms, the curve and the numbers."""
    random = np.random.default_rng(1)
    asked = [row["id"] for row in run.read_jsonl("data/prompts.jsonl") if row["split"] == "held_out"]
    rows: list[dict[str, Any]] = []
    for arm in ("start", "policy"):
        for prompt in asked:
            for _ in range(6):
                words = " ".join(random.choice(WORDS, 14)).capitalize() + "."
                text = words if texts is None else texts[len(rows) % len(texts)]
                scores = {"eval_reward": float(random.normal(arm == "policy", 0.7))}
                if proxy:
                    scores["reward"] = float(random.normal(1.5 * (arm == "policy"), 0.6))
                rows.append(
                    {
                        "arm": arm, "index": len(rows), "prompt": prompt, "text": text, "token_ids": [1, 2],
                        "rollout_logprobs": [-1.0, -1.0], "logprobs": [-1.0, -1.0], "reference_logprobs": [-1.1, -1.2],
                        "finish_reason": "length" if len(rows) % 5 == 0 else "eos", "temperature": 1.0, **scores,
                    }
                )  # fmt: skip
    run.write_jsonl("evaluation/samples.jsonl", rows, stage="evaluate")
    curve = []
    for step in range(1, STEPS + 1):
        kl = 0.1 + 6.5 * (step / STEPS) ** 1.3
        curve.append(
            {
                "step": step,
                "kl": estimate(kl, 0.5, 64, 16),
                "reward": estimate(-0.2 + 0.17 * step, 0.2, 64, 16),
                "eval_reward": estimate(-0.1 + 0.16 * step - 0.0066 * step**2, 0.24, 64, 16),
            }
        )
    run.write_jsonl("evaluation/curve.jsonl", curve, stage="evaluate")
    row = {"step": 1, "index": 0, "prompt": asked[0], "reward": 0.1, "eval_reward": 0.2, "kl": 0.3}
    run.write_jsonl("evaluation/rollouts.jsonl", [row], stage="evaluate")
    arms = {
        arm: {
            "eval_reward": estimate(0.02 + shift, 0.11, 512, 16),
            "distinct_1": estimate(0.41 - 0.1 * shift, 0.02, 16, None),
            "distinct_2": estimate(0.83 - 0.2 * shift, 0.02, 16, None),
            "entropy": estimate(2.91 - 0.6 * shift, 0.05, 512, 16),
            "length": estimate(24.6 + 2 * shift, 0.8, 512, 16),
            "stop_rate": estimate(0.912, 0.03, 512, 16),
            **({"reward": estimate(0.05 + 1.4 * shift, 0.1, 512, 16)} if proxy else {}),
        }
        for arm, shift in (("start", 0.0), ("policy", 1.1))
    }
    own = {"win_rate_reward": estimate(0.934, 0.02, 512, 16)} if proxy else {}
    content = {"win_rate": estimate(0.841, 0.034, 512, 16), **own, "kl": estimate(6.53, 0.48, 512, 16), **arms}
    run.write_json("evaluation/evaluation.json", content, stage="evaluate")
    run.finish("evaluate", "s", 64.0)


def add_audit(run: RunDirectory, findings: list[Finding] | None = None) -> None:
    """The audit's findings: one of each verdict unless given."""
    found = FINDINGS if findings is None else findings
    run.write_json("audit.json", {"findings": [each.to_json() for each in found]}, stage="audit")
    run.finish("audit", "s", 21.0)


FINDINGS = [
    Finding(
        "P-BOS", "single", "Every sequence begins with one beginning-of-sequence token.", Verdict.QUIET, "above 0",
        "None of 512 sequences begins with two.", proportion(0, 512),
        evidence=("evaluation/samples.jsonl",), source="",
    ),
    Finding(
        "RG2", "turnover", "What the reward model rewards, an independent judge rewards as well.", Verdict.FIRES,
        "above 0.05",
        "From step 9 on the reward model's score rises while the independent judge's does not.",
        mean([0.2, 0.31, 0.24, 0.28, 0.22]), remedy="Stop near step 8, or raise policy.kl_coef and train again.",
        evidence=("evaluation/curve.jsonl", "evaluation/rollouts.jsonl step 9", "policy/samples.jsonl#9"),
        facts={"gap at the last step": mean([0.5, 0.7, 0.6])}, source="Gao et al. 2023, section 3",
    ),
    Finding(
        "DC2", "diversity", "The policy writes as many different things as its start.", Verdict.INCONCLUSIVE,
        "above 0.10", "distinct-2 fell by 0.09, and the interval holds both more and less than the threshold.",
        mean([0.05, 0.13, 0.1, 0.08]), needs="about 40 prompts instead of 16", evidence=("evaluation/evaluation.json",),
        source="Li et al. 2016", fundamental=True,
    ),
    Finding(
        "PM2", "raters", "One reward model fits all raters alike.", Verdict.NOT_ASSESSABLE, "above 0.05",
        "Who judged which pair is not recorded by whoever collected the ratings.", needs="evaluator ids as recorded",
    ),
    Finding(
        "OV1", "consistency", "An evaluator who is asked twice answers alike.", Verdict.QUIET, "above 0.2",
        "Repeated questions got other answers in 8 % of cases.", proportion(8, 100), fundamental=True,
        evidence=("data/pairs-train.jsonl",), source="Casper et al. 2023, section 3.1",
        title="Humans make simple mistakes due to limited time, attention, or care",
        ids={"evaluators": IdList.of(f"e-{number}" for number in range(60))},
    ),
]  # fmt: skip


def whole(path: Path) -> RunDirectory:
    """A run with every stage but the report."""
    run = new(path)
    add_data(run)
    add_judge(run)
    add_judge(run, "eval_reward", accuracy=0.704)
    add_policy(run)
    add_evaluation(run)
    add_audit(run)
    return run
