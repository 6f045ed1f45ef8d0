"""RG1 shift: pairs of new texts and known ones, and how sure margins may make one of either."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from audit_checks import finding_of
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from accord.artefacts import Finding, Verdict
from accord.audit.reward.shift import Curve, auroc, surer_where_new
from accord.feedback import Dataset, write_data
from accord.interfaces import Scores
from accord.records import Completion, Evaluator, Pair, Prompt
from accord.run import RunDirectory
from small_data import truth

PEOPLE = [Evaluator(kind="person", pseudonym=f"person {i}") for i in range(12)]


class Scored:
    """A judge of texts by a function."""

    name = "reward"

    def __init__(self, of_text: Callable[[str], float]) -> None:
        self.of_text = of_text

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        return Scores(np.array([self.of_text(each.text) for each in completions], dtype=np.float64))


def dataset(writers: tuple[str | None, ...] = ("a model", "another")) -> Dataset:
    """Forty prompts with four texts of one writer each; the second writes half of the held-out ones, with zebras."""
    random = np.random.default_rng(0)
    prompts = [Prompt.ask(f"Write text {chr(97 + i // 26)}{chr(97 + i % 26)}") for i in range(60)]
    split_of = {prompt.id: "train" if i < 20 else "held_out" for i, prompt in enumerate(prompts)}
    completions: dict[str, Completion] = {}
    pairs: dict[str, list[Pair]] = {"train": [], "eval_reward": [], "held_out": []}
    for i, prompt in enumerate(prompts):
        new = i >= 40
        texts = [
            Completion(
                prompt=prompt.id,
                text="".join(random.choice(list("ab"), 12)) + f" {i} {k}" + (" zebra" * (k + 1) if new else ""),
                writer=writers[new],
            )
            for k in range(4)
        ]
        completions |= {text.id: text for text in texts}
        for first, second in ((0, 1), (2, 3), (0, 3), (1, 2)):
            one, other = texts[first], texts[second]
            chosen, rejected = (one, other) if truth(one.text) > truth(other.text) else (other, one)
            who = PEOPLE[(i + first) % 12].id
            pairs[split_of[prompt.id]].append(
                Pair(prompt=prompt.id, chosen=chosen.id, rejected=rejected.id, evaluator=who)
            )
    return Dataset(
        prompts={prompt.id: prompt for prompt in prompts},
        completions=completions,
        evaluators={each.id: each for each in PEOPLE},
        split_of=split_of,
        pairs={name: tuple(of_split) for name, of_split in pairs.items()},
    )


def found(path: Path, data: Dataset, of_text: Callable[[str], float]) -> Finding:
    with RunDirectory.create(path / "run") as run:
        write_data(run, data)
        return finding_of("RG1 shift", run, reward=Scored(of_text))


def by_z(text: str) -> float:
    return truth(text) + 5.0 * text.count("zebra") * (-1) ** text.count("a")


@pytest.mark.parametrize(
    ("of_text", "verdict"),
    [(truth, Verdict.QUIET), (by_z, Verdict.FIRES), (lambda text: 0.0, Verdict.QUIET)],
    ids=["right everywhere", "by what means nothing", "says nothing"],
)
def test_texts_of_a_writer_by_whom_nothing_was_learnt(
    of_text: Callable[[str], float], verdict: Verdict, tmp_path: Path
) -> None:
    finding = found(tmp_path, dataset(), of_text)
    assert finding.verdict is verdict, finding.result
    assert "are of writers by whom nothing was learnt" in finding.result


def test_without_writers_far_texts_are_told_by_their_words(tmp_path: Path) -> None:
    data = dataset((None, None))
    finding = found(tmp_path, data, by_z)
    assert finding.verdict is Verdict.FIRES, finding.result
    assert "farther from all that were learnt from" in finding.result


def test_where_no_text_is_new_nothing_is_said(tmp_path: Path) -> None:
    data = dataset((None, None))
    known = [pair for pair in data.pairs["held_out"] if "zebra" not in data.completions[pair.chosen].text]
    few = replace(data, pairs={**data.pairs, "train": data.pairs["held_out"], "held_out": tuple(known[:40])})
    finding = found(tmp_path, few, truth)
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "unlike them" in finding.needs
    assert finding.collect is not None
    assert finding.collect.study == "arms"


def test_no_pairs_at_all_are_said(tmp_path: Path) -> None:
    data = dataset()
    nothing = replace(data, pairs=dict.fromkeys(data.pairs, ()))
    assert found(tmp_path, nothing, truth).verdict is Verdict.NOT_ASSESSABLE


def drawn(random: np.random.Generator, spread: float, count: int, curve: Curve) -> np.ndarray:
    """Margins of better texts over others, where these are better with the curve's chance."""
    margin_N = random.normal(0, spread, count)
    right_N = random.random(count) < curve.sure(margin_N)
    return np.where(right_N, 1, -1) * np.abs(margin_N)


