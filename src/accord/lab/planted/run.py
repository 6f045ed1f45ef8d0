"""A planted run, from the ledger to the evaluation."""

from pathlib import Path

import numpy as np

from accord.feedback import Ledger, draw_dataset, write_data
from accord.lab.faults import Fault
from accord.lab.lexicon import Policy, WordJudge
from accord.lab.planted.judging import write_judge
from accord.lab.planted.panels import ask_panels
from accord.lab.planted.rollouts import write_evaluation, write_training
from accord.run import RunDirectory

__all__ = ["judges_of", "plant"]

SHARES = {"train": 0.25, "eval_reward": 0.25, "held_out": 0.5}
PRESSURE = 1.5  # of the last step
STEPS = 14


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
    judges = judges_of(fault, seed=seed)
    write_judge(run, "reward", judges["reward"], data, fitted_on="train")
    write_judge(run, "eval_reward", judges["eval_reward"], data, fitted_on="eval_reward")
    pressures = np.linspace(0, fault.pressure(PRESSURE), STEPS)
    policies = [Policy.tilted(judges["reward"], pressure) for pressure in pressures]
    write_training(run, policies, judges, data.prompts_of("train"), random)
    write_evaluation(run, policies[0], policies[-1], judges, data.prompts_of("held_out"), random)
    return run


def judges_of(fault: Fault | None = None, *, seed: int = 0) -> dict[str, WordJudge]:
    """The reward model and the independent judge of `plant(..., fault, seed=seed)`, as an audit is handed them."""
    return {
        "reward": (fault or Fault()).reward_model(WordJudge("reward", seed=seed)),
        "eval_reward": WordJudge("judge", seed=seed),
    }
