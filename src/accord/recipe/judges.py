"""Further judges and metrics of an evaluation, by kind: those of the rewards, and a model behind an endpoint."""

from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from accord.registry import Registry
from accord.reward.metrics.registry import METRICS
from accord.reward.registry import REWARDS

__all__ = ["FUNCTION_KIND", "JUDGE_KINDS", "METRIC_KINDS", "ModelJudge", "with_kind"]

FUNCTION_KIND = "python"
QUESTION = "Which of the two answers is better?"


class ModelJudge(BaseModel):
    """A model behind an OpenAI-compatible endpoint that compares texts of the policy with texts of its start.

    Every pair is read in both orders, so that a liking for a place shows and does no harm.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    changeable: ClassVar[frozenset[str]] = frozenset({"url", "parallel", "timeout", "retries"})

    kind: Literal["model"] = "model"
    url: str = Field(description="where it is; its token is ACCORD_TOKEN of the environment")
    model: str | None = Field(default=None, description="what the endpoint calls it; unset: the first it lists")
    question: str = Field(default=QUESTION, min_length=1, description="what it is asked about each pair")
    instructions: str = Field(default="", description="what it is to judge by")
    ties: bool = Field(default=True, description="whether it may say that neither is better")
    pairs_per_prompt: int = Field(default=1, ge=1, description="pairs of each prompt, each read twice")
    max_tokens: int = Field(default=1024, ge=1, description="tokens of a reply at most")
    temperature: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    parallel: int = Field(default=4, ge=1, description="pairs under way at once")
    timeout: float = Field(default=120.0, gt=0, allow_inf_nan=False, description="seconds that a reply may take")
    retries: int = Field(default=2, ge=0, description="how often a request that failed for a while is sent again")

    @field_validator("url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        """A recipe is copied into its run, printed and compared: nothing secret may be in it."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise ValueError(f"'{url}' is no address; write it as http://localhost:8000/v1")
        if "@" in parts.netloc or parts.query:
            raise ValueError("it holds a user, a password or a query, and recipes are copied; set ACCORD_TOKEN")
        return url


class _JudgeKinds:
    """The kinds of reward, those of extensions among them, and `model`."""

    def get(self, name: str) -> Any:
        return ModelJudge if name == "model" else REWARDS.get(name)

    def __contains__(self, name: object) -> bool:
        return name == "model" or name in REWARDS

    @property
    def names(self) -> tuple[str, ...]:
        return (*REWARDS.names, "model")


JUDGE_KINDS = _JudgeKinds()
METRIC_KINDS: Registry[Any] = METRICS


def with_kind(section: dict[str, Any]) -> dict[str, Any]:
    """A section with the kind that it need not say: `function` is a Python function, `url` a model."""
    if "kind" in section:
        return section
    if "function" in section and "path" not in section:
        rest = {key: value for key, value in section.items() if key != "function"}
        return {"kind": FUNCTION_KIND, "path": section["function"], **rest}
    return {"kind": "model", **section} if "url" in section else section
