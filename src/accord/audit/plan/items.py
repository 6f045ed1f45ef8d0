"""The items of a planned study, out of the run's own files."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from accord.audit.deployment.recorded import recorded_of
from accord.audit.evidence import Evidence
from accord.errors import MissingEvidence
from accord.records import Completion, Pair, Prompt

__all__ = ["item_lines"]


def item_lines(evidence: Evidence, source: str, kind: str, most: int) -> list[str]:
    """At most `most` lines of an items file: prompts with the texts to be judged, as many as the kind asks for.

    Raises `MissingEvidence` where the run has none.
    """
    lines = list(dict.fromkeys(json.dumps(line, ensure_ascii=False) for line in _lines(evidence, source, kind)))
    if not lines:
        raise MissingEvidence(f"items for the study in the run ({source})")
    return [lines[place * len(lines) // most] for place in range(most)] if len(lines) > most else lines


def _lines(evidence: Evidence, source: str, kind: str) -> Iterator[dict[str, Any]]:
    match source:
        case "held_out":
            yield from _judged(evidence.pairs("held_out"), evidence.prompts, evidence.completions, kind)
        case "samples":
            for row in evidence.evaluation_samples:
                yield {**_prompt(evidence.prompts[row.prompt]), "completions": [{"text": row.text, "writer": row.arm}]}
        case "sample_pairs":
            yield from _of_one_arm(evidence)
        case "deployment":
            yield from (_prompt(prompt) for prompt in evidence.deployment_prompts)
        case "recorded":
            recorded = recorded_of(evidence, 1)
            yield from (_prompt(one.prompt) for one in recorded.texts(len(recorded.answers)))
        case "questions":
            for answer in evidence.question_answers:
                yield {"prompt": answer.text, "completions": [{"text": " / ".join(answer.options)}]}
        case _:
            yield from (_prompt(prompt) for prompt in evidence.prompts_of("train"))


def _of_one_arm(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """Two samples of an arm to a prompt in one item, each sample once, the arms of a prompt in turn."""
    texts: dict[tuple[str, str], dict[str, None]] = {}
    for row in evidence.evaluation_samples:
        texts.setdefault((row.prompt, row.arm), {})[row.text] = None
    for (prompt, arm), of_arm in sorted(texts.items()):
        several = list(of_arm)
        for two in zip(several[::2], several[1::2], strict=False):
            completions = [{"text": text, "writer": arm} for text in two]
            yield {**_prompt(evidence.prompts[prompt]), "completions": completions}


def _judged(
    pairs: Sequence[Pair], prompts: Mapping[str, Prompt], completions: Mapping[str, Completion], kind: str
) -> Iterator[dict[str, Any]]:
    """The two texts of each pair in one item, in the order of their ids, or an item each."""
    for pair in pairs:
        texts = [{"text": completions[name].text} for name in sorted((pair.chosen, pair.rejected))]
        for of_item in [texts] if kind == "comparison" else [[text] for text in texts]:
            yield {**_prompt(prompts[pair.prompt]), "completions": of_item}


def _prompt(prompt: Prompt) -> dict[str, Any]:
    if len(prompt.messages) == 1 and prompt.messages[0].role == "user":
        return {"prompt": prompt.text}
    return {"prompt": {"messages": [{"role": one.role, "content": one.content} for one in prompt.messages]}}
