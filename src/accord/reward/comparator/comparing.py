"""Comparators: two probabilities for a text and a reference."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from accord.errors import ModelError, storage
from accord.lm.encoder import EncodedText, Encoder, load_encoder
from accord.lm.gradients import without_gradients
from accord.reward.comparator.alignment import AlignmentHead, padded

__all__ = ["Comparator", "Compared", "Cosine", "TrainedComparator", "encoded"]

ABOUT, HEAD, ENCODER = "comparator.json", "head.safetensors", "encoder"
BATCH = 32  # pairs
CHUNK = 64  # texts encoded at once


@dataclass(frozen=True)
class Compared:
    """What is true of N texts beside a reference each, as probabilities.

    same_N    that the two say the same
    extra_N   that the text states a fact which is not in its reference
    """

    same_N: NDArray[np.float64]
    extra_N: NDArray[np.float64]


class Comparator(Protocol):
    """Compares texts with references."""

    def compare(self, texts: Sequence[str], references: Sequence[str]) -> Compared:
        """Each text with the reference at its place."""
        ...


@dataclass
class TrainedComparator:
    """A frozen encoder and a head that learnt to compare what it reads; the layers whose states the head reads.

    Of texts that are equal but for white space nothing need be estimated: they say the same. A text of nothing says
    nothing: not the same as any other, and no fact more.
    """

    encoder: Encoder
    head: AlignmentHead
    layers: tuple[int, ...]

    @classmethod
    def fresh(cls, encoder: Encoder, *, hidden: int, seed: int) -> "TrainedComparator":
        """One whose head is drawn from a seed; it reads embeddings, states of the middle layer and of the last."""
        layers = tuple(dict.fromkeys((0, encoder.layers // 2, encoder.layers)))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls(encoder, AlignmentHead(encoder.width, len(layers), hidden), layers)

    @without_gradients
    def compare(self, texts: Sequence[str], references: Sequence[str]) -> Compared:
        """Each text with the reference at its place. Raises `ModelError` where a text is too long for the encoder."""
        settled = [_settled(*pair) for pair in zip(texts, references, strict=True)]
        open_pairs = [place for place, known in enumerate(settled) if known is None]
        read = encoded(self.encoder, [each[place] for place in open_pairs for each in (texts, references)], self.layers)
        probability_N2 = np.array([known or (0.0, 0.0) for known in settled]).reshape(-1, 2)
        self.head.eval()
        for first in range(0, len(open_pairs), BATCH):
            batch = open_pairs[first : first + BATCH]
            logit_B2 = self.head(
                padded([read[texts[place]] for place in batch]), padded([read[references[place]] for place in batch])
            )
            probability_N2[batch] = logit_B2.double().sigmoid().numpy()
        if not np.isfinite(probability_N2).all():
            raise ModelError(f"{self.encoder.name}: a comparison that is not finite; train the comparator again")
        return Compared(probability_N2[:, 0], probability_N2[:, 1])

    def save(self, folder: Path) -> None:
        """Write encoder, head and what is known of them into a folder, as `load` reads it."""
        self.encoder.save(folder / ENCODER)
        save_file({name: each.contiguous() for name, each in self.head.state_dict().items()}, folder / HEAD)
        about = {"layers": self.layers, "hidden": self.head.states.out_features, "encoder": self.encoder.name}
        (folder / ABOUT).write_text(json.dumps(about, indent=1))

    @classmethod
    def load(cls, folder: Path, *, device: str = "cpu") -> "TrainedComparator":
        """The comparator in a folder. Raises `ModelError` where there is none, or its files do not fit together."""
        with storage(folder):
            if not (folder / ABOUT).is_file():
                raise ModelError(f"{folder}: no comparator in this folder (no {ABOUT}); give one that a run trained")
        encoder = load_encoder(folder / ENCODER, device=device)
        try:
            about = json.loads((folder / ABOUT).read_bytes())
            made = cls.fresh(encoder, hidden=int(about["hidden"]), seed=0)
            made.head.load_state_dict(load_file(folder / HEAD))
        except (OSError, ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
            raise ModelError(f"{folder}: a damaged comparator ({str(error)[:200]}); train it again") from error
        return made


@dataclass(frozen=True)
class Cosine:
    """The cosine of two vectors of an encoder as a comparator: the baseline that a trained one has to beat.

    same = (1 + cosine) / 2, extra = 1 - same: one number cannot tell more from less.
    """

    encoder: Encoder

    def compare(self, texts: Sequence[str], references: Sequence[str]) -> Compared:
        """Each text with the reference at its place."""
        pairs = list(zip(texts, references, strict=True))
        read = encoded(self.encoder, [*texts, *references], (-1,))
        cosines = [float(read[text].vector_D @ read[reference].vector_D) for text, reference in pairs]
        same_N = np.clip((1 + np.array(cosines, dtype=np.float64)) / 2, 0.0, 1.0)
        settled = [_settled(*pair) for pair in pairs]
        same_N = np.array([known[0] if known else same for known, same in zip(settled, same_N, strict=True)])
        extra_N = np.array([known[1] if known else 1 - same for known, same in zip(settled, same_N, strict=True)])
        return Compared(same_N, extra_N)


def encoded(encoder: Encoder, texts: Sequence[str], layers: Sequence[int]) -> dict[str, EncodedText]:
    """Every text once, as the encoder reads it."""
    single = list(dict.fromkeys(texts))
    read: dict[str, EncodedText] = {}
    for first in range(0, len(single), CHUNK):
        chunk = single[first : first + CHUNK]
        read |= zip(chunk, encoder.encode(chunk, layers=layers), strict=True)
    return read


def _settled(text: str, reference: str) -> tuple[float, float] | None:
    """What is true by definition, as (same, extra); None where it has to be estimated."""
    words, other = text.split(), reference.split()
    if words == other:
        return 1.0, 0.0
    if not words or not other:
        return 0.0, float(bool(words))
    return None
