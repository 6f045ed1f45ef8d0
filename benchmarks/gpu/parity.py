"""Every fast path beside plain transformers, on the device, in float32 and bfloat16: log-probabilities and gradients.

The measure is the model as transformers runs it in float32, each sequence alone in its row. In bfloat16 two right ways
of computing differ by their rounding, so a path may lie as far from float32 as transformers' own bfloat16 does, by a
factor.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from accord.lm import load, logprobs
from accord.lm.causal import CausalModel
from accord.lm.engine import Engine, Failure, Request
from accord.lm.logprobs import token_logprobs
from accord.lm.packed import TokenizedCompletion, pack
from accord.lm.recomputation import recompute_layers
from accord.records import Sampling
from benchmarks.gpu.work import Work, items

__all__ = ["parity"]

EXACT, FACTOR, FLOOR = 1e-3, 3.0, 0.01  # of a norm, in float32; beside transformers' own rounding; what is no matter


def parity(work: Work) -> dict[str, Any]:
    """A row a path and dtype: how far log-probabilities and gradients lie from the measure, and whether that holds."""
    own = load(work.source, device=work.device)
    answers = _answers(own, work)
    wanted = _plainly(work, answers, torch.float32, own.known)
    rows = []
    for dtype in ("float32", "bfloat16"):
        allowed = (EXACT, EXACT)
        if dtype == "bfloat16":
            rounded = _plainly(work, answers, torch.bfloat16, own.known)
            plain = [_distance(mine, other) for mine, other in zip(rounded, wanted, strict=True)]
            allowed = (FACTOR * plain[0] + FLOOR, FACTOR * plain[1] + FLOOR)
        for name, prepare in _PATHS.items():
            causal = load(work.source, dtype=dtype, device=work.device)  # type: ignore[arg-type]  # one of the two
            with prepare(causal):
                found = _measured(causal, answers)
            distances = [_distance(mine, other) for mine, other in zip(found, wanted, strict=True)]
            held = all(distance <= most for distance, most in zip(distances, allowed, strict=True))
            rows.append({"path": name, "dtype": dtype, "logprob": distances[0], "gradient": distances[1], "held": held})
        rows.append(_written(work, dtype, answers))
    return {"rows": rows, "failed": [f"{row['path']} in {row['dtype']}" for row in rows if not row["held"]]}


def _answers(causal: CausalModel, work: Work) -> list[TokenizedCompletion]:
    """Two answers to each of four prompts."""
    answers = []
    for item in items(4, work, answers=2, seed=7):
        prompt, completions = item.records()
        ids = tuple(causal.encode_prompt(prompt))
        answers += [
            TokenizedCompletion(ids, tuple(causal.encode_completion(each.text)), len(answers) + n)
            for n, each in enumerate(completions)
        ]
    return answers


def _plainly(work: Work, answers: list[TokenizedCompletion], dtype: torch.dtype, known: int) -> tuple[Tensor, Tensor]:
    """Log-probabilities of all answers among the `known` ids, and the gradient of their mean, a sequence at a time."""
    model: Any = AutoModelForCausalLM.from_pretrained(work.source, dtype=dtype).to(work.device).eval()
    count = sum(len(answer.completion) for answer in answers)
    found = []
    for answer in answers:
        ids_1T = torch.tensor([[*answer.prompt, *answer.completion]], device=work.device)
        logits_TV = model(input_ids=ids_1T, use_cache=False).logits[0, :, :known].float()
        logprob_T = logits_TV[:-1].log_softmax(-1).gather(1, ids_1T[0, 1:, None])[:, 0][len(answer.prompt) - 1 :]
        (logprob_T.sum() / count).backward()
        found.append(logprob_T.detach())
    return torch.cat(found).cpu(), _gradient(model)


def _gradient(model: Any) -> Tensor:
    return torch.cat([weight.grad.float().flatten().cpu() for _, weight in sorted(model.named_parameters())])


def _measured(causal: CausalModel, answers: list[TokenizedCompletion]) -> tuple[Tensor, Tensor]:
    """The same by accord's path."""
    count = sum(len(answer.completion) for answer in answers)
    found: list[Tensor] = [torch.empty(0)] * len(answers)
    for batch in pack(causal, answers):
        logprob_N = token_logprobs(causal, batch, batch.hidden(causal), entropy=False).logprob_N
        (logprob_N.sum() / count).backward()
        parts = logprob_N.detach().cpu().split(torch.bincount(batch.owner_N.cpu()).tolist())
        for key, part in zip(batch.keys, parts, strict=True):
            found[key] = part
    return torch.cat(found), _gradient(causal.model)


@contextmanager
def _as_it_is(causal: CausalModel) -> Iterator[None]:
    yield


@contextmanager
def _recomputing(causal: CausalModel) -> Iterator[None]:
    recompute_layers(causal)
    yield


@contextmanager
def _without_logits(causal: CausalModel) -> Iterator[None]:
    kept = logprobs.LOGIT_BYTES
    logprobs.LOGIT_BYTES = 0
    try:
        yield
    finally:
        logprobs.LOGIT_BYTES = kept


_PATHS: Mapping[str, Callable[[CausalModel], Any]] = {
    "shared rows": _as_it_is,
    "layers computed again": _recomputing,
    "logits made again": _without_logits,
}


def _written(work: Work, dtype: str, answers: list[TokenizedCompletion]) -> dict[str, Any]:
    """What the engine says of the tokens that it writes, beside plain transformers in float32 on the same tokens."""
    causal = load(work.source, dtype=dtype, device=work.device)  # type: ignore[arg-type]
    prompts = list(dict.fromkeys(answer.prompt for answer in answers))
    engine = Engine(causal, slots=len(prompts), length=max(map(len, prompts)) + work.new_tokens)
    for number, prompt in enumerate(prompts):
        sampling = Sampling(max_tokens=work.new_tokens, seed=3)
        engine.submit(Request(number, prompt, sampling, stream=number))
    tokens: dict[int, list[int]] = {number: [] for number in range(len(prompts))}
    said: dict[int, list[float]] = {number: [] for number in range(len(prompts))}
    while engine.busy:
        for event in engine.step():
            if isinstance(event, Failure):
                raise event.error
            tokens[int(str(event.key))].append(event.token_id)
            said[int(str(event.key))].append(event.logprob)
    samples = [TokenizedCompletion(prompts[number], tuple(tokens[number]), number) for number in tokens]
    ours_N = torch.tensor([value for number in said for value in said[number]])
    wanted_N, _ = _plainly(work, samples, torch.float32, causal.known)
    plain_N, _ = _plainly(work, samples, torch.bfloat16, causal.known)
    distance = _distance(ours_N, wanted_N)
    most = EXACT if dtype == "float32" else FACTOR * _distance(plain_N, wanted_N) + FLOOR
    return {"path": "writing", "dtype": dtype, "logprob": distance, "gradient": None, "held": distance <= most}


def _distance(mine: Tensor, other: Tensor) -> float:
    return float((mine - other).norm() / other.norm())
