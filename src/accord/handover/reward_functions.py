"""A run's rewards as the functions that TRL, verl and OpenRLHF take.

    from accord.handover import trl_rewards
    GRPOTrainer(reward_funcs=trl_rewards("runs/mine"), args=GRPOConfig(reward_weights=[1.0, 0.0], ...), ...)

    from accord.handover import verl_reward                  # my_reward.py, named by reward.custom_reward_function.path
    compute_score = verl_reward("runs/mine")

    from accord.handover import openrlhf_reward              # my_reward.py, named by --reward.remote_url
    reward_func = openrlhf_reward("runs/mine")

Of each run the reward and its independent judge are asked: the policy learns from the first alone, and the second is
written down beside it, so that an audit can hold one against the other.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from accord.errors import RecordError
from accord.feedback.formats.conversations import messages_of
from accord.feedback.formats.prompt_text import prompt_from_text
from accord.feedback.formats.verl_prompts import PROMPT_KEY
from accord.foreign.completion_tables import completion_text
from accord.handover.openrlhf_texts import AnswerEnds, take_apart
from accord.handover.run_reward import RunReward, open_rewards
from accord.handover.score_numbers import numbers_of
from accord.records import Prompt

__all__ = ["openrlhf_reward", "trl_rewards", "verl_reward"]

Run = Path | str


def trl_rewards(run: Run, *, trusted: bool = False, judge: bool = True) -> list[Callable[..., list[float]]]:
    """Functions for `reward_funcs` of TRL's GRPOTrainer and RLOOTrainer: `reward` and `eval_reward`, as its columns.

    Give the second the weight 0 (`reward_weights=[1.0, 0.0]`). Prompts and completions are texts or lists of messages;
    a text is what a user said. Standard deviations and components become columns of the table of completions. Raises as
    `open_rewards` does, and `RecordError` where a prompt or completion cannot be read.
    """
    return [_for_trl(each) for each in open_rewards(run, trusted=trusted, judge=judge).values()]


def _for_trl(reward: RunReward) -> Callable[..., list[float]]:
    def score(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float]:
        asked = [Prompt(messages=messages_of(each, f"prompts[{i}]")) for i, each in enumerate(prompts)]
        texts = [completion_text(each, f"completions[{i}]") for i, each in enumerate(completions)]
        told = numbers_of({reward.name: reward.score(asked, texts)})
        values = told.pop(reward.name)
        log_extra, log_metric = columns.get("log_extra"), columns.get("log_metric")
        for name, numbers in told.items():
            if log_extra is not None:
                log_extra(name, numbers)
            if log_metric is not None and numbers:
                log_metric(f"accord/{name}", sum(numbers) / len(numbers))  # TRL has a `reward_std` of its own
        return values

    score.__name__ = score.__qualname__ = reward.name
    return score


def verl_reward(run: Run, *, trusted: bool = False, judge: bool = True) -> Callable[..., dict[str, float]]:
    """A function for `reward.custom_reward_function` of verl, which asks it about one answer at a time.

    It returns the score and, by name, what is told beside it: `score_std`, components, and `eval_reward`, which verl
    writes into its rollouts and validations and learns nothing from. What was asked has to stand in the row's
    `extra_info`, where `accord export --format verl_prompts` writes it; `RecordError` says so where it does not.
    """
    rewards = open_rewards(run, trusted=trusted, judge=judge)

    def compute_score(
        data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None, **_: Any
    ) -> dict[str, float]:
        prompt = _prompt_of(extra_info, data_source)
        scores = {name: each.score([prompt], [solution_str]) for name, each in rewards.items()}
        told = {name: values[0] for name, values in numbers_of(scores).items()}
        return {_verl_name(name): value for name, value in told.items()}

    return compute_score


def _verl_name(name: str) -> str:
    """verl calls the reward `score`."""
    return "score" + name.removeprefix("reward") if name == "reward" or name.startswith("reward_") else name


def _prompt_of(extra_info: Mapping[str, Any] | None, data_source: str) -> Prompt:
    text = (extra_info or {}).get(PROMPT_KEY)
    if not isinstance(text, str):
        raise RecordError(
            f"no '{PROMPT_KEY}', so what was asked is not known; write the prompts by `accord export RUN --format "
            'verl_prompts`, or put {"messages": [...]} there as a text',
            place=f"extra_info of {data_source}",
        )
    return prompt_from_text(text, f"extra_info.{PROMPT_KEY} of {data_source}")


def openrlhf_reward(
    run: Run,
    *,
    ends: Sequence[str] | None = None,
    plain_prompts: bool = False,
    trusted: bool = False,
    judge: bool = True,
) -> Callable[..., dict[str, Any]]:
    """A function `reward_func(queries, prompts, labels)` for a Python file that OpenRLHF's `--reward.remote_url` names.

    It answers as the reward server does ({rewards, scores, extra_logs}); `ends` and `plain_prompts` as there.
    """
    rewards = open_rewards(run, trusted=trusted, judge=judge)
    known = AnswerEnds() if ends is None else AnswerEnds(tuple(ends))

    def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any]) -> dict[str, Any]:
        asked = [
            take_apart(query, prompt, label, known, plain=plain_prompts, place=str(index))
            for index, (query, prompt, label) in enumerate(zip(queries, prompts, labels, strict=True))
        ]
        texts, questions = [each.text for each in asked], [each.prompt for each in asked]
        told = numbers_of({name: each.score(questions, texts) for name, each in rewards.items()})
        values = told.pop("reward")
        return {"rewards": values, "scores": values, "extra_logs": told | {"open_end": _open(asked)}}

    return reward_func


def _open(asked: Sequence[Any]) -> list[float]:
    return [float(not each.is_ended) for each in asked]
