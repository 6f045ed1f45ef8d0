"""llama.cpp, by its Python package, writing the same prompts to the same lengths.

A sequence is dropped from the batch when it has its length. Weights in bfloat16 and float32 are read where the file is
mapped: what is written into the file is what it reads in the next step.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.decoding.gguf_file import converted
from benchmarks.turns import Turns


class Batches:
    """Sequences beside one another in one context of llama.cpp."""

    def __init__(self, file: Path, count: int, length: int, threads: int) -> None:
        import llama_cpp as c

        self.c = c
        c.llama_backend_init()
        with_model = c.llama_model_default_params()
        self.model = c.llama_model_load_from_file(str(file).encode(), with_model)
        if not self.model:
            raise ValueError(f"{file}: llama.cpp does not open it")
        how = c.llama_context_default_params()
        how.n_ctx, how.n_batch, how.n_ubatch, how.n_seq_max = count * length, 4096, 512, count
        how.n_threads = how.n_threads_batch = threads
        self.context = c.llama_init_from_model(self.model, how)
        self.batch = c.llama_batch_init(4096, 0, 1)
        chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
        c.llama_sampler_chain_add(chain, c.llama_sampler_init_dist(7))
        self.draw = chain
        self.greedy = c.llama_sampler_init_greedy()

    def write(self, prompts: list[list[int]], lengths: list[int], sampler: Any) -> list[list[int]]:
        """So many tokens after each prompt."""
        texts = self.begin(prompts, sampler)
        while running := [i for i, length in enumerate(lengths) if len(texts[i]) < length]:
            self.go_on(prompts, texts, running, sampler)
        return texts

    def begin(self, prompts: list[list[int]], sampler: Any) -> list[list[int]]:
        """Forget what was there, read the prompts, and give the first token after each."""
        self.c.llama_memory_clear(self.c.llama_get_memory(self.context), True)
        texts = []
        for number, prompt in enumerate(prompts):
            self._decode([(token, place, number, place == len(prompt) - 1) for place, token in enumerate(prompt)])
            texts.append([self.c.llama_sampler_sample(sampler, self.context, -1)])
        return texts

    def go_on(self, prompts: list[list[int]], texts: list[list[int]], running: Sequence[int], sampler: Any) -> None:
        """One token more for each of those that run."""
        self._decode([(texts[i][-1], len(prompts[i]) + len(texts[i]) - 1, i, True) for i in running])
        for row, i in enumerate(running):
            texts[i].append(self.c.llama_sampler_sample(sampler, self.context, row))

    def _decode(self, places: list[tuple[int, int, int, bool]]) -> None:
        """Tokens, each with its place, its sequence, and whether what follows it is wanted."""
        batch = self.batch
        batch.n_tokens = len(places)
        for i, (token, place, sequence, wanted) in enumerate(places):
            batch.token[i], batch.pos[i], batch.logits[i] = token, place, wanted
            batch.n_seq_id[i], batch.seq_id[i][0] = 1, sequence
        if self.c.llama_decode(self.context, batch):
            raise ValueError("llama.cpp has no room for these tokens")


def main(stage: str) -> None:
    """As asked for, in turn."""
    turns = Turns()
    written = json.loads(Path(os.environ["BENCH_WRITING"]).read_text())
    prompts, lengths = written["stages"][stage]["prompts"], written["stages"][stage]["lengths"]
    file = converted(Path(written["model"]), Path(os.environ["BENCH_WRITING"]).parent)
    length = max(map(len, prompts)) + max(lengths)
    batches = Batches(file, len(prompts), length, int(os.environ["BENCH_THREADS"]))
    batches.write(prompts[:1], [2], batches.draw)
    while turns.wait():
        count = sum(map(len, batches.write(prompts, lengths, batches.draw)))
        turns.done(loss=None, tokens=count)
    found: dict[str, Any] = {"peak_gb": turns.peak_gb(), "about": _about(batches.c)}
    first = len(written["likeliest"])
    if len(prompts) == first:
        found["likeliest"] = [ids[0] for ids in batches.write(prompts, [1] * first, batches.greedy)]
    turns.finish(**found)


def _about(c: Any) -> str:
    """The version of the package, and which instructions its library was compiled for."""
    import llama_cpp

    return f"llama-cpp-python {llama_cpp.__version__}: {c.llama_print_system_info().decode().strip()}"


if __name__ == "__main__":
    main(sys.argv[1])
