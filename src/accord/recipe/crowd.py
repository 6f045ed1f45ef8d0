"""A simulated crowd, read from a TOML file: what is truly better, and people who tell it more or less well."""

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, model_validator

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.errors import RecipeError
from accord.recipe.problems import validated
from accord.recipe.toml_text import read_text, read_toml
from accord.reward.registry import REWARDS
from accord.reward.settings import RewardSettings

__all__ = ["Crowd", "SimulatedPerson", "read_crowd"]


class SimulatedPerson(BaseModel):
    """`[[people]]` of a crowd's file: somebody who compares two texts by what is true of them, more or less well."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, description="the pseudonym, behind that of the crowd")
    count: int = Field(default=1, ge=1, description="how many alike; their names are numbered")
    temperature: float = Field(
        default=0.3, gt=0, allow_inf_nan=False, description="of the choice between two texts, in units of the truth"
    )
    lapse: float = Field(default=0.02, ge=0, le=1, description="share of answers that are given at random")
    position: float = Field(
        default=0.0, allow_inf_nan=False, description="added to what stands on the left, in units of the truth"
    )
    tie_within: float = Field(
        default=0.0, ge=0, allow_inf_nan=False, description="a difference that is called a tie, in units of the truth"
    )
    backwards: bool = Field(default=False, description="takes the question for its opposite")
    seconds_a_word: float = Field(default=0.25, gt=0, allow_inf_nan=False, description="how fast both texts are read")

    def everybody(self, crowd: str) -> list[SimulatedEvaluator]:
        """The people that it stands for."""
        settings = self.model_dump(exclude={"name", "count"})
        names = [self.name] if self.count == 1 else [f"{self.name} {number}" for number in range(1, self.count + 1)]
        return [SimulatedEvaluator(name=f"{crowd}:{name}", pool=crowd, **settings) for name in names]


class Crowd(BaseModel):
    """The file: `[truth]`, a reward that is stated and not learnt, and `[[people]]`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    truth: InstanceOf[RewardSettings] = Field(description="what the people care for")
    people: tuple[SimulatedPerson, ...] = Field(min_length=1, description="who is in it")

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        names = [person.name for one in self.people for person in one.everybody("crowd")]
        if doubled := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"people: two are called '{doubled.partition(':')[2]}'; give them other names")
        return self

    def everybody(self, crowd: str) -> list[SimulatedEvaluator]:
        """All of the people, in the order of the file."""
        return [person for one in self.people for person in one.everybody(crowd)]


def read_crowd(path: Path) -> tuple[Crowd, dict[str, Any]]:
    """The crowd in a file, paths made absolute from the file's folder; and its truth as it is written there.

    Raises `RecipeError` that names the key, `StorageError` where the file cannot be read.
    """
    content = read_toml(read_text(path), str(path))
    written = content.get("truth")
    if not isinstance(written, dict) or "kind" not in written:
        raise RecipeError(f"{path}: truth.kind: missing; name a reward that is stated, [truth] kind = 'python'")
    try:
        truth = _stated(validated(REWARDS.get(str(written["kind"])), written, "truth").anchored(path.parent))
        return validated(Crowd, {**content, "truth": truth}, "crowd"), written
    except RecipeError as error:
        raise RecipeError(f"{path}: {error}") from error


def _stated(truth: RewardSettings) -> RewardSettings:
    """A reward, where nothing of it is learnt from people and all that it reads is there."""
    if truth.learns_from or truth.asks_people:
        raise RecipeError(f"truth.kind: '{truth.kind}' is learnt from people; name a reward that is stated")
    if problems := truth.problems():
        raise RecipeError(f"truth.{problems[0]}")
    return truth
