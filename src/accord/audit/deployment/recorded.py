"""Which recorded answers speak of the release, and its own texts made comparable with them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from accord.artefacts import MODEL
from accord.artefacts.finding import Collection
from accord.audit.evidence import Evidence
from accord.errors import MissingEvidence
from accord.feedback.deployment.answers import RecordedAnswer, ServingSession
from accord.feedback.deployment.redaction import Redaction, redact_prompt, redact_text
from accord.records import Completion, Prompt
from accord.stats import Estimate

__all__ = ["RECORDED_ANSWERS", "Recorded", "RecordedText", "recorded_of", "scores_of"]

RECORDED_ANSWERS = Collection(
    "accord serve RUN --record LEDGER",
    "what the policy is asked and answers in use",
    "200 answers to 20 people or more, drawn at random (`--record-share`)",
)


@dataclass(frozen=True)
class RecordedText:
    """One recorded text with its prompt; `unit` is who asked, or else what was asked."""

    prompt: Prompt
    text: str
    unit: str
    time: float


@dataclass(frozen=True)
class Recorded:
    """Answers of the release's policy in the order of time, and why others were left out.

    `redactions` are the patterns of all their policies: the release's texts go through them too, so that what was
    taken out of one side alone is no difference.
    """

    answers: tuple[RecordedAnswer, ...]
    redactions: tuple[Redaction, ...]
    left_out: Mapping[str, int]

    @property
    def units(self) -> list[str]:
        """Of each answer who asked, or else what was asked."""
        return [answer.unit for answer in self.answers]

    def texts(self, most: int) -> list[RecordedText]:
        """All texts that were kept in the order of time; of more than `most`, so many at equal distances.

        Raises `MissingEvidence` where the policy of recording keeps none.
        """
        found = self._texts
        if not found:
            raise MissingEvidence('texts among what was recorded (`keep = "texts"` in the policy of recording)')
        return [found[place] for place in _places(len(found), most)]

    @cached_property
    def _texts(self) -> list[RecordedText]:
        found = []
        for answer in self.answers:
            if answer.prompt is not None and answer.texts is not None:
                prompt, time = self.redacted(answer.prompt), answer.time.timestamp()
                found += [RecordedText(prompt, self.redacted_text(text), answer.unit, time) for text in answer.texts]
        return found

    def redacted(self, prompt: Prompt) -> Prompt:
        """A prompt as it would have been recorded."""
        return redact_prompt(prompt, self.redactions)[0]

    def redacted_text(self, text: str) -> str:
        """A text as it would have been recorded."""
        return redact_text(text, self.redactions)[0]

    @property
    def facts(self) -> dict[str, Estimate]:
        """How many answers there are, of how many units, and how many were left out."""
        count, units = len(self.answers), len(set(self.units))
        counts = {"recorded answers": count, "people or prompts": units}
        counts |= {f"left out: {why}": number for why, number in self.left_out.items() if number}
        return {name: Estimate(float(number), None, None, count, method="count") for name, number in counts.items()}

    @property
    def without(self) -> str:
        """What was left out, as the end of a sentence; empty where nothing was."""
        parts = [f"{number:,} {why}" for why, number in self.left_out.items() if number]
        return f" (left out: {', '.join(parts)})" if parts else ""


def recorded_of(evidence: Evidence, least: int) -> Recorded:
    """The recorded answers of the release's own policy that are drawn as was stated.

    An answer is its policy's where the weights that answered have the digest of the run's; of a run that keeps no
    weights, where it says so itself. Raises `MissingEvidence` where fewer than `least` are left, with what was not.
    """
    found = evidence.once("recorded", lambda: _chosen(evidence))
    if len(found.answers) < least:
        raise MissingEvidence(
            f"{least} recorded answers of this run's policy ({len(found.answers)} are there{found.without})"
        )
    return found


def _chosen(evidence: Evidence) -> Recorded:
    recordings = evidence.recordings
    own = {session.id: session for session, _ in recordings.sessions if _is_of(session, evidence)}
    left_out = {"answers of another model": 0, "answers that the stated policy did not draw": 0}
    answers = []
    for answer in recordings.answers:
        if answer.session not in own:
            left_out["answers of another model"] += 1
        elif not own[answer.session].policy.draws(answer.name):
            left_out["answers that the stated policy did not draw"] += 1
        else:
            answers.append(answer)
    used = {answer.session for answer in answers}
    patterns = [one for name, session in own.items() if name in used for one in session.policy.redact]
    return Recorded(tuple(answers), tuple(dict.fromkeys(patterns)), left_out)


def _is_of(session: ServingSession, evidence: Evidence) -> bool:
    digest = MODEL.digest(evidence.run, evidence.stage("policy"))
    if digest is None:
        return session.run == evidence.run.manifest.id and session.stage == "policy"
    return session.model == digest


def scores_of(evidence: Evidence, recorded: Recorded, most: int) -> tuple[np.ndarray, list[RecordedText]]:
    """What the run's reward makes of the recorded texts, [N], with the texts. Raises `MissingEvidence`."""

    def work() -> tuple[np.ndarray, list[RecordedText]]:
        texts = recorded.texts(most)
        completions = [Completion(prompt=one.prompt.id, text=one.text) for one in texts]
        judge = evidence.judge("reward")
        return judge.score([one.prompt for one in texts], completions).value_N, texts

    return evidence.once(f"scores of {most}", work)


def _places(count: int, most: int) -> range | list[int]:
    return range(count) if count <= most else [place * count // most for place in range(most)]
