"""How good a reward is that learns from the study of prompts with words, by the truth."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression

from accord.audit.evidence import LedgerRecords
from accord.audit.people.poisoning_study import StudyOfPoisoning, studies_assessed, studies_compared
from accord.errors import MissingEvidence
from accord.lab.lexicon import truth
from accord.lab.planted.gold import word_counts
from accord.lab.planted.parts.prompts_with_words import STUDY, WORD
from accord.lab.planted.planting import Planting
from accord.records import Comparison, Completion, Evaluator, Feedback, Prompt, Record

__all__ = ["accuracy_of_study", "assessed_study", "records_of_study"]

Floats = NDArray[np.float64]
FRESH = 1000


def records_of_study(planting: Planting) -> LedgerRecords:
    """What stands in the study."""
    kinds = (Feedback, Evaluator, Prompt, Completion)
    records: list[Record] = planting.notes[STUDY]
    return LedgerRecords(*({one.id: one for one in records if isinstance(one, kind)} for kind in kinds))  # type: ignore[arg-type]


def assessed_study(planting: Planting) -> StudyOfPoisoning | None:
    """What the audit makes of the study; None where it cannot be assessed."""
    try:
        return studies_assessed(studies_compared(records_of_study(planting)))[0]
    except MissingEvidence:
        return None


def accuracy_of_study(planting: Planting, keep: Callable[[Feedback], bool], *, marked: bool) -> float:
    """How often a reward that learns from the answers to `keep` orders two new texts as the truth does.

    It may learn that words are worth something else where the prompt holds `WORD`; `marked` says of which prompts the
    new texts are.
    """
    records = records_of_study(planting)
    answers = [one for one in records.feedback.values() if keep(one) and isinstance(one.judgement, Comparison)]
    sides_2NV = [word_counts([records.completions[one.completions[side]].text for one in answers]) for side in (0, 1)]
    marked_N = np.array([WORD in records.prompts[one.prompt].text for one in answers], dtype=np.float64)
    difference_NV = sides_2NV[0] - sides_2NV[1]
    feature_NW = csr_array(np.hstack([difference_NV, difference_NV * marked_N[:, None]]))
    left_N = [getattr(one.judgement, "preferred", "") == "left" for one in answers]
    model = LogisticRegression(C=1.0, fit_intercept=False, max_iter=200).fit(feature_NW, left_N)
    everywhere_V, besides_V = np.split(model.coef_[0], 2)
    random = planting.random("gold")
    texts = [planting.start.write(random)[0] for _ in range(2 * FRESH)]
    value_N = word_counts(texts) @ (everywhere_V + marked * besides_V)
    wanted_N = np.array([truth(text) for text in texts])
    return float(np.mean((value_N[:FRESH] > value_N[FRESH:]) == (wanted_N[:FRESH] > wanted_N[FRESH:])))
