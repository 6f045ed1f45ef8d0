"""What the policy of a run learns from, as one judge, put together from the sections of its recipe."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from accord.artefacts import NORMALISATION
from accord.interfaces import Judge
from accord.reward.combine import MAIN, Combination
from accord.reward.combined import CombinedJudge, MixedJudge
from accord.reward.settings import RewardSettings
from accord.run import RunDirectory

__all__ = ["RewardSections"]


@dataclass(frozen=True)
class RewardSections:
    """The sections `[reward]`, `[rewards.NAME]` and `[combine]` of a recipe, as far as it has them."""

    reward: RewardSettings | None
    rewards: Mapping[str, RewardSettings] = field(default_factory=dict)
    combine: Combination | None = None

    def judge(
        self, run: RunDirectory, beside: Callable[[str], str] = lambda name: name, *, main: str | None = None
    ) -> Judge | None:
        """`[reward]`, with each `[rewards.NAME]` as a component, or what `[combine]` makes of them; None without any.

        `beside` gives the full name of a stage, `main` the one whose model the reward is where that is not its own.
        """
        if self.combine is not None:
            normalisation = NORMALISATION.read(run, beside("combine"))
            return MixedJudge("reward", self.parts(run, beside), self.combine, normalisation.parts)
        judge = None if self.reward is None else self.reward.load(run, stage=main or beside("reward"))
        return CombinedJudge("reward", judge, self.named(run, beside)) if self.rewards else judge

    def named(self, run: RunDirectory, beside: Callable[[str], str] = lambda name: name) -> dict[str, Judge]:
        """Each `[rewards.NAME]`, by its name."""
        return {name: each.load(run, stage=beside(f"rewards/{name}")) for name, each in self.rewards.items()}

    def parts(self, run: RunDirectory, beside: Callable[[str], str] = lambda name: name) -> dict[str, Judge]:
        """The rewards that `[combine]` makes one of, by name."""
        main = {} if self.reward is None else {MAIN: self.reward.load(run, stage=beside("reward"))}
        return main | self.named(run, beside)
