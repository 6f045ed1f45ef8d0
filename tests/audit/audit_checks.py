"""One check by its id, on one run, for the tests of the audit; and rows of which only some columns matter."""

from typing import Any

from accord.artefacts import EvaluationSample, Finding, Verdict
from accord.audit import CHECKS, AuditSettings, Evidence
from accord.interfaces import Judge
from accord.run import RunDirectory

__all__ = ["evaluation_sample", "finding_of", "verdict_of"]


def finding_of(check: str, run: RunDirectory, **judges: Judge) -> Finding:
    """The finding of the check with that id (`RG2 turnover`), at default thresholds."""
    return CHECKS.get(check).run(Evidence(run, judges), AuditSettings())


def verdict_of(check: str, run: RunDirectory, **judges: Judge) -> Verdict:
    """Its verdict."""
    return finding_of(check, run, **judges).verdict


def evaluation_sample(
    arm: str, prompt: str, *, logprobs: tuple[float, ...] = (-1.0,), **columns: Any
) -> EvaluationSample:
    """A sample whose other columns do not matter."""
    others: dict[str, Any] = {
        "index": 0,
        "text": "text",
        "token_ids": (1,) * len(logprobs),
        "rollout_logprobs": logprobs,
        "reference_logprobs": logprobs,
        "finish_reason": "eos",
        "temperature": 1.0,
        "eval_reward": 0.0,
    }
    return EvaluationSample(arm=arm, prompt=prompt, logprobs=logprobs, **(others | columns))
