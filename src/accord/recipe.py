"""A whole run as one value, read from one TOML file.

    [data]  [sft]  [reward]  [policy]  [evaluate]  [audit]

`kind` picks the settings class where there is a choice. An unknown key is an error that names its nearest neighbour;
values given beside the file (`--policy.kl_coef 0.1`) override it; the resolved recipe can be written and loaded again.
"""

import tomllib
from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args, get_origin

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from accord.audit.settings import AuditSettings
from accord.errors import LedgerError, RecipeError, nearest, storage
from accord.feedback.store.location import has_password, is_url
from accord.policy.abstaining import Abstaining
from accord.policy.best_of_n import BestOfN
from accord.policy.conditional import Conditional
from accord.policy.context_distillation import ContextDistillation
from accord.policy.curated import Curated
from accord.policy.dpo import DPO
from accord.policy.group_soup import GroupSoup
from accord.policy.grpo import GRPO
from accord.policy.ipo import IPO
from accord.policy.kto import KTO
from accord.policy.online import Online
from accord.policy.orpo import ORPO
from accord.policy.ppo import PPO
from accord.policy.pro import PRO
from accord.policy.reinforce import REINFORCE
from accord.policy.reinforce_pp import ReinforcePP
from accord.policy.rloo import RLOO
from accord.policy.rrhf import RRHF
from accord.policy.sft import SFT
from accord.policy.simpo import SimPO
from accord.records import Sampling, explain
from accord.reward.fit import BradleyTerry

__all__ = ["Data", "Evaluate", "Recipe", "dump", "load", "parse"]

Algorithm = (
    SFT
    | BestOfN
    | Curated
    | Abstaining
    | Conditional
    | ContextDistillation
    | PPO
    | GRPO
    | RLOO
    | GroupSoup
    | REINFORCE
    | ReinforcePP
    | RRHF
    | PRO
    | DPO
    | IPO
    | SimPO
    | ORPO
    | KTO
)
Share = Annotated[float, Field(gt=0, lt=1)]


class Section(BaseModel):
    """A part of the recipe: frozen, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Data(Section):
    """Where the feedback is, and how examples are drawn from it.

    `ledger` is a path or a postgresql:// URL; it and `source` are meant from the recipe's folder. Where `source` is
    given, it is imported into the ledger first (again without harm); `packaged` stands for the human ratings that
    accord fetches from the package index.
    """

    renamed: ClassVar[Mapping[str, str]] = {"judge": "eval_reward", "pairs": "max_pairs"}

    ledger: str = "feedback.db"
    source: str | None = None
    format: str | None = None
    max_pairs: int = Field(default=200_000, ge=1, description="at most so many pairs, drawn by the seed")
    split_by: Literal["prompt", "session", "evaluator"] = "prompt"
    train: Share = 0.44
    eval_reward: Share = 0.44
    held_out: Share = 0.12
    supervised: Literal["all", "chosen"] = Field(
        default="chosen", description="what the supervised start learns from: all train completions, or chosen ones"
    )
    about: str | None = Field(default=None, description="what people were asked, as the report shall say it")

    @field_validator("split_by", mode="before")
    @classmethod
    def _renamed(cls, unit: object) -> object:
        if unit == "batch":
            raise ValueError("'batch' is called 'session' now")
        return unit

    @field_validator("ledger")
    @classmethod
    def _without_password(cls, ledger: str) -> str:
        """A recipe is copied into its run, printed and compared: a password must not be in it."""
        try:
            secret = is_url(ledger) and has_password(ledger)
        except LedgerError as error:
            raise ValueError(str(error)) from error
        if secret:
            raise ValueError("this URL holds a password, and recipes are copied; give it by PGPASSWORD or ~/.pgpass")
        return ledger


class Evaluate(Section):
    """Who judges the result, and on how many samples. The judge never shares feedback with the reward model."""

    renamed: ClassVar[Mapping[str, str]] = {
        "prompts": "max_prompts",
        "samples": "samples_per_prompt",
        "curve": "curve_samples",
    }

    judge: BradleyTerry = BradleyTerry()
    max_prompts: int | None = Field(default=None, ge=1, description="held-out prompts used; unset: all")
    samples_per_prompt: int = Field(default=32, ge=1, description="samples of each prompt and arm")
    sampling: Sampling = Sampling(max_tokens=48)
    curve_samples: int = Field(default=64, ge=1, description="rollouts of each step that the judge reads")


class Recipe(Section):
    """All settings of a run."""

    seed: int = Field(default=0, ge=0)
    data: Data = Data()
    sft: SFT | None = None
    reward: BradleyTerry | None = None
    policy: Annotated[Algorithm, Field(discriminator="kind")] | None = None
    evaluate: Evaluate | None = None
    audit: AuditSettings = AuditSettings()


def load(path: Path | str, overrides: Mapping[str, str] | None = None) -> Recipe:
    """The recipe in a file, its paths made absolute.

    Raises `RecipeError` naming the key, `StorageError` where the file cannot be read.
    """
    with storage(path):
        text = Path(path).read_text(encoding="utf-8")
    return _anchored(parse(text, overrides, place=str(path)), Path(path).resolve().parent)


def parse(text: str, overrides: Mapping[str, str] | None = None, *, place: str = "recipe") -> Recipe:
    """The recipe in a text; `overrides` maps dotted keys to TOML values (a bare word is a string)."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{place}: not TOML ({error})") from error
    for key, value in (overrides or {}).items():
        _put(content, key, value)
    try:
        recipe = Recipe.model_validate(content)
    except ValidationError as error:
        raise RecipeError(f"{place}: {_said(error)}") from error
    _check(recipe, place)
    return recipe


