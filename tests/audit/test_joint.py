"""JT1 and JT2: answers that a reward had foretold, made so that what is to be found is known."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from accord.artefacts import ASKED_ANSWERS, ASKED_TEXTS, EVALUATION_SAMPLES, AnsweredPair, EvaluationSample, Verdict
from accord.audit import AuditSettings
from accord.audit.evidence import Evidence
from accord.audit.joint.foretold import Foretold, _slope
from accord.audit.joint.growth import growth, log_growth
from accord.audit.joint.stale import stale
from accord.errors import MissingEvidence
from accord.records import Completion, Prompt
from accord.run import RunDirectory

PROMPTS = [Prompt.ask(f"Say something of {number}.") for number in range(50)]


class Round:
    """Pairs of texts with and without the word `sure`, which grew, and answers on them."""

    def __init__(self, path: Path, seed: int = 1) -> None:
        self.run = RunDirectory.create(path)
        self.random = np.random.default_rng(seed)
        self.texts: dict[str, Completion] = {}
        self.rows: list[AnsweredPair] = []

    def answer(self, of: str, number: int, *, stated: float, slope: float, over: float = 0.0) -> None:
        """Answers whose log-odds have that deviation; the truth is `slope` of them, less `over` where `sure` stands."""
        for place in range(number):
            prompt = PROMPTS[place % len(PROMPTS)]
            sure = bool(self.random.random() < 0.5)
            first = self._text(prompt, f"surely plain text {place}" if sure else f"plain text {place}")
            second = self._text(prompt, f"plain words {place}")
            logodds = self.random.normal(0, stated) + (over if sure else 0)
            right = slope * (logodds - (over if sure else 0))
            wins = bool(self.random.random() < expit(right))
            chosen, rejected = (first, second) if wins else (second, first)
            self.rows.append(
                AnsweredPair(
                    of="fresh" if of == "fresh" else "held_out",
                    prompt=prompt.id,
                    evaluator=f"e{place % 10}",
                    chosen=chosen.id,
                    rejected=rejected.id,
                    writers=("policy", "policy") if of == "fresh" else None,
                    logodds=round(float(logodds if wins else -logodds), 6),
                )
            )

    def _text(self, prompt: Prompt, text: str) -> Completion:
        completion = Completion(prompt=prompt.id, text=text)
        self.texts[completion.id] = completion
        return completion

    def evidence(self) -> Evidence:
        ASKED_ANSWERS.write(self.run, self.rows)
        ASKED_TEXTS.write(self.run, list(self.texts.values()))
        samples = [
            EvaluationSample(arm="start", index=number, prompt=prompt.id, text="plain text and words", token_ids=(1,))
            for number, prompt in enumerate(PROMPTS)
        ]
        EVALUATION_SAMPLES.write(self.run, samples)
        return Evidence(self.run)


def verdicts(evidence: Evidence) -> tuple[Verdict, Verdict]:
    return growth.run(evidence, AuditSettings()).verdict, stale.run(evidence, AuditSettings()).verdict


@pytest.mark.parametrize("slope", [0.3, 1.0, 2.0])
def test_a_reward_that_is_as_right_as_on_held_out_pairs_is_quiet_however_sure_it_is(
    tmp_path: Path, slope: float
) -> None:
    made = Round(tmp_path / "run")
    made.answer("held_out", 2000, stated=2.0, slope=slope)
    made.answer("fresh", 2000, stated=2.0, slope=slope)
    assert verdicts(made.evidence()) == (Verdict.QUIET, Verdict.QUIET)


def test_a_reward_that_knows_nothing_of_the_policys_texts_is_stale(tmp_path: Path) -> None:
    made = Round(tmp_path / "run")
    made.answer("held_out", 400, stated=2.0, slope=1.0)
    made.answer("fresh", 400, stated=2.0, slope=0.0)
    evidence = made.evidence()
    assert verdicts(evidence)[0] is not Verdict.FIRES
    assert verdicts(evidence)[1] is Verdict.FIRES
    finding = stale.run(evidence, AuditSettings())
    foretold = Foretold.of(evidence)
    expected = np.maximum(foretold.chosen_N, 1 - foretold.chosen_N).mean() - (foretold.chosen_N > 0.5).mean()
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(expected)
    assert finding.p_value is not None
    assert finding.p_value < 0.01


def test_a_word_that_grew_and_is_over_estimated_is_found(tmp_path: Path) -> None:
    made = Round(tmp_path / "run")
    made.answer("held_out", 400, stated=1.0, slope=1.0)
    made.answer("fresh", 400, stated=1.0, slope=1.0, over=1.5)
    evidence = made.evidence()
    assert verdicts(evidence)[0] is Verdict.FIRES
    finding = growth.run(evidence, AuditSettings())
    assert "surely" in finding.result.partition("Grown most: ")[2].split(", ")[0]


def test_a_word_that_grew_and_is_under_estimated_is_not_found(tmp_path: Path) -> None:
    made = Round(tmp_path / "run")
    made.answer("held_out", 400, stated=1.0, slope=1.0)
    made.answer("fresh", 400, stated=1.0, slope=1.0, over=-1.5)
    assert verdicts(made.evidence())[0] is Verdict.QUIET


@pytest.mark.parametrize(("fresh", "held_out", "what"), [(19, 40, "policy wrote"), (40, 19, "were held out")])
def test_too_few_answers_cannot_be_assessed(tmp_path: Path, fresh: int, held_out: int, what: str) -> None:
    made = Round(tmp_path / "run")
    made.answer("held_out", held_out, stated=1.0, slope=1.0)
    made.answer("fresh", fresh, stated=1.0, slope=1.0)
    evidence = made.evidence()
    with pytest.raises(MissingEvidence, match=f"20 answers on pairs that.*{what}.*there are 19"):
        Foretold.of(evidence)
    assert verdicts(evidence) == (Verdict.NOT_ASSESSABLE, Verdict.NOT_ASSESSABLE)


def test_without_rounds_it_is_said_what_is_missing(tmp_path: Path) -> None:
    finding = stale.run(Evidence(RunDirectory.create(tmp_path / "run")), AuditSettings())
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "ask/answers.jsonl" in finding.needs
    assert finding.collect is not None


def test_the_slope_is_that_of_the_likelihood() -> None:
    random = np.random.default_rng(0)
    logodds_N = random.normal(0, 2, 4000)
    chosen_N = np.where(random.random(4000) < expit(0.5 * logodds_N), logodds_N, -logodds_N)
    assert _slope(chosen_N) == pytest.approx(0.5, abs=0.05)
    assert 0 < _slope(np.zeros(5)) < np.inf


@pytest.mark.parametrize(
    ("now", "before", "word", "value"),
    [
        (["a a b."], ["a b"], "a", np.log(2.5 / 3) - np.log(1.5 / 2)),
        (["New words"], ["old words"], "new", np.log(1.5 / 2) - np.log(0.5 / 2)),
        ([], ["old"], "old", np.log(0.5 / 1) - np.log(1.5 / 1)),
    ],
)
def test_growth_is_the_logarithm_of_shares(now: Sequence[str], before: Sequence[str], word: str, value: float) -> None:
    assert log_growth(now, before)[word] == pytest.approx(value)
