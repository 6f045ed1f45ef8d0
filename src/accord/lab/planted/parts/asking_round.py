"""A round of asking: pairs that the policy of the round before wrote, and what its reward had foretold of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from accord.artefacts import ASKED_ANSWERS, ASKED_TEXTS, AnsweredPair
from accord.collect.sources.simulated import SimulatedEvaluator
from accord.interfaces import Item
from accord.lab.lexicon import SCALE, Policy, WordJudge
from accord.lab.planted.gold import word_counts, worth_learnt
from accord.lab.planted.parts.base import Part
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings
from accord.records import Comparison, Completion, Prompt

__all__ = ["AskedPart", "AskedSettings", "EarlierReward"]

PROMPTS, PAIRS, PEOPLE = 40, 5, 20
"""Prompts of each kind, pairs of each, and people, whom they are dealt to in turn."""
LEARNT_FROM = 600
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AskedSettings(Settings):
    """What can be wrong with the reward of the round before, and what was done about it.

    over    what it gives each word that sounds sure and is worth nothing, in standard deviations of the truth
    astray  by how much plain words move it in texts better than nearly all that it learnt from
    anew    whether it learnt again from pairs that its policy wrote before this round
    share   of the texts of these that the start wrote
    """

    over: float = 0.0
    astray: float = 0.0
    anew: bool = False
    share: float = 0.0


@dataclass(frozen=True)
class EarlierReward:
    """The reward of the round before: as a judge of words, or as what it learnt each word to be worth, [V]."""

    judge: WordJudge
    learnt_V: Floats | None = None

    def values(self, texts: Sequence[str]) -> Floats:
        """Of each text, in standard deviations of the truth."""
        if self.learnt_V is not None:
            return np.asarray(word_counts(list(texts)) @ self.learnt_V)
        prompt = Prompt.ask("Say something.")
        completions = [Completion(prompt=prompt.id, text=text) for text in texts]
        return self.judge.score([prompt] * len(texts), completions).value_N

    def policy(self, start: Policy, pressure: float) -> Policy:
        """What it makes of the start."""
        if self.learnt_V is None:
            return start.towards(self.judge, pressure)
        logit_V = start.logprob_V + pressure * SCALE * self.learnt_V
        normalised_V = logit_V - float(np.logaddexp.reduce(logit_V))
        return Policy(normalised_V, start.shortest, start.longest)


class AskedPart(Part):
    """Writes the texts of the round and what was said of them, and of held-out pairs by the start."""

    challenges: ClassVar = ("JT1", "JT2")

    def after(self, planting: Planting) -> None:
        settings, random = planting.settings(AskedSettings()), planting.random("asked")
        people = [planting.person(f"asked {number}") for number in range(PEOPLE)]
        reward = EarlierReward(WordJudge("earlier", sure=settings.over, astray=settings.astray, seed=planting.seed))
        policy = reward.policy(planting.start, planting.world.pressure)
        if settings.anew:
            reward = _learnt_anew(planting, policy, people, settings.share, random)
            policy = reward.policy(planting.start, planting.world.pressure)
        planting.notes["asked"] = reward, policy
        held_out = list(_written(planting.start, "held out", random))
        fresh = list(_written(policy, "asked", random))
        ASKED_TEXTS.write(planting.run, [text for pair in fresh for text in pair[1]])
        by_kind = {"held_out": held_out, "fresh": fresh}
        rows = [row for of, pairs in by_kind.items() for row in _answered(planting, of, reward, pairs, people)]
        ASKED_ANSWERS.write(planting.run, rows)


def _written(
    policy: Policy, name: str, random: np.random.Generator
) -> Iterator[tuple[Prompt, tuple[Completion, Completion]]]:
    """Pairs of texts, some to each prompt."""
    for number in range(PROMPTS):
        prompt = Prompt.ask(f"Describe thing {number}, {name}.")
        for _ in range(PAIRS):
            first, second = (Completion(prompt=prompt.id, text=policy.write(random)[0]) for _ in range(2))
            if first.id != second.id:
                yield prompt, (first, second)


def _answered(
    planting: Planting,
    of: str,
    reward: EarlierReward,
    pairs: Sequence[tuple[Prompt, tuple[Completion, Completion]]],
    people: Sequence[SimulatedEvaluator],
) -> list[AnsweredPair]:
    """What people say of the pairs, each of whom has some, beside what the reward states."""
    value_N = reward.values([text.text for _, both in pairs for text in both]) / planting.world.temperature
    rows = []
    for number, (prompt, both) in enumerate(pairs):
        left = _prefers_first(planting, people[number % len(people)], prompt, both, number)
        logodds = float(value_N[2 * number] - value_N[2 * number + 1])
        chosen, rejected = both if left else both[::-1]
        rows.append(
            AnsweredPair(
                of="fresh" if of == "fresh" else "held_out",
                prompt=prompt.id,
                evaluator=people[number % len(people)].evaluator.id,
                chosen=chosen.id,
                rejected=rejected.id,
                writers=("policy", "policy") if of == "fresh" else None,
                logodds=round(logodds if left else -logodds, 6),
            )
        )
    return rows


def _prefers_first(
    planting: Planting,
    person: SimulatedEvaluator,
    prompt: Prompt,
    both: tuple[Completion, Completion],
    number: int,
) -> bool:
    bound = person.changed(seed=planting.seed + number).bound(planting.qualities(list(both)))
    (answer,) = bound.ask([Item(prompt, both)])
    assert isinstance(answer.judgement, Comparison)
    return answer.judgement.preferred == "left"


def _learnt_anew(
    planting: Planting,
    policy: Policy,
    people: Sequence[SimulatedEvaluator],
    share: float,
    random: np.random.Generator,
) -> EarlierReward:
    """What a reward learns from pairs that the policy wrote, and the start a share of their texts."""
    prompt = Prompt.ask("Describe another thing.")
    rows = []
    for number in range(LEARNT_FROM):
        by = [planting.start if random.random() < share else policy for _ in range(2)]
        first, second = (Completion(prompt=prompt.id, text=writer.write(random)[0]) for writer in by)
        if first.id == second.id:
            continue
        left = _prefers_first(planting, people[number % len(people)], prompt, (first, second), number)
        rows.append((first.text, second.text) if left else (second.text, first.text))
    counts_NV = [word_counts([row[side] for row in rows]) for side in (0, 1)]
    learnt_V = worth_learnt(counts_NV[0] - counts_NV[1]) * planting.world.temperature
    return EarlierReward(WordJudge("earlier"), learnt_V)
