"""DC2: a collapsed policy fires, one as various as its start does not."""

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from audit_checks import evaluation_sample, finding_of
from hypothesis import given
from hypothesis import strategies as st

from accord.artefacts import EVALUATION_SAMPLES, Verdict
from accord.audit.distribution.variety import _distinct
from accord.audit.written_words import words_of
from accord.run import RunDirectory

WORDS = [f"word{i}" for i in range(60)]


def sampled(
    path: Path, *, choices: int, surprise: float, seed: int, words: int = 8, samples: int = 320
) -> RunDirectory:
    """The start's 320 samples of eight words, the policy's `samples` of `words` words from the first `choices` words.

    The policy has `surprise` nats a token.
    """
    run, draw = RunDirectory.create(path), np.random.default_rng(seed)
    rows = []
    for arm, count, nats, long, many in (("start", 60, 2.0, 8, 320), ("policy", choices, surprise, words, samples)):
        for i in range(many):
            text = " ".join(draw.choice(WORDS[:count], long))
            logprobs = tuple(float(-nats * draw.exponential()) for _ in range(long))
            rows.append(evaluation_sample(arm, f"p{i % 10}", text=text, logprobs=logprobs))
    EVALUATION_SAMPLES.write(run, rows)
    return run


@pytest.mark.parametrize("seed", range(5))
def test_a_collapsed_policy_fires(seed: int, tmp_path: Path) -> None:
    run = sampled(tmp_path / "run", choices=4, surprise=0.4, seed=seed)
    assert finding_of("DC2 diversity", run).verdict is Verdict.FIRES
    assert finding_of("DC2 entropy", run).verdict is Verdict.FIRES


@pytest.mark.parametrize("seed", range(5))
def test_a_policy_as_various_as_its_start_does_not(seed: int, tmp_path: Path) -> None:
    run = sampled(tmp_path / "run", choices=60, surprise=1.8, seed=seed)
    assert finding_of("DC2 diversity", run).verdict is Verdict.QUIET
    assert finding_of("DC2 entropy", run).verdict is Verdict.QUIET


@pytest.mark.parametrize(("words", "samples"), [(40, 320), (3, 320), (8, 1600), (8, 60)])
def test_neither_length_nor_the_number_of_samples_passes_for_variety(words: int, samples: int, tmp_path: Path) -> None:
    same = sampled(tmp_path / "same", choices=60, surprise=2.0, seed=0, words=words, samples=samples)
    finding = finding_of("DC2 diversity", same)
    assert finding.verdict is Verdict.QUIET
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(1.0, abs=0.03)


def spoken(path: Path, *, start: tuple[int, int], policy: tuple[int, int], seed: int = 0) -> RunDirectory:
    """Arms that write (how many different words, how long) each, with their log-probabilities, and an end."""
    run, draw = RunDirectory.create(path), np.random.default_rng(seed)
    rows = []
    for arm, (kinds, long) in (("start", start), ("policy", policy)):
        for i in range(320):
            words = draw.integers(0, kinds, max(1, int(draw.integers(long // 2, long + long // 2 + 1))))
            text = " ".join(f"word{word}" for word in words)
            logprobs = (-float(np.log(kinds)),) * len(words) + (-0.1,)
            rows.append(evaluation_sample(arm, f"p{i % 10}", text=text, logprobs=logprobs))
    EVALUATION_SAMPLES.write(run, rows)
    return run


def test_the_same_words_in_shorter_texts_are_as_wide(tmp_path: Path) -> None:
    finding = finding_of("DC2 entropy", spoken(tmp_path / "run", start=(200, 20), policy=(200, 8)))
    assert finding.verdict is Verdict.QUIET
    assert finding.estimate is not None
    assert finding.estimate.value == pytest.approx(1.0)
    assert finding.facts["tokens a text, policy"].value < 0.5 * finding.facts["tokens a text, start"].value


def test_longer_texts_do_not_hide_that_words_are_few(tmp_path: Path) -> None:
    """log 12 of log 200 nats a token are .47; a text three times as long has more of them in all."""
    finding = finding_of("DC2 entropy", spoken(tmp_path / "run", start=(200, 10), policy=(12, 30)))
    assert finding.verdict is Verdict.FIRES
    assert finding.facts["nats a text, policy"].value > finding.facts["nats a text, start"].value
    assert "few answers to a prompt are right" in finding.remedy


def test_texts_without_spaces_are_told_apart_by_their_characters(tmp_path: Path) -> None:
    """Chinese and Thai: a policy with 8 of 60 words has collapsed, one with all of them has not."""
    draw = np.random.default_rng(0)
    chinese = ["".join(chr(0x4E00 + int(letter)) for letter in draw.integers(0, 900, 2)) for _ in range(60)]
    thai = ["".join(chr(0x0E01 + int(letter)) for letter in draw.integers(0, 44, 3)) + "\u0e35" for _ in range(60)]
    for name, lexicon in (("chinese", chinese), ("thai", thai)):
        for kinds, wanted in ((60, Verdict.QUIET), (8, Verdict.FIRES)):
            run = RunDirectory.create(tmp_path / f"{name}-{kinds}")
            rows = [
                evaluation_sample(arm, f"p{i % 10}", text="".join(draw.choice(lexicon[:count], 8)))
                for arm, count in (("start", 60), ("policy", kinds))
                for i in range(160)
            ]
            EVALUATION_SAMPLES.write(run, rows)
            assert finding_of("DC2 diversity", run).verdict is wanted, (name, kinds)


def test_words_are_parted_by_spaces_or_by_script() -> None:
    assert words_of("The film 很好看, ok") == ["the", "film", "很", "好", "看", ",", "ok"]
    assert words_of("ดีที่") == ["ดี", "ที่"]
    assert words_of("한국어 단어") == ["한국어", "단어"]


def test_a_policy_that_writes_single_words_has_no_variety_left(tmp_path: Path) -> None:
    run = sampled(tmp_path / "run", choices=4, surprise=0.4, seed=0, words=1)
    finding = finding_of("DC2 diversity", run)
    assert finding.estimate is not None
    assert (finding.verdict, finding.estimate.value) == (Verdict.FIRES, 0.0)


@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_expected_different_pairs_is_the_mean_over_all_choices(counts: list[int], data: st.DataObject) -> None:
    pairs = Counter({(str(kind), ""): count for kind, count in enumerate(counts)})
    size = data.draw(st.integers(1, min(4, sum(counts))))
    choices = [len(set(chosen)) / size for chosen in combinations(pairs.elements(), size)]
    # elements() repeats equal kinds; combinations() tells them apart by place, as drawing without replacement does
    assert _distinct(pairs, size) == pytest.approx(np.mean(choices))


def test_alikeness_of_samples_is_told(tmp_path: Path) -> None:
    run = sampled(tmp_path / "run", choices=4, surprise=0.4, seed=0)
    facts = finding_of("DC2 diversity", run).facts
    start, policy = (facts[f"words that two samples of a prompt share, {arm}"].value for arm in ("start", "policy"))
    assert start < 0.15 < 0.7 < policy


def test_without_samples_nothing_is_assessed(tmp_path: Path) -> None:
    finding = finding_of("DC2 diversity", RunDirectory.create(tmp_path / "run"))
    assert finding.verdict is Verdict.NOT_ASSESSABLE
    assert "evaluation/samples.jsonl" in finding.needs
