"""Every threshold of the audit in one place; each is printed beside the number it judges."""

from pydantic import BaseModel, ConfigDict

from accord.audit.distribution import DistributionSettings
from accord.audit.oversight import OversightSettings
from accord.audit.preflight import PreflightSettings
from accord.audit.reward import RewardSettings
from accord.audit.values import ValuesSettings

__all__ = ["AuditSettings"]


class AuditSettings(BaseModel):
    """The settings of all checks, by family."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    preflight: PreflightSettings = PreflightSettings()
    oversight: OversightSettings = OversightSettings()
    values: ValuesSettings = ValuesSettings()
    reward: RewardSettings = RewardSettings()
    distribution: DistributionSettings = DistributionSettings()
