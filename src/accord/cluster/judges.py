"""Judges: actors that score what the policy wrote, each some of the texts."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from accord.cluster.machine import enter
from accord.cluster.pool import Pool, open_pool, problem_of, shares
from accord.cluster.settings import Engine
from accord.interfaces import Judge, Scores
from accord.policy.shared_scores import join_scores
from accord.records import Completion, Prompt

__all__ = ["ClusterJudge", "JudgeActor"]


class JudgeActor:
    """Scores texts by the judge that `open_judge` gives: one that scores each text by itself, whoever asks."""

    def __init__(self, folder: str, open_judge: Callable[..., Judge], arguments: Mapping[str, Any]) -> None:
        enter(folder, None)
        self._open: Callable[[], Judge] = partial(open_judge, **arguments)
        self._judge: Judge | None = None

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Any:
        """The judge's scores."""
        return problem_of(lambda: self._score(prompts, completions))

    def _score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        if self._judge is None:
            self._judge = self._open()
        return self._judge.score(prompts, completions)


class ClusterJudge:
    """A `Judge` whose texts are scored by the actors of a cluster."""

    def __init__(
        self,
        engine: Engine,
        folder: str,
        name: str,
        open_judge: Callable[..., Judge],
        arguments: Mapping[str, Any],
    ) -> None:
        self.name = name
        self._pool: Pool = open_pool(
            engine, "judge", JudgeActor, engine.judges, engine.first_judge, folder, open_judge, arguments
        )

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """The judge's scores. Raises `ModelError` where an actor fails."""
        if not completions:
            raise ValueError("no texts to score")
        actors = self._pool.actors
        calls = [
            actor.score.remote([prompts[i] for i in share], [completions[i] for i in share])
            for actor, share in zip(actors, shares(len(completions), len(actors)), strict=False)
        ]
        return join_scores(self._pool.wait(calls))

    def close(self) -> None:
        """End the actors."""
        self._pool.close()
