"""Demonstrations, some on pages that count keys, and texts of a model beside them."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from accord.lab.lexicon import Policy, WordJudge
from accord.lab.planted.parts.base import Part
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings
from accord.records import Completion, Demonstration, Evaluator, Feedback, Prompt, Record, Sampling, Telemetry

__all__ = ["STUDY", "WrittenAnswers", "WrittenAnswersPart"]

STUDY = "demonstrations"
LENGTHS = (20, 32)


@dataclass(frozen=True)
class WrittenAnswers(Settings):
    """`people` who write `texts` demonstrations each, two thirds of them on a page that counts keys.

    machine   share of the people who have a model write and paste its text
    drafts    share of texts, of everybody else, that are pasted from a draft of one's own
    verified  a later page counts keys for everybody, and takes what was typed there only
    """

    people: int = 42
    texts: int = 3
    of_models: int = 60
    machine: float = 0.0
    drafts: float = 0.08
    verified: bool = False


class WrittenAnswersPart(Part):
    """A study of its own, in the ledger of the audit. Its notes are the texts that would be learnt from."""

    challenges: ClassVar = ("X5",)

    def after(self, planting: Planting) -> None:
        settings = planting.settings(WrittenAnswers())
        random = planting.random(STUDY)
        people = Policy.start(*LENGTHS)
        model = replace(people, logprob_V=people.towards(WordJudge("a model that writes", hollow=1.0), 1.5).logprob_V)
        prompts = [Prompt.ask(f"Write a few words about film {number}") for number in range(settings.texts)]
        sampling = Sampling(max_tokens=LENGTHS[1])
        records: list[Record] = [*prompts]
        for number in range(settings.of_models):
            prompt = prompts[number % len(prompts)]
            records.append(Completion(prompt=prompt.id, text=model.write(random)[0], sampling=sampling))
        kept: list[str] = []
        for number in range(settings.people):
            pastes = (number * 7) % settings.people < round(settings.machine * settings.people)
            evaluator = Evaluator(kind="simulated", pseudonym=f"writer {number}", pool="lab", payment="2 an answer")
            answers = [
                _answer(prompt, evaluator, model if pastes else people, pastes, number % 3 > 0, settings, random)
                for prompt in prompts
            ]
            kept += [_text(answer) for answer in answers if not settings.verified or _typed(answer)]
            records += [evaluator, *answers]
        planting.notes[STUDY] = kept
        planting.audit_ledger.extend(records)


def _answer(
    prompt: Prompt,
    evaluator: Evaluator,
    writer: Policy,
    pastes: bool,
    counted: bool,
    settings: WrittenAnswers,
    random: np.random.Generator,
) -> Feedback:
    """One demonstration: typed at four characters a second, or pasted in the time that it takes to fetch it."""
    text = writer.write(random)[0]
    drafted = bool(random.random() < settings.drafts)
    pasted = pastes or drafted
    seconds = (25.0 if pastes else len(text) / 4) * float(np.exp(random.normal(0, 0.25)))
    keys = round(len(text) * (0.05 if pasted else float(random.uniform(1.0, 1.2))))
    counts = Telemetry(pasted=int(pasted), keystrokes=keys) if counted or settings.verified else None
    return Feedback(
        evaluator=evaluator.id,
        prompt=prompt.id,
        completions=(),
        judgement=Demonstration(text=text),
        study=STUDY,
        seconds=round(seconds, 1),
        telemetry=counts,
    )


def _text(answer: Feedback) -> str:
    return answer.judgement.text if isinstance(answer.judgement, Demonstration) else ""


def _typed(answer: Feedback) -> bool:
    return answer.telemetry is not None and answer.telemetry.pasted == 0
