"""The rooms on real human feedback. The files are found through ACCORD_TEST_DATA; without it these are skipped."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tools.postgres_cluster import Cluster

from accord.feedback import (
    Dataset,
    Ledger,
    draw_dataset,
    import_feedback,
    is_known,
    krippendorff_alpha,
    overlaps,
    pair_agreement,
    review_prompts,
    summarise_evaluators,
    weigh,
)
from accord.feedback.formats import ratings_archive
from accord.feedback.statistics.preferences import collect_preferences
from accord.feedback.statistics.workers.estimates import model_estimates
from accord.feedback.statistics.workers.fitting import dawid_skene
from accord.feedback.statistics.workers.votes import Votes
from accord.records import Feedback, Rating
from accord.reward.card.word_baseline import word_margins
from accord.run import digest_of

DATA = os.environ.get("ACCORD_TEST_DATA")
pytestmark = pytest.mark.skipif(DATA is None, reason="ACCORD_TEST_DATA names no folder with real human feedback")


def file(name: str) -> Path:
    path = Path(str(DATA)) / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    return path


@pytest.fixture(scope="module")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with Ledger(tmp_path_factory.mktemp("ratings") / "ledger.db") as ledger:
        start = time.process_time()
        added = import_feedback(file("hutto_ICWSM_2014.tar.gz"), "ratings_archive", ledger)
        assert time.process_time() - start < 60
        assert added.read["completions"] == 10_605
        yield ledger


@pytest.fixture(scope="module")
def said(ratings: Ledger) -> list[Feedback]:
    return list(ratings.feedback())


def test_the_file_is_the_pinned_one() -> None:
    assert digest_of(file("hutto_ICWSM_2014.tar.gz")) == ratings_archive.ARCHIVE.sha256


def test_every_rating_is_there(ratings: Ledger) -> None:
    counts = ratings.counts()
    assert counts["feedback"] == ratings.last_row == 198_810
    assert counts["completions"] == 10_603  # of 10,605 snippets two stand there twice
    assert counts["prompts"] == len(review_prompts()) == 64
    assert counts["evaluators"] == 6_635
    assert all(each.inferred and is_known(each) for each in ratings.evaluators().values())


def test_pairs_and_splits_of_the_ratings(ratings: Ledger, said: list[Feedback]) -> None:
    data = draw_dataset(ratings, limit=20_000, seed=0)
    assert data.summary.possible_pairs == 2_880_365
    assert data.summary.unused == {"asked again": 20}
    assert not overlaps(data)
    assert overlaps(data).by_kind["text"] == ()
    shares = [len(data.pairs[name]) / 20_000 for name in ("train", "eval_reward", "held_out")]
    assert shares == pytest.approx([0.44, 0.44, 0.12], abs=0.01)
    assert set(data.split_of) == {each.id for each in review_prompts()}
    held_out = {pair.session for pair in data.pairs["held_out"] if pair.session}
    assert len(held_out) > 25
    agreement = pair_agreement(said, sessions=held_out)
    assert agreement is not None
    assert 0.69 < agreement.value < 0.73  # a tie of the other is half
    assert agreement.clusters == len(held_out)


def test_raters_agree_far_beyond_chance(said: list[Feedback]) -> None:
    alpha = krippendorff_alpha(said)
    assert alpha is not None
    assert alpha.low is not None
    assert alpha.low > 0.75
    summaries = summarise_evaluators(said)
    assert len(summaries) == 6_635
    assert sum(each.controls.repeats for each in summaries) == 20
    assert 0.8 < sum(each.pair_accuracy or 0 for each in summaries) / len(summaries) < 0.87


@pytest.mark.slow
def test_the_ratings_are_the_same_on_postgresql(ratings: Ledger, postgres: Cluster) -> None:
    with Ledger(postgres.database()) as ledger:
        added = import_feedback(file("hutto_ICWSM_2014.tar.gz"), "ratings_archive", ledger)
        assert added.new == ledger.counts() == ratings.counts()
        assert ledger.last_row == ratings.last_row
        assert ledger.digest() == ratings.digest()
        assert ledger.digest(1000) == ratings.digest(1000)
        assert pair_agreement(ledger, upto=30_000) == pair_agreement(ratings, upto=30_000)


def test_transcripts_without_raters(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.db") as ledger:
        import_feedback(file("hh_rlhf/harmless-base-test.jsonl.gz"), "anthropic_hh", ledger)
        assert ledger.counts() == {"prompts": 2_310, "evaluators": 1, "completions": 4_624, "feedback": 2_312}
        assert pair_agreement(ledger) is None
        data = draw_dataset(ledger)
        assert sum(map(len, data.pairs.values())) == 2_312
        assert not overlaps(data)
        assert overlaps(data).unassessable == ("evaluator", "session")
        assert summarise_evaluators(ledger) == []


@pytest.mark.slow
def test_weights_bring_back_accuracy_where_a_third_of_the_raters_answer_in_part_at_random(
    ratings: Ledger, said: list[Feedback]
) -> None:
    """A hundred sessions, two draws of the noise: the reward is linear in the words, judged by people's own answers."""
    sessions = sorted({each.session for each in said if each.session})
    some = set(np.random.default_rng(0).permutation(sessions)[:100].tolist())
    answers = [each for each in said if each.session in some]
    raters = sorted({each.evaluator for each in answers})

    def drawn(feedback: list[Feedback]) -> Dataset:
        shares = {"train": 0.7, "eval_reward": 0.0, "held_out": 0.3}
        return draw_dataset(ratings, feedback=feedback, limit=40_000, unit="session", fractions=shares)

    clean = drawn(answers)
    tested = [pair for pair in clean.pairs["held_out"] if not pair.tie]
    gains, right, flagged = [], 0, 0
    for seed in range(2):
        random = np.random.default_rng(seed)
        noisy = set(random.permutation(raters)[: len(raters) // 3].tolist())
        data = drawn([at_random(each, random) if each.evaluator in noisy else each for each in answers])
        weighted, trust = weigh(data, trust="one_coin", pools={}, population=None)
        careless = {row.evaluator for row in trust.splits["train"].evaluators if row.standing == "careless"}
        right, flagged = right + len(careless & noisy), flagged + len(careless)
        rights = [
            np.mean(word_margins(clean, [pair for pair in of.pairs["train"] if not pair.tie], tested) > 0)
            for of in (data, weighted)
        ]
        gains.append(rights[1] - rights[0])
    assert right > 0.8 * flagged
    assert np.mean(gains) > 0.002


def at_random(rating: Feedback, random: np.random.Generator) -> Feedback:
    """The same with seven chances in ten of any number on the scale."""
    if random.random() >= 0.7 or not isinstance(rating.judgement, Rating):
        return rating
    value = float(random.integers(-4, 5))
    return rating.model_copy(update={"judgement": rating.judgement.model_copy(update={"value": value})})


def test_dawid_skene_has_the_majority_of_pandalms_three_raters(tmp_path: Path) -> None:
    with Ledger(tmp_path / "pandalm.db") as ledger:
        import_feedback(file("pandalm/testset-v1.json"), "pandalm", ledger)
        opinions = collect_preferences(ledger.feedback())
    text_I2, item_N = np.unique(np.stack([opinions.first_N, opinions.second_N], 1), axis=0, return_inverse=True)
    classes = ("worse", "as good", "better")
    votes = Votes(opinions.evaluators, classes, opinions.evaluator_N, item_N.reshape(-1), opinions.sign_N + 1, text_I2)
    assert (votes.items, len(votes.evaluators), votes.vote_N.size) == (999, 3, 2_997)
    count_IK = np.bincount(votes.item_N * 3 + votes.vote_N, minlength=2_997).reshape(-1, 3)
    assert (dawid_skene(votes).posterior(votes).argmax(1) == count_IK.argmax(1)).all()
    estimates = model_estimates(votes, "dawid_skene")
    assert [estimate.value for estimate in estimates.accuracy.values()] == pytest.approx(
        [0.955, 0.955, 0.955], abs=2e-3
    )
    assert not estimates.helps
