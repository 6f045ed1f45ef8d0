"""How two scores become an answer: what settings say of it, and what of that does not go together."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Answering", "Lapse"]

Lapse = float | Literal["fitted"]


@dataclass(frozen=True)
class Answering:
    """How two scores become an answer.

    noise         of the margin: logistic (Bradley & Terry) or normal (Thurstone)
    ties          half a win each, or an outcome of its own with a parameter: `davidson`, or a threshold, `rao_kupper`
    strength      not read, a least margin (`margin_scale` times it), or an ordinal answer (with ties by threshold)
    lapse         the share of answers at random, or `fitted`
    flip_rate     the share of answers whose sides are exchanged, corrected for (`noise_corrected`)
    """

    noise: Literal["logistic", "normal"] = "logistic"
    ties: Literal["half", "davidson", "rao_kupper"] = "half"
    strength: Literal["ignored", "margin", "ordinal"] = "ignored"
    margin_scale: float = 1.0
    lapse: Lapse = 0.0
    flip_rate: float = 0.0

    @property
    def problem(self) -> str | None:
        """Why these do not go together; None where they do."""
        if self.strength == "margin" and (self.ties != "half" or self.noise != "logistic"):
            return "strength = 'margin' goes with ties = 'half' alone"
        if self.strength == "ordinal" and self.ties != "rao_kupper":
            return "strength = 'ordinal' has an outcome for ties; set ties = 'rao_kupper'"
        if self.lapse and self.flip_rate:
            return "lapse and flip_rate are two models of the same mistakes; set one to 0"
        return None
