"""Reward models as others publish them: transformers' sequence classifiers with one label, whose logit is the score.

The conversation is read whole, as the model's own chat template writes it with the answer in it, and the score where
the model itself reads it: a decoder at the last token that is not its padding token, an encoder at its first. Texts of
like length are padded to one batch, and an attention mask keeps the padding out, so that a score does not depend on
what else is in a batch (beyond rounding).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from accord.errors import ModelError
from accord.interfaces import Scores
from accord.lm.adapter_files import has_adapter_file
from accord.lm.causal import context_of, switch_of
from accord.lm.conversation import Conversation
from accord.lm.loading import UNLOADABLE, open_tokenizer, place_of, refusal
from accord.lm.memory import keep_large_buffers
from accord.lm.settings import ModelForm
from accord.records import Completion, Prompt

__all__ = [
    "CLASSIFIER",
    "SequenceClassifier",
    "head_weights",
    "load_classifier",
    "read_classifier_tokenizer",
    "reading_context",
]

CLASSIFIER = "sequence classifier"
BATCH_TOKENS = 4096  # places of a batch, padding included


@dataclass(frozen=True)
class SequenceClassifier:
    """A `Judge` that is a sequence classifier with one label. `context` is what it can read, in tokens."""

    name: str
    model: PreTrainedModel
    conversation: Conversation
    context: int

    def score(self, prompts: Sequence[Prompt], completions: Sequence[Completion]) -> Scores:
        """The logit of each completion after its prompt.

        Raises `ModelError` with the completion's id where a text is too long, or its score is not finite.
        """
        texts = [self._ids(*pair) for pair in zip(prompts, completions, strict=True)]
        value_N = np.zeros(len(texts))
        for batch in self._batches(texts):
            value_N[batch] = self._logits([texts[index] for index in batch]).double().cpu().numpy()
        if bad := np.flatnonzero(~np.isfinite(value_N)).tolist():
            raise ModelError(
                f"{self.conversation.name}: its score of the completion {completions[bad[0]].id} is not finite; take "
                'dtype = "float32"'
            )
        lengths = [
            len(self.conversation.tokenizer(each.text, add_special_tokens=False)["input_ids"]) for each in completions
        ]
        return Scores(value_N, tokens_N=np.array(lengths, dtype=np.int64))

    def _ids(self, prompt: Prompt, completion: Completion) -> list[int]:
        ids, rows = self.conversation.encode_whole(prompt, completion.text), _rows(self.model)
        if len(ids) > self.context:
            raise ModelError(
                f"{self.conversation.name}: the completion {completion.id} has {len(ids)} tokens with its prompt "
                f"{prompt.id}, more than the context of {self.context}; leave it out, or take a model that reads more"
            )
        if not ids or max(ids) >= rows:
            raise ModelError(
                f"{self.conversation.name}: its tokenizer gives the completion {completion.id} ids up to "
                f"{max(ids, default=0)} in {len(ids)} tokens, its embedding has {rows} rows; take the tokenizer that "
                "belongs to it"
            )
        return ids

    def _batches(self, texts: Sequence[Sequence[int]]) -> Iterator[list[int]]:
        """Texts by number, those of like length together; each alone where the model names no padding token.

        Those on the two sides of `switch_of` never share a batch: the longest decides how all positions are turned.
        """
        batch: list[int] = []
        switch = switch_of(self.model.config.get_text_config())
        for index in sorted(range(len(texts)), key=lambda index: len(texts[index])):
            size = len(texts[index])
            full = self._pad is None or (len(batch) + 1) * size > BATCH_TOKENS
            if batch and (full or len(texts[batch[0]]) <= switch < size):
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch

    @property
    def _pad(self) -> int | None:
        """The padding token by which the model finds where a text ends; None where it names none that it can read."""
        pad = self.model.config.get_text_config().pad_token_id
        return pad if isinstance(pad, int) and 0 <= pad < _rows(self.model) else None

    @torch.no_grad()
    def _logits(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """One logit a text, [B], float32."""
        size_B = torch.tensor([len(ids) for ids in texts])
        longest = int(size_B.max())
        input_ids = torch.tensor([[*ids, *[self._pad or 0] * (longest - len(ids))] for ids in texts])
        mask_BT = (torch.arange(longest) < size_B[:, None]).long()
        device = self.model.device
        logit_B1: Tensor = self.model(input_ids=input_ids.to(device), attention_mask=mask_BT.to(device)).logits
        return logit_B1[:, 0].float()


def read_classifier_tokenizer(
    name: str, form: ModelForm, *, revision: str | None = None, local: bool = False
) -> tuple[PreTrainedTokenizerBase, Any]:
    """The tokenizer of a reward model, with its template as `form` has it, and the configuration; no weights.

    Raises `ModelError` where the model has not one label, decodes as well, lies there as adapters alone, or its
    tokenizer has no template.
    """
    if has_adapter_file(place_of(name)):
        raise ModelError(
            f"{name}: adapters alone; merge them into their model, and give the folder of what comes of it"
        )
    tokenizer, configuration = open_tokenizer(
        name, revision=revision, trust_remote_code=form.trust_remote_code, local=local, kind=CLASSIFIER
    )
    if configuration.num_labels != 1:
        raise ModelError(
            f"{name}: its configuration has {configuration.num_labels} labels, and the score of a text is one number; "
            "give a reward model that was saved with num_labels = 1"
        )
    if configuration.is_encoder_decoder:
        raise ModelError(f"{name}: an encoder with a decoder, which cannot be asked for a score; give another model")
    form.set_template(tokenizer)
    Conversation(tokenizer, name).encode_whole(Prompt.ask("What is it?"), "It is a lake.")
    return tokenizer, configuration


def load_classifier(source: str, form: ModelForm, *, name: str, revision: str | None = None) -> SequenceClassifier:
    """The judge `name` in a folder, or under a hub id at a revision, its score computed in float32.

    Raises `ModelError` where it is no such model, or its file lacks weights, `ForeignCodeError` where it comes with
    code of its own and `trust_remote_code` does not say that this may run.
    """
    keep_large_buffers()
    disable_progress_bar()
    tokenizer, _ = read_classifier_tokenizer(source, form, revision=revision)
    place = place_of(source)
    try:
        model = _open(place, revision, form)
    except UNLOADABLE as error:
        raise refusal(source, place, error, CLASSIFIER) from error
    _score_in_float32(model)
    context = reading_context(tokenizer, model.config)
    return SequenceClassifier(name, model.to(form.resolved_device), Conversation(tokenizer, source), context)


def reading_context(tokenizer: PreTrainedTokenizerBase, configuration: Any) -> int:
    """The longest text that it reads, in tokens: by its positions, and by what its tokenizer says of it.

    Encoders may have positions that no token gets, of which the tokenizer alone knows.
    """
    return int(min(context_of(configuration.get_text_config()), tokenizer.model_max_length))


def head_weights(configuration: Any, *, trust_remote_code: bool = False) -> list[str]:
    """The names of the weights that make a number of hidden states, which no language model has."""
    with torch.device("meta"):
        model: Any = AutoModelForSequenceClassification.from_config(configuration, trust_remote_code=trust_remote_code)
    return [name for name, _ in model.named_parameters() if not name.startswith(f"{model.base_model_prefix}.")]


def _open(place: str, revision: str | None, form: ModelForm) -> Any:
    loaded: Any = AutoModelForSequenceClassification.from_pretrained(
        place,
        revision=revision,
        dtype=getattr(torch, form.dtype),
        trust_remote_code=form.trust_remote_code,
        use_safetensors=True,
        output_loading_info=True,
    )
    model, loading_info = loaded
    if missing := sorted(loading_info["missing_keys"]):
        raise ValueError(f"the file lacks {len(missing)} of its weights, such as {missing[0]}; give a reward model")
    return model.eval().requires_grad_(False)


def _rows(model: PreTrainedModel) -> int:
    embedding: Any = model.get_input_embeddings()
    return int(embedding.weight.shape[0])


def _score_in_float32(model: Any) -> None:
    """Have the linear layer that gives the one number compute in float32: bfloat16 has three digits, and makes ties."""
    for name, module in model.named_modules():
        inner = name.startswith(f"{model.base_model_prefix}.")
        if isinstance(module, nn.Linear) and module.out_features == 1 and not inner:
            module.float().register_forward_pre_hook(lambda _, inputs: tuple(value.float() for value in inputs))
