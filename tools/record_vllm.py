"""What accord's client and a vLLM server say to one another, recorded for a test that replays it.

    python -m tools.record_vllm --folder models            # writes the models that are served
    export VLLM_SERVER_DEV_MODE=1 VLLM_ALLOW_RUNTIME_LORA_UPDATING=1
    vllm serve models/start --served-model-name tiny --dtype float32 --enforce-eager --max-model-len 128 \
        --enable-lora --max-lora-rank 8 --logprobs-mode processed_logprobs
    python -m tools.record_vllm --folder models --url http://127.0.0.1:8000 --out tests/serve/vllm_dialogue.json \
        --scenarios whole_weights adapters refusals
    vllm serve models/tied ...                             # the same without --logprobs-mode
    python -m tools.record_vllm ... --scenarios tied_head plain_logprobs

The server runs in an environment of its own. Models are Llamas of width 128 (vLLM's kernels on a CPU know no narrower
heads) with the tiny tokenizer; their weights are drawn from a seed. Each scenario is a function of an address and a
folder: the test runs the same ones against a server that answers what was recorded. Whatever differs from run to run
(names of weights, the folder, times and ids of answers) is written as a word in its place.
"""

import argparse
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch

from accord.errors import EndpointError
from accord.lm.adapters import LoRA, add_lora
from accord.lm.causal import CausalModel
from accord.lm.loading import load, wrap
from accord.lm.tiny import tiny_model, tiny_tokenizer
from accord.lm.weight_files import write_model
from accord.policy.servers.sampler import ServerSampler
from accord.policy.servers.settings import SamplerServer
from accord.records import Sample, Sampling

PROMPTS = [tuple(b"Say something."), tuple(b"And now?")]
SAMPLING = Sampling(max_tokens=12, temperature=0.7, seed=3)
SEEDS = {"start": 0, "moved": 3}
NAMED = re.compile(r'(?<=["/-])[0-9a-f]{16}(?=")')


def model(which: str) -> CausalModel:
    """A model of width 128, drawn from its seed."""
    return wrap(tiny_model(seed=SEEDS[which], width=128).eval(), tiny_tokenizer(), which)


def server(url: str, folder: Path, way: Any, **form: Any) -> SamplerServer:
    """The settings of a scenario: one request at a time, so that their order is always the same."""
    return SamplerServer(
        url=url, server="vllm", hand_over=way, folder=str(folder), model="tiny", parallel=1, retries=0, **form
    )


def whole_weights(url: str, folder: Path) -> list[list[list[Sample]]]:
    """Samples of weights that the server was not started with, with a stop string, and of its own again."""
    moved = ServerSampler(server(url, folder, "reload"), model("moved"))
    found = [moved.sample(PROMPTS, 3, SAMPLING)]
    stops = SAMPLING.model_copy(update={"stop": ("M", "b"), "max_tokens": 40, "temperature": 1.0})
    found.append(moved.sample(PROMPTS, 2, stops))
    back = ServerSampler(server(url, folder, "reload"), model("start"))
    return [*found, back.sample(PROMPTS, 2, SAMPLING)]


def adapters(url: str, folder: Path) -> list[list[list[Sample]]]:
    """Samples of two sets of adapters of one model, the second in the place of the first."""
    policy = with_adapters(folder)
    sampler = ServerSampler(server(url, folder, "lora"), policy)
    found = []
    for _ in range(2):
        with torch.no_grad():
            for weight in policy.trainable():
                weight.add_(0.02)
        found.append(sampler.sample(PROMPTS, 2, SAMPLING))
    return found


def with_adapters(folder: Path) -> CausalModel:
    """The model of the start, written to a folder, with adapters that change nothing yet."""
    model("start").save(folder / "start")
    return add_lora(load(folder / "start"), LoRA(rank=4), seed=1)


def tied_head(url: str, folder: Path) -> str:
    """What the client says where the model that is served keeps its head when its weights are read again."""
    try:
        ServerSampler(server(url, folder, "reload"), model("start")).sample(PROMPTS, 2, SAMPLING)
    except EndpointError as error:
        return str(error)
    return ""