def test_harder_pairs_are_no_fault_and_the_interval_holds() -> None:
    """New pairs with half of the margins are right less often, as is foretold: 0 lies in 95 of 100 intervals."""
    random, curve, held, centre = np.random.default_rng(0), Curve(1.5, 0.1), 0, []
    people, prompts = [i % 20 for i in range(500)], [i // 4 for i in range(500)]
    for _ in range(120):
        margin_N = np.concatenate([drawn(random, 2.0, 250, curve), drawn(random, 1.0, 250, curve)])
        estimate = surer_where_new(margin_N, np.arange(500) >= 250, people, prompts)
        assert estimate.low is not None
        assert estimate.high is not None
        held += estimate.low <= 0 <= estimate.high
        centre.append(estimate.value)
    assert held / 120 >= 0.9
    assert np.mean(centre) == pytest.approx(0.0, abs=0.012)


def test_a_curve_is_found_again() -> None:
    curve = Curve.of(drawn(np.random.default_rng(1), 2.0, 20_000, Curve(1.5, 0.2)))
    assert curve.slope == pytest.approx(1.5, rel=0.1)
    assert curve.lapse == pytest.approx(0.2, abs=0.03)


def test_a_curves_gradient_is_that_of_its_probability() -> None:
    curve, margin_N, step = Curve(0.7, 0.2), np.linspace(-3, 3, 7), 1e-6

    def chance(slope: float, lapse: float) -> np.ndarray:
        return np.asarray(lapse / 2 + (1 - lapse) * expit(slope * margin_N))

    by_slope = (chance(0.7 + step, 0.2) - chance(0.7 - step, 0.2)) / (2 * step)
    by_lapse = (chance(0.7, 0.2 + step) - chance(0.7, 0.2 - step)) / (2 * step)
    assert curve.gradient(margin_N) == pytest.approx(np.stack([by_slope, by_lapse], 1), abs=1e-6)


@pytest.mark.parametrize("margins", [[0.0] * 20, [1.0] * 20, [-1.0] * 20, [1e-9, 1e9] * 10])
def test_margins_of_one_kind_have_a_number(margins: list[float]) -> None:
    new_N = np.arange(20) >= 10
    estimate = surer_where_new(np.array(margins), new_N, list(range(20)), list(range(20)))
    assert np.isfinite(estimate.value)
    assert estimate.low is None or np.isfinite(estimate.low)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=4, max_size=30))
def test_the_area_under_a_curve_is_that_of_sklearn_and_of_ranks(rows: list[tuple[int, bool]]) -> None:
    value_P = np.array([value for value, _ in rows], dtype=np.float64)
    new_P = np.array([new for _, new in rows])
    if new_P.all() or not new_P.any():
        return
    area = auroc(value_P, new_P)
    assert area == pytest.approx(roc_auc_score(new_P, value_P))
    assert area + auroc(-value_P, new_P) == pytest.approx(1.0)
    assert auroc(np.exp(value_P), new_P) == pytest.approx(area)
