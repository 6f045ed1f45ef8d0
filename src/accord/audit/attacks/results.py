"""A query and its answer as a row: whether it gives in, whether it refuses."""

from accord.artefacts import AttackResult
from accord.audit.attacks.answers import gives_in, is_refusal
from accord.audit.attacks.queries import Answerable, Query
from accord.audit.attacks.thresholds import WHITE_BOX, AttackThresholds

__all__ = ["attack_result"]


def attack_result(
    arm: str,
    request: Answerable,
    query: Query,
    answer: str | None,
    settings: AttackThresholds,
    *,
    judged: bool | None = None,
) -> AttackResult:
    """What came of a query; an answer of None was not to be had. `judged` is what a judge makes of it."""
    readings = () if answer is None else query.readings(answer)
    refused = any(is_refusal(reading, settings.refusal_words) for reading in readings)
    return AttackResult(
        arm=arm,
        family=query.family.name,
        request=request.name,
        kind=request.kind,
        attempt=query.attempt,
        budget=settings.budget,
        prompt=query.prompt.id,
        text=query.prompt.text,
        answer=answer,
        success=bool(readings) and gives_in(request, readings, refused=refused, judged=judged),
        refusal=refused,
        white_box=query.family.name == WHITE_BOX,
        evaluations=query.evaluations,
    )
