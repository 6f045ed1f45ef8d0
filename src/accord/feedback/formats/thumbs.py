"""A yes or no about one answer, as a rating: desirable (1) or undesirable (0)."""

from accord.feedback.formats.outgoing import JudgedItem, Outgoing
from accord.records import Rating, Scale

__all__ = ["DESIRABLE", "desirable"]

DESIRABLE = Scale(low=0, high=1, step=1, low_label="undesirable", high_label="desirable")


def desirable(item: JudgedItem, outgoing: Outgoing) -> bool | None:
    """Whether a rating calls its answer desirable: the upper end of a scale that has two values, such as a thumb up.

    None, and counted as lost, where its scale has more values: where on it desirable begins, nobody said. The ends and
    labels of another scale of two values are lost, and counted.
    """
    judgement = item.feedback.judgement
    assert isinstance(judgement, Rating)
    scale = judgement.scale
    if scale.step != scale.high - scale.low or judgement.value not in (scale.low, scale.high):
        outgoing.lose("ratings on another scale")
        return None
    if scale != DESIRABLE:
        outgoing.lose("ends and labels of scales")
    return judgement.value == scale.high
