"""What differs between two runs, bit for bit: weights, scores, samples, metrics, evaluation, findings.

The tables say what may differ: names of files and fields, what was added or taken away, times. Both runs are brought
to the newest names before they are compared, so that it does not matter which of the two has them already. A field
that is null is a field that is missing. What a finding says in prose is told as a note; its verdict, its estimates and
the numbers of its threshold are compared.
"""

import json
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import zip_longest
from pathlib import Path
from typing import Any

__all__ = ["Difference", "compare"]

# Old path -> new path, by its beginning.
FILES = {
    "judge/": "eval_reward/",
    "data/pairs-judge.jsonl": "data/pairs-eval_reward.jsonl",
    "data/sft.jsonl": "data/examples.jsonl",
}

# In files (of the new name) like the first: old field -> new field.
FIELDS = [
    ("data/pairs-*", "because", "feedback_ids"),
    ("data/pairs-*", "batch", "session"),
    ("data/evaluators.jsonl", "recruited", "recruitment"),
    ("data/evaluators.jsonl", "paid", "payment"),
    ("data/evaluators.jsonl", "trained", "training"),
    ("data/evaluators.jsonl", "derived", "inferred"),
    ("data/summary.json", "judge", "eval_reward"),
    ("policy/metrics.jsonl", "reward_sd", "reward_std"),
    ("policy/metrics.jsonl", "clip_share", "clip_frac"),
    ("policy/metrics.jsonl", "idle", "frac_zero_std"),
    ("policy/metrics.jsonl", "parts", "components"),
    ("*/samples.jsonl", "sampled_logprobs", "rollout_logprobs"),
    ("*/samples.jsonl", "stopped", "finish_reason"),
    ("policy/candidates.jsonl", "stopped", "finish_reason"),
    ("evaluation/*", "proxy", "reward"),
    ("evaluation/*", "judge", "eval_reward"),
    ("evaluation/*", "win_rate_proxy", "win_rate_reward"),
]

# In files like the first, in this field: old value -> new value.
VALUES = [
    ("data/prompts.jsonl", "split", "judge", "eval_reward"),
]

# Fields (file, field) and files that one of the two runs may lack, with the reason.
ADDED_FIELDS: dict[tuple[str, str], str] = {
    ("audit.json", "ids"): "rows and people that a finding rests on",
    ("audit.json", "title"): "of the challenge",
    ("data/examples.jsonl", "source"): "why it is learnt from",
    ("data/examples.jsonl", "evaluators"): "who said so",
    ("data/examples.jsonl", "feedback_ids"): "in which feedback",
    ("data/examples.jsonl", "weight"): "1 everywhere",
    ("data/summary.json", "examples"): "a count",
}
ADDED_FILES: dict[str, str] = {
    "data/feedback-*.jsonl": "what was said, of every kind, by split",
    "policy/algorithm.json": "what the report tells of the algorithm",
}
# Files to whose end rows may be added.
APPENDED: dict[str, str] = {
    "data/completions.jsonl": "what feedback is about that gave no pair, and what it adds",
    "data/evaluators.jsonl": "who gave such feedback",
}
REMOVED_FIELDS: dict[tuple[str, str], str] = {
    ("data/summary.json", "completions"): "counts the added rows",
    ("data/summary.json", "evaluators"): "counts the added rows",
    ("*", "seconds"): "a time",
}
REMOVED_FILES = {
    "manifest.json": "times, versions, digests, the machine",
    "recipe.toml": "names of settings; what they do is in the rest",
    "report.html": "prose and pictures of what is compared",
    ".lock": "empty",
}

PROSE = ("claim", "result", "remedy", "threshold", "needs", "words", "source", "evidence")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
ABSENT = object()


@dataclass(frozen=True)
class Difference:
    """One place where two runs differ; `note` where it is prose, which may."""

    file: str
    place: str
    old: str
    new: str
    note: bool = False

    def __str__(self) -> str:
        return f"{self.file}{self.place}: {self.old} -> {self.new}"


def compare(old: Path, new: Path) -> Iterator[Difference]:
    """Every difference between the run folders `old` and `new`, file by file, in order.

    Raises `OSError` and `ValueError` where a file cannot be read.
    """
    old_files, new_files = _files(old), _files(new)
    for name in sorted(old_files | new_files):
        if name not in new_files:
            yield Difference(name, "", "there", "missing")
        elif name not in old_files:
            if not any(fnmatchcase(name, pattern) for pattern in ADDED_FILES):
                yield Difference(name, "", "missing", "there")
        else:
            yield from _compare_file(name, old_files[name], new_files[name])


def _files(run: Path) -> dict[str, Path]:
    """Every file that counts, by the newest name of its path."""
    files = {}
    for path in run.rglob("*"):
        name = path.relative_to(run).as_posix()
        for before, after in FILES.items():
            if name.startswith(before):
                name = after + name.removeprefix(before)
        if path.is_file() and not any(fnmatchcase(name, pattern) for pattern in REMOVED_FILES):
            files[name] = path
    return files


