"""Settings of a learnt reward that say what it does not know, and whether it is as sure as it should be."""

from typing import Literal

from pydantic import BaseModel, Field

from accord.deferred import deferred
from accord.errors import RecipeError
from accord.reward.idle_settings import without_effect

with deferred():
    from accord.lm.adapter_ensemble import AdapterEnsemble
    from accord.lm.causal import CausalModel
    from accord.lm.reward_model import ScalarHeadModel
    from accord.reward.heads import Heads
    from accord.reward.posterior.fitted import check_heads

__all__ = ["DoubtSettings"]


class DoubtSettings(BaseModel):
    """Where the standard deviation of scores comes from, beside the members of an ensemble."""

    ensemble: Literal["heads", "adapters"] = Field(
        default="heads",
        description="what members of an ensemble have of their own: a head, or layers (low-rank adapters) as well",
    )
    ensemble_layers: int = Field(
        default=1, ge=1, description="the last layers in which members have adapters; more cost more, know more"
    )
    ensemble_rank: int = Field(default=8, ge=1, description="of the members' adapters")
    doubt: Literal["none", "laplace"] = Field(
        default="none",
        description="laplace: a normal posterior of the head by the curvature of the likelihood, under head_prior_std",
    )
    calibrate: Literal["none", "temperature", "isotonic"] = Field(
        default="none",
        description="set its probabilities right on held-out evaluators, or else prompts, of whom nothing was learnt",
    )

    def doubt_problems(self, *, members: int) -> list[str]:
        """Which settings of doubt contradict each other, each as `key: what is wrong`."""
        problems = []
        if self.ensemble == "adapters" and self.doubt == "laplace":
            problems.append("doubt: 'laplace' is about heads that read the same states; take ensemble = 'heads'")
        if self.ensemble == "adapters" and members == 1:
            problems.append("ensemble: 'adapters' needs members; set ensemble_size = 5")
        adapters = {
            "ensemble = 'adapters'": (self.ensemble == "adapters", ("ensemble_layers", "ensemble_rank")),
        }
        return problems + without_effect(self, adapters)

    def new_judge(self, decoder: CausalModel, heads: Heads, *, seed: int, stage: str) -> ScalarHeadModel:
        """A model with new heads over `decoder`, and new adapters in it where members have them.

        Raises `RecipeError` where settings contradict, `ModelError` where the decoder takes no such adapters.
        """
        if self.doubt == "laplace":
            if self.ensemble == "adapters":
                raise RecipeError(
                    f'{stage}: doubt = "laplace" is about heads that read the same states; take ensemble = "heads"'
                )
            check_heads(heads, stage=stage)
        if self.ensemble == "heads":
            form = {"members": heads.members, "components": heads.names}
            return ScalarHeadModel.fresh(decoder, name=stage, seed=seed, **form)  # type: ignore[arg-type]
        if heads.members == 1:
            raise RecipeError(f'{stage}: ensemble = "adapters" needs members; set ensemble_size = 5')
        return AdapterEnsemble.over(
            decoder,
            name=stage,
            seed=seed,
            members=heads.members,
            components=heads.names,
            layers=self.ensemble_layers,
            rank=self.ensemble_rank,
            alpha=2.0 * self.ensemble_rank,
        )
