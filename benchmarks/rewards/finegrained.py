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
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from accord.feedback import Dataset
from accord.interfaces import Judge, Scores
from accord.records import Completion, Evaluator, Feedback, Pair, Prompt, Span, Spans
from accord.reward import BradleyTerry, ByToken, SpanReward
from accord.reward.segments.reading import Segment, read_texts
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
Found = tuple[list[Segment], NDArray[np.float64]]
ANSWERS = tuple(f"prediction {number}" for number in range(1, 5))


def measure(
    data: Path, seeds: range, *, questions: int | None = None, holistic: bool = True, **form: Any
) -> dict[str, Any]:
    """Areas by kind of error, of texts and of sentences, and the share of held-out pairs that are ordered rightly."""
    rows = json.loads((data / "finegrained_rlhf/dev_feedback.json").read_text())[:questions]
    found: dict[str, Any] = {}
    settings = {**FORM, "optim": OPTIM, **form}
    for seed in seeds:
        dataset = _dataset(rows, seed)
        with TemporaryDirectory() as folder, RunDirectory.create(Path(folder) / "run", seed=seed) as run:
            spans = SpanReward(
                **{"epochs": 3, **settings}, types=KINDS, densities={"completeness": "whole"}, step_completions=8
            ).fit(dataset, run, stage="spans")
            whole = BradleyTerry(**{"epochs": 1, **settings}, step_completions=32) if holistic else None
            found[f"seed {seed}"] = compared(
                dataset, spans, None if whole is None else ByToken(whole.fit(dataset, run, stage="holistic"))
            )
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


def compared(data: Dataset, spans: Judge, holistic: Judge | None) -> dict[str, Any]:
    """The tables of the held-out questions."""
    assert isinstance(spans, SpanJudge)
    said = data.spans("held_out")
    texts = [data.completions[each.feedback.completions[0]] for each in said]
    prompts = [data.prompts[each.prompt] for each in texts]
    errors = spans.errors(read_texts(spans.model, prompts, texts))
    whole = None if holistic is None else holistic.score(prompts, texts)
    table: dict[str, Any] = {"texts": {}, "sentences": {}}
    for k, (name, types) in enumerate(KINDS.items()):
        marked = [[span for span in each.judgement.spans if span.type in types] for each in said]
        found = [by_kind[k] for by_kind in errors]
        table["texts"][name] = _of_texts(texts, marked, found, whole, longer=name != "completeness")
        if name != "completeness":
            table["sentences"][name] = _of_sentences(texts, marked, found, whole)
    judges = {"spans": spans} if holistic is None else {"spans": spans, "holistic": holistic}
    table["pairs"] = {name: _share(data, judge) for name, judge in judges.items()}
    return table


def _of_texts(
    texts: Sequence[Completion],
    marked: Sequence[Sequence[Span]],
    found: Sequence[Found],
    whole: Scores | None,
    longer: bool,
) -> dict[str, Any]:
    """Whether a text has an error of a kind: by the errors expected in it, and by how low its score is."""
    length_N = np.array([float(len(text.text)) for text in texts])
    values = {"length": length_N if longer else -length_N}
    values["spans"] = np.array([error_JS.sum() for _, error_JS in found])
    if whole is not None:
        values["holistic"] = -whole.value_N
    yes_N = np.array([bool(spans) for spans in marked])
    return auroc_table(values, yes_N, [text.prompt for text in texts], beside="length")


def _of_sentences(
    texts: Sequence[Completion], marked: Sequence[Sequence[Span]], found: Sequence[Found], whole: Scores | None
) -> dict[str, Any]:
    """Whether a sentence has an error: by its probability, and by what it takes from the score."""
    values: dict[str, list[float]] = {"length": [], "spans": []} | ({} if whole is None else {"holistic": []})
    yes: list[bool] = []
    clusters: list[str] = []
    for row, (text, spans, (segments, error_JS)) in enumerate(zip(texts, marked, found, strict=True)):
        values["length"] += [float(each.end - each.start) for each in segments]
        values["spans"] += error_JS.mean(1).tolist()
        if whole is not None and whole.credits is not None:
            credits = whole.credits[row]
            values["holistic"] += [-sum(x for place, x in credits if s.start < place <= s.end) for s in segments]
        yes += [any(span.start < each.end and each.start < span.end for span in spans) for each in segments]
        clusters += [text.prompt] * len(segments)
    arrays = {key: np.array(some) for key, some in values.items()}
    return auroc_table(arrays, np.array(yes), clusters, beside="length")


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
