"""Items whose right answer is known: sums of some digits with a right and a wrong result, for crowd and experts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.interfaces import Item
from accord.lab.planted.parts.base import Part
from accord.lab.settings import Settings
from accord.records import Assistance, Comparison, Completion, Evaluator, Feedback, Prompt, Record, Steps

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["KnownLabel", "Sum", "SumSettings", "Verifiable"]

Side = Literal["left", "right"]
ITEMS, OF_CROWD, OF_EXPERTS, EXPERTS = 90, 60, 40, 12
SETTLED = 0.8
ASSISTED = 0.25
RULE = Evaluator(kind="rule", pseudonym="program:arithmetic")
ASSISTANT = Evaluator(kind="model", pseudonym="assistant")


@dataclass(frozen=True)
class SumSettings(Settings):
    """What can be wrong with sums and those who judge them.

    digits     of the longest sums: an item is as difficult as it has digits
    skill      of the crowd, and expert_skill of experts: digits at which half of their answers are guesses
    steps      whether people judge each step of a sum, which has one digit, instead of two results
    assistant  share of right remarks of the machine beside a quarter of the items
    trust      how often they are followed
    routed     whether experts are asked the items of which less than four fifths of the crowd agree, instead of any
    """

    digits: int = 2
    skill: float = 3.0
    expert_skill: float = 3.0
    steps: bool = False
    assistant: float = 0.95
    trust: float = 0.5
    routed: bool = False


@dataclass(frozen=True)
class KnownLabel:
    """One answer, for the gold statistics: of which item with how many digits, by whom, right or not, helped or not."""

    item: str
    digits: int
    expert: bool
    right: bool
    assisted: bool


@dataclass(frozen=True)
class Sum:
    """A sum with a right and a wrong result, and its steps of one digit each; that at `first_wrong` is not right."""

    prompt: Prompt
    digits: int
    right: Completion
    wrong: Completion
    worked: Completion
    first_wrong: int | None

    @classmethod
    def draw(cls, digits: int, random: np.random.Generator) -> "Sum":
        """Two numbers of so many digits."""
        first, second = (int(random.integers(10 ** (digits - 1), 10**digits)) for _ in range(2))
        result = first + second
        off = int(random.choice((-1, 1))) * 10 ** int(random.integers(digits))
        prompt = Prompt.ask(f"What is {first} + {second}?")
        first_wrong = int(random.integers(digits)) if random.random() < 0.5 else None
        lines: list[str] = []
        starts: list[int] = []
        carry = 0
        for place in range(digits):
            one, other = first // 10**place % 10, second // 10**place % 10
            found = one + other + carry + int(place == first_wrong)
            starts.append(sum(len(line) + 1 for line in lines))
            lines.append(f"{one} + {other} + {carry} = {found}")
            carry = found // 10
        return cls(
            prompt,
            digits,
            Completion(prompt=prompt.id, text=str(result)),
            Completion(prompt=prompt.id, text=str(result + off)),
            Completion(prompt=prompt.id, text="\n".join(lines), step_starts=tuple(starts)),
            first_wrong,
        )


class Verifiable(Part):
    """Sums: a crowd of whom each judges most of them, and experts; a rule knows what is right."""

    challenges: ClassVar[tuple[str, ...]] = ("OV3",)

    def after(self, planting: "Planting") -> None:
        settings = planting.settings(SumSettings())
        random = planting.random("verifiable")
        drawn: dict[str, Sum] = {}
        while len(drawn) < ITEMS:
            one = Sum.draw(1 + len(drawn) % settings.digits, random)
            drawn.setdefault(one.prompt.id, one)
        sums = list(drawn.values())
        crowd = max(10, round(0.75 * planting.world.panels[2]))
        people = [planting.person(f"crowd {i}", pool="crowd", skill=settings.skill) for i in range(crowd)]
        people += [planting.person(f"expert {i}", pool="experts", skill=settings.expert_skill) for i in range(EXPERTS)]
        records: list[Record] = [RULE, ASSISTANT, *(one.prompt for one in sums)]
        records += _texts(sums, settings)
        labels: list[KnownLabel] = []
        for person in people:
            expert = person.pool == "experts"
            own = random.permutation(ITEMS)
            chosen = [sums[i] for i in own.tolist()]
            if expert and settings.routed:
                unsettled = _unsettled(labels)
                chosen = [one for one in chosen if one.prompt.id in unsettled] or chosen
            chosen = chosen[: OF_EXPERTS if expert else OF_CROWD]
            answers = _answers(person, chosen, settings, random)
            labels += [_label(answer, one, expert) for answer, one in zip(answers, chosen, strict=True)]
            records += [person.evaluator, *answers]
        planting.notes["known labels"] = labels
        planting.audit_ledger.extend(records)


def _unsettled(labels: Sequence[KnownLabel]) -> set[str]:
    """The items on which less than four fifths of the crowd agree."""
    votes: dict[str, Counter[bool]] = {}
    for label in labels:
        if not label.expert:
            votes.setdefault(label.item, Counter())[label.right] += 1
    return {item for item, of_item in votes.items() if max(of_item.values()) < SETTLED * of_item.total()}


def _texts(sums: Sequence[Sum], settings: SumSettings) -> list[Record]:
    """What is judged, and what the rule says of it."""
    if settings.steps:
        return [one.worked for one in sums]
    texts: list[Record] = []
    for one in sums:
        both = (one.right.id, one.wrong.id)
        verdict = Feedback(
            evaluator=RULE.id, prompt=one.prompt.id, completions=both, judgement=Comparison(preferred="left")
        )
        texts += [one.right, one.wrong, verdict]
    return texts


def _answers(
    person: SimulatedEvaluator, chosen: Sequence[Sum], settings: SumSettings, random: np.random.Generator
) -> list[Feedback]:
    """What one person says of some sums, in one session."""
    if settings.steps:
        return [_of_steps(person, one, random) for one in chosen]
    qualities = {one.right.id: (1.0,) for one in chosen} | {one.wrong.id: (-1.0,) for one in chosen}
    bound = person.bound(qualities, difficulty={one.prompt.id: float(one.digits) for one in chosen})
    right_first_N = random.random(len(chosen)) < 0.5
    items = [
        Item(one.prompt, (one.right, one.wrong) if right_first else (one.wrong, one.right))
        for one, right_first in zip(chosen, right_first_N.tolist(), strict=True)
    ]
    answers = bound.ask(items)
    if person.pool == "experts":
        return answers
    sides: list[Side] = ["left" if right_first else "right" for right_first in right_first_N.tolist()]
    return [_assisted(answer, side, settings, random) for answer, side in zip(answers, sides, strict=True)]


def _assisted(answer: Feedback, side: Side, settings: SumSettings, random: np.random.Generator) -> Feedback:
    """The answer to an item whose right one is on `side`: as it is, or beside a machine's remark.

    The remark is shown by lot, right in its share, and followed at times; what is right is then kept with the answer.
    """
    beside, shown, right, followed = (random.random(4) < (ASSISTED, 0.5, settings.assistant, settings.trust)).tolist()
    if not beside:
        return answer
    changes: dict[str, object] = {
        "gold": Comparison(preferred=side),
        "assistance": Assistance(kind="critique", by=ASSISTANT.id, shown=shown),
    }
    if shown and followed:
        other: Side = "right" if side == "left" else "left"
        changes["judgement"] = Comparison(preferred=side if right else other)
    return answer.model_copy(update=changes)


def _of_steps(person: SimulatedEvaluator, one: Sum, random: np.random.Generator) -> Feedback:
    """A verdict on each step, which is as difficult as a sum of one digit: right as often as such a comparison is."""
    skill = float("inf") if person.skill is None else person.skill
    guessed = 1 - (1 - person.lapse) * (1 - 1 / (1 + np.exp(-2 * (1 - skill))))
    chance = (1 - guessed) / (1 + np.exp(-2 / person.temperature)) + guessed / 2
    seen_S = random.random(one.digits) < chance
    is_right = [place != one.first_wrong for place in range(one.digits)]
    return Feedback(
        evaluator=person.evaluator.id,
        prompt=one.prompt.id,
        completions=(one.worked.id,),
        judgement=Steps(verdicts=_verdicts([right == seen for right, seen in zip(is_right, seen_S, strict=True)])),
        gold=Steps(verdicts=_verdicts(is_right)),
        study="lab",
    )


def _verdicts(right: Sequence[bool]) -> tuple[Literal["right", "wrong", "unsure"], ...]:
    return tuple("right" if each else "wrong" for each in right)


def _label(answer: Feedback, one: Sum, expert: bool) -> KnownLabel:
    """The answer as the gold statistics read it."""
    judgement = answer.judgement
    if isinstance(judgement, Steps):
        right = judgement.first_wrong == one.first_wrong
    else:
        assert isinstance(judgement, Comparison)
        right = answer.completions[0 if judgement.preferred == "left" else 1] == one.right.id
    shown = answer.assistance is not None and answer.assistance.shown
    return KnownLabel(one.prompt.id, one.digits, expert, right, shown)
