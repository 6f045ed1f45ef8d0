"""A person as the reward: what the policy writes is put to people, and the run waits for what they say.

What is to be judged is written into a file of items, which a study of `accord collect` names as its `items_file`; what
people say there is found in the study's ledger. Texts are known by their content: a run that waited is gone on with,
writes the same texts again from its last checkpoint, and finds them judged (Christiano et al. 2017 asked people while
the policy learnt; here nothing is learnt in between).

Left out: judgements other than ratings.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fcntl import LOCK_EX, flock
from json import dumps, loads
from pathlib import Path
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field

from accord.deferred import deferred
from accord.errors import RecipeError, TrainingStopped, WaitingForPeople, storage
from accord.feedback import Dataset
from accord.interfaces import Scores, Step
from accord.records import Completion, Prompt, Rating
from accord.reward.settings import RewardSettings
from accord.run import RunDirectory, write_whole

with deferred():
    from accord.feedback import Ledger
    from accord.feedback.dataset.views import is_evidence
    from accord.feedback.store.location import is_url

__all__ = ["LabelSpending", "PersonJudge", "PersonReward"]


class PersonReward(RewardSettings):
    """Settings of a reward that people give. Only the policy's samples are put to them: no card, no evaluation."""

    objective: ClassVar[str] = (
        "the mean of people's ratings of the very text, from 0 to 1 of their scale; nothing is learnt"
    )

    asks_people: ClassVar[bool] = True
    changeable: ClassVar[frozenset[str]] = frozenset({"budget", "patience_hours"})

    kind: Literal["person"] = "person"
    study: str = Field(description="the name of a study that asks for ratings of single completions")
    ledger: str = Field(description="where its answers are kept: a path or a postgresql:// URL")
    items: str = Field(description="the file that the study names as its items_file; what is asked is written there")
    raters: int = Field(default=1, ge=1, description="people who rate each completion; their mean is its score")
    budget: int = Field(ge=1, description="ratings that may be asked for in all")
    patience_hours: float = Field(
        default=168.0, gt=0, description="how long the run waits for what was asked last before it gives up"
    )

    def steps(self, data: Dataset, run: RunDirectory, *, split: str = "train", stage: str = "reward") -> Iterator[Step]:
        """Nothing is learnt; the file of items is made where it is not there."""
        path = Path(self.items)
        if not path.exists():
            with storage(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, b"")
        yield from ()

    def load(self, run: RunDirectory, *, stage: str = "reward") -> "PersonJudge":
        """The people as a judge."""
        return PersonJudge(stage, self)

    def trained(self, run: RunDirectory, *, stage: str = "reward") -> bool:
        """Whether the file of items is there."""
        return Path(self.items).exists()

    def spending(self) -> "LabelSpending":
        """What was asked for so far, against the budget. Raises `RecipeError` where the file of times is damaged."""
        return PersonJudge("", self).spending()

    def anchored(self, folder: Path) -> Self:
        """The same with the paths made absolute."""
        ledger = self.ledger if is_url(self.ledger) else str(folder / self.ledger)
        return self.model_copy(update={"ledger": ledger, "items": str(folder / self.items)})


@dataclass(frozen=True)
class LabelSpending:
    """Ratings that were asked for, how many of them were given (None where the ledger is a server), and the budget."""

    asked_for: int
    answered: int | None
    budget: int


