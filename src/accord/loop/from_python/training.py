"""`train` and `run_recipe`: a run from Python."""

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Literal

import tomli_w

from accord.errors import RecipeError, nearest
from accord.loop.drive import drive, start_run
from accord.loop.from_python.inputs import InputFiles, Reward, Rows
from accord.loop.from_python.trained_run import TrainedRun
from accord.loop.progress import ProgressDisplay
from accord.policy.registry import ALGORITHMS
from accord.recipe import Recipe, load, parse
from accord.reward.registry import REWARDS

__all__ = ["run_recipe", "train"]

ALL_TO_LEARN = {"train": 0.8, "eval_reward": 0.0, "held_out": 0.2}
"""Shares where nobody judges who would have to learn: a fifth is held out."""


def train(
    kind: str,
    *,
    model: str | PathLike[str],
    out: str | PathLike[str],
    prompts: Rows | None = None,
    data: Rows | None = None,
    reward: Reward | None = None,
    judge: Reward | Literal["learnt"] | None = None,
    evaluate: Mapping[str, Any] | None = None,
    seed: int = 0,
    quiet: bool = False,
    **settings: Any,
) -> TrainedRun:
    """Train a policy or a reward model, evaluate, audit and report it, in the new folder `out`, or go on there.

        train("rloo", model="smollm2-135m", prompts=["Name a river."], reward=count_words, out="runs/rivers")
        train("dpo", model="smollm2-135m", data=[{"prompt": ..., "chosen": ..., "rejected": ...}], out="runs/mine")
        train("bradley_terry", model="smollm2-135m", data="preferences.jsonl", out="runs/reward")

    kind      an algorithm (`accord.policy.ALGORITHMS`) or a kind of learnt reward (`accord.reward.REWARDS`)
    model     where it starts: a packaged name, a folder or a hub id
    prompts   what a policy answers while it learns: texts, messages, rows with `prompt`, a file; a fifth is held out
    data      judged texts: rows of any format that `accord import` knows, a `datasets.Dataset`, a file, a hub id
    reward    what an online algorithm learns from: a function of texts, or of prompts and completions, that returns a
              number for each; the settings of a kind of reward (`{"kind": "length", ...}`); or `my_file.py:function`.
              Without one, with `data`, a Bradley-Terry model is learnt from that
    judge     who compares the policy with its start: as `reward`, or "learnt" from a part of `data` that nothing else
              learns from. Without one the policy is told apart from its start by what it learnt from alone
    evaluate  further keys of `[evaluate]`
    settings  further keys of the algorithm or reward, as in a recipe; `optim` and `sampling` are dictionaries

    What is handed over is kept in files beside the run (`OUT-inputs/`), functions with their source, so that the run
    can be audited, served or repeated from the command line. Raises `RecipeError` for what does not go together, with
    the key; what a stage raises passes through, and the same call goes on from there.
    """
    if judge is not None and judge == reward:
        raise RecipeError(
            "judge is the reward that the policy learns from, so nobody independent; pass another, or none"
        )
    out = Path(out)
    files = InputFiles(out)
    content: dict[str, Any] = {"seed": seed, "data": {"ledger": str(files.folder.resolve() / "feedback.db")}}
    if data is not None:
        content["data"] |= files.feedback(data)
    if prompts is not None:
        content["data"]["prompts"] = files.prompts(prompts)
    if kind in ALGORITHMS:
        content |= _policy(kind, str(model), settings, reward, data is not None, files)
        content["evaluate"] = dict(evaluate or {}) | _judge(judge, str(model), settings, files)
    elif kind in REWARDS:
        content["reward"] = {"kind": kind, "base": str(model), **settings}
    else:
        raise RecipeError(f"no algorithm and no kind of reward '{kind}'{nearest(kind, _kinds())}")
    if judge != "learnt":
        content["data"] |= ALL_TO_LEARN
    return run_recipe(content, out, quiet=quiet)


def run_recipe(
    recipe: Recipe | Mapping[str, Any] | str | PathLike[str], out: str | PathLike[str], *, quiet: bool = False
) -> TrainedRun:
    """Run all stages of a recipe: one that was read, its sections as dictionaries, or its file.

    Where a run of it is at `out`, it goes on; what is finished is not done again. Raises `RecipeError` naming the key
    that is wrong, and what the stages raise.
    """
    if isinstance(recipe, Mapping):
        recipe = parse(tomli_w.dumps(_without_unset(recipe)))
    elif not isinstance(recipe, Recipe):
        recipe = load(Path(recipe))
    with start_run(recipe, Path(out), resume=True) as run:
        drive(recipe, run, ProgressDisplay(quiet=quiet))
        return TrainedRun(run.path)


def _kinds() -> list[str]:
    return [*ALGORITHMS.names, *REWARDS.names]


def _policy(
    kind: str, model: str, settings: Mapping[str, Any], reward: Reward | None, has_data: bool, files: InputFiles
) -> dict[str, Any]:
    """The sections of a policy and of what it learns from."""
    sections: dict[str, Any] = {"policy": {"kind": kind, "base": model, **settings}}
    if reward is not None:
        sections["reward"] = files.reward(reward, "reward")
    elif "judge" in ALGORITHMS.get(kind)().needs:
        if not has_data:
            raise RecipeError(f"{kind} learns from a reward: pass reward=, or data= from which one is learnt")
        sections["reward"] = {"base": model, **_shared(settings)}
    return sections


def _judge(judge: Reward | None, model: str, settings: Mapping[str, Any], files: InputFiles) -> dict[str, Any]:
    """The keys of `[evaluate]` that say who judges."""
    if judge is None:
        return {"judged": False}
    if judge == "learnt":
        return {"judge": {"base": model, **_shared(settings)}}
    return {"judge": files.reward(judge, "judge")}


def _shared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """What holds for every model of the run."""
    return {name: settings[name] for name in ("dtype", "device", "trust_remote_code") if name in settings}


def _without_unset(content: Any) -> Any:
    """Nested dictionaries without what is None, which TOML cannot say."""
    if isinstance(content, Mapping):
        return {name: _without_unset(value) for name, value in content.items() if value is not None}
    return [_without_unset(each) for each in content] if isinstance(content, list | tuple) else content
