"""What `accord audit` is asked for: its options."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from accord.cli.runs import Trust
from accord.errors import RecipeError
from accord.extras import TRAIN, require

if TYPE_CHECKING:
    from accord.foreign.settings import ReadingSettings

__all__ = ["AuditOptions"]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """What of a run is audited, by what, and what is written.

    Parameters
    ----------
    made_by
        Which software made it, where its folder does not say so by itself.
    judge
        Of a run of other software: the column of scores by somebody whom the policy was not trained to please.
    preferences
        Of a run of other software: the comparisons that were learnt from, in any file that `accord import` reads.
    held_out
        Of a run of other software: comparisons that were not learnt from.
    out
        Of a run of other software, or of a ledger: a new folder that keeps the run as it was read, and the findings.
    only
        A challenge (RG2, P-EOS); may be given more than once. Without it the findings replace the run's audit.json;
        with it the run is only read, also while it goes on.
    audit_ledger
        What people were asked after the run, about its samples or anew: a ledger, a file or
        postgresql://user@host/database.
    since
        A ledger beside which `accord serve RUN --record LEDGER` recorded what the policy is asked and answers in use,
        which is held against the release (X8).
    deployment_prompts
        Prompts as they come where the policy is to work, in place of the run's own: JSON lines, or any file that
        `accord import` reads.
    plan
        A new folder: what the checks lack that could not be assessed or did not decide, how much of it, and the study
        files that would collect it; and what is to be collected anew where that is the remedy of what fires.
    questions
        A file of multiple-choice questions that both models are asked, instead of those of the recipe; may be given
        more than once. Not with --only, which writes nothing.
    texts
        A file of plain texts that both models foretell, instead of those of the recipe: JSON lines with `text`, or one
        that `[policy] pretrain_texts` may name; may be given more than once. Not with --only.
    beside
        A run of the same recipe with another seed (RL1, X7, RG1), or with another reward (RE1), whose model is asked
        too; may be given more than once.
    attacks
        A file of requests, system texts and canaries that both models are attacked with, instead of those of the
        recipe; may be given more than once. Not with --only.
    population
        A TOML file with the population that the answers are to stand for: a table for each attribute, a share for each
        group. It stands in the place of the recipe's.
    settings
        A TOML file with sections `[audit.*]` as a recipe has them, in the place of the run's own: of a run of other
        software too. What is named there as harmful or unsupported (`[audit.harm]`) is looked for before the checks,
        but not with --only.
    """

    made_by: Annotated[Literal["trl", "verl", "openrlhf", "accord"] | None, Parameter(name="--from")] = None
    judge: str | None = None
    preferences: Path | None = None
    held_out: Path | None = None
    out: Path | None = None
    only: list[str] | None = None
    audit_ledger: str | None = None
    since: str | None = None
    deployment_prompts: Path | None = None
    plan: Path | None = None
    questions: list[Path] | None = None
    texts: list[Path] | None = None
    beside: list[Path] | None = None
    attacks: list[Path] | None = None
    population: Path | None = None
    settings: Path | None = None
    trust_run: Trust = False

    @property
    def reading(self) -> "ReadingSettings":
        """How a run of other software is read."""
        from accord.foreign.settings import ReadingSettings

        return ReadingSettings(self.judge, self.preferences, self.held_out)

    @property
    def asks_models(self) -> bool:
        """Whether both models are asked something that the recipe does not name."""
        return bool(self.questions or self.texts or self.attacks)

    def check(self) -> None:
        """Raises `RecipeError` where they do not go together, `MissingExtraError` where no model can be asked."""
        for option, files in (("--questions", self.questions), ("--texts", self.texts), ("--attacks", self.attacks)):
            if self.only and files:
                raise RecipeError(
                    f"--only reads a run and writes nothing, and {option} has both models asked; leave one out"
                )
            if files:
                require(TRAIN, option)
