"""BLEU and ROUGE as rewards: how far the words of a completion are those of a reference; meaning is not looked at."""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from accord.reward.stated.answers import ANSWER_KEYS, stated_answers
from accord.reward.stated.judge import Outcome
from accord.reward.stated.referenced import Grader, ReferencedReward

__all__ = ["BleuReward", "RougeReward"]

KEYS: Sequence[str] = ("reference", *(key for key in ANSWER_KEYS if key != "reference"))


class BleuReward(ReferencedReward):
    """Settings of sentence BLEU (Papineni et al. 2002) as sacrebleu has it (Post 2018), from 0 to 1."""

    objective: ClassVar[str] = "sentence BLEU of the text against its references, from 0 to 1"

    keys: ClassVar[tuple[str, ...]] = tuple(KEYS)

    kind: Literal["bleu"] = "bleu"
    smoothing: Literal["exp", "floor", "add-k", "none"] = Field(
        default="exp", description="of orders without a match (Chen & Cherry 2014; `exp` is their third)"
    )
    lowercase: bool = False

    def grader(self) -> Grader:
        """BLEU with up to four-grams, as many as the text has; words as 13a has them; all references at once."""
        from sacrebleu.metrics.bleu import BLEU

        metric = BLEU(effective_order=True, smooth_method=self.smoothing, lowercase=self.lowercase)

        def grade(text: str, reference: Any) -> Outcome:
            texts = [str(each) for each in stated_answers(reference, self.keys)]
            return Outcome(min(float(metric.sentence_score(text, texts).score) / 100, 1.0))  # rounding goes beyond 1

        return grade


class RougeReward(ReferencedReward):
    """Settings of ROUGE (Lin 2004) as rouge-score has it, from 0 to 1; the best of several references."""

    objective: ClassVar[str] = "ROUGE of the text against the best of its references, from 0 to 1"

    keys: ClassVar[tuple[str, ...]] = tuple(KEYS)

    kind: Literal["rouge"] = "rouge"
    variant: Literal["rouge1", "rouge2", "rougeL"] = Field(
        default="rougeL", description="words, pairs of words, or the longest common subsequence"
    )
    measure: Literal["fmeasure", "precision", "recall"] = "fmeasure"
    stemmer: bool = Field(default=False, description="count words by their stems (Porter), English alone")

    def grader(self) -> Grader:
        """ROUGE of words in a-z and 0-9: texts in other scripts have none, and score 0."""
        from rouge_score.rouge_scorer import RougeScorer

        scorer = RougeScorer([self.variant], use_stemmer=self.stemmer)

        def grade(text: str, reference: Any) -> Outcome:
            texts = [str(each) for each in stated_answers(reference, self.keys)]
            return Outcome(max(float(getattr(scorer.score(each, text)[self.variant], self.measure)) for each in texts))

        return grade
