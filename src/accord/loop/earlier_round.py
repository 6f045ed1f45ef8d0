"""What a round reads of the round before: its splits, models, feedback that was asked for, and what was spent."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from accord.artefacts import ASKING, METRICS, MODEL, REWARD_UPDATES, AskingRow, RunReader
from accord.errors import ArtefactError
from accord.recipe.rounds import Round
from accord.run import MANIFEST, RunDirectory, digest_of_settings

__all__ = [
    "EarlierRound",
    "asked_before",
    "asked_between",
    "digest_of_round",
    "earlier_round",
    "goes_back",
    "splits_before",
]

GONE_ON_FROM = ("ask", "data", "sft", "reward", "rewards", "combine", "policy")
"""Stages of a round whose files the next one reads."""


@dataclass(frozen=True)
class EarlierRound:
    """A round that has ended, opened for reading."""

    run: RunDirectory

    @property
    def reader(self) -> RunReader:
        """Its files."""
        return RunReader.of(self.run)

    @property
    def asking(self) -> AskingRow | None:
        """What it asked; None of the first round."""
        return self.reader.value(ASKING) if self.reader.has(ASKING) else None

    @property
    def spent(self) -> int:
        """Answers of all rounds up to it, those between the policy's steps among them."""
        return asked_before(self.reader) + asked_between(self.reader)

    @property
    def start(self) -> Path | str:
        """What its policy started from."""
        if MODEL.has(self.run, "sft"):
            return MODEL.verified(self.run, "sft")
        content = self.reader.recipe
        own = Round.model_validate(content["round"], strict=False) if "round" in content else None
        if own is not None and own.policy == "continue" and goes_back(self.reader, own):
            with earlier_round(own) as earlier:
                return earlier.start
        return str(content["policy"]["base"])

    @property
    def policy(self) -> Path:
        """The folder of its policy, digests checked."""
        return MODEL.verified(self.run, "policy")


def asked_before(reader: RunReader) -> int:
    """Answers of all rounds up to the asking with which this one began."""
    return reader.value(ASKING).spent if reader.has(ASKING) else 0


def asked_between(reader: RunReader) -> int:
    """Answers that the policy's stage asked for between its steps."""
    rows = reader.rows(REWARD_UPDATES) if reader.has(REWARD_UPDATES) else []
    return sum(row.labels for row in rows)


@contextmanager
def earlier_round(settings: Round) -> Iterator[EarlierRound]:
    """The round before. Raises `ArtefactError` where it is not there."""
    if not (Path(settings.parent) / MANIFEST).exists():
        raise ArtefactError(f"{settings.parent}: round {settings.number - 1} is not there; make the rounds in order")
    with RunDirectory.open(settings.parent, write=False) as run:
        yield EarlierRound(run)


def goes_back(reader: RunReader, settings: Round) -> bool:
    """Whether a round found the reward wrong that its policy was moved on by, and undoes that."""
    return settings.go_back and settings.ask == "rule" and reader.has(ASKING) and reader.value(ASKING).learns_anew


def splits_before(settings: Round) -> dict[str, str]:
    """The split of each prompt in the round before: what was learnt from stays apart from what is judged on."""
    with earlier_round(settings) as earlier:
        return dict(earlier.reader.split_of)


def digest_of_round(run: RunDirectory) -> str:
    """A digest over the files that later rounds rest on; logs of steps are left out, which hold seconds."""
    files = {
        name: entry.sha256
        for stage in GONE_ON_FROM
        for name, entry in run.files_of(stage).items()
        if Path(name).name != METRICS.file
    }
    return digest_of_settings(files)
