"""The rooms on real human feedback. The files are found through ACCORD_TEST_DATA; without it these are skipped."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from accord.feedback import (
    Ledger,
    draw_dataset,
    import_feedback,
    is_known,
    krippendorff_alpha,
    overlaps,
    pair_agreement,
    review_prompts,
    summarise_evaluators,
)
from accord.feedback.formats import ratings_archive
from accord.records import Feedback
from accord.run import digest_of
from postgres_cluster import Cluster

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
