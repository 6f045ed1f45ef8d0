"""Fine-grained feedback (Wu et al. 2023): three span heads against one holistic reward, on held-out questions.

relevance      spans Irrelevant, Redundant, Incoherent, in sentences
factuality     spans Wrong-Grounding, Unverifiable, in sentences
completeness   whether anything was said to be missing, of the whole text

The three are heads over one decoder, trained on the first answer of each question, which alone was marked, in three
passes; the holistic reward is Bradley-Terry on the pairs of all four answers to the same questions, in one pass of four
times as many texts. Of passages the first 600 characters are read: what they leave out, neither can know. AUROC by kind
of error, of whole texts and of sentences (the holistic reward by what each sentence adds to its score), beside length
alone.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from accord.feedback import Dataset
from accord.interfaces import Judge
from accord.records import Completion, Evaluator, Feedback, Pair, Prompt, Span, Spans
from accord.reward import BradleyTerry, ByToken, SpanReward
from accord.reward.segments.boundaries import cut
from accord.reward.segments.span_judge import SpanJudge
from accord.run import RunDirectory
from accord.train import Optim
from benchmarks.rewards._auroc import auroc_table

KINDS = {
    "relevance": ("Irrelevant", "Redundant", "Incoherent"),
    "factuality": ("Wrong-Grounding", "Unverifiable"),
    "completeness": ("Missing",),
}
READ = 600  # characters of passages
FORM: dict[str, Any] = {"base": "smollm2-135m", "layers": 6, "trained_layers": 2}
OPTIM = Optim(lr=1e-4, warmup_steps=5)
ANSWERS = tuple(f"prediction {number}" for number in range(1, 5))


def measure(data: Path, seeds: range, *, questions: int | None = None, **form: Any) -> dict[str, Any]:
    """Areas by kind of error, of texts and of sentences, and the share of held-out pairs that are ordered rightly."""
    rows = json.loads((data / "finegrained_rlhf/dev_feedback.json").read_text())[:questions]
    found: dict[str, Any] = {}
    for seed in seeds:
        dataset = _dataset(rows, seed)
        with TemporaryDirectory() as folder, RunDirectory.create(Path(folder) / "run", seed=seed) as run:
            settings = {**FORM, "optim": OPTIM, **form}
            spans = SpanReward(
                **{"epochs": 3, **settings}, types=KINDS, densities={"completeness": "whole"}, step_completions=8
            ).fit(dataset, run, stage="spans")
            holistic = BradleyTerry(**{"epochs": 1, **settings}, step_completions=32).fit(
                dataset, run, stage="holistic"
            )
            found[f"seed {seed}"] = _compared(dataset, spans, ByToken(holistic))
    return found


def _dataset(rows: Sequence[dict[str, Any]], seed: int) -> Dataset:
    """Four fifths of the questions to train on. What is missing is a span over the whole text."""
    evaluator = Evaluator(kind="person", pseudonym="unknown", inferred=True)
    order = np.random.default_rng(seed).permutation(len(rows))
    held_out = set(order[: len(rows) // 5].tolist())
    prompts: dict[str, Prompt] = {}
    completions: dict[str, Completion] = {}
    split_of: dict[str, str] = {}
    pairs: dict[str, list[Pair]] = {"train": [], "held_out": []}
    feedback: dict[str, list[Feedback]] = {"train": [], "held_out": []}
    for number, row in enumerate(rows):
        passages = "\n".join(" ".join(passage) for passage in row["passages"])[:READ]
        prompt = Prompt.ask(f"{row['question']}\n\n{passages}")
        if prompt.id in prompts:
            continue
        split = "held_out" if number in held_out else "train"
        answers = [Completion(prompt=prompt.id, text=row[name]) for name in ANSWERS]
        prompts[prompt.id], split_of[prompt.id] = prompt, split
        completions |= {each.id: each for each in answers}
        for code, (first, second) in zip(row["preference"], combinations(answers, 2), strict=True):
            better, worse = (second, first) if code == 2 else (first, second)
            if better.id != worse.id:
                pairs[split].append(Pair(prompt=prompt.id, chosen=better.id, rejected=worse.id, tie=code == 0))
        feedback[split].append(_marked(row["feedback"], evaluator, answers[0]))
    return Dataset(
        prompts,
        completions,
        {evaluator.id: evaluator},
        split_of,
        {name: tuple(some) for name, some in pairs.items()},
        feedback,
    )


def _marked(said: dict[str, Any], evaluator: Evaluator, answer: Completion) -> Feedback:
    spans = [Span(start=each["start"], end=each["end"], type=each["error type"]) for each in said["errors"]]
    if said["missing-info"]:
        spans.append(Span(start=0, end=len(answer.text), type="Missing"))
    judgement = Spans(spans=tuple(spans))
    return Feedback(evaluator=evaluator.id, prompt=answer.prompt, completions=(answer.id,), judgement=judgement)


def _compared(data: Dataset, spans: Judge, holistic: Judge) -> dict[str, Any]:
    said = data.spans("held_out")
    texts = [data.completions[each.feedback.completions[0]] for each in said]
    prompts = [data.prompts[each.prompt] for each in texts]
    by_kind, whole = spans.score(prompts, texts), holistic.score(prompts, texts)
    table: dict[str, Any] = {"texts": {}, "sentences": {}}
    length_N = np.array([float(len(each.text)) for each in texts])
    ids = [each.prompt for each in texts]
    for name, types in KINDS.items():
        yes_N = np.array([any(span.type in types for span in each.judgement.spans) for each in said])
        values = {
            "spans": -by_kind.components[name].value_N,
            "holistic": -whole.value_N,
            "length": length_N if name != "completeness" else -length_N,
        }
        table["texts"][name] = auroc_table(values, yes_N, ids, beside="length")
    for name in ("relevance", "factuality"):
        table["sentences"][name] = _sentences(data, spans, holistic, name)
    table["pairs"] = {name: _share(data, judge) for name, judge in (("spans", spans), ("holistic", holistic))}
    return table


def _sentences(data: Dataset, spans: Judge, holistic: Judge, name: str) -> dict[str, Any]:
    """Areas of sentences: by the credits of one kind's head alone, of the holistic reward, and by length."""
    said = data.spans("held_out")
    texts = [data.completions[each.feedback.completions[0]] for each in said]
    prompts = [data.prompts[each.prompt] for each in texts]
    scores = {"spans": _alone(spans, name).score(prompts, texts), "holistic": holistic.score(prompts, texts)}
    values: dict[str, list[float]] = {"spans": [], "holistic": [], "length": []}
    yes: list[bool] = []
    clusters: list[str] = []
    for row, (each, text) in enumerate(zip(said, texts, strict=True)):
        places = cut(text.text, "sentence")
        marked = [span for span in each.judgement.spans if span.type in KINDS[name]]
        for key, some in scores.items():
            assert some.credits is not None
            values[key] += _lost(some.credits[row], places)
        values["length"] += [float(end - start) for start, end in places]
        yes += [any(span.start < end and start < span.end for span in marked) for start, end in places]
        clusters += [text.prompt] * len(places)
    arrays = {key: np.array(some) for key, some in values.items()}
    return auroc_table(arrays, np.array(yes), clusters, beside="length")


def _alone(judge: Judge, name: str) -> Judge:
    """The span judge with one kind of error alone."""
    assert isinstance(judge, SpanJudge)
    return replace(judge, kinds=tuple(replace(kind, weight=float(kind.name == name)) for kind in judge.kinds))


def _lost(credits: Sequence[tuple[int, float]], places: Sequence[tuple[int, int]]) -> list[float]:
    """What was lost within each stretch of characters."""
    return [-sum(amount for place, amount in credits if start < place <= end) for start, end in places]


def _share(data: Dataset, judge: Judge) -> dict[str, Any]:
    """The share of decided held-out pairs that are ordered rightly."""
    pairs = [pair for pair in data.pairs["held_out"] if not pair.tie]
    names = sorted({name for pair in pairs for name in (pair.chosen, pair.rejected)})
    texts = [data.completions[name] for name in names]
    value_N = judge.score([data.prompts[each.prompt] for each in texts], texts).value_N
    value = dict(zip(names, value_N.tolist(), strict=True))
    right = [
        float(value[pair.chosen] > value[pair.rejected]) + 0.5 * (value[pair.chosen] == value[pair.rejected])
        for pair in pairs
    ]
    return {"right": round(float(np.mean(right)), 3), "n": len(right)}
