"""The pretraining mix: the likelihood of other texts beside what is rewarded (PPO-ptx, Ouyang et al. 2022).

What a policy forgets while it chases a reward is held by the gradient of gamma E[log pi(x)], x from the texts that it
was pretrained on (arXiv 2203.02155, eq. 2): running text, predicted from its first token on. Without such texts the
supervised examples stand in for them.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path

from accord.deferred import deferred
from accord.errors import ArtefactError, RecipeError, storage
from accord.feedback.formats.containers import rows_of
from accord.feedback.formats.rows import BadRow
from accord.lm.causal import CausalModel
from accord.lm.packed import TokenizedCompletion, length_of
from accord.policy.supervised import likelihood, mean_token_weight, token_weights, tokenize
from accord.run import InputEntry, RunDirectory, digest_of
from accord.train import Optimiser, Passes
from accord.train.ranks import own_share

with deferred():
    from torch import Tensor

    from accord.policy.materials import SupervisedExample
    from accord.train import BatchLimits

__all__ = ["WHOLE", "PretrainingMix", "blocks_of", "note_texts", "read_texts"]

COLUMN = "text"
WHOLE = frozenset({".txt", ".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".arrow", ".feather"})
"""How files of texts are called: one of them has no splits."""


@dataclass(frozen=True)
class PretrainingMix:
    """Texts beside the rollouts, tokenized; what each token of one counts, by its key, and the mean of that."""

    passes: Passes[TokenizedCompletion]
    weight_of: Mapping[int, float]
    mean_weight: float

    @classmethod
    def of_blocks(cls, blocks: Sequence[TokenizedCompletion], seed: int) -> "PretrainingMix":
        """Running text, every token alike."""
        return cls(Passes([[block] for block in blocks], seed, "pretrain"), dict.fromkeys(range(len(blocks)), 1.0), 1.0)

    @classmethod
    def of_examples(cls, causal: CausalModel, examples: Sequence[SupervisedExample], seed: int) -> "PretrainingMix":
        """Supervised examples, each by its weight."""
        texts, weight_of = tokenize(causal, examples), {i: example.weight for i, example in enumerate(examples)}
        return cls(Passes([[text] for text in texts], seed, "pretrain"), weight_of, mean_token_weight(texts, weight_of))

    def add(
        self,
        policy: CausalModel,
        optimiser: Optimiser,
        limits: BatchLimits,
        *,
        size: int,
        coefficient: float,
        updating: Callable[[CausalModel], AbstractContextManager[None]],
    ) -> float | Tensor:
        """Add the gradient of `coefficient` times the mean loss a token of `size` texts; returns the loss, in nats.

        Where several processes share the step it is that of this one's share of the texts.
        """
        size = min(size, len(self.weight_of))
        texts = self.passes.draw(optimiser.done * size, size)
        total_weight = self.mean_weight * sum(len(answer.completion) for answer in texts)
        loss: float | Tensor = 0.0
        for batch in limits.pack(policy, own_share(texts, length_of)):
            with updating(policy):
                loss_N = likelihood(policy, batch)
            part = (token_weights(batch, self.weight_of).to(loss_N) * loss_N).sum() / total_weight
            optimiser.add(coefficient * part)
            loss += part.detach().double()
        return loss


def read_texts(place: str, split: str | None) -> list[str]:
    """The texts of a file: one whole text of a `.txt`, else those of the column `text`, a row each.

    JSON lines, Parquet, Arrow and CSV are read, and with a `split` a folder or a name of `datasets`. Blank texts are
    left out. Raises `RecordError` where a row cannot be read, `RecipeError` where one has no text or nothing is left,
    `StorageError` where the file cannot be opened.
    """
    path = Path(place)
    if split is not None and path.is_file():
        raise RecipeError(f"{place}: one file, which has no splits; leave pretrain_split out")
    if path.suffix == ".txt" and path.is_file():
        with storage(path):
            content = path.read_bytes()
        try:
            return _some([content.decode()], place)
        except UnicodeDecodeError as error:
            raise RecipeError(f"{place}: not UTF-8 ({error.reason} at byte {error.start}); save it as UTF-8") from error
    texts = []
    for row in rows_of(path, split):
        if isinstance(row, BadRow):
            raise row.problem
        text = row.content.get(COLUMN)
        if not isinstance(text, str):
            columns = ", ".join(sorted(row.content)) or "none"
            raise RecipeError(f"{row.place}: no text in the column '{COLUMN}'; its columns are {columns}")
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise RecipeError(
                f"{row.place}: the column '{COLUMN}' holds half a character (a lone surrogate); leave the row out"
            )
        texts.append(text)
    return _some(texts, place)


def _some(texts: Sequence[str], place: str) -> list[str]:
    if kept := [text for text in texts if text.strip()]:
        return kept
    raise RecipeError(f"{place}: holds no text; name a file with some, or leave pretrain_texts out")


def blocks_of(causal: CausalModel, texts: Sequence[str], size: int) -> list[TokenizedCompletion]:
    """Texts as token ids, each with the model's end behind it, cut into blocks of at most `size` tokens.

    All tokens of a block but its first are predicted. Raises `RecipeError` where no block has two.
    """
    blocks: list[TokenizedCompletion] = []
    for text in texts:
        ids = [*causal.tokenizer(text, add_special_tokens=False)["input_ids"], causal.eos_id]
        for start in range(0, len(ids), size):
            first, *rest = ids[start : start + size]
            if rest:
                blocks.append(TokenizedCompletion((first,), tuple(rest), len(blocks)))
    if not blocks:
        raise RecipeError(f"the pretraining texts have no two tokens in blocks of {size}; raise pretrain_tokens")
    return blocks


def note_texts(place: str, run: RunDirectory, *, stage: str) -> None:
    """Note which file the texts come from. Raises `ArtefactError` where the stage noted another one before."""
    path = Path(place)
    if not path.is_file():
        return  # a folder or a name on the hub, whose rows are streamed
    name = f"{stage}: {path.name}"
    entry = InputEntry(digest_of(path), relpath(path.resolve(), run.path.resolve()))
    noted = run.manifest.inputs.get(name)
    if noted is not None and noted.digest != entry.digest:
        raise ArtefactError(f"{place}: not the file that '{stage}' of {run.path} noted; put that one back")
    run.record_input(name, entry)
