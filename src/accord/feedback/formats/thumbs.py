"""A yes or no about one answer, as a rating: desirable (1) or undesirable (0)."""

from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.records import Rating, Scale

__all__ = ["DESIRABLE", "desirable"]

DESIRABLE = Scale(low=0, high=1, step=1, low_label="undesirable", high_label="desirable")


def desirable(item: JudgedItem, outgoing: Outgoing) -> bool | None:
    """Whether a rating calls its answer desirable; None, and counted as lost, where it is on another scale."""
    judgement = item.feedback.judgement
    assert isinstance(judgement, Rating)
    if judgement.scale != DESIRABLE or judgement.value not in (0, 1):
        outgoing.lose("ratings on another scale")
        return None
    return judgement.value == 1
