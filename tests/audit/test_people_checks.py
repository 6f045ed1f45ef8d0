"""MH1 and MH2 by their parts: numbers with a known answer, and what is said where data are missing."""

from pathlib import Path

import numpy as np
import pytest
from audit_checks import finding_of
from scipy.special import expit

from accord.artefacts import Verdict
from accord.audit import CHECKS
from accord.audit.people.bias.choices import weights_of_pairs
from accord.audit.people.bias.labels import FeatureBias
from accord.audit.people.bias.logit import fit_everybody, person_test
from accord.audit.people.bias.terms import axes_of, read_axes
from accord.audit.people.bias.thresholds import BiasThresholds
from accord.audit.people.representation.composition import _p_more, _sets, distance_between
from accord.audit.people.representation.consequence import Agreement, mean_square_shift
from accord.errors import AuditError
from accord.lab import plant
from accord.records import Pair
from accord.stats import Estimate


def test_total_variation_of_weighted_shares() -> None:
    assert distance_between(["a", "a", "b"], {"a": 0.5, "b": 0.5}, [1, 1, 2]) == pytest.approx(0.0)
    assert distance_between(["a", "a", "a"], {"a": 0.5, "b": 0.3, "c": 0.2}, [1, 1, 1]) == pytest.approx(0.5)


def test_every_set_of_groups_or_its_complement_is_looked_at_once() -> None:
    sets = [frozenset(some) for some in _sets(["a", "b", "c", "d"])]
    everything = frozenset("abcd")
    both = sets + [everything - some for some in sets]
    assert len(set(both)) == len(both) == 2**4 - 2


def test_the_tail_of_a_share_is_binomial() -> None:
    assert _p_more(0.8, 0.5, 10) == pytest.approx(sum((45, 10, 1)) / 1024)
    assert _p_more(0.4, 0.5, 10) == 1.0


def votes(share_GN: np.ndarray, code_E: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return np.where(random.random((code_E.size, share_GN.shape[1])) < share_GN[code_E], 0.5, -0.5)


def test_noise_is_no_shift_and_a_shift_is_measured() -> None:
    random = np.random.default_rng(0)
    code_E = np.repeat([0, 1], [20, 6])
    share_GN = random.uniform(0.1, 0.9, (2, 60))
    alike_GN = np.stack([share_GN[0], share_GN[0]])
    moved_G = np.array([-0.4, 0.4])
    for shares, wanted in ((share_GN, np.mean((0.4 * (share_GN[1] - share_GN[0])) ** 2)), (alike_GN, 0.0)):
        found = [
            mean_square_shift(Agreement.of(votes(shares, code_E, random), np.ones((26, 60))), code_E, moved_G)
            for _ in range(200)
        ]
        assert np.mean(found) == pytest.approx(wanted, abs=3.5 * np.std(found) / 200**0.5)


def test_groups_of_one_person_tell_nothing() -> None:
    vote_EN = np.full((3, 4), 0.5)
    agreement = Agreement.of(vote_EN, np.ones((3, 4)))
    assert np.isnan(mean_square_shift(agreement, np.array([0, 0, 1]), np.array([-0.2, 0.2])))


def test_pairs_of_a_rating_count_as_what_is_independent_of_them() -> None:
    rated = [Pair(prompt="p", chosen=a, rejected=b, evaluator="e", feedback_ids=(a, b)) for a, b in ("ab", "ac", "bc")]
    compared = Pair(prompt="p", chosen="a", rejected="b", evaluator="e", feedback_ids=("f",))
    assert sum(weights_of_pairs(rated)) == pytest.approx(2)
    assert weights_of_pairs([compared, *rated])[0] == 1.0


def choices(bias: float, pairs: int, random: np.random.Generator) -> np.ndarray:
    """Differences in quality and feature, chosen less rejected, of somebody of slope 3 who gives a feature `bias`."""
    difference_N2 = random.normal(size=(pairs, 2))
    chosen_N = random.random(pairs) < expit(3 * difference_N2 @ np.array([1.0, bias]))
    return np.where(chosen_N[:, None], difference_N2, -difference_N2)


def test_a_person_is_tested_at_the_size_that_is_claimed() -> None:
    random = np.random.default_rng(1)
    p_values = [person_test(choices(0.25, 60, random), np.ones(60), np.zeros(60), 3.0, 0.25)[0] for _ in range(200)]
    assert np.mean(np.array(p_values) < 0.05) <= 0.07


def test_a_person_who_goes_by_the_feature_alone_is_found() -> None:
    random = np.random.default_rng(2)
    p_values = [person_test(choices(3.0, 30, random), np.ones(30), np.zeros(30), 3.0, 0.25)[0] for _ in range(20)]
    assert max(p_values) < 0.01


def test_where_nobody_has_pairs_enough_it_is_said_how_many_it_takes() -> None:
    nobody = Estimate(0.0, 0.0, 0.0, 90)
    unmoved = FeatureBias("gender", Estimate(0.0, -0.1, 0.1, 90), (), nobody, 1.0, float("inf"))
    ruling = unmoved.ruling(BiasThresholds())
    assert ruling.verdict is Verdict.INCONCLUSIVE
    assert ruling.needs == f"{BiasThresholds().min_of_person} pairs of one person that differ in gender"


def test_everybody_is_the_plain_logit() -> None:
    slope_K, influence_NK = fit_everybody(choices(0.5, 4000, np.random.default_rng(3)), np.ones(4000))
    assert slope_K == pytest.approx([3.0, 1.5], abs=0.3)
    assert influence_NK.sum(0) == pytest.approx([0.0, 0.0], abs=1e-3)


def test_words_are_turned_whole_and_keep_their_capitals() -> None:
    (gender,) = axes_of("packaged")
    assert gender.balance("She and her brother, the hero") == 1
    assert gender.counterparts("He saw his sister") == ["her", "she", "sister"]
    assert gender.turned("SHE said: she, He, the", "she", to_first=False) == ("HE said: he, He, the", 3)
    assert gender.turned("He is here", "she", to_first=True) == ("She is here", 1)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "no axis"),
        ("[age]\nyoung = ['boy']", "two lists"),
        ("[age]\nyoung = ['boy']\nold = []", "age.old: write a list of words"),
        ("[age]\nyoung = ['boy', 'girl']\nold = ['man']", "2 and 1 words"),
        ("[age]\nyoung = ['boy']\nold = ['Boy']", "'boy' stands on both sides"),
        ("age = [", "not TOML"),
    ],
)
def test_a_file_of_terms_is_read_strictly(text: str, wanted: str, tmp_path: Path) -> None:
    (tmp_path / "terms.toml").write_text(text)
    with pytest.raises(AuditError, match=wanted):
        read_axes(tmp_path / "terms.toml")


def test_without_a_population_its_absence_is_named(tmp_path: Path) -> None:
    names = ("MH1 composition", "MH1 weights", "MH1 consequence")
    with plant(tmp_path / "run", checks=[CHECKS.get(name) for name in names]) as run:
        del run.manifest.files["data/population.json"]
        for name in names:
            found = finding_of(name, run)
            assert found.verdict is Verdict.NOT_ASSESSABLE
            assert "the population that the answers are to stand for" in found.result
