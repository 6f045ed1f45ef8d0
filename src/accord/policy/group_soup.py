"""One policy for each group of people, and the policy between them: rewarded soups over the parts of a judge's score.

From one start a policy is trained by RLOO for each part (a group of people, an objective); `policy/model` is the sum
of their weights by `shares` (Rame et al. 2023, arXiv 2306.04488: with r_1 ... r_K and theta_k trained on r_k, the
front of all sum_k lambda_k r_k is traced by sum_k lambda_k theta_k). Each group's own policy stays in
`<stage>-<part>/model`, so other points of the front cost no training: `accord.policy.front`. Adapters are merged into
the weights when a policy is saved, and mix as they do.

Left out: weights that are learnt; algorithms other than RLOO (`front` takes policies of any).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from accord.errors import RecipeError, TrainingStopped
from accord.interfaces import Judge, Scores
from accord.policy.mix import soup
from accord.policy.online import OnlineStep
from accord.policy.rloo import RLOO
from accord.records import Completion, Prompt
from accord.run import RunDirectory

__all__ = ["GroupSoup"]


@dataclass(frozen=True)
class _OnePart:
    """A judge that knows one part of another's score."""

    judge: Judge
    part: str

    @property
    def name(self) -> str:
        return f"{self.judge.name}, {self.part}"

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        components = self.judge.score(prompts, completions).components
        if self.part not in components:
            known = ", ".join(sorted(components)) or "none"
            raise TrainingStopped(f"no part '{self.part}' in the scores of the judge '{self.judge.name}'; {known}")
        return components[self.part]


class GroupSoup(RLOO):
    """Settings of a soup of one policy a group: those of RLOO, which each of them is trained by."""

    kind: Literal["group_soup"] = "group_soup"  # type: ignore[assignment]
    parts: tuple[str, ...] = Field(default=(), description="the groups, by the names of the parts of the judge's score")
    shares: tuple[float, ...] = Field(default=(), description="of each group's policy in the soup; unset: all alike")

    def steps(
        self,
        prompts: Sequence[Prompt],
        judge: Judge,
        run: RunDirectory,
        *,
        start: str | Path | None = None,
        stage: str = "policy",
    ) -> Iterator[OnlineStep]:
        """The training of each part's policy, one after the other; a part that is done is not done again.

        Raises `RecipeError` where there are not two parts, or not a share for each of them, `TrainingStopped` where
        the judge lacks a part.
        """
        shares = self.shares or (1 / max(1, len(self.parts)),) * len(self.parts)
        if len(self.parts) < 2 or len(shares) != len(self.parts):
            given = f"{len(self.parts)} parts with {len(shares)} shares"
            raise RecipeError(f"{stage}: {given}; a soup of groups needs two parts or more, and a share for each")
        for part in self.parts:
            if not run.has(f"{stage}-{part}/model"):
                yield from super().steps(prompts, _OnePart(judge, part), run, start=start, stage=f"{stage}-{part}")
        mixed = soup([run.verified(f"{stage}-{part}/model") for part in self.parts], shares)
        with run.write_folder(f"{stage}/model", stage=stage) as folder:
            mixed.save(folder)
