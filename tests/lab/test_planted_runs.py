"""What is planted fires, the clean control does not; and the world of words is what it says."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from accord.audit import CHECKS, AuditSettings, Check, Evidence, Verdict
from accord.lab import FAULTS, Fault, Policy, WordJudge, plant, truth
from accord.lab.lexicon import WORDS
from accord.lab.planted import audit_ledger_of, planting_of
from accord.records import Completion, Prompt

SETTINGS = AuditSettings()
EXPECTED = {fault.name: fault.sets_off for fault in FAULTS if fault.sets_off}


@contextmanager
def evidence(
    path: Path, fault: Fault | None, seed: int, checks: list[Check], world: str = "words"
) -> Iterator[Evidence]:
    planting = planting_of(path / f"run-{seed}", fault, seed=seed, world=world, checks=checks)
    with planting.run as run:
        asked = audit_ledger_of(run.path)
        yield Evidence(run, planting.judges, audit_ledger=asked, since=asked, beside=planting.beside)


def verdicts(path: Path, fault: str | None, seed: int, checks: list[Check], world: str = "words") -> dict[str, Verdict]:
    planted = None if fault is None else FAULTS.get(fault)()
    with evidence(path, planted, seed, checks, world) as inputs:
        return {check.id: check.run(inputs, SETTINGS).verdict for check in checks}


def rates(path: Path, fault: str | None, checks: list[Check], seeds: int = 20) -> dict[str, float]:
    """How often each check fires over the seeds."""
    fired: Counter[str] = Counter()
    for seed in range(seeds):
        verdict_of = verdicts(path, fault, seed, checks)
        fired.update(name for name, verdict in verdict_of.items() if verdict is Verdict.FIRES)
    return {check.id: fired[check.id] / seeds for check in checks}


@pytest.mark.parametrize("fault", EXPECTED)
def test_what_is_planted_fires(fault: str, tmp_path: Path) -> None:
    verdict_of = verdicts(tmp_path, fault, 1, [CHECKS.get(name) for name in EXPECTED[fault]])
    assert set(verdict_of.values()) == {Verdict.FIRES}, verdict_of


@pytest.mark.slow
@pytest.mark.parametrize("name", [fault.name for fault in FAULTS if fault.cure])
def test_a_cure_moves_the_gold(name: str, tmp_path: Path) -> None:
    """How much and which way is asked of many seeds by the fault matrix; a gold that cannot move is seen here."""
    kind = FAULTS.get(name)
    golds = [gold(tmp_path / str(cured), kind(cured=cured)) for cured in (False, True)]
    assert golds[0] != golds[1]


def gold(path: Path, fault: Fault) -> float:
    """A fault's gold in a run of its own checks."""
    own = [CHECKS.get(check) for check in fault.sets_off]
    planting = planting_of(path, fault, seed=1, world="words", checks=own, asked_alike=True)
    with planting.run:
        return fault.measure_gold(planting)


def test_circles_are_looked_for_where_most_people_compared(tmp_path: Path) -> None:
    """Beside all other studies of a run, one of which is a single evaluator's with more triads than any other."""
    with evidence(tmp_path, FAULTS.get("cycles")(), 1, list(CHECKS)) as inputs:
        assert CHECKS.get("FT1 triads").run(inputs, SETTINGS).verdict is Verdict.FIRES


def test_a_noisier_minority_is_not_taken_for_an_opposed_one(tmp_path: Path) -> None:
    verdict_of = verdicts(tmp_path, "noisier-minority", 0, [CHECKS.get("PM2 one reward")])
    assert verdict_of["PM2 one reward"] is not Verdict.FIRES


@pytest.mark.parametrize("seed", range(2))
def test_an_opposed_minority_is_not_taken_for_carelessness(seed: int, tmp_path: Path) -> None:
    verdict_of = verdicts(tmp_path, "opposed-minority", seed, [CHECKS.get("OV1 careless")])
    assert verdict_of["OV1 careless"] is not Verdict.FIRES