def _compare_file(name: str, old: Path, new: Path) -> Iterator[Difference]:
    if name == "audit.json":
        yield from _compare_findings(_newest(name, _read(old)), _newest(name, _read(new)))
        return
    one, other = _newest(name, _read(old)), _newest(name, _read(new))
    if name in APPENDED:
        other = other[: len(one)]
    for place, before, after in _walk(name, one, other):
        yield Difference(name, place, _short(before), _short(after))


def _compare_findings(old: Any, new: Any) -> Iterator[Difference]:
    """Numbers and verdicts of each finding; then what its prose says."""
    pairs: list[tuple[Any, Any]] = list(zip_longest(old["findings"], new["findings"], fillvalue={}))
    for part, note in ((_numbers, False), (_prose, True)):
        for index, (before, after) in enumerate(pairs):
            whose = f"[{index}] {before.get('challenge', '')} {before.get('check', '')} "
            for place, one, other in _walk("audit.json", part(before), part(after)):
                yield Difference("audit.json", whose + place, _short(one), _short(other), note)


def _numbers(finding: dict[str, Any]) -> dict[str, Any]:
    """A finding without prose: facts in their order without their names, and the numbers of the threshold."""
    threshold = sorted(float(number) for number in NUMBER.findall(str(finding.get("threshold", ""))))
    plain = {name: value for name, value in finding.items() if name not in PROSE}
    return {**plain, "facts": list(finding.get("facts", {}).values()), "threshold": threshold}


def _prose(finding: dict[str, Any]) -> dict[str, Any]:
    return {**{name: finding.get(name) for name in PROSE}, "facts": list(finding.get("facts", {}))}


def _read(path: Path) -> Any:
    """The content of a file as values: rows, tensors by name, or bytes."""
    content = path.read_bytes()
    match path.suffix:
        case ".jsonl":
            return [json.loads(line) for line in content.splitlines()]
        case ".json":
            return json.loads(content)
        case ".safetensors":
            return _tensors(content)
        case _:
            return content


def _tensors(content: bytes) -> dict[str, Any]:
    """dtype, shape and bytes of each tensor in a safetensors file: a length, a header in JSON, the tensors' bytes."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            low, high = entry["data_offsets"]
            stored = content[start + low : start + high]
            tensors[name] = {"dtype": entry["dtype"], "shape": entry["shape"], "bytes": stored}
    return tensors


def _newest(file: str, value: Any) -> Any:
    """A value with the newest names of its fields, without what is null, and without what does not count."""
    if isinstance(value, list):
        return [_newest(file, entry) for entry in value]
    if not isinstance(value, dict):
        return value
    entries = {}
    for field, content in value.items():
        named = next((new for pattern, old, new in FIELDS if old == field and fnmatchcase(file, pattern)), field)
        if named in value and named != field:
            named = field  # both are there: these are two fields
        if content is not None and not _listed(REMOVED_FIELDS, file, field):
            entries[named] = _newest_value(file, named, _newest(file, content))
    return entries


def _newest_value(file: str, field: str, value: Any) -> Any:
    for pattern, name, old, new in VALUES:
        if name == field and value == old and fnmatchcase(file, pattern):
            return new
    return value


def _listed(table: dict[tuple[str, str], str], file: str, field: str) -> bool:
    return any(field == name and fnmatchcase(file, pattern) for pattern, name in table)


def _walk(file: str, old: Any, new: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every place where two values differ, as `[row].field`, with what stands there."""
    if isinstance(old, dict) and isinstance(new, dict):
        for field in [*old, *(field for field in new if field not in old)]:
            if field in old or not _listed(ADDED_FIELDS, file, field):
                yield from _walk(file, old.get(field, ABSENT), new.get(field, ABSENT), f"{place}.{field}")
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield f"{place}.length", len(old), len(new)
        for index, (before, after) in enumerate(zip(old, new, strict=False)):
            yield from _walk(file, before, after, f"{place}[{index}]")
    elif not _same(old, new):
        if isinstance(old, bytes) and isinstance(new, bytes):
            at = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
            place, old, new = f"{place} byte {at}", old[at : at + 8].hex(), new[at : at + 8].hex()
        yield place, old, new


def _same(old: Any, new: Any) -> bool:
    """Whether two values are the same to the last bit; 1 and 1.0 are the same number, 0.0 and -0.0 are not."""
    if {type(old), type(new)} == {int, float} or type(old) is type(new) is float:
        return struct.pack("<d", old) == struct.pack("<d", new)
    return type(old) is type(new) and old == new


def _short(value: Any) -> str:
    if value is ABSENT:
        return "missing"
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."
