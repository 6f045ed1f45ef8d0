"""One machine plays others: instruction sets are hidden from oneDNN, MKL and torch, which compute as on those.

What is held is the same everywhere: sequences share rows, slots and the decoder by hand are taken, and their numbers
are the plain model's, in float32 to rounding and in bfloat16 as near to float32 as the plain model is.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SETS = {
    "AVX2": ("avx2", "AVX2", "avx2", "AVX2"),
    "AVX-512": ("avx512f", "AVX512", "avx512", "AVX512_CORE"),
    "AVX-512 with bfloat16": ("avx512_bf16", "AVX512", "avx512", "AVX512_CORE_BF16"),
    "AMX": ("amx_bf16", "AVX512", "avx512", "AVX512_CORE_AMX"),
}
FLAGS = Path("/proc/cpuinfo").read_text().split() if Path("/proc/cpuinfo").is_file() else []

PARITY = """
import sys, warnings
import torch
from accord.lm.generate import generate
from accord.lm.loading import load
from accord.lm.logprobs import completion_logprobs
from accord.lm.machine import computes_bfloat16, products
from accord.records import Prompt, Sampling

warnings.simplefilter("error", UserWarning)
name = sys.argv[1]
exact, rough = load(name), load(name, dtype="bfloat16")
for model in (exact, rough):
    assert (model.packs, model.keeps, model.by_hand) == (True, True, True), model
prompts = [exact.encode_prompt(Prompt.ask(text)) for text in ("Name a river.", "Write one sentence about a film.")]

def plain(model, prompt, completion):
    with torch.no_grad():
        logits = model.model(torch.tensor([[*prompt, *completion]])).logits[0, len(prompt) - 1 : -1].float()
    return logits.log_softmax(-1)[range(len(completion)), list(completion)]

def numbers(model, own, asked):
    trained = completion_logprobs(model, [prompt for prompt, _ in asked], [each.token_ids for _, each in asked])
    return torch.cat(trained), torch.cat([plain(own, prompt, each.token_ids) for prompt, each in asked])

def drawn(model):
    groups = generate(model, prompts, 3, Sampling(max_tokens=12, seed=1))
    asked = [(prompt, each) for prompt, group in zip(prompts, groups) for each in group]
    return asked, torch.cat([torch.tensor(each.logprobs) for _, each in asked])

asked, sampled = drawn(exact)
trained, wanted = numbers(exact, exact, asked)
torch.testing.assert_close(trained, wanted, atol=1e-4, rtol=0)
torch.testing.assert_close(sampled, wanted, atol=1e-4, rtol=0)
asked, sampled = drawn(rough)
trained, own = numbers(rough, rough, asked)
true = torch.cat([plain(exact, prompt, each.token_ids) for prompt, each in asked])
allowed = 2 * float((own - true).square().mean().sqrt()) + 0.01
for found in (trained, sampled):
    assert float((found - true).square().mean().sqrt()) < allowed, (found - true, own - true)
print(computes_bfloat16(), products())
"""


def play(processor: str, model: str) -> str:
    flag, mkl, torch_set, onednn = SETS[processor]
    if flag not in FLAGS:
        pytest.skip(f"this processor has no {flag}")
    hidden = {"ONEDNN_MAX_CPU_ISA": onednn, "MKL_ENABLE_INSTRUCTIONS": mkl, "ATEN_CPU_CAPABILITY": torch_set}
    done = subprocess.run(
        [sys.executable, "-c", PARITY, model], env={**os.environ, **hidden}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_paths_give_the_models_numbers_on_an_older_processor() -> None:
    told = play("AVX2", "tiny")
    assert told.startswith("False ")  # without instructions of its own, bfloat16 is not worth its while


@pytest.mark.slow
@pytest.mark.parametrize("processor", SETS)
def test_paths_give_the_packaged_models_numbers_on_other_processors(processor: str) -> None:
    play(processor, "smollm2-135m")
