"""Settings of who works on a run: this process, or a cluster of machines by Ray, and how many in each role."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Engine"]


class Engine(BaseModel):
    """`[engine]`: where a run is worked on. No outcome depends on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["local", "ray"] = Field(
        default="local",
        description="`local`: this process, or those of torchrun; `ray`: actors of a Ray cluster (the extra `ray`)",
    )
    address: str | None = Field(
        default=None,
        description="a cluster that runs (`auto`, HOST:PORT); unset: that of `RAY_ADDRESS`, else one of this machine "
        "alone, which ends with the command",
    )
    learners: int = Field(default=1, ge=1, description="processes that train, as those of torchrun do")
    samplers: int = Field(
        default=0, ge=0, description="actors that write the policy's samples; 0: the learners do, each its share"
    )
    judges: int = Field(
        default=0, ge=0, description="actors that score, where rewards are learnt models; 0: the learners do"
    )
    cpus: float = Field(default=1.0, gt=0, description="CPUs of each actor")
    gpus: float | None = Field(
        default=None, ge=0, description="GPUs of each actor; unset: 1 where the cluster has GPUs, else none"
    )
    placement: Literal["PACK", "SPREAD", "STRICT_PACK", "STRICT_SPREAD"] = Field(
        default="PACK", description="how actors are laid over machines, as Ray's placement groups have it"
    )
    max_restarts: int = Field(
        default=3, ge=0, description="how often an actor that was lost is replaced, and the learners begin again"
    )

    @model_validator(mode="after")
    def _of_ray(self) -> Self:
        if self.address is not None and not self.address:
            raise ValueError("address is empty; leave it out, or name a cluster (`auto`, HOST:PORT)")
        return self

    @property
    def actors(self) -> int:
        """All that are placed together: learners first, then samplers, then judges."""
        return self.learners + self.samplers + self.judges

    @property
    def first_sampler(self) -> int:
        """The place of the first sampler among the actors."""
        return self.learners

    @property
    def first_judge(self) -> int:
        """The place of the first judge among them."""
        return self.learners + self.samplers
