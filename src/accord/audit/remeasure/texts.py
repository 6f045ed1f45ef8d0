"""How well a model foretells plain texts."""

from collections.abc import Iterator, Mapping

from accord.artefacts import TextLoss
from accord.errors import AuditError, ModelError
from accord.lm.causal import CausalModel
from accord.lm.logprobs import completion_logprobs

__all__ = ["text_losses"]

AT_ONCE = 8  # texts measured together


def text_losses(causal: CausalModel, arm: str, texts: Mapping[str, str], *, tokens: int) -> Iterator[TextLoss]:
    """-log p of each text, by name: of its first `tokens` tokens at most, as far as the model reads, but the first.

    Tokens are those that the tokenizer makes of running text, with its beginning where it puts one; no conversation,
    and no end. Texts of a single token are left out. Raises `AuditError` where the model cannot be measured.
    """
    most = min(tokens, causal.context)
    ids = {name: _running_ids(causal, text)[:most] for name, text in texts.items()}
    whole = [(name, of_text) for name, of_text in ids.items() if len(of_text) > 1]
    for first in range(0, len(whole), AT_ONCE):
        batch = whole[first : first + AT_ONCE]
        try:
            by_text = completion_logprobs(causal, [of[:1] for _, of in batch], [of[1:] for _, of in batch])
        except ModelError as error:
            raise AuditError(f"plain texts from '{batch[0][0]}' on: {error}") from error
        for (name, of_text), logprob_T in zip(batch, by_text, strict=True):
            nats = max(0.0, -float(logprob_T.double().sum()))
            yield TextLoss(arm=arm, text=name, tokens=len(of_text) - 1, nats=round(nats, 6))


def _running_ids(causal: CausalModel, text: str) -> list[int]:
    """The tokens of a text as the tokenizer makes them by itself, without the end that some put behind them."""
    ids = list(causal.tokenizer(text)["input_ids"])
    while ids and ids[-1] in causal.end_ids:
        ids.pop()
    return ids
