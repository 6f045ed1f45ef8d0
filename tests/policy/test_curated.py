"""A few examples chosen for quality and diversity: the choice against every other, and what is learnt of it."""

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accord.errors import RecipeError
from accord.lm.loading import load
from accord.lm.writer import ModelWriter
from accord.policy import SFT, Curated, select
from accord.policy.curated import Floats, features
from accord.policy.materials import Materials
from accord.records import Sampling
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import LetterJudge, letters_dataset, truth

DATA = letters_dataset()
EXAMPLES = Materials(data=DATA).examples
SETTINGS = Curated(
    base="tiny",
    dtype="float32",
    k=6,
    weight=0.9,
    epochs=30,
    batch_size=6,
    save_every=99,
    optim=Optim(lr=1e-2, warmup_steps=2),
)


def value(chosen: list[int], quality_N: Floats, embedding_ND: Floats, k: int, weight: float) -> float:
    """F, written out."""
    unit_ND = embedding_ND / np.linalg.norm(embedding_ND, axis=1, keepdims=True)
    near_NN = np.maximum(unit_ND @ unit_ND.T, 0)
    covered = near_NN[:, chosen].max(1).mean() if chosen else 0.0
    return float((1 - weight) * covered + weight * quality_N[chosen].sum() / k)


def greedy(quality_N: Floats, embedding_ND: Floats, k: int, weight: float) -> list[int]:
    """Every gain worked out at every step."""
    taken: list[int] = []
    while len(taken) < k:
        left = [i for i in range(len(quality_N)) if i not in taken]
        taken.append(max(left, key=lambda i: round(value([*taken, i], quality_N, embedding_ND, k, weight), 12)))
    return taken


@given(seed=st.integers(0, 10_000), size=st.integers(2, 9), weight=st.sampled_from([0.0, 0.2, 0.5, 0.8, 1.0]))
def test_the_choice_is_near_the_best_of_all_choices(seed: int, size: int, weight: float) -> None:
    random = np.random.default_rng(seed)
    quality_N, embedding_ND = random.random(size), random.normal(size=(size, 3))
    k = int(random.integers(1, size + 1))
    chosen = select(quality_N, embedding_ND, k, weight)
    assert len(set(chosen)) == k
    made = value(chosen, quality_N, embedding_ND, k, weight)
    best = max(value(list(each), quality_N, embedding_ND, k, weight) for each in itertools.combinations(range(size), k))
    assert (1 - 1 / np.e) * best - 1e-6 <= made <= best + 1e-6
    plain = greedy(quality_N, embedding_ND, k, weight)
    assert made == pytest.approx(value(plain, quality_N, embedding_ND, k, weight), abs=1e-6)
    steps = [value(chosen[:n], quality_N, embedding_ND, k, weight) for n in range(k + 1)]
    gains = np.diff(steps)
    assert (gains >= -1e-9).all()  # monotone
    assert (np.diff(gains) <= 1e-6).all()  # submodular: what is taken later gains no more


def test_quality_alone_takes_the_best_and_diversity_alone_one_of_each_kind() -> None:
    embedding_ND = np.repeat(np.eye(3), 4, axis=0)
    quality_N = np.arange(12) / 12
    assert select(quality_N, embedding_ND, 3, 1.0) == [11, 10, 9]
    kinds = [place // 4 for place in select(quality_N, embedding_ND, 3, 0.0)]
    assert sorted(kinds) == [0, 1, 2]
    assert sorted(select(quality_N, embedding_ND, 3, 0.3)) == [3, 7, 11]  # the best of each kind


@pytest.mark.parametrize(("k", "weight", "low"), [(0, 0.5, 0.0), (4, 0.5, 0.0), (1, 1.5, 0.0), (1, 0.5, -0.1)])
def test_what_cannot_be_chosen_is_refused(k: int, weight: float, low: float) -> None:
    with pytest.raises(ValueError, match="of 3 examples"):
        select(np.array([low, 0.5, 1.0]), np.eye(3), k, weight)


def test_texts_are_as_near_as_their_words() -> None:
    texts = ["The library closes at eight.", "At eight the library closes!", "Dogs ride free on trains.", "?"]
    unit_ND = features(texts)
    near_NN = unit_ND @ unit_ND.T
    assert near_NN[0, 1] == pytest.approx(1)
    assert near_NN[0, 2] < 0.3
    assert near_NN[3].tolist() == [0, 0, 0, 0]
    assert np.diag(near_NN)[:3] == pytest.approx(1)


def test_what_is_chosen_is_kept_and_learnt(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        list(SETTINGS.steps(Materials(examples=EXAMPLES, judge=LetterJudge()), run))
        rows = run.read_jsonl("policy/candidates.jsonl")
        tuned = load(run.verified("policy/model"))
    with RunDirectory.create(tmp_path / "all") as run:
        everything = SFT(**SETTINGS.model_dump(exclude={"kind", "k", "weight"}))
        list(everything.train_on(EXAMPLES, run))
        plain = load(run.verified("sft/model"))
    chosen = [row for row in rows if row["chosen"]]
    assert len(rows) == len(EXAMPLES)
    assert sorted(row["place"] for row in chosen) == [1, 2, 3, 4, 5, 6]
    assert np.mean([row["reward"] for row in chosen]) > np.mean([row["reward"] for row in rows]) + 0.2
    assert Counter(row["place"] is None for row in rows) == {True: len(rows) - 6, False: 6}

    def share_of_a(model: object) -> float:
        made = ModelWriter(model).write(DATA.prompts_of("held_out"), 40, Sampling(max_tokens=10, seed=1))  # type: ignore[arg-type]
        return float(np.mean([truth(each.text) for group in made for each in group]))

    assert share_of_a(tuned) > share_of_a(plain) + 0.1


def test_a_broken_off_stage_goes_on_with_what_was_chosen(tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 6, "save_every": 2})
    losses = []
    for name, taken in (("whole", None), ("broken", 3)):
        with RunDirectory.create(tmp_path / name) as run:
            list(itertools.islice(settings.steps(Materials(examples=EXAMPLES, judge=LetterJudge()), run), taken))
        with RunDirectory.open(tmp_path / name) as run:
            if taken is not None:
                list(settings.steps(Materials(examples=EXAMPLES, judge=LetterJudge()), run))
            losses.append([row["loss"] for row in run.read_jsonl("policy/metrics.jsonl")])
    assert losses[0] == losses[1]


def test_nothing_to_choose_from_is_an_error(tmp_path: Path) -> None:
    with RunDirectory.create(tmp_path / "run") as run:
        with pytest.raises(RecipeError, match="no examples to choose from"):
            list(SETTINGS.steps(Materials(examples=[], judge=LetterJudge()), run))
        with pytest.raises(RecipeError, match="no model to start from"):
            list(Curated().steps(Materials(examples=EXAMPLES, judge=LetterJudge()), run))


def test_candidates_name_the_feedback_that_they_come_from(tmp_path: Path) -> None:
    examples = [example._replace(feedback_ids=(f"f-{number}",)) for number, example in enumerate(EXAMPLES)]
    with RunDirectory.create(tmp_path / "run") as run:
        list(itertools.islice(SETTINGS.steps(Materials(examples=examples, judge=LetterJudge()), run), 1))
        rows = run.read_jsonl("policy/candidates.jsonl")
    said = {example.completion.id: list(example.feedback_ids) for example in examples}
    assert {row["completion"]: row["feedback_ids"] for row in rows} == said
