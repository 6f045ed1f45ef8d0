"""vLLM's server, in an environment of its own; version 0.32 was run.

Whole weights are read again by its workers from a folder (`reload_weights`, by `/collective_rpc`), while it is paused;
adapters are loaded beside the model (`/v1/load_lora_adapter`), each under a name of its own, which is then the model
that is asked. The server is started for it: `VLLM_SERVER_DEV_MODE=1` for the first, `--enable-lora` and
`VLLM_ALLOW_RUNTIME_LORA_UPDATING=1` for the second; both with `--logprobs-mode processed_logprobs`, without which
log-probabilities are those at temperature 1.

Reading whole weights again leaves a head that is tied to the embeddings as it was (0.32 on a CPU): such a model is
served untied (`accord.lm.weight_files.write_model`), and so it is handed over. Nothing finds that out for certain.
"""

import hashlib
import shutil
from collections.abc import Sequence
from typing import Any

from accord.errors import EndpointError
from accord.lm.causal import CausalModel
from accord.lm.weight_files import write_model
from accord.policy.servers.api import ServerAPI
from accord.policy.servers.replies import RawSample, SampleRequest, completions_of
from accord.records import Sampling

__all__ = ["VLLMAPI", "seed_of_prompt"]


class VLLMAPI(ServerAPI):
    """`n` samples of a prompt are drawn from its seed and the ones after it, as vLLM does."""

    adapter: str | None = None

    @property
    def may_lose_weights(self) -> bool:
        """Where whole weights are read again."""
        return self.settings.way == "reload"

    def ask(self, prompt: Sequence[int], number: int, sampling: Sampling, request: SampleRequest) -> list[RawSample]:
        """Every setting by which a model's own generation configuration would change the distribution is sent."""
        model = self.adapter or self.model
        body = {
            "model": model,
            "prompt": list(prompt),
            "n": request.n,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "seed": seed_of_prompt(sampling.seed or 0, number),
            "stop": list(sampling.stop or ()),
            "stop_token_ids": sorted(request.ends),
            "logprobs": 0,
            "return_token_ids": True,
            "return_tokens_as_token_ids": True,
        }
        return completions_of(self.endpoint.post(self.path, body), model, request)

    def weights(self) -> str | None:
        """The adapter, whose name answers carry; of whole weights, as the server says."""
        if self.settings.way == "lora":
            return None if self.adapter is None else self.adapter.removeprefix("accord-")
        return str(self._server("/weight_info")["weight_version"])

    def put_weights(self, causal: CausalModel, name: str) -> int:
        """Raises `EndpointError` too where adapters are to be handed over and the policy has none."""
        return self._put_adapter(causal, name) if self.settings.way == "lora" else self._put_whole(causal, name)

    def _put_whole(self, causal: CausalModel, name: str) -> int:
        folder = self.folder() / "policy"
        size = write_model(causal, folder)
        self._server("/pause?mode=wait", {})
        try:
            reload = {"method": "reload_weights", "kwargs": {"weights_path": self.as_seen(folder.name)}}
            self._server("/collective_rpc", reload)
            self._server("/reset_prefix_cache", {})
            self._server("/update_weight_version", {"new_version": name})
        finally:
            self._server("/resume", {})
        return size

    def _put_adapter(self, causal: CausalModel, name: str) -> int:
        if not (causal.has_adapters and causal.base):
            raise EndpointError(
                f'{self.place}: hand_over = "lora" hands over adapters of a model in a folder or on a hub, and '
                'the policy is none such; set lora and base, or hand_over = "reload"',
                may_pass=False,
            )
        old, new = self.adapter, f"accord-{name}"
        size = write_model(causal, self.folder() / new, merge=False)
        # In place, where a run that was broken off left one of this name there.
        loaded = {"lora_name": new, "lora_path": self.as_seen(new), "load_inplace": True}
        self.endpoint.tell("/load_lora_adapter", loaded)
        self.adapter = new
        if old is not None:
            self.endpoint.tell("/unload_lora_adapter", {"lora_name": old})
            shutil.rmtree(self.folder() / old, ignore_errors=True)
        return size

    def _server(self, path: str, body: Any = None) -> Any:
        """What a route of the server's own answers to JSON, or to being asked for."""
        url = f"{self.endpoint.root}{path}"
        try:
            return self.endpoint.get(url) if body is None else self.endpoint.post(url, body)
        except EndpointError as error:
            if "answers 404" not in str(error):
                raise
            raise EndpointError(
                f"{error}; start vLLM with VLLM_SERVER_DEV_MODE=1, so that weights can be handed over (0.32 was tried)",
                may_pass=False,
            ) from error


def seed_of_prompt(seed: int, number: int) -> int:
    """A seed of 62 bits for the `number`-th prompt of a step.

    Those after it, which vLLM takes for the other samples of the prompt, are no other prompt's.
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:8], "big") >> 2
