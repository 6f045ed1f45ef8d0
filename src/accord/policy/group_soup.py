"""One policy for each group of people, and the policy between them: rewarded soups over the components of a score.

From one initial policy, a policy is trained by RLOO for each component of the judge's score (a group of people, an
objective); `policy/model` is the sum of their weights by `soup_weights` (Rame et al. 2023, arXiv 2306.04488: with
r_1 ... r_K and theta_k trained on r_k, the front of all sum_k lambda_k r_k is traced by sum_k lambda_k theta_k). Each
component's policy stays in `<stage>-<component>/model`, so other points of the front cost no training:
`accord.policy.pareto_front`. Adapters are merged into the weights when a policy is saved.

Left out: weights that are learnt; algorithms other than RLOO (`pareto_front` takes policies of any).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from accord.deferred import deferred
from accord.errors import RecipeError, TrainingStopped
from accord.interfaces import Judge, Scores
from accord.policy.rloo import RLOO
from accord.records import Completion, Prompt
from accord.run import RunDirectory

with deferred():
    from accord.artefacts import MODEL, OnlineMetrics
    from accord.policy.materials import Materials
    from accord.policy.optimum import KLObjective
    from accord.policy.weight_averaging import soup
    from accord.train import TrainingStep

__all__ = ["GroupSoup"]


@dataclass(frozen=True)
class ComponentJudge:
    """A judge that knows one component of another's score."""

    judge: Judge
    component: str

    @property
    def name(self) -> str:
        return f"{self.judge.name}, {self.component}"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        components = self.judge.score(prompts, completions).components
        if self.component not in components:
            known = ", ".join(sorted(components)) or "none"
            raise TrainingStopped(
                f"no component '{self.component}' in the scores of the judge '{self.judge.name}'; {known}"
            )
        return components[self.component]


class GroupSoup(RLOO):
    """Settings of a soup of one policy a group: those of RLOO, which each of them is trained by."""

    sentence = (
        "RLOO then optimised a policy for each component of that reward model's score, and their weights were averaged"
    )
    lab_defaults = None
    renamed: ClassVar[Mapping[str, str]] = {"parts": "components", "shares": "soup_weights"}

    kind: Literal["group_soup"] = "group_soup"  # type: ignore[assignment]
    dense: Literal[False] = Field(default=False, description="components do not say where they are earned")
    components: tuple[str, ...] = Field(
        default=(), description="the groups, by the names of the components of the judge's score"
    )
    soup_weights: tuple[float, ...] = Field(
        default=(), description="of each group's policy in the soup; unset: all alike"
    )

    @property
    def kl_objective(self) -> KLObjective | None:
        """None: its policies have one each."""
        return None

    def steps(
        self, materials: Materials, run: RunDirectory, *, stage: str = "policy"
    ) -> Iterator[TrainingStep[OnlineMetrics]]:
        """Train a policy for each component, one after the other, and average them; what is done is not done again.

        Raises `RecipeError` where there are not two components, or not a weight for each of them, `TrainingStopped`
        where the judge lacks a component.
        """
        weights = self.soup_weights or (1 / max(1, len(self.components)),) * len(self.components)
        if len(self.components) < 2 or len(weights) != len(self.components):
            counts = f"{len(self.components)} components with {len(weights)} weights"
            raise RecipeError(
                f"{stage}: {counts}; a soup of groups needs two components or more, and a weight for each"
            )
        for component in self.components:
            if not MODEL.has(run, f"{stage}-{component}"):
                judge = ComponentJudge(materials.judge, component)
                alone = Materials(start=materials.start, prompts=materials.prompts, judge=judge)
                yield from super().steps(alone, run, stage=f"{stage}-{component}")
        trained = [MODEL.verified(run, f"{stage}-{component}") for component in self.components]
        mixed = soup(trained, weights, trust_remote_code=self.trust_remote_code)
        with MODEL.write(run, stage=stage) as folder:
            mixed.save(folder)
