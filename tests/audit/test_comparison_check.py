"""X4 comparison: planted comparators that see all or not, what a real one is asked, what is not assessable."""

from pathlib import Path

import numpy as np
import pytest

from accord.artefacts import COMPARED_TEXTS, PROMPTS, ComparedText, Finding, PromptRow, Verdict
from accord.audit import CHECKS, AuditSettings, Evidence
from accord.lab.faults import FAULTS, Fault
from accord.lab.planted import planting_of
from accord.lab.planted.compared_gold import chosen_equivalence
from accord.lm import tiny
from accord.lm.encoder import load_encoder
from accord.loop.compared_texts import changed_references, compare_changed_references
from accord.loop.stage import Context
from accord.recipe import Recipe
from accord.records import Prompt
from accord.reward.comparator.comparing import Compared, Cosine
from accord.reward.comparator.judge import TextComparisonJudge
from accord.reward.stated.references import References
from accord.run import RunDirectory
from accord.stats import rate

CHECK = CHECKS.get("X4 comparison")


def planted(folder: Path, fault: Fault | None, world: str, seed: int = 0) -> tuple[Finding, float]:
    """What is found of a planted run, and its gold."""
    planting = planting_of(folder / f"{world}-{seed}", fault, seed=seed, world=world, checks=[CHECK])
    with planting.run as run:
        return CHECK.run(Evidence(run), AuditSettings()), chosen_equivalence(planting)


@pytest.mark.parametrize("world", ["words", "coarse"])
def test_a_comparator_that_passes_over_numbers_and_negations_is_found(world: str, tmp_path: Path) -> None:
    fault = FAULTS.get("blind-comparator")
    healthy, gold = planted(tmp_path / "none", None, world)
    assert healthy.verdict is Verdict.QUIET
    finding, blind_gold = planted(tmp_path / "blind", fault(), world)
    assert finding.verdict is Verdict.FIRES
    assert finding.p_value is not None
    assert finding.p_value < 1e-6
    assert finding.facts["seen, number"].value < 0.2 < 0.8 < finding.facts["seen, name"].value
    cured, cured_gold = planted(tmp_path / "cured", fault(cured=True), world)
    assert cured.verdict is not Verdict.FIRES
    assert gold > cured_gold > blind_gold + 0.1


def rows(right: int, wrong: int, *, same: bool = False) -> list[ComparedText]:
    return [
        ComparedText(
            prompt=f"p{number % 15}", kind="number", reference="It has 7.", text="It has 8.", same=same,
            taken_for_same=0.1 if (number < right) != same else 0.9,
        )
        for number in range(right + wrong)
    ]  # fmt: skip


def found(folder: Path, compared: list[ComparedText]) -> Finding:
    with RunDirectory.create(folder / "run") as run:
        COMPARED_TEXTS.write(run, compared)
        return CHECK.run(Evidence(run), AuditSettings())


def test_the_share_that_is_seen_is_a_rate_over_prompts(tmp_path: Path) -> None:
    compared = rows(20, 25)
    finding = found(tmp_path, [*compared, *rows(5, 0, same=True)])
    wanted = rate([row.taken_for_same <= 0.5 for row in compared], [row.prompt for row in compared])
    assert finding.estimate is not None
    assert (finding.estimate.value, finding.estimate.high) == (pytest.approx(20 / 45), pytest.approx(wanted.high))
    assert finding.verdict is Verdict.FIRES
    assert finding.facts["taken for the same where nothing was changed"].value == 1.0
    assert set(finding.ids["prompts"].ids) <= {row.prompt for row in compared}


@pytest.mark.parametrize("compared", [[], rows(11, 0), rows(40, 0, same=True)], ids=["none", "few", "harmless"])
def test_too_few_changes_decide_nothing(compared: list[ComparedText], tmp_path: Path) -> None:
    assert found(tmp_path, compared).verdict is Verdict.NOT_ASSESSABLE


def test_a_run_with_another_reward_cannot_be_assessed(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        finding = CHECK.run(Evidence(run), AuditSettings())
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "compared_texts.jsonl" in finding.needs


def test_at_the_limit_it_fires_seldom() -> None:
    """Nine in ten are seen of fifty references: false alarms at most 2.5 %, and their error."""
    random = np.random.default_rng(0)
    clusters = np.repeat(np.arange(50), 4)
    fired = sum((rate(random.random(200) < 0.9, clusters).high or 1.0) < 0.9 for _ in range(400))
    assert fired <= 400 * 0.025 + 2 * (400 * 0.025 * 0.975) ** 0.5


REFERENCES = [f"In {1950 + n} the bridge was {20 + n} metres long, and Anna said that it was open." for n in range(8)]


class Reading:
    """The same is what is the same word by word."""

    def compare(self, texts: list[str], references: list[str]) -> Compared:
        same_N = np.array([text == other for text, other in zip(texts, references, strict=True)], dtype=np.float64)
        return Compared(same_N, 1 - same_N)


def judged(comparator: object) -> tuple[TextComparisonJudge, dict[str, Prompt]]:
    prompts = [Prompt.ask(f"What of bridge {n}?") for n in range(len(REFERENCES))]
    by_prompt: dict[str | None, object] = {
        prompt.id: {"reference": text} for prompt, text in zip(prompts, REFERENCES, strict=True)
    }
    by_prompt[prompts[0].id] = {"reference": REFERENCES[:2]}  # several: one may say what another does not
    return (
        TextComparisonJudge("reward", comparator, References(by_prompt, "r"), 1.0),  # type: ignore[arg-type]
        {prompt.id: prompt for prompt in [*prompts, Prompt.ask("Without a reference?")]},
    )


def test_references_are_changed_once_in_every_way_that_applies() -> None:
    judge, prompts = judged(Reading())
    made = list(changed_references(judge, prompts, seed=3))
    assert made == list(changed_references(judge, prompts, seed=3))
    assert made != list(changed_references(judge, prompts, seed=4))
    assert len({row.prompt for row in made}) == len(REFERENCES) - 1
    assert {"number", "negation", "name", "punctuation"} <= {row.kind for row in made}
    assert len({(row.prompt, row.kind) for row in made}) == len(made)
    for row in made:
        assert row.text != row.reference
        assert row.reference in REFERENCES
        assert row.taken_for_same == float(row.text == row.reference)


def test_a_cosine_takes_everything_for_the_same(tmp_path: Path) -> None:
    judge, prompts = judged(Cosine(load_encoder(tiny.NAME, device="cpu")))
    finding = found(tmp_path, list(changed_references(judge, prompts, seed=0)))
    assert finding.verdict is Verdict.FIRES


def test_it_is_written_once_for_a_reward_that_compares_texts(tmp_path: Path) -> None:
    judge, prompts = judged(Reading())
    with RunDirectory.create(tmp_path / "run", seed=5) as run:
        PROMPTS.write(run, [PromptRow(prompt, "train") for prompt in prompts.values()])
        context = Context(Recipe(), run)
        compare_changed_references(context, {})
        assert not COMPARED_TEXTS.has(run)
        compare_changed_references(context, {"reward": judge})
        written = list(COMPARED_TEXTS.read(run))
        assert written == list(changed_references(judge, prompts, seed=5))
        before = run.manifest.files[COMPARED_TEXTS.path()]
        compare_changed_references(context, {"reward": judge})
        assert run.manifest.files[COMPARED_TEXTS.path()] is before
