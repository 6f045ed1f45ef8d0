"""A planted run, from the ledger to the evaluation."""

from collections.abc import Sequence
from pathlib import Path

from accord.audit import CHECKS, Check
from accord.feedback import Ledger, Selection, draw_dataset, write_data
from accord.lab.faults.base import Fault
from accord.lab.lexicon import SCALE, Policy, WordJudge
from accord.lab.planted.judging import write_judge
from accord.lab.planted.learner import Learner
from accord.lab.planted.panels import ask_panels
from accord.lab.planted.parts import PARTS
from accord.lab.planted.planting import Planting
from accord.lab.planted.pleas import PleadingPolicy, plea_chance
from accord.lab.planted.rollouts import write_evaluation, write_training
from accord.lab.planted.settled_policy import SettledPolicy
from accord.lab.planted.worlds import WORLDS, World
from accord.run import RunDirectory

__all__ = ["audit_ledger_of", "judges_of", "plant", "planting_of"]

NOT_DRAWN = frozenset({"prompts of topics"})
"""Studies of the ledger that the run leaves out, as a recipe does by `[data] exclude`."""
LEAST_PRESSURE = 1e-3
SHARES = {"train": 0.25, "eval_reward": 0.25, "held_out": 0.5}


def plant(
    path: Path | str,
    fault: Fault | None = None,
    *,
    seed: int = 0,
    world: World | str = "words",
    checks: Sequence[Check] | None = None,
) -> RunDirectory:
    """A run in the new folder `path`, with a fault or with none; its ledgers stand beside it.

    Everything is drawn from `seed`. Only what `checks` need is made (all, where unset). The caller closes the run.
    """
    return planting_of(path, fault, seed=seed, world=world, checks=checks).run


def planting_of(
    path: Path | str,
    fault: Fault | None = None,
    *,
    seed: int = 0,
    world: World | str = "words",
    checks: Sequence[Check] | None = None,
    asked_alike: bool = False,
) -> Planting:
    """The run as `plant` makes it, with all that it was made from. The caller closes `run`; its ledgers are closed.

    With `asked_alike` people are asked all that they are asked in a run of all checks, so that everybody stands on the
    same side of the splits: what differs between such runs is the fault.
    """
    path, checks = Path(path), list(CHECKS) if checks is None else checks
    needed = {name for check in (CHECKS if asked_alike else checks) for need in check.needs for name in need.names}
    run = RunDirectory.create(path, seed=seed)
    world = WORLDS.get(world) if isinstance(world, str) else world
    with Ledger(path.with_name(path.name + "-ledger.db")) as ledger, Ledger(audit_ledger_of(path)) as audit_ledger:
        planting = Planting(run, ledger, audit_ledger, fault or Fault(), world, seed)
        challenges = {check.challenge.id for check in checks}
        parts = [part for part in PARTS if challenges.intersection(part.challenges)]
        ask_panels(planting)
        for part in PARTS if asked_alike else parts:
            part.before(planting)
        _draw(planting)
        trained = {"reward", "eval_reward", "policy", "evaluation"}
        if any(name.split("/")[0] in trained for name in needed) or any(part.reads_policy for part in parts):
            _train(planting)
        for part in parts:
            part.after(planting)
    return planting


def audit_ledger_of(path: Path) -> Path:
    """Where what people were asked after the run is kept, beside it; and what was recorded of its deployment."""
    return path.with_name(path.name + "-audit.db")


def judges_of(fault: Fault | None = None, *, seed: int = 0) -> dict[str, WordJudge]:
    """The reward model and the independent judge of `plant(..., fault, seed=seed)`, as an audit is handed them."""
    return {
        "reward": (fault or Fault()).reward_model(WordJudge("reward", seed=seed)),
        "eval_reward": WordJudge("judge", seed=seed),
    }


def _draw(planting: Planting) -> None:
    ledger = planting.ledger
    feedback = list(ledger.feedback())
    excluded = NOT_DRAWN & {answer.study for answer in feedback}
    read = Selection(exclude=tuple(excluded)).of(feedback, ledger.evaluators())
    drawn = draw_dataset(ledger, feedback=read, seed=planting.seed, fractions=SHARES, unit="evaluator")
    planting.data = planting.fault.dataset(drawn, planting.random("dataset"))
    write_data(planting.run, planting.data, ledger=planting.ledger, about="which text is worth more")


def _train(planting: Planting) -> None:
    run, judges, world, data = planting.run, planting.judges, planting.world, planting.data
    write_judge(run, "reward", judges["reward"], data, fitted_on="train")
    write_judge(run, "eval_reward", judges["eval_reward"], data, fitted_on="eval_reward")
    if world.transformer:
        from accord.lab.planted.transformer import train_transformer

        pressure = planting.fault.pressure(world.pressure)
        held_out = data.prompts_of("held_out")
        train_transformer(run, world, judges, data.prompts_of("train"), held_out, pressure=pressure)
        return
    pressure = planting.fault.pressure(world.pressure)
    random, asides = planting.random("policy"), planting.random("pleas")

    learner, settled_texts = planting.settings(Learner()), dict[str, tuple[str, list[int]]]()

    def writer_of(policy: Policy, pressure: float) -> Policy:
        if learner.settled and pressure > 0:
            return SettledPolicy.of(planting.start, learner.settled, judges["reward"], settled_texts)
        return PleadingPolicy.of(policy, plea_chance(judges["reward"], pressure), asides)

    policies = write_training(
        run,
        planting.start,
        judges,
        data.prompts_of("train"),
        random,
        learner=learner,
        pressure=pressure,
        steps=world.steps,
        rollouts=world.rollouts,
        writer_of=writer_of,
    )
    planting.policies[:] = [policy for policy, _ in policies]
    start, policy = writer_of(*policies[0]), writer_of(*policies[-1])
    planting.released = policy
    prompts = data.prompts_of("held_out")
    kl_coef = planting.fault.overshoot() / (SCALE * max(pressure, LEAST_PRESSURE))
    write_evaluation(run, start, policy, judges, prompts, random, samples=world.samples, kl_coef=kl_coef)
