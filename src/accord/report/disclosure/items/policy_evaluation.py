"""8: what the policy does, and who tried to make it do harm."""

from collections.abc import Iterator

from accord.artefacts import ALGORITHM, CURVE, EVALUATION, DisclosureField, DisclosureLine, PolicyEvaluation
from accord.report.disclosure.fields import known, line, number, table, unknown
from accord.report.disclosure.findings import audit_field
from accord.report.disclosure.item import Item
from accord.report.disclosure.questions import Question
from accord.report.disclosure.records import Records
from accord.report.optional import evaluation_of

__all__ = ["POLICY_EVALUATION_ITEM"]

CHALLENGES = frozenset({"OV4", "RG2", "RL1", "RL2", "MG1", "MG2", "DC2", "X3", "X6"})
ARMS = {
    "eval_reward": "score by the independent judge",
    "reward": "score by the reward model",
    "stop_rate": "texts that end themselves",
    "length": "length, tokens",
    "entropy": "entropy, nats a token",
    "distinct_1": "distinct words",
    "distinct_2": "distinct pairs of words",
}


def _fields(records: Records) -> Iterator[DisclosureField]:
    yield _training(records)
    yield _result(records)
    yield _curve(records)
    label = "What the audit says of the policy (OV4, RG2, RL1, RL2, MG1, MG2, DC2, X3, X6)"
    yield audit_field(records, "findings", label, CHALLENGES)


def _training(records: Records) -> DisclosureField:
    label = "How it was trained"
    if not records.reader.has(ALGORITHM, "policy"):
        return unknown("training", label, "the run does not say how a policy was trained")
    row = records.reader.value(ALGORITHM, "policy")
    return known("training", label, f"{row.sentence}.", [records.evidence(ALGORITHM, "policy")])


def _result(records: Records) -> DisclosureField:
    label = "The policy beside its start"
    evaluation = evaluation_of(records.reader)
    if evaluation is None:
        return unknown("result", label, "no policy was evaluated in this run")
    value = "Fresh texts on held-out prompts; the start is the model before the policy learnt."
    head = ("measure", "value")
    lines = table(head, _lines(evaluation))
    return known("result", label, value, [records.evidence(EVALUATION)], lines=lines)


def _lines(evaluation: PolicyEvaluation) -> Iterator[DisclosureLine]:
    wins = {
        "texts preferred to the start's by an independent judge": evaluation.win_rate,
        "texts preferred to the start's by its own reward": evaluation.win_rate_reward,
        "distance from the start (KL, nats a text)": evaluation.kl,
    }
    for name, estimate in wins.items():
        yield line(name, number(estimate), estimate=estimate)
    for key, name in ARMS.items():
        for arm, row in (("start", evaluation.start), ("policy", evaluation.policy)):
            if (estimate := getattr(row, key)) is not None:
                yield line(f"{name}, {arm}", number(estimate), estimate=estimate)


def _curve(records: Records) -> DisclosureField:
    """The independent judge beside the reward along the training, at its start, its best and its end."""
    label = "Whether an independent judge sees the gain that the reward sees"
    points = records.reader.curve if records.reader.has(CURVE) else []
    if not points:
        return unknown("curve", label, "no independent judge read what was sampled in training")
    best = max(points, key=lambda point: point.eval_reward.value)
    shown = {"first step": points[0], "best for the judge": best, "last step": points[-1]}
    lines = [
        line(f"{name} ({point.step})", *(number(each, 2) for each in (point.kl, point.reward, point.eval_reward)))
        for name, point in shown.items()
    ]
    head = ("where", "distance from the start", "reward model", "independent judge")
    value = "Where the judge's score falls while the reward model's rises, the reward is exploited."
    return known("curve", label, value, [records.evidence(CURVE)], lines=table(head, lines))


POLICY_EVALUATION_ITEM = Item(
    8,
    "policy.evaluation",
    "How the policy behaves",
    "How was the policy evaluated, with which results, red teaming and risky capabilities such as deceiving included?",
    "records and a person",
    _fields,
    (
        Question("text", "Which experts tried to make the policy do harm, how, and what came of it?"),
        Question(
            "risky_capabilities",
            "Which dangerous capabilities were looked for (deceiving, for instance), and with which result? No program "
            "certifies that there are none.",
        ),
        Question("training", "How was the policy trained?"),
        Question("result", "How does the policy compare with the model that it started from?"),
        Question("findings", "What was tested of it besides?"),
        Question("curve", "Did anybody but the reward model judge what was sampled in training?"),
    ),
)
