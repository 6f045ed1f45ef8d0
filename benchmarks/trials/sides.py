"""One library's writer as a side: `python -m benchmarks.trials.sides WRITER DTYPE`. A turn is some steps of sixteen.

Prompts are read before the clock starts; what is told is the time of the steps alone.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.turns import Turns

__all__ = ["PROMPT", "STEPS", "WRITERS"]

COUNT, PROMPT, STEPS = 16, 40, 16
LENGTH = 64


class Clock:
    """Seconds and processor seconds since it was made."""

    def __init__(self) -> None:
        self.began, self.processor = time.perf_counter(), time.process_time()

    def told(self) -> dict[str, float]:
        return {"seconds": time.perf_counter() - self.began, "processor": time.process_time() - self.processor}


def _written() -> tuple[Path, list[list[int]]]:
    """The model's folder, and prompts of one length."""
    facts = json.loads(Path(os.environ["BENCH_WRITING"]).read_text())
    return Path(facts["model"]), [prompt[-PROMPT:] for prompt in facts["stages"]["generate16"]["prompts"]]


def _serve(turns: Turns, turn: Callable[[], tuple[dict[str, float], list[list[int]]]]) -> None:
    while turns.wait():
        told, texts = turn()
        turns.done(texts=texts, **told)
    turns.finish(peak_gb=turns.peak_gb())


def accord(turns: Turns, dtype: str) -> None:
    """accord's engine, the likeliest token each time."""
    from dataclasses import fields

    from accord.lm import load
    from accord.lm.causal import CausalModel
    from accord.lm.engine import Engine, Request
    from accord.records import Sampling
    from benchmarks.ours import MODEL, _Endless

    prompts = _written()[1]
    causal = load(MODEL, dtype=dtype)
    endless = _Endless(**{one.name: getattr(causal, one.name) for one in fields(CausalModel) if one.init})

    def turn() -> tuple[dict[str, float], list[list[int]]]:
        engine = Engine(endless, slots=COUNT, length=LENGTH)
        texts: list[list[int]] = [[] for _ in prompts]
        for number, prompt in enumerate(prompts):
            engine.submit(Request(number, tuple(prompt), Sampling(max_tokens=STEPS + 1, temperature=0.0)))
        _keep(engine, texts)
        clock = Clock()
        while engine.busy:
            _keep(engine, texts)
        return clock.told(), texts

    _serve(turns, turn)


def _keep(engine: Any, texts: list[list[int]]) -> None:
    for token in engine.step():
        texts[token.key].append(token.token_id)


def transformers(turns: Turns, dtype: str) -> None:
    """transformers' own modules and cache."""
    import torch
    from transformers import AutoModelForCausalLM

    folder, prompts = _written()
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()

    @torch.no_grad()
    def turn() -> tuple[dict[str, float], list[list[int]]]:
        out = model(torch.tensor(prompts), use_cache=True, logits_to_keep=1)
        texts = [out.logits[:, -1].argmax(-1)]
        clock = Clock()
        for _ in range(STEPS):
            out = model(texts[-1][:, None], past_key_values=out.past_key_values, use_cache=True)
            texts.append(out.logits[:, -1].argmax(-1))
        return clock.told(), torch.stack(texts, 1).tolist()

    _serve(turns, turn)


def _plain(turns: Turns, dtype: str, made: Callable[[Any, tuple[Any, ...]], Callable[..., Any]]) -> None:
    """The plain step, as a library makes it faster: `made(step, example)` gives what is called in its place."""
    import torch

    from benchmarks.trials.plain import Caches, opened

    folder, prompts = _written()
    kind = getattr(torch, dtype)
    step = opened(folder, kind)
    caches = Caches(step, COUNT, LENGTH, kind)
    tokens = torch.tensor(prompts)
    with torch.no_grad():
        run = made(step, (tokens[:, 0], torch.tensor(0), caches.keys, caches.values))

    first: list[Any] = []

    @torch.no_grad()
    def turn() -> tuple[dict[str, float], list[list[int]]]:
        if not first:  # what stands behind the prompt is not looked at: the cache can be used again
            first.append([_stepped(run, caches, tokens[:, place], place) for place in range(PROMPT)][-1])
        texts = list(first)
        clock = Clock()
        for place in range(PROMPT, PROMPT + STEPS):
            texts.append(_stepped(run, caches, texts[-1], place))
        return clock.told(), torch.stack(texts, 1).tolist()

    _serve(turns, turn)


def _stepped(run: Callable[..., Any], caches: Any, token_B: Any, place: int) -> Any:
    import torch

    logits, keys, values = run(token_B, torch.tensor(place), caches.keys, caches.values)
    caches.put(place, keys, values)
    return logits.argmax(-1)


