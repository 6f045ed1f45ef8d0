"""JSON schema: is a completion JSON, and of the stated form?

A reference is `{"schema": {...}}`, in any draft that the schema names. The completion is the JSON, or has it in its
only fenced block. Schemas elsewhere are not fetched. `NaN` and the infinities, and a name twice in an object, are no
JSON here.
"""

import json
from typing import Any, NoReturn

import jsonschema_rs

from accord.verdicts.fences import fenced_blocks
from accord.verdicts.marks import Mark, UnusableReferenceError, setting

__all__ = ["JsonSchema"]

EXAMPLE = '{"schema": {"type": "object"}}'
MAX_PROBLEMS = 3


class JsonSchema:
    """A `Marker` by a schema: 1 where the completion is JSON and valid, else 0."""

    name = "json_schema"
    labels = ("valid", "invalid")

    def mark(self, text: str, reference: Any) -> Mark:
        """1 or 0; the remark names the place of what is wrong. Raises `UnusableReferenceError`."""
        validator = _validator(setting(reference, "schema", EXAMPLE))
        blocks = fenced_blocks(text)
        try:
            content = _read(blocks[0].text if len(blocks) == 1 else text)
            problems = [_told(error) for error in validator.iter_errors(content)]
        except (ValueError, RecursionError) as error:
            return Mark(0.0, f"it is no JSON: {_parse_problem(error)}")
        more = f"; and {len(problems) - MAX_PROBLEMS} more" if len(problems) > MAX_PROBLEMS else ""
        return Mark(float(not problems), "; ".join(problems[:MAX_PROBLEMS]) + more or "it is as the schema has it")


def _validator(schema: Any) -> jsonschema_rs.Validator:
    try:
        return jsonschema_rs.validator_for(schema, offline=True, pattern_options=jsonschema_rs.RegexOptions())
    except (ValueError, RecursionError) as error:
        raise UnusableReferenceError(f"the schema of the item's reference cannot be used: {error!s:.200}") from error


def _read(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse, object_pairs_hook=_object)


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object names {twice!r:.60} twice")
    return content


def _parse_problem(error: ValueError | RecursionError) -> str:
    match error:
        case json.JSONDecodeError(lineno=line, colno=column, msg=problem):
            return f"line {line}, column {column}: {problem}"
        case RecursionError():
            return "it is nested too deep"
        case _:
            return f"{error!s:.200}"


def _told(error: jsonschema_rs.ValidationError) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    return f"at {place or 'the top'}: {error.message:.200}"