@pytest.mark.slow
def test_an_opposed_minority_is_hardly_ever_taken_for_carelessness(tmp_path: Path) -> None:
    """The one look-alike that `accord lab run faults` does not count: a fault of another challenge."""
    assert rates(tmp_path, "opposed-minority", [CHECKS.get("OV1 careless")])["OV1 careless"] <= 0.05


def test_the_same_seed_gives_the_same_run(tmp_path: Path) -> None:
    careless = FAULTS.get("careless")()
    first, second = (plant(tmp_path / name, careless, seed=3) for name in ("first", "second"))
    digests = [{name: file.sha256 for name, file in run.manifest.files.items()} for run in (first, second)]
    assert digests[0] == digests[1]
    few = [CHECKS.get("OV1 careless")]
    third, fourth = (plant(tmp_path / str(seed), careless, seed=seed, checks=few) for seed in (3, 4))
    completions = "data/completions.jsonl"
    assert third.manifest.files[completions].sha256 != fourth.manifest.files[completions].sha256
    for run in (first, second, third, fourth):
        run.close()


# -- the world of words ------------------------------------------------------------------------------------------

PROMPT = Prompt.ask("Say something")


def score(judge: WordJudge, *texts: str) -> list[float]:
    completions = [Completion(prompt=PROMPT.id, text=text) for text in texts]
    return judge.score([PROMPT] * len(texts), completions).value_N.tolist()


def test_truth_has_the_moments_it_claims() -> None:
    random, start = np.random.default_rng(0), Policy.tilted(WordJudge("any"), 0.0)
    worth = [truth(start.write(random)[0]) for _ in range(4000)]
    assert np.mean(worth) == pytest.approx(0.0, abs=0.25)
    assert np.std(worth) == pytest.approx(1.0, abs=0.15)


def test_a_judge_without_error_reads_the_truth() -> None:
    texts = ("Superb film wow.", "Wow wow wow wow wow.", "Dreadful drab chair.")
    assert score(WordJudge("judge", error=0.0), *texts) == pytest.approx([truth(text) for text in texts])
    assert truth("wow") > 0 > truth("wow wow wow wow wow")


def test_a_judge_of_words_is_not_moved_by_how_they_are_written() -> None:
    judge = WordJudge("judge")
    plain, *edited = score(judge, "Superb dreadful film.", "superb dreadful film..", "1. Superb derafdul film.")
    assert edited == pytest.approx([plain, plain])
    longer = score(WordJudge("judge", length=0.6), "Superb film.", "I must say that superb film.")
    assert longer[1] - longer[0] == pytest.approx(0.6 * 4 / 6)


def test_a_tilted_policy_is_the_optimum_under_its_pressure() -> None:
    """Of all distributions over words, exp(b s) maximises E[s] - KL / b to the start; the maximum is log Z / b."""
    judge, pressure = WordJudge("reward", hollow=1.5), 2.0
    worth_V = judge.worth_V * 1.5
    logprob_V = Policy.tilted(judge, pressure).logprob_V
    chance_V = np.exp(logprob_V)
    assert chance_V.sum() == pytest.approx(1.0)
    kl = float(chance_V @ (logprob_V + np.log(len(WORDS))))
    log_z = float(np.log(np.mean(np.exp(pressure * worth_V))))
    assert chance_V @ worth_V - kl / pressure == pytest.approx(log_z / pressure)


def test_logprobs_are_those_of_the_words_written() -> None:
    policy, random = Policy.tilted(WordJudge("reward"), 1.0), np.random.default_rng(0)
    text, tokens = policy.write(random)
    assert [WORDS[token] for token in tokens[:-1]] == text.lower().rstrip(".").split()
    assert policy.logprobs(tokens) == [*policy.logprob_V[tokens[:-1]].tolist(), 0.0]
