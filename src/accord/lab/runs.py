"""Whole runs with a known fault: the files of a real one, made in seconds from a world of words.

People are simulated evaluators, the reward model adds up words, the policy is the exact optimum under some pressure;
no model is trained. A fault is one setting of `Planting` away from its healthy value, and the clean control is the
same code with none: what a check says of the two is its power and its rate of false alarms.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from scipy.optimize import minimize_scalar
from scipy.special import expit

from accord.errors import AccordError, nearest
from accord.feedback import Dataset, Ledger, draw_dataset, write_data
from accord.interfaces import Item, Judge
from accord.lab.evaluators import SimulatedEvaluator
from accord.lab.lexicon import Policy, WordJudge, truth
from accord.records import Completion, Pair, Prompt
from accord.run import RunDirectory
from accord.stats import bootstrap, expected_calibration_error, mean, proportion

__all__ = ["EXPECTED", "FAULTS", "Planting", "judges", "planted"]

Floats = NDArray[np.float64]
Row = dict[str, Any]
SHARES: Mapping[str, float] = {"train": 0.25, "eval_reward": 0.25, "held_out": 0.5}
STEPS = 14
ROLLOUTS = 48
SAMPLES = 10


class Planting(BaseModel):
    """What may be wrong with a run; every default is its healthy value. Shares are of evaluators."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pressure: float = Field(default=1.5, gt=0, description="how hard the policy is optimised against the reward model")
    hollow: float | None = Field(
        default=None, description="what the reward model gives a hollow word; unset: the truth"
    )
    length: float = Field(default=0.0, description="what the reward model gives six words more, in SDs")
    opposed: float = Field(default=0.0, ge=0, le=1, description="share that wants the opposite")
    noisier: float = Field(default=0.0, ge=0, le=1, description="share that wants the same and judges less surely")
    careless: float = Field(default=0.0, ge=0, le=1, description="share that answers at random")
    tired: float | None = Field(default=None, ge=0, le=1, description="share of random answers late in a session")
    position: float = Field(default=0.0, description="added to the utility of what stands on the left")
    leaky: bool = Field(default=False, description="pairs are divided by row, not by panel")
    evaluators: int = Field(default=32, ge=4, description="of the held-out panel; the other two have half as many")


FAULTS: Mapping[str, str] = {
    "over-optimisation": "the reward model likes hollow words however many, and the policy is pressed to write them",
    "mode collapse": "the policy is pressed until it writes the same few words",
    "length": "the reward model likes long texts, and people do not mind",
    "opposed minority": "one evaluator in five wants the opposite",
    "noisier minority": "one evaluator in five wants the same but judges less surely: a control that should not fire",
    "careless": "one evaluator in four answers at random, and fast",
    "leaky split": "pairs are divided by row, so the judge has seen what the reward model learnt from",
    "fatigue": "after half of a session most answers are random",
    "position": "evaluators lean towards what stands on the left",
}

_PLANTED: Mapping[str, Planting] = {
    "over-optimisation": Planting(hollow=1.5, pressure=3.0),
    "mode collapse": Planting(pressure=12.0),
    "length": Planting(length=1.2),
    "opposed minority": Planting(opposed=0.2),
    "noisier minority": Planting(noisier=0.2),
    "careless": Planting(careless=0.25),
    "leaky split": Planting(leaky=True),
    "fatigue": Planting(tired=0.9),
    "position": Planting(position=0.6),
}

EXPECTED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "over-optimisation": (("RG2", "turnover"), ("RG2", "divergence")),
    "mode collapse": (("DC2", "diversity"), ("DC2", "entropy")),
    "length": (("RG1", "length"), ("RG1", "edits")),
    "opposed minority": (("PM2", "one reward"),),
    "noisier minority": (),
    "careless": (("OV1", "careless"), ("OV1", "time")),
    "leaky split": (("RE1", "leakage"), ("P-SPLIT", "overlap")),
    "fatigue": (("OV1", "fatigue"),),
    "position": (("OV1", "position"),),
}
"""Challenge and check that should fire for each fault. Others may as well: who is opposed also looks careless."""


def planted(path: Path | str, fault: str | None = None, seed: int = 0) -> RunDirectory:
    """A run in the new folder `path`, with the named fault of `FAULTS` or with none; its ledger stands beside it.

    Everything is drawn from `seed`. Raises `AccordError` for a fault that is not known. The caller closes the run.
    """
    planting, path = _planting(fault), Path(path)
    random = np.random.default_rng(seed)
    run = RunDirectory.create(path, seed=seed)
    with Ledger(path.with_name(path.name + "-ledger.db")) as ledger:
        _ask(ledger, planting, seed, random)
        data = _divided(draw_dataset(ledger, seed=seed, fractions=SHARES, unit="evaluator"), planting, random)
        write_data(run, data, ledger=ledger, about="which text is worth more")
    found = judges(fault, seed)
    for name, judge in found.items():
        _write_judge(run, name, judge, data)
    _write_policy(run, planting, found, data, random)
    return run