@dataclass(frozen=True)
class PersonJudge:
    """A `Judge` whose scores are people's mean ratings, from 0 (the low end of their scale) to 1.

    `std_N` is the standard error of the mean where several rate each.
    """

    name: str
    settings: PersonReward

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """The ratings that the ledger holds.

        Raises `WaitingForPeople` where some are still to come: what is missing has been put to people then.
        `TrainingStopped` where that would be more than the budget, or nobody answered for too long.
        """
        texts = [
            Completion(prompt=prompt.id, text=each.text) for prompt, each in zip(prompts, completions, strict=True)
        ]
        ratings = self._ratings({each.id for each in texts})
        prompt_of = {text.id: prompt for text, prompt in zip(texts, prompts, strict=True)}
        missing = {
            each.id: (prompt_of[each.id], each) for each in texts if len(ratings[each.id]) < self.settings.raters
        }
        if missing:
            with self._alone():
                self._ask(missing)
            raise WaitingForPeople(self._told(len(missing)))
        of_text = [np.array(list(ratings[each.id].values())) for each in texts]
        several = self.settings.raters > 1
        return Scores(
            np.array([value_E.mean() for value_E in of_text]),
            np.array([value_E.std(ddof=1) / len(value_E) ** 0.5 for value_E in of_text]) if several else None,
        )

    def spending(self) -> LabelSpending:
        """What was asked for so far, against the budget.

        No database server is spoken to. Raises `RecipeError` where the file of times is not what was written.
        """
        completions, raters = set(self._asked()), self.settings.raters
        answered = None
        if not is_url(self.settings.ledger):
            answered = sum(min(len(of_text), raters) for of_text in self._ratings(completions).values())
        return LabelSpending(len(completions) * raters, answered, self.settings.budget)

    def _ratings(self, wanted: set[str]) -> dict[str, dict[str, float]]:
        """Of each completion, the rating of each evaluator, the last where one gave several."""
        ratings: dict[str, dict[str, float]] = {name: {} for name in wanted}
        location = self.settings.ledger
        if not is_url(location) and not Path(location).exists():
            return ratings
        with Ledger(location, write=False) as ledger:
            replaced = ledger.replaced()
            for record in ledger.feedback():
                judgement = record.judgement
                if record.study != self.settings.study or record.id in replaced or not is_evidence(record):
                    continue
                if isinstance(judgement, Rating) and record.completions[0] in wanted:
                    scale = judgement.scale
                    value = (judgement.value - scale.low) / (scale.high - scale.low)
                    ratings[record.completions[0]][record.evaluator] = value
        return ratings

    def _ask(self, missing: Mapping[str, tuple[Prompt, Completion]]) -> None:
        """Write what was not asked yet behind the items, and when; or see whether it is too long ago."""
        asked = self._asked()
        new = [name for name in missing if name not in asked]
        if (ratings := (len(asked) + len(new)) * self.settings.raters) > self.settings.budget:
            raise TrainingStopped(
                f"{ratings:,} ratings would be asked for, and the budget is {self.settings.budget:,}; raise "
                f"{self.name}.budget, or ask for fewer samples"
            )
        now = datetime.now(UTC)
        oldest = min((asked[name] for name in missing if name in asked), default=now)
        if now - oldest > timedelta(hours=self.settings.patience_hours):
            raise TrainingStopped(
                f"{len(missing):,} completions wait for people since {oldest:%Y-%m-%d %H:%M} UTC, longer than "
                f"{self.name}.patience_hours = {self.settings.patience_hours:g}; raise it, and go on with --resume"
            )
        if new:
            self._write([missing[name] for name in new], now)

    def _write(self, items: Sequence[tuple[Prompt, Completion]], now: datetime) -> None:
        lines = [
            dumps({"prompt": prompt.model_dump(mode="json", exclude_none=True), "completions": [{"text": text.text}]})
            for prompt, text in items
        ]
        times = [dumps({"completion": text.id, "time": now.isoformat()}) for _, text in items]
        # Times last: a line of items twice is the same item, a time without its item would never be asked.
        for path, more in ((Path(self.settings.items), lines), (self._times, times)):
            with storage(path):
                before = path.read_bytes() if path.exists() else b""
                if before and not before.endswith(b"\n"):
                    before += b"\n"
                write_whole(path, before + "".join(f"{line}\n" for line in more).encode())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While two runs ask into one file, one at a time reads and writes it."""
        path = Path(self.settings.items)
        with storage(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.with_name(f"{path.name}.lock").open("w") as lock:
                flock(lock, LOCK_EX)
                yield

    @property
    def _times(self) -> Path:
        path = Path(self.settings.items)
        return path.with_name(f"{path.stem}.times.jsonl")

    def _asked(self) -> dict[str, datetime]:
        """When each completion was first put to people. Raises `RecipeError` where that is not what was written."""
        path = self._times
        asked: dict[str, datetime] = {}
        if not path.exists():
            return asked
        with storage(path):
            content = path.read_bytes().decode(errors="replace")  # what is no UTF-8 is no line of ours
        for number, line in enumerate(content.splitlines(), 1):
            try:
                row = loads(line)
                asked.setdefault(row["completion"], datetime.fromisoformat(row["time"]))
            except (ValueError, TypeError, KeyError) as error:
                raise RecipeError(f"{path}:{number}: not a line that was written here ({error})") from error
        return asked

    def _told(self, count: int) -> str:
        return (
            f"{count:,} completions wait for people. They are items of {self.settings.items}: serve the study "
            f"'{self.settings.study}' with accord collect, which reads that file when it starts, and go on with "
            "--resume when they are rated"
        )
