"""A comparator learns to tell a changed fact from changed words; what needs no estimate is settled by definition."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from accord.errors import ModelError, RecipeError
from accord.lm.encoder import MAX_TOKENS, Encoder, load_encoder
from accord.reward.comparator.alignment import AlignmentHead, padded
from accord.reward.comparator.comparing import Cosine, TrainedComparator, encoded
from accord.reward.comparator.edits import EDITS
from accord.reward.comparator.fitting import cross_entropy, fit_step
from accord.reward.comparator.pairs import TextPair, make_pairs, read_texts, without_calculations
from accord.train import Optim, Optimiser

TEXTS = [
    f"{name} has {number} {thing} in the large house. {other} sold {number + 7} of them in May, before the shop closed."
    for name, other in (("Anna", "Robert"), ("Maria", "James"), ("Chen", "Helen"))
    for number in (3, 14, 25)
    for thing in ("eggs", "books", "old cars")
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("tiny")


@pytest.fixture(scope="module")
def comparator(encoder: Encoder) -> TrainedComparator:
    return TrainedComparator.fresh(encoder, hidden=16, seed=0)


def test_logits_do_not_depend_on_padding_or_on_the_batch(comparator: TrainedComparator) -> None:
    texts = ["Anna left.", "Robert has 12 eggs, and sold them.", "No", "Anna left, they say, in May."]
    read = encoded(comparator.encoder, texts, comparator.layers)
    comparator.head.eval()
    pairs = [(a, b) for a in texts for b in texts]
    with torch.no_grad():
        together = comparator.head(padded([read[a] for a, _ in pairs]), padded([read[b] for _, b in pairs]))
        alone = torch.cat([comparator.head(padded([read[a]]), padded([read[b]])) for a, b in pairs])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


def test_saying_the_same_has_no_direction_and_stating_more_has_one(comparator: TrainedComparator) -> None:
    a, b = ["Anna left in May.", "Robert has 12 eggs."], ["Anna left.", "Robert has 13 eggs and more."]
    there, back = comparator.compare(a, b), comparator.compare(b, a)
    np.testing.assert_allclose(there.same_N, back.same_N, atol=1e-6)
    assert not np.allclose(there.extra_N, back.extra_N, atol=1e-6)


def test_the_loss_is_the_cross_entropy_of_both_questions() -> None:
    pairs = [TextPair("", "", True, False, "", "", 0), TextPair("", "", False, True, "", "", 0)]
    logit_B2 = torch.tensor([[0.3, -1.2], [2.0, 0.5]])
    p = logit_B2.sigmoid()
    wanted = -(p[0, 0].log() + (1 - p[0, 1]).log() + (1 - p[1, 0]).log() + p[1, 1].log()) / 2
    torch.testing.assert_close(cross_entropy(logit_B2, pairs), wanted)


def test_what_needs_no_estimate(comparator: TrainedComparator) -> None:
    for each in (comparator, Cosine(comparator.encoder)):
        found = each.compare(["Anna  left.\n", "", "Anna left.", "", " "], ["Anna left.", "Anna left.", "", "", "\n"])
        assert found.same_N.tolist() == [1, 0, 0, 1, 1]
        assert found.extra_N.tolist() == [0, 0, 1, 0, 0]
        assert len(each.compare([], []).same_N) == 0


def test_texts_longer_than_the_encoder_reads_at_once(comparator: TrainedComparator) -> None:
    long = "Anna has 12 eggs. " * 60
    found = comparator.compare([long], ["Anna has 12 eggs."])
    assert 0 <= found.same_N[0] <= 1
    with pytest.raises(ModelError, match=f"more than the {MAX_TOKENS}"):
        comparator.compare(["x " * MAX_TOKENS], ["Anna"])


def test_weights_that_are_no_numbers_are_told(encoder: Encoder) -> None:
    broken = TrainedComparator.fresh(encoder, hidden=8, seed=0)
    with torch.no_grad():
        broken.head.states.weight.fill_(torch.nan)
    with pytest.raises(ModelError, match="a comparison that is not finite"):
        broken.compare(["Anna"], ["Robert"])


def test_a_saved_comparator_is_the_same(comparator: TrainedComparator, tmp_path: Path) -> None:
    comparator.save(tmp_path)
    texts, references = ["Anna has 3 eggs.", "He left."], ["Anna has 4 eggs.", "She left."]
    again = TrainedComparator.load(tmp_path).compare(texts, references)
    np.testing.assert_allclose(again.same_N, comparator.compare(texts, references).same_N, atol=1e-6)
    (tmp_path / "head.safetensors").write_bytes(b"not tensors")
    with pytest.raises(ModelError, match="a damaged comparator"):
        TrainedComparator.load(tmp_path)
    with pytest.raises(ModelError, match="no comparator in this folder"):
        TrainedComparator.load(tmp_path / "encoder")


def test_pairs_are_drawn_again_from_their_seed() -> None:
    pairs = make_pairs(TEXTS, 200, seed=3)
    assert pairs == make_pairs(TEXTS, 200, seed=3)
    assert pairs != make_pairs(TEXTS, 200, seed=4)
    assert 0.4 < sum(pair.same for pair in pairs) / 200 < 0.6
    assert not any(pair.same and pair.extra for pair in pairs)
    assert all(pair.kind != "deletion" or not pair.extra for pair in pairs)
    assert all(pair.kind != "addition" or pair.extra for pair in pairs)
    kept = {edit.name for edit in EDITS if edit.held_out}
    learnt = make_pairs(TEXTS, 200, seed=3, edits=[edit for edit in EDITS if not edit.held_out])
    assert not kept & {pair.edit for pair in learnt}


def test_too_few_texts_are_told() -> None:
    with pytest.raises(RecipeError, match="fewer than two texts"):
        make_pairs(["Anna left."], 10, seed=0)
    with pytest.raises(RecipeError, match=r"only \d+ pairs could be made, not 3"):
        make_pairs(["A", "B"], 3, seed=0, edits=[edit for edit in EDITS if edit.kind in {"unit", "contraction"}])


def test_texts_are_read_from_lines_and_from_json(tmp_path: Path) -> None:
    long = "Anna has twelve eggs in all."
    (tmp_path / "a.txt").write_text(f"{long}\n\n short\n{long}\n")
    assert read_texts(tmp_path / "a.txt") == [long, "short"]
    rows = [{"id": "7", "deep": [{"text": long}]}, {"text": "Robert has thirteen of them."}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert read_texts(tmp_path / "a.jsonl") == [long, "Robert has thirteen of them."]
    (tmp_path / "a.json").write_text("[")
    with pytest.raises(RecipeError, match="not JSON"):
        read_texts(tmp_path / "a.json")
    (tmp_path / "b.txt").write_text("\n")
    with pytest.raises(RecipeError, match="no text in it"):
        read_texts(tmp_path / "b.txt")
    assert without_calculations("9 * 2 = $<<9*2=18>>18") == "9 * 2 = $18"


def test_a_head_learns_numbers_that_a_cosine_does_not_see(encoder: Encoder) -> None:
    """On texts that it has not seen: a changed number or name, against a frame or another form that changes nothing."""
    kinds = {"number", "name", "frame", "punctuation"}
    edits = [edit for edit in EDITS if edit.kind in kinds and not edit.held_out]
    pairs, unseen = make_pairs(TEXTS[:18], 400, seed=1, edits=edits), make_pairs(TEXTS[18:], 200, seed=2, edits=edits)
    comparator = TrainedComparator.fresh(encoder, hidden=32, seed=0)
    read = encoded(encoder, [text for pair in pairs for text in (pair.text, pair.reference)], comparator.layers)
    optimiser = Optimiser(Optim(lr=3e-3, warmup_steps=5), list(comparator.head.parameters()), 75)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for step in range(75):
            fit_step(comparator.head, read, [pairs[(step * 16 + i) % 400] for i in range(16)], optimiser, step + 1)
    texts, references = [pair.text for pair in unseen], [pair.reference for pair in unseen]
    same_N = np.array([pair.same for pair in unseen])
    right = ((comparator.compare(texts, references).same_N > 0.5) == same_N).mean()
    cosine_N = Cosine(encoder).compare(texts, references).same_N
    by_cosine = max(((cosine_N > bar) == same_N).mean() for bar in cosine_N)  # the best bar, chosen on these very pairs
    assert right > by_cosine + 0.1


def test_a_head_takes_two_texts_of_nothing() -> None:
    head = AlignmentHead(32, 1, 8)
    (nothing,) = load_encoder("tiny").encode([""])
    assert head(padded([nothing]), padded([nothing])).isfinite().all()