def judges(fault: str | None = None, seed: int = 0) -> dict[str, WordJudge]:
    """The reward model and the independent judge of `planted(..., fault, seed)`, as an audit is handed them."""
    planting = _planting(fault)
    return {
        "reward": WordJudge("reward", hollow=planting.hollow, length=planting.length, seed=seed),
        "eval_reward": WordJudge("judge", seed=seed),
    }


def _planting(fault: str | None) -> Planting:
    if fault is None:
        return Planting()
    if fault not in FAULTS:
        raise AccordError(f"no fault '{fault}' can be planted{nearest(fault, list(FAULTS))}")
    return _PLANTED[fault]


# -- what people said ------------------------------------------------------------------------------------------


def _ask(ledger: Ledger, planting: Planting, seed: int, random: np.random.Generator) -> None:
    """Three panels, each of evaluators, prompts and texts of its own; the last one is twice as large."""
    start = Policy.tilted(WordJudge("start"), 0.0)
    for panel, size in enumerate((planting.evaluators // 2, planting.evaluators // 2, planting.evaluators)):
        prompts = [Prompt.ask(f"Say something about the film, {panel}-{i}") for i in range(6)]
        texts = {p.id: [Completion(prompt=p.id, text=start.write(random)[0]) for _ in range(8)] for p in prompts}
        everything = [each for some in texts.values() for each in some]
        qualities = {each.id: [truth(each.text)] for each in everything}
        ledger.extend([*prompts, *everything])
        for who in _evaluators(planting, panel, size, seed):
            ledger.add(who.evaluator, *_session(who, prompts, texts, qualities, random))


def _evaluators(planting: Planting, panel: int, size: int, seed: int) -> Iterator[SimulatedEvaluator]:
    """The people of a panel. Those with a fault come first; position and tiredness are everybody's."""
    kinds: list[dict[str, Any]] = [{"weights": (-1.0,)}] * round(planting.opposed * size)
    kinds += [{"temperature": 1.5}] * round(planting.noisier * size)
    kinds += [{"lapse": 0.95}] * round(planting.careless * size)
    kinds += [{}] * (size - len(kinds))
    for number, kind in enumerate(kinds):
        yield SimulatedEvaluator(
            name=f"panel {panel}, evaluator {number}",
            position=planting.position,
            tired_lapse=planting.tired,
            tired_after=16,
            tired_over=2,
            seed=seed,
            **kind,
        )


def _session(
    who: SimulatedEvaluator,
    prompts: list[Prompt],
    texts: Mapping[str, list[Completion]],
    qualities: Mapping[str, list[float]],
    random: np.random.Generator,
) -> Iterator[Any]:
    """Five texts a prompt to rate, in one random order, then two pairs a prompt to compare."""
    rate = [Item(p, (texts[p.id][i],)) for p in prompts for i in random.permutation(8)[:5]]
    compare = [
        Item(p, (texts[p.id][i], texts[p.id][j])) for p in prompts for i, j in random.permutation(8)[:4].reshape(2, 2)
    ]
    items = [rate[i] for i in random.permutation(len(rate))] + [compare[i] for i in random.permutation(len(compare))]
    yield from (said for said in who.bound(qualities).ask(items) if said is not None)


def _divided(data: Dataset, planting: Planting, random: np.random.Generator) -> Dataset:
    """The data as divided by panel or, where the split is to leak, with train and judge dealt out by row."""
    if not planting.leaky:
        return data
    mixed = [*data.pairs["train"], *data.pairs["eval_reward"]]
    side = random.random(len(mixed)) < 0.5
    dealt = {
        name: tuple(pair for pair, first in zip(mixed, side, strict=True) if bool(first) is (name == "train"))
        for name in ("train", "eval_reward")
    }
    return replace(data, pairs={**data.pairs, **dealt})


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
    run: RunDirectory, planting: Planting, found: Mapping[str, Judge], data: Dataset, random: np.random.Generator
) -> None:
    """Steps of growing pressure, and the evaluation of the last against the start."""
    reward = found["reward"]
    assert isinstance(reward, WordJudge)
    policies = [Policy.tilted(reward, each) for each in np.linspace(0, planting.pressure, STEPS)]
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
            "sampled_logprobs": logprobs,
            "logprobs": logprobs,
            "reference_logprobs": start.logprobs(tokens),
            "reward": float(proxy_N[index]),
            "eval_reward": float(judge_N[index]),
            "stopped": "eos",
            "temperature": 1.0,
        }


def _metrics(step: int, rows: list[Row], kl_N: list[float]) -> Row:
    """What a step logs, as far as there is something to log without a trainer."""
    reward_N = np.array([row["reward"] for row in rows])
    return {
        "step": step,
        "reward": float(reward_N.mean()),
        "reward_sd": float(reward_N.std()),
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
