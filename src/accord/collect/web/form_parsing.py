"""Bodies of forms: read strictly, and the fields that plain HTML needs gathered into those that the desk takes.

A body is `application/x-www-form-urlencoded` in UTF-8, or it is refused; a byte that is none is never replaced, since
what was typed would be kept otherwise than it was meant. Line ends become `\\n`, which browsers send as `\\r\\n`.

    rank-0, rank-1, ...                     a place for each answer (ties share one)  ->  tiers      "2,0|1"
    start-0, end-0, type-0, note-0, ...     a row for each stretch                    ->  spans      JSON
    step-0, step-1, ...                     a verdict for each step                   ->  verdicts   "right,wrong"
    chosen (several times)                  boxes that were ticked                    ->  chosen     "a,b"
"""

import json
import re
from collections.abc import Mapping
from itertools import groupby
from urllib.parse import unquote_to_bytes

__all__ = ["MAX_BODY", "MAX_FIELDS", "ROW", "UnreadableError", "gathered", "read", "spread"]

MAX_BODY = 400_000  # bytes; the longest text a question takes fits, three bytes a letter
MAX_FIELDS = 500
REPEATED = frozenset({"chosen"})
NUMBERED = re.compile(r"(rank|start|end|type|note|step)-\d{1,4}")
ROW = ("start", "end", "type", "note")


class UnreadableError(Exception):
    """A body that is no form: what is the matter with it, for the person who sent it."""


def read(body: bytes) -> dict[str, str]:
    """The fields of a form. Raises `UnreadableError` for bytes that are not UTF-8, too many fields, or one twice."""
    form: dict[str, str] = {}
    parts = [each for each in body.split(b"&") if each]
    if len(parts) > MAX_FIELDS:
        raise UnreadableError(f"The form has more than {MAX_FIELDS} fields.")
    for part in parts:
        name, _, value = (_text(each) for each in part.partition(b"="))
        if name in form and name not in REPEATED:
            raise UnreadableError(f"The field “{name[:40]}” was sent twice.")
        form[name] = f"{form[name]},{value}" if name in form else value
    return form


def _text(raw: bytes) -> str:
    try:
        text = unquote_to_bytes(raw.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableError("The form holds bytes that are not UTF-8 text.") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def gathered(form: Mapping[str, str]) -> dict[str, str]:
    """The form as the desk takes it: rows and single fields gathered, all else as it came.

    A row of stretches that was left empty does not count; one half filled is handed on, for the desk to refuse.
    """
    out = {name: value for name, value in form.items() if not NUMBERED.fullmatch(name)}
    if ranks := _numbered(form, "rank"):
        out["tiers"] = _tiers(ranks)
    if verdicts := _numbered(form, "step"):
        out["verdicts"] = ",".join(verdicts.get(place, "") for place in range(max(verdicts) + 1))
    if starts := _numbered(form, "start"):
        rows = [_row(form, place) for place in sorted(starts)]
        out["spans"] = json.dumps([row for row in rows if row])
    return out


def spread(form: Mapping[str, str]) -> dict[str, str]:
    """`gathered` undone: a form as the desk kept it, in the fields of the page. What cannot be read is left out."""
    out = dict(form)
    for rank, tier in enumerate(form.get("tiers", "").split("|"), start=1):
        out |= {f"rank-{place}": str(rank) for place in tier.split(",") if place.isdecimal()}
    if verdicts := form.get("verdicts"):
        out |= {f"step-{place}": verdict for place, verdict in enumerate(verdicts.split(","))}
    for place, row in enumerate(_rows(form.get("spans", "[]"))):
        out |= {f"{stem}-{place}": "" if row.get(stem) is None else str(row[stem]) for stem in ROW}
    return out


def _rows(text: str) -> list[dict[str, object]]:
    try:
        found = json.loads(text)
    except json.JSONDecodeError:
        return []
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def _numbered(form: Mapping[str, str], stem: str) -> dict[int, str]:
    """The values of `stem-0`, `stem-1`, ... by number."""
    found = {name: re.fullmatch(rf"{stem}-(\d{{1,4}})", name) for name in form}
    return {int(match[1]): form[name] for name, match in found.items() if match}


def _tiers(ranks: Mapping[int, str]) -> str:
    """Answers in tiers, best first. An answer without a rank is left out, which the desk refuses by name."""
    ranked = sorted((int(rank), place) for place, rank in ranks.items() if re.fullmatch(r"\d{1,4}", rank))
    tiers = groupby(ranked, key=lambda each: each[0])
    return "|".join(",".join(str(place) for _, place in tier) for _, tier in tiers)


def _row(form: Mapping[str, str], place: int) -> dict[str, object]:
    start, end, kind, note = (form.get(f"{stem}-{place}", "").strip() for stem in ROW)
    if not (start or end):
        return {}
    return {"start": _whole(start), "end": _whole(end), "type": kind, "note": note or None}


def _whole(text: str) -> int | str:
    """A whole number where the text is one; else the text, for whoever reads it to refuse."""
    return int(text) if re.fullmatch(r"\d{1,7}", text) else text
