"""What the settings of all policies share: a model, and how far to go on over what training made of it."""

from pathlib import Path

from pydantic import Field

from accord.lm.causal import CausalModel, load
from accord.lm.settings import ModelSettings
from accord.policy.weight_averaging import extrapolate
from accord.run import RunDirectory

__all__ = ["PolicySettings"]


class PolicySettings(ModelSettings):
    """A model to be trained."""

    extrapolation: float = Field(
        default=0.0,
        ge=0,
        description="go on from the start over the trained policy, by this share of the way between them (ExPO)",
    )

    def save_model(self, policy: CausalModel, begin: str | Path, run: RunDirectory, *, stage: str, seed: int) -> None:
        """Leave what was trained from `begin`, and gone on over by `extrapolation`, in `<stage>/model`."""
        with run.write_folder(f"{stage}/model", stage=stage) as folder:
            policy.save(folder)
            if self.extrapolation:
                start = load(begin, seed=seed, trust_remote_code=self.trust_remote_code)
                extrapolate(start, folder, self.extrapolation).save(folder)