def compiled(turns: Turns, dtype: str) -> None:
    """torch.compile, with its cache on disk."""
    import torch

    _plain(turns, dtype, lambda step, example: torch.compile(step, fullgraph=True, dynamic=False))


def aot_inductor(turns: Turns, dtype: str) -> None:
    """AOTInductor: exported, compiled to a package, loaded again."""
    import torch

    def made(step: Any, example: tuple[Any, ...]) -> Callable[..., Any]:
        package = os.environ["BENCH_FOLDER"] + "/step.pt2"
        torch._inductor.aoti_compile_and_package(torch.export.export(step, example), package_path=package)
        run: Callable[..., Any] = torch._inductor.aoti_load_package(package)
        return run

    _plain(turns, dtype, made)


def onednn_graph(turns: Turns, dtype: str) -> None:
    """oneDNN's graphs, through TorchScript, which is the one door to them that torch has."""
    import torch

    def made(step: Any, example: tuple[Any, ...]) -> Callable[..., Any]:
        torch.jit.enable_onednn_fusion(True)
        run: Callable[..., Any] = torch.jit.freeze(torch.jit.trace(step, example))
        return run

    _plain(turns, dtype, made)


def openvino(turns: Turns, dtype: str) -> None:
    """OpenVINO, told which dtype to compute in; keys and values are read where they lie."""
    import openvino as ov
    import torch

    def made(step: Any, example: tuple[Any, ...]) -> Callable[..., Any]:
        model = ov.convert_model(step, example_input=example)
        how = {
            "INFERENCE_NUM_THREADS": os.environ["BENCH_THREADS"],
            "INFERENCE_PRECISION_HINT": "f32" if dtype == "float32" else "bf16",
            "PERFORMANCE_HINT": "LATENCY",
        }
        request = ov.Core().compile_model(model, "CPU", how).create_infer_request()

        def run(*inputs: Any) -> list[Any]:
            found = request.infer([each.numpy() for each in inputs], share_inputs=True, share_outputs=True)
            return [torch.from_numpy(found[number]) for number in range(3)]

        return run

    # Weights come in float32; the hint says what is computed in.
    _plain(turns, "float32", made)


def llama(turns: Turns, dtype: str) -> None:
    """llama.cpp through its Python package."""
    from benchmarks.decoding.gguf_file import converted
    from benchmarks.decoding.llama_side import Batches

    folder, prompts = _written()
    file = converted(folder, Path(os.environ["BENCH_WRITING"]).parent, dtype)
    batches = Batches(file, COUNT, LENGTH, int(os.environ["BENCH_THREADS"]))

    def turn() -> tuple[dict[str, float], list[list[int]]]:
        texts = batches.begin(prompts, batches.greedy)
        clock = Clock()
        for _ in range(STEPS):
            batches.go_on(prompts, texts, range(COUNT), batches.greedy)
        return clock.told(), texts

    _serve(turns, turn)


def vllm(turns: Turns, dtype: str) -> None:
    """vLLM's engine, step by step."""
    from benchmarks.decoding.vllm_side import opened

    folder, prompts = _written()
    engine, how = opened(str(folder), dtype, COUNT, LENGTH)
    inner, counter = engine.llm_engine, iter(range(1 << 30))

    def turn() -> tuple[dict[str, float], list[list[int]]]:
        names = [str(next(counter)) for _ in prompts]
        for name, prompt in zip(names, prompts, strict=True):
            inner.add_request(name, {"prompt_token_ids": prompt}, how(STEPS + 1, 0.0))
        texts: dict[str, list[int]] = {name: [] for name in names}
        while not all(texts.values()):
            _take(inner, texts)
        behind = sum(len(ids) - 1 for ids in texts.values())
        clock = Clock()
        while inner.has_unfinished_requests():
            _take(inner, texts)
        told = clock.told()
        share = COUNT * STEPS / (COUNT * STEPS - behind)  # of what was written while others were still being read
        return {name: value * share for name, value in told.items()}, [texts[name] for name in names]

    _serve(turns, turn)


def _take(engine: Any, texts: dict[str, list[int]]) -> None:
    for answer in engine.step():
        texts[answer.request_id] = list(answer.outputs[0].token_ids)


WRITERS: dict[str, Callable[[Turns, str], None]] = {
    "accord": accord,
    "transformers": transformers,
    "torch.compile": compiled,
    "AOTInductor": aot_inductor,
    "oneDNN graph": onednn_graph,
    "OpenVINO": openvino,
    "llama.cpp": llama,
    "vLLM": vllm,
}

if __name__ == "__main__":
    WRITERS[sys.argv[1]](Turns(), sys.argv[2])
