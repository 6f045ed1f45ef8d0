"""Length as a reward: limits and targets in tokens, words or characters."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from accord.errors import ModelError
from accord.lm import packaged, tiny
from accord.records import Prompt
from accord.reward.stated.judge import Outcome, RuleJudge
from accord.reward.stated.lengths import above, below, off_target, words
from accord.reward.stated.settings import StatedReward
from accord.run import InputEntry, RunDirectory

__all__ = ["LengthReward"]


class LengthReward(StatedReward):
    """Settings of a reward of lengths: the sum of what its limits and its target cost, 0 where all hold."""

    objective: ClassVar[str] = (
        "0 where all limits of the length hold, less by up to 1 for each limit and target that does not"
    )

    kind: Literal["length"] = "length"
    unit: Literal["tokens", "words", "characters"] = "words"
    tokenizer: str | None = Field(default=None, description="model whose tokenizer counts, where the unit is tokens")
    at_most: int | None = Field(default=None, ge=1, description="no more than so many: -1 beyond")
    at_least: int | None = Field(default=None, ge=1, description="no fewer than so many: -1 below")
    soft: int = Field(
        default=0, ge=0, description="room inside the limits over which the cost grows from 0 to 1, as in DAPO"
    )
    target: int | None = Field(default=None, ge=1, description="-|n - target| / target, no less than -1")

    @model_validator(mode="after")
    def _some_limit(self) -> Self:
        if self.at_most is None and self.at_least is None and self.target is None:
            raise ValueError("a reward of lengths needs at_most, at_least or target")
        if self.at_most is not None and self.at_least is not None and self.at_least > self.at_most:
            raise ValueError(f"no length is at least {self.at_least} and at most {self.at_most}")
        if self.soft and self.at_most is None and self.at_least is None:
            raise ValueError("soft is room inside of at_most and at_least; give one of them, or leave soft out")
        if self.at_most is not None and self.at_least is not None and self.at_least + 2 * self.soft > self.at_most:
            raise ValueError(
                f"soft ({self.soft}) leaves no length between at_least ({self.at_least}) and at_most ({self.at_most}) "
                "that costs nothing; make it less"
            )
        if self.at_most is not None and self.soft >= self.at_most:
            raise ValueError(f"soft ({self.soft}) leaves nothing below at_most ({self.at_most}) that costs nothing")
        if (self.tokenizer is None) == (self.unit == "tokens"):
            raise ValueError("unit 'tokens' and a tokenizer go together; give both or neither")
        return self

    def anchored(self, folder: Path) -> Self:
        """The same with the tokenizer's folder made absolute, where it is one."""
        if self.tokenizer is None or not (folder / self.tokenizer).is_dir():
            return self
        from accord.lm import tiny  # words and characters are counted without the extra that models take

        place = self.tokenizer if self.tokenizer == tiny.NAME else str(folder / self.tokenizer)
        return self.model_copy(update={"tokenizer": place})

    def worth(self, n: int) -> float:
        """What a length is worth: 0 where it holds, less by up to 1 for each of its limits and its target."""
        costs = [
            above(n, self.at_most, self.soft) if self.at_most is not None else 0.0,
            below(n, self.at_least, self.soft) if self.at_least is not None else 0.0,
            off_target(n, self.target) if self.target is not None else 0.0,
        ]
        return sum(costs)

    def judge(self, name: str) -> RuleJudge:
        """The length of a text, judged."""
        count = self._counter()

        def rule(prompt: Prompt, text: str) -> Outcome:
            return Outcome(self.worth(count(text)))

        return RuleJudge(name, rule)

    @property
    def input_names(self) -> tuple[str, ...]:
        """The tokenizer, where there is one."""
        return () if self.tokenizer is None else ("tokenizer",)

    def inputs(self, run: RunDirectory) -> Mapping[str, InputEntry]:
        """The digest of the tokenizer: the same one counts for as long as the run goes on."""
        if self.tokenizer is None:
            return {}
        from accord.lm.loading import open_tokenizer

        tokenizer, _ = open_tokenizer(self.tokenizer)
        written = tokenizer.backend_tokenizer.to_str() if tokenizer.is_fast else repr(sorted(tokenizer.get_vocab()))
        return {"tokenizer": InputEntry(hashlib.sha256(written.encode()).hexdigest())}

    def problems(self) -> list[str]:
        """That there is no such tokenizer; nothing is fetched to see."""
        if self.tokenizer in {None, tiny.NAME, packaged.NAME}:
            return []
        from accord.lm.loading import open_tokenizer

        try:
            open_tokenizer(self.tokenizer, local=True)
        except ModelError as error:
            return [f"tokenizer: {error}"]
        return []

    def _counter(self) -> Callable[[str], int]:
        match self.unit:
            case "characters":
                return len
            case "words":
                return words
            case "tokens":
                from accord.lm.loading import open_tokenizer

                assert self.tokenizer is not None
                tokenizer, _ = open_tokenizer(self.tokenizer)
                return lambda text: len(tokenizer.encode(text, add_special_tokens=False))
