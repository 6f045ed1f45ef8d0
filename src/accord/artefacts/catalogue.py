"""All files of a run in one list, and the page of the documents that is made of it."""

import json
from collections.abc import Iterator
from typing import Any

from accord.artefacts.attacks import ATTACK_RESULTS, CANARY_RANKS
from accord.artefacts.audit import FINDINGS
from accord.artefacts.compared_texts import COMPARED_TEXTS
from accord.artefacts.conduct import HARM_MARKS, STEERING_ANSWERS
from accord.artefacts.data import (
    COMPLETIONS,
    DEPLOYMENT_PROMPTS,
    EVALUATORS,
    EXAMPLES,
    POPULATION,
    PROMPTS,
    SUMMARY,
    TRUST,
    feedback_of,
    pairs_of,
)
from accord.artefacts.deployment import SINCE_RELEASE
from accord.artefacts.disclosure import DISCLOSURE, DISCLOSURE_PAGE, DISCLOSURE_TEXT, REDACTION_SALT, STATEMENTS
from accord.artefacts.evaluation import (
    CURVE,
    EVALUATION,
    EVALUATION_SAMPLES,
    JUDGED_ROLLOUTS,
    MEANINGS,
    QUESTION_ANSWERS,
    SCORES,
    TEXT_LOSSES,
)
from accord.artefacts.kinds import Artefact
from accord.artefacts.own_evaluation import OWN_EVALUATION, PAIR_READINGS, TEXT_NUMBERS
from accord.artefacts.reader import RECIPE, REPORT
from accord.artefacts.reward_card import CALIBRATION, CARD
from accord.artefacts.rounds import ASKED_ANSWERS, ASKED_PAIRS, ASKED_TEXTS, ASKING, ROUNDS
from accord.artefacts.stated import NORMALISATION, REFERENCES
from accord.artefacts.synchronous import REWARD_UPDATE, REWARD_UPDATES
from accord.artefacts.training import (
    ALGORITHM,
    BATCHES,
    BEST,
    CANDIDATES,
    JUDGE_FAILURES,
    METRICS,
    MODEL,
    MOMENTS,
    OBJECTIVE,
    SAMPLES,
    VALUE_HEAD,
)

__all__ = ["CATALOGUE", "markdown"]

CATALOGUE: tuple[Artefact, ...] = (
    RECIPE,
    ROUNDS,
    ASKED_PAIRS,
    ASKED_TEXTS,
    ASKED_ANSWERS,
    ASKING,
    PROMPTS,
    COMPLETIONS,
    EVALUATORS,
    feedback_of("<split>"),
    pairs_of("<split>"),
    EXAMPLES,
    SUMMARY,
    TRUST,
    POPULATION,
    DEPLOYMENT_PROMPTS,
    MODEL,
    VALUE_HEAD,
    MOMENTS,
    METRICS,
    SAMPLES,
    CANDIDATES,
    ALGORITHM,
    BEST,
    JUDGE_FAILURES,
    REWARD_UPDATES,
    REWARD_UPDATE,
    BATCHES,
    OBJECTIVE,
    REFERENCES,
    NORMALISATION,
    SCORES,
    CARD,
    CALIBRATION,
    EVALUATION_SAMPLES,
    JUDGED_ROLLOUTS,
    CURVE,
    EVALUATION,
    TEXT_NUMBERS,
    PAIR_READINGS,
    OWN_EVALUATION,
    QUESTION_ANSWERS,
    TEXT_LOSSES,
    MEANINGS,
    ATTACK_RESULTS,
    CANARY_RANKS,
    STEERING_ANSWERS,
    HARM_MARKS,
    COMPARED_TEXTS,
    FINDINGS,
    SINCE_RELEASE,
    REPORT,
    STATEMENTS,
    DISCLOSURE,
    DISCLOSURE_TEXT,
    DISCLOSURE_PAGE,
    REDACTION_SALT,
)

_HEAD = """# The run directory

Made by `python -m accord.artefacts`; a test holds this page against the code.

A run is a folder. Its stages talk through files, and every file is entered in `manifest.json` by SHA-256 when it is
whole; reading it back checks the digest. A training stage `<stage>` (`sft`, `reward`, `eval_reward`, `policy`, or one
below a prefix such as `rounds/03/policy`) has a folder of its own. `schema` in the manifest is the version of what
stands here: {schema}. A run with another one is refused, and the message names the version of accord that wrote it.

`.jsonl` files hold a JSON object a line. Columns that a schema does not require may be absent; numbers are finite. An
Estimate is a number with its interval: `value`, `low` and `high` (null where no interval can be had), `n` observations,
`clusters` (independent units among them), `level`, `method`.

"""


def markdown(schema: int) -> str:
    """The page: every file with what it holds, and the JSON Schema of its rows."""
    return _HEAD.format(schema=schema) + "\n".join(_sections())


def _sections() -> Iterator[str]:
    for artefact in CATALOGUE:
        path = artefact.path("" if artefact.stage else "<stage>")
        yield f"## `{path}`\n\n{artefact.about[0].upper()}{artefact.about[1:]}.\n"
        describe = getattr(artefact, "schema", None)
        if describe is not None:
            yield f"```json\n{_compact(describe())}\n```\n"


def _compact(schema: dict[str, Any]) -> str:
    """A schema as JSON, a property and a definition a line; titles, which say the names again, are left out."""
    lines = []
    for key, value in _untitled(schema).items():
        if key in {"$defs", "properties"}:
            inner = ",\n".join(f"  {json.dumps(name)}: {json.dumps(node)}" for name, node in value.items())
            lines.append(f' "{key}": {{\n{inner}\n }}')
        else:
            lines.append(f' "{key}": {json.dumps(value)}')
    return "{\n" + ",\n".join(lines) + "\n}"


def _untitled(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _untitled(value) for name, value in node.items() if name != "title" or isinstance(value, dict)}
    if isinstance(node, list):
        return [_untitled(value) for value in node]
    return node
