"""A deployment that was recorded after the release: who asked what, and what the policy answered."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import numpy as np

from accord.artefacts import EVALUATION_SAMPLES, MODEL
from accord.audit.attacks.answers import is_refusal
from accord.feedback.deployment.answers import Counts, RecordedAnswer, ServingSession
from accord.feedback.deployment.recording_policy import RecordingPolicy
from accord.feedback.deployment.recordings import Recordings
from accord.lab.planted.parts.base import Part
from accord.lab.planted.parts.deployment import DeploymentSettings, draw_topics
from accord.lab.planted.planting import Planting
from accord.lab.settings import Settings
from accord.records import Prompt, Sampling

__all__ = ["SAMPLING", "TEXTS", "AfterDeploymentPart", "AfterDeploymentSettings", "shares_asked"]

TEXTS = "texts of the deployment"
REFUSAL = "I'm sorry, but I can't help with that."
PEOPLE = 100
STARTED = datetime(2026, 1, 5, tzinfo=UTC)
POLICY = RecordingPolicy(share=1.0, days=36_500.0, notice="in the terms of use")
SAMPLING = Sampling(temperature=1.0, max_tokens=64)


@dataclass(frozen=True)
class AfterDeploymentSettings(Settings):
    """What can be wrong with a deployment.

    new_topic  share of what is asked that is of a topic which its release never saw
    food       share of the other prompts that are about food; None: as was expected
    back       how far the policy that is served is back on its way to its start, 0 to 1
    refuses    share of answers in whose place something says that it cannot help
    cut        from the middle of the period on, the share of the words of an answer that a limit cuts off
    """

    new_topic: float = 0.0
    food: float | None = None
    back: float = 0.0
    refuses: float = 0.0
    cut: float = 0.0
    answers: int = 160


class AfterDeploymentPart(Part):
    """Writes recorded answers beside the audit's ledger. Prompts come in the mixture that the release expected."""

    challenges: ClassVar = ("X8",)
    reads_policy: ClassVar = True

    def after(self, planting: Planting) -> None:
        settings, random = planting.settings(AfterDeploymentSettings()), planting.random("after deployment")
        prompts = [prompt for _, prompt in draw_topics(shares_asked(planting, settings), settings.answers, random)]
        texts = list(_texts(planting, settings, prompts, random))
        planting.notes[TEXTS] = texts
        self._keep(planting, prompts, texts, random)

    @staticmethod
    def _keep(planting: Planting, prompts: list[Prompt], texts: list[str], random: np.random.Generator) -> None:
        recordings = Recordings(planting.audit_ledger)
        session = ServingSession(
            id=f"s-{planting.seed}",
            policy=POLICY,
            label="policy",
            model=MODEL.digest(planting.run, "policy"),
            run=planting.run.manifest.id,
            stage="policy",
            version="planted",
            started=STARTED,
        )
        recordings.begin(session)
        person_N, minute_N = random.integers(PEOPLE, size=len(texts)), np.sort(random.integers(28_800, size=len(texts)))
        answers = [
            RecordedAnswer(
                name=f"planted-{place}",
                session=session.id,
                time=STARTED + timedelta(minutes=minute),
                endpoint="chat",
                prompt=prompt,
                texts=(text,),
                prompt_digest=prompt.id,
                requester=f"person {person}",
                letters=(len(text),),
                refusals=(is_refusal(text),),
                ends=("eos",),
                sampling=SAMPLING,
            )
            for place, (prompt, text, person, minute) in enumerate(
                zip(prompts, texts, person_N.tolist(), minute_N.tolist(), strict=True)
            )
        ]
        count = len(answers)
        recordings.keep(session, answers, Counts(count, 0, count, count, 0), now=STARTED.timestamp())


def shares_asked(planting: Planting, settings: AfterDeploymentSettings) -> dict[str, float]:
    """The shares of topics: those of the release's deployment, but for what is wrong with this one."""
    release = planting.settings(DeploymentSettings())
    food = release.food if settings.food is None else settings.food
    return dict(replace(release, new_topic=max(settings.new_topic, release.new_topic), food=food).deployment)


def _texts(
    planting: Planting, settings: AfterDeploymentSettings, prompts: Sequence[Prompt], random: np.random.Generator
) -> Iterator[str]:
    """What was answered to each prompt, in the order of time."""
    write = _writer(planting, settings.back, random)
    for place, prompt in enumerate(prompts):
        text = write(prompt)
        if random.random() < settings.refuses:
            yield REFUSAL
        elif place >= settings.answers // 2 and settings.cut > 0:
            words = text.split()
            yield " ".join(words[: max(1, round((1 - settings.cut) * len(words)))])
        else:
            yield text


def _writer(planting: Planting, back: float, random: np.random.Generator) -> Callable[[Prompt], str]:
    """Answers as the released policy does, or as one so far back; in a transformer's run, out of its evaluation."""
    if planting.policies:
        last = len(planting.policies) - 1
        place = round((1 - back) * last)
        policy = planting.released if place == last and planting.released is not None else planting.policies[place]
        return lambda prompt: policy.answer(prompt.id, random)[0]
    rows = list(EVALUATION_SAMPLES.read(planting.run))
    by_arm = {arm: [row.text for row in rows if row.arm == arm] for arm in ("start", "policy")}
    return lambda prompt: str(random.choice(by_arm["start" if random.random() < back else "policy"]))
