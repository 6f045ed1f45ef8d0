"""What every algorithm says of itself, beside how it trains."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from accord.deferred import deferred
from accord.errors import RecipeError
from accord.lm.settings import ModelSettings
from accord.policy.budget import SampleBudget
from accord.run import RunDirectory

with deferred():
    from accord.artefacts import MODEL
    from accord.lm.causal import CausalModel
    from accord.lm.loading import load
    from accord.policy.materials import Material, Materials
    from accord.policy.optimum import KLObjective
    from accord.policy.weight_averaging import extrapolate
    from accord.train import TrainingStep

__all__ = ["PolicySettings"]


class PolicySettings(ModelSettings):
    """An algorithm: frozen settings, and the steps of its training.

    A subclass has a `kind`, its name in recipes, as a field, and is made known by `accord.policy.register`.

    sentence       how the report tells what it did, without the full stop: "DPO then trained the policy on the pairs"
    anchor         the setting that holds the policy near its initial weights; "" where there is none
    lab_defaults   what the lab sets otherwise where it compares algorithms; None where it leaves this one out
    renamed        keys that it once had, and what they are called now
    """

    sentence: ClassVar[str] = ""
    anchor: ClassVar[str] = ""
    lab_defaults: ClassVar[Mapping[str, Any] | None] = None
    renamed: ClassVar[Mapping[str, str]] = {}

    kind: str = ""
    reference_model: str | None = Field(
        default=None,
        description="a model (as for `base`) that it is held near and compared with; unset: what it starts from",
    )
    extrapolation: float = Field(
        default=0.0,
        ge=0,
        description="after training, add this multiple of the change in the weights once more (ExPO)",
    )

    @property
    @abstractmethod
    def needs(self) -> frozenset[Material]:
        """The materials that it asks for with these settings."""

    @property
    def needs_credits(self) -> bool:
        """Whether the judge must say where in a completion its score is earned."""
        return False

    @property
    def on_policy(self) -> bool:
        """Whether it learns from samples of the policy that it trains."""
        return False

    @property
    def kl_objective(self) -> KLObjective | None:
        """What it makes greatest, where that is the judge's score less a KL to the start; None where it is not."""
        return None

    @abstractmethod
    def steps(self, materials: Materials, run: RunDirectory, *, stage: str = "policy") -> Iterator[TrainingStep[Any]]:
        """Train, a step at a time. Goes on from the last checkpoint of `stage` in `run`; leaves `<stage>/model`.

        Raises `RecipeError` where it has nothing to learn from or no model to start from, `TrainingStopped` where a
        number leaves its bounds.
        """

    @classmethod
    def within(cls, budget: SampleBudget) -> dict[str, Any]:
        """The settings by which it uses a budget. Raises `RecipeError` where it cannot be held to one."""
        raise RecipeError(f"{cls.__name__} cannot be held to a number of texts")

    def starts_from(self, start: str | Path | None) -> str | Path | None:
        """The initial policy: its own `base`, else `start`, which is the supervised start of the run."""
        return self.base or start

    def reference(self, policy: CausalModel, start: str | Path, *, seed: int = 0) -> CausalModel:
        """What `policy`, opened from `start`, is held near: `reference_model`, else what it was before training."""
        if self.reference_model is None:
            return super().reference(policy, start, seed=seed)
        return self.open(self.reference_model, seed=seed)

    def resolve_start(self, start: str | Path | None, data: Sequence[Any], *, stage: str, lacking: str) -> str | Path:
        """The initial policy; `data` is what is learnt from.

        Raises `RecipeError` where there is no model, or no data: `lacking` then says what.
        """
        initial = self.starts_from(start)
        if not data or initial is None:
            raise RecipeError(f"{stage}: {'no model to start from' if data else lacking}")
        return initial

    def save_model(self, policy: CausalModel, initial: str | Path, run: RunDirectory, *, stage: str, seed: int) -> None:
        """Save the trained policy as `<stage>/model`; `initial` is the model that it was trained from.

        With `extrapolation` what is saved is policy + extrapolation (policy - initial), weight by weight.
        """
        with MODEL.write(run, stage=stage) as folder:
            policy.save(folder)
            if self.extrapolation:
                form: dict[str, Any] = {"trust_remote_code": self.trust_remote_code}
                start = load(initial, seed=seed, merge=True, **form)
                extrapolate(start, folder, self.extrapolation, **form).save(folder)