def plain_logprobs(url: str, folder: Path) -> str:
    """What the client says where log-probabilities are those at temperature 1."""
    cold = SAMPLING.model_copy(update={"temperature": 0.3})
    try:
        ServerSampler(server(url, folder, "lora"), with_adapters(folder)).sample(PROMPTS, 2, cold)
    except EndpointError as error:
        return str(error)
    return ""


def refusals(url: str, folder: Path) -> list[str]:
    """What the server refuses, as the client tells of it."""
    sampler = ServerSampler(server(url, folder, "reload"), model("start"))
    other = ServerSampler(server(url, folder, "reload").model_copy(update={"model": "another"}), model("start"))
    lora = ServerSampler(server(url, folder, "lora"), model("start"))

    def load_missing() -> None:
        lora.api.endpoint.tell("/load_lora_adapter", {"lora_name": "none", "lora_path": str(folder / "none")})

    told = []
    for ask in (
        lambda: other.sample(PROMPTS, 1, SAMPLING),
        lambda: sampler.sample([(999,)], 1, SAMPLING),
        lambda: sampler.sample([PROMPTS[0] * 20], 1, SAMPLING),
        load_missing,
    ):
        try:
            ask()
        except EndpointError as error:
            told.append(str(error))
    return told


SCENARIOS: dict[str, Callable[[str, Path], Any]] = {
    "whole_weights": whole_weights,
    "adapters": adapters,
    "refusals": refusals,
    "tied_head": tied_head,
    "plain_logprobs": plain_logprobs,
}


def without_names(text: str, folder: Path) -> str:
    """A text of a request or an answer with words for what differs from run to run."""
    return NAMED.sub("WEIGHTS", text.replace(str(folder), "FOLDER"))


@contextmanager
def answering(answer: Callable[[str, str, str], tuple[int, str]]) -> Iterator[str]:
    """A server that answers method, path and body by a function, until the block ends: its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("content-length") or 0)
            status, content = answer(self.command, self.path, self.rfile.read(size).decode())
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(content.encode())

        do_POST = do_GET  # as http.server names it

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}"
        finally:
            listening.shutdown()
            thread.join()


def record(url: str, folder: Path, names: list[str]) -> dict[str, Any]:
    """Scenarios against a running server: its version, and what was said in each, in order."""
    with urlopen(f"{url}/version") as answered:
        version = json.load(answered)["version"]
    dialogues: dict[str, list[dict[str, Any]]] = {}
    for name in names:
        said = dialogues.setdefault(name, [])
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)

        def forward(method: str, path: str, body: str, place: Path = place, said: list[Any] = said) -> tuple[int, str]:
            headers = {"content-type": "application/json"}
            try:
                with urlopen(Request(url + path, body.encode() or None, headers, method=method)) as answered:
                    status, content = answered.status, answered.read().decode()
            except HTTPError as error:
                status, content = error.code, error.read().decode()
            said.append(
                {
                    "method": method,
                    "path": path,
                    "body": _parsed(without_names(body, place)),
                    "status": status,
                    "answer": _parsed(without_names(_undated(content), place)),
                }
            )
            return status, content

        with answering(forward) as between:
            SCENARIOS[name](between, place)
    return {"server": "vllm", "version": version, "dialogues": dialogues}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def _undated(text: str) -> str:
    parsed = _parsed(text)
    if isinstance(parsed, dict):
        parsed |= {key: 0 if key == "created" else "ID" for key in ("created", "id") if key in parsed}
        return json.dumps(parsed)
    return text


def main() -> None:
    """Write the models, or record."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--url")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--scenarios", nargs="+", choices=SCENARIOS)
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if arguments.url is None:
        write_model(model("start"), folder / "start")
        model("start").save(folder / "tied")
        return
    recorded = record(arguments.url, folder, arguments.scenarios)
    if arguments.out.exists():
        before = json.loads(arguments.out.read_text())
        recorded["dialogues"] = before["dialogues"] | recorded["dialogues"]
    arguments.out.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
