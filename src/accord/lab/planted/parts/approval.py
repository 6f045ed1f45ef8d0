"""Approval of answers of the start and of the policy, right ones and wrong ones, by people and by auditors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from accord.collect.sources.simulated import SimulatedEvaluator
from accord.lab.lexicon import SURE, features
from accord.lab.planted.parts.base import Part
from accord.lab.settings import Settings
from accord.records import Completion, Evaluator, Feedback, Label, Prompt, Record

if TYPE_CHECKING:
    from accord.lab.planted.planting import Planting

__all__ = ["Approval", "ApprovalSettings", "JudgedAnswer"]

PROMPTS, SAMPLES = 60, 2  # and answers of an arm to each
OF_PERSON, OF_NEW = 3, 40  # prompts that a person judges, and that one who is new does
RIGHT = {"start": 0.4, "policy": 0.45}
NOISE = 0.25  # of how plausible a prompt's answers are, and each answer, in units of the truth
NEW = 0.2
FIRST_AUDIT = 1 / 3  # of the prompts, by lot: what is known before people are left out
AUDITOR = Evaluator(kind="simulated", pseudonym="auditor", pool="auditors")


@dataclass(frozen=True)
class ApprovalSettings(Settings):
    """What can be wrong with the answers and with those who approve them.

    sure      share of the policy's wrong answers that sound sure; of all others a fifth do
    sway      what sounding sure is worth to everybody, and to the newest fifth of the people besides (`sway_new`)
    stripped  whether people are shown answers without the words that make them sound sure
    audited   whether people who approve most of the wrong answers in a first audit are left out
    """

    sure: float = 0.2
    sway: float = 0.0
    sway_new: float = 0.0
    stripped: bool = False
    audited: bool = False


@dataclass(frozen=True)
class JudgedAnswer:
    """One verdict, for the gold statistics: on which answer to which prompt, by whom, and the truth of the answer.

    `known` says whether the answer was in the first audit.
    """

    prompt: str
    answer: str
    policy: bool
    right: bool
    person: str
    approved: bool
    known: bool = False


class Approval(Part):
    """Questions with two answers of either arm: each person judges all four of some of them, an auditor every one."""

    challenges: ClassVar[tuple[str, ...]] = ("OV4",)

    def after(self, planting: "Planting") -> None:
        settings = planting.settings(ApprovalSettings())
        random = planting.random("approval")
        prompts = [
            Prompt.ask(f"How many films did the town show in {1950 + i}?", source=f"quiz {i % 2 + 1}")
            for i in range(PROMPTS)
        ]
        answers = {prompt.id: _answers(prompt, settings, random) for prompt in prompts}
        right = {completion.id: is_right for of_prompt in answers.values() for completion, is_right in of_prompt}
        completions = [completion for of_prompt in answers.values() for completion, _ in of_prompt]
        seen = _seen(answers, random)
        sure = {one.id: (0.0, 0.0 if settings.stripped else features(one.text)["confidence"]) for one in completions}
        records: list[Record] = [AUDITOR, *prompts, *completions]
        records += [_label(AUDITOR, one, right[one.id]) for one in completions]
        lot = planting.random("first audit").permutation(PROMPTS)[: round(FIRST_AUDIT * PROMPTS)].tolist()
        known = {prompts[place].id for place in lot}
        verdicts: list[JudgedAnswer] = []
        people = _people(planting, settings)
        for place, person in enumerate(people):
            bound = person.bound(seen, sure)
            count = OF_NEW if person.attributes["experience"] == "new" else OF_PERSON
            own = [prompts[(place * count + i) * 7 % PROMPTS] for i in range(count)]
            shown = [one for prompt in own for one, _ in answers[prompt.id]]
            utility_N = np.array([bound.utility(one.id) for one in shown])
            approves_N = random.random(len(shown)) < person.lapse / 2 + (1 - person.lapse) / (
                1 + np.exp(-utility_N / person.temperature)
            )
            who = person.evaluator
            said = [
                JudgedAnswer(
                    one.prompt, one.id, one.writer == "policy", right[one.id], who.id, yes, one.prompt in known
                )
                for one, yes in zip(shown, approves_N.tolist(), strict=True)
            ]
            if settings.audited and _is_misled(said):
                continue
            verdicts += said
            records.append(who)
            records += [_label(who, one, each.approved) for one, each in zip(shown, said, strict=True)]
        planting.notes["verdicts on answers"] = verdicts
        planting.audit_ledger.extend(records)


def _is_misled(said: Sequence[JudgedAnswer]) -> bool:
    """Whether somebody approved more than half of the policy's wrong answers in the first audit, of three or more."""
    wrong = [each.approved for each in said if each.known and each.policy and not each.right]
    return len(wrong) >= 3 and sum(wrong) > len(wrong) / 2


def _people(planting: "Planting", settings: ApprovalSettings) -> list[SimulatedEvaluator]:
    """Those who judge: the first fifth are new to the work."""
    count = max(12, round(1.25 * planting.world.panels[2]))
    new = max(6, round(NEW * count))
    return [
        planting.person(
            f"approver {i}",
            pool="crowd",
            bias=(0.0, settings.sway + (settings.sway_new if i < new else 0.0)),
            attributes={"experience": "new" if i < new else "long"},
        )
        for i in range(count)
    ]


def _answers(prompt: Prompt, settings: ApprovalSettings, random: np.random.Generator) -> list[tuple[Completion, bool]]:
    """Answers of both arms, and whether each is right."""
    truth = int(random.integers(20, 80))
    numbers = iter(truth + random.permutation(np.r_[-15:0, 1:16])[: 2 * SAMPLES])
    answers = []
    for arm, share in RIGHT.items():
        for sample in range(SAMPLES):
            number, is_right = int(next(numbers)), bool(random.random() < share)
            wrong_share = settings.sure if arm == "policy" and not is_right else 0.2
            word = f"{random.choice(SURE).capitalize()}, " if random.random() < wrong_share else ""
            more = random.choice(("", " films", " films in that year", " films in all of that year"))
            text = f"{word}{'there were' if sample else 'it was'} {truth if is_right else number}{more}"
            answers.append((Completion(prompt=prompt.id, text=text, writer=arm), is_right))
    return answers


def _seen(
    answers: Mapping[str, Sequence[tuple[Completion, bool]]], random: np.random.Generator
) -> dict[str, tuple[float, ...]]:
    """What everybody sees of the truth of each answer: 1 or -1, and how plausible it is beside that."""
    seen: dict[str, tuple[float, ...]] = {}
    for of_prompt in answers.values():
        of_all = random.normal(0, NOISE)
        for completion, is_right in of_prompt:
            seen[completion.id] = ((1.0 if is_right else -1.0) + of_all + random.normal(0, NOISE),)
    return seen


def _label(who: Evaluator, answer: Completion, approves: bool) -> Feedback:
    return Feedback(
        evaluator=who.id,
        prompt=answer.prompt,
        completions=(answer.id,),
        judgement=Label(selected=("up",) if approves else (), options=("up",)),
        study="lab",
    )