def dump(recipe: Recipe) -> str:
    """The recipe as TOML that `parse` reads back to the same value; what is unset is left out."""
    return tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))


def _anchored(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with the paths of its data made absolute; they are meant from the recipe's own folder."""
    ledger = recipe.data.ledger
    paths = {"ledger": ledger if is_url(ledger) else str(folder / ledger)}
    if recipe.data.source not in {None, "packaged"}:
        paths["source"] = str(folder / str(recipe.data.source))
    return recipe.model_copy(update={"data": recipe.data.model_copy(update=paths)})


def _put(content: dict[str, Any], key: str, value: str) -> None:
    *path, last = key.split(".")
    for name in path:
        content = content.setdefault(name, {})
        if not isinstance(content, dict):
            raise RecipeError(f"recipe.{key}: '{name}' is a value, not a section")
    try:
        content[last] = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        content[last] = value


def _check(recipe: Recipe, place: str) -> None:
    """What no single field can know."""
    total = recipe.data.train + recipe.data.eval_reward + recipe.data.held_out
    if abs(total - 1) > 1e-6:
        raise RecipeError(f"{place}: recipe.data: train, eval_reward and held_out sum to {total:g}; make them sum to 1")
    if (recipe.data.source is None) != (recipe.data.format is None):
        raise RecipeError(f"{place}: recipe.data: source and format go together; give both or neither")
    judged = isinstance(recipe.policy, Online | BestOfN | Curated | Conditional) or (
        isinstance(recipe.policy, Abstaining) and recipe.policy.grade == "judge"
    )
    if recipe.policy is not None and judged and recipe.reward is None:
        raise RecipeError(
            f"{place}: recipe.policy: {recipe.policy.kind} needs a judge to learn from; add a [reward] section"
        )
    if recipe.policy is not None and recipe.policy.base is None and recipe.sft is None:
        raise RecipeError(f"{place}: recipe.policy.base: missing; name a model, or add an [sft] section")


def _said(error: ValidationError) -> str:
    """The first problem; for an unknown key its new name where it was renamed, else the nearest known one.

    A settings class may have `renamed: ClassVar[Mapping[str, str]]`, from keys it once had to those it has now.
    """
    first = error.errors(include_url=False)[0]
    kinds = {each.model_fields["kind"].default: each for each in get_args(Algorithm)}
    path = [str(part) for part in first["loc"]]
    if len(path) > 1 and path[0] == "policy" and path[1] in kinds:
        del path[1]
        owner: Any = kinds[str(first["loc"][1])]
        inner = path[1:-1]
    else:
        owner, inner = Recipe, path[:-1]
    where = ".".join(["recipe", *path])
    if first["type"] != "extra_forbidden":
        return f"{where}: {explain(error)[1]}"
    for name in inner:
        owner = _section(owner.model_fields[name].annotation)
    renamed = ChainMap(*(vars(parent).get("renamed", {}) for parent in owner.__mro__))
    if path[-1] in renamed:
        return f"{where}: renamed to {renamed[path[-1]]}"
    return f"{where}: no such field{nearest(path[-1], list(owner.model_fields))}"


def _section(annotation: Any) -> Any:
    """The settings class inside an annotation such as `LoRA | None`."""
    if get_origin(annotation) is None:
        return annotation
    return next(_section(part) for part in get_args(annotation) if part is not type(None))
