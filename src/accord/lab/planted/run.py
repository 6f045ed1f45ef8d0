"""A planted run, from the ledger to the evaluation."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit

from accord.feedback import Dataset, Ledger, draw_dataset, write_data
from accord.interfaces import Judge
from accord.lab.faults import Fault
from accord.lab.lexicon import Policy, WordJudge
from accord.lab.planted.panels import ask_panels
from accord.records import Completion, Pair, Prompt
from accord.run import RunDirectory
from accord.stats import bootstrap, expected_calibration_error, mean, proportion

__all__ = ["judges_of", "plant"]

Row = dict[str, Any]
SHARES: Mapping[str, float] = {"train": 0.25, "eval_reward": 0.25, "held_out": 0.5}
PRESSURE = 1.5
STEPS = 14
ROLLOUTS = 48
SAMPLES = 10


def plant(path: Path | str, fault: Fault | None = None, *, seed: int = 0) -> RunDirectory:
    """A run in the new folder `path`, with a fault or with none; its ledger stands beside it.

    Everything is drawn from `seed`. The caller closes the run.
    """
    fault, path = fault or Fault(), Path(path)
    random = np.random.default_rng(seed)
    run = RunDirectory.create(path, seed=seed)
    with Ledger(path.with_name(path.name + "-ledger.db")) as ledger:
        ask_panels(ledger, fault, seed, random)
        data = fault.dataset(draw_dataset(ledger, seed=seed, fractions=SHARES, unit="evaluator"), random)
        write_data(run, data, ledger=ledger, about="which text is worth more")
    found = judges_of(fault, seed=seed)
    for name, judge in found.items():
        _write_judge(run, name, judge, data)
    _write_policy(run, fault, found, data, random)
    return run


def judges_of(fault: Fault | None = None, *, seed: int = 0) -> dict[str, WordJudge]:
    """The reward model and the independent judge of `plant(..., fault, seed=seed)`, as an audit is handed them."""
    return {
        "reward": (fault or Fault()).reward_model(WordJudge("reward", seed=seed)),
        "eval_reward": WordJudge("judge", seed=seed),
    }


# -- what the judges make of it --------------------------------------------------------------------------------


def _write_judge(run: RunDirectory, name: str, judge: WordJudge, data: Dataset) -> None:
    """Its words, its scores of held-out completions, and its evaluation on held-out pairs."""
    with run.write_folder(f"{name}/model", stage=name) as folder:
        (folder / "words.txt").write_text("\n".join(f"{worth:.6f}" for worth in judge.worth_V))
    pairs = [pair for pair in data.pairs["held_out"] if not pair.tie]
    names = list(dict.fromkeys(each for pair in pairs for each in (pair.chosen, pair.rejected)))
    some = [data.completions[each] for each in names]
    score_N = judge.score([data.prompts[each.prompt] for each in some], some).value_N
    rows = {
        each.id: {"completion": each.id, "prompt": each.prompt, "score": float(score), "length": len(each.text.split())}
        for each, score in zip(some, score_N, strict=True)
    }
    run.write_jsonl(f"{name}/scores.jsonl", rows.values(), stage=name)
    run.write_json(f"{name}/evaluation.json", _evaluation(rows, pairs), stage=name)


def _evaluation(rows: Mapping[str, Row], pairs: list[Pair]) -> Row:
    """Accuracy, baselines and calibration of scores on decided pairs, as Estimates in JSON."""
    batches = [pair.session for pair in pairs]
    score_P, length_P = (
        np.array([rows[p.chosen][k] - rows[p.rejected][k] for p in pairs]) for k in ("score", "length")
    )
    # Which of the two was chosen says nothing here, so each pair is turned to one side by the ids of its texts.
    turn_P = np.array([1.0 if pair.chosen < pair.rejected else -1.0 for pair in pairs])

    def loss(scale: float) -> float:
        return float(np.logaddexp(0, -scale * score_P).sum())

    chance_P = expit(minimize_scalar(loss, bounds=(0.01, 20), method="bounded").x * score_P * turn_P)
    outcome_P = (turn_P > 0).astype(np.float64)

    def ece(rows_N: NDArray[np.intp]) -> float:
        return expected_calibration_error(chance_P[rows_N], outcome_P[rows_N])

    longer = (length_P > 0) + 0.5 * (length_P == 0)
    found = {
        "accuracy": mean(score_P > 0, batches),
        "majority": proportion(int(max(outcome_P.sum(), (1 - outcome_P).sum())), len(pairs)),
        "length_only": mean(longer if longer.mean() > 0.5 else 1 - longer, batches),
        "ece": bootstrap(ece, len(pairs), batches, resamples=200, centred=True),
    }
    return {"agreement": None, **{name: each.to_json() for name, each in found.items()}}


# -- what the policy learns ------------------------------------------------------------------------------------


def _write_policy(
    run: RunDirectory, fault: Fault, found: Mapping[str, Judge], data: Dataset, random: np.random.Generator
) -> None:
    """Steps of growing pressure, and the evaluation of the last against the start."""
    reward = found["reward"]
    assert isinstance(reward, WordJudge)
    policies = [Policy.tilted(reward, each) for each in np.linspace(0, fault.pressure(PRESSURE), STEPS)]
    trained, held_out = data.prompts_of("train"), data.prompts_of("held_out")
    samples: list[Row] = []
    metrics: list[Row] = []
    opinions: list[Row] = []
    curve: list[Row] = []
    for step, policy in enumerate(policies, 1):
        asked = [trained[i % len(trained)] for i in range(ROLLOUTS)]
        rows = [{"step": step, **row} for row in _written(policy, asked, found, random)]
        kl_N = [sum(row["logprobs"]) - sum(row["reference_logprobs"]) for row in rows]
        seen = [
            {**{key: row[key] for key in ("step", "index", "prompt", "reward", "eval_reward")}, "kl": kl}
            for row, kl in zip(rows, kl_N, strict=True)
        ]
        samples += [{k: v for k, v in row.items() if k != "eval_reward"} for row in rows]
        metrics.append(_metrics(step, rows, kl_N))
        opinions += seen
        clusters = [row["prompt"] for row in seen]
        curve.append(
            {"step": step}
            | {n: mean([row[n] for row in seen], clusters).to_json() for n in ("kl", "reward", "eval_reward")}
        )
    run.write_jsonl("policy/samples.jsonl", samples, stage="policy")
    run.write_jsonl("policy/metrics.jsonl", metrics, stage="policy")
    run.write_jsonl("evaluation/rollouts.jsonl", opinions, stage="evaluate")
    run.write_jsonl("evaluation/curve.jsonl", curve, stage="evaluate")
    asked = [prompt for prompt in held_out for _ in range(SAMPLES)]
    arms = {"start": policies[0], "policy": policies[-1]}
    fresh = [{"arm": arm, **row} for arm, policy in arms.items() for row in _written(policy, asked, found, random)]
    run.write_jsonl("evaluation/samples.jsonl", fresh, stage="evaluate")
    run.write_json("evaluation/evaluation.json", _compared(fresh), stage="evaluate")


def _written(
    policy: Policy, asked: list[Prompt], found: Mapping[str, Judge], random: np.random.Generator
) -> Iterator[Row]:
    """A text for each prompt, as the rows of samples have it, scored by both judges."""
    start = Policy.tilted(WordJudge("start"), 0.0)
    texts = [policy.write(random) for _ in asked]
    written = [Completion(prompt=prompt.id, text=text) for prompt, (text, _) in zip(asked, texts, strict=True)]
    proxy_N, judge_N = (found[name].score(asked, written).value_N for name in ("reward", "eval_reward"))
    for index, (prompt, (text, tokens)) in enumerate(zip(asked, texts, strict=True)):
        logprobs = policy.logprobs(tokens)
        yield {
            "index": index,
            "prompt": prompt.id,
            "text": text,
            "token_ids": tokens,
            "rollout_logprobs": logprobs,
            "logprobs": logprobs,
            "reference_logprobs": start.logprobs(tokens),
            "reward": float(proxy_N[index]),
            "eval_reward": float(judge_N[index]),
            "finish_reason": "eos",
            "temperature": 1.0,
        }


def _metrics(step: int, rows: list[Row], kl_N: list[float]) -> Row:
    """What a step logs, as far as there is something to log without a trainer."""
    reward_N = np.array([row["reward"] for row in rows])
    return {
        "step": step,
        "reward": float(reward_N.mean()),
        "reward_std": float(reward_N.std()),
        "kl": float(np.mean(kl_N)),
        "kl_se": float(np.std(kl_N, ddof=1) / len(kl_N) ** 0.5),
        "entropy": -float(np.mean([np.mean(row["logprobs"]) for row in rows])),
        "length": float(np.mean([len(row["token_ids"]) for row in rows])),
        "stop_rate": 1.0,
        "ratio": 1.0,
    }


def _compared(fresh: list[Row]) -> Row:
    """The last policy against the start, text by text of the same prompt."""
    start, policy = ([row for row in fresh if row["arm"] == arm] for arm in ("start", "policy"))
    prompts = [row["prompt"] for row in policy]
    wins = {
        column: [
            (after[column] > before[column]) + 0.5 * (after[column] == before[column])
            for before, after in zip(start, policy, strict=True)
        ]
        for column in ("eval_reward", "reward")
    }
    kl = [sum(row["logprobs"]) - sum(row["reference_logprobs"]) for row in policy]
    found: Row = {
        "win_rate": mean(wins["eval_reward"], prompts).to_json(),
        "win_rate_reward": mean(wins["reward"], prompts).to_json(),
        "kl": mean(kl, prompts).to_json(),
    }
    for arm, rows in (("start", start), ("policy", policy)):
        found[arm] = {name: mean([row[name] for row in rows], prompts).to_json() for name in ("eval_reward", "reward")}
        found[arm]["length"] = mean([len(row["token_ids"]) for row in rows], prompts).to_json()
        found[arm]["stop_rate"] = mean([1.0] * len(rows), prompts).to_json()
    return found
