"""SGLang's server, by its own route `/generate`; written from its documents and source, and never run.

Weights are read again from a folder (`/update_weights_from_disk`), under a name that answers carry. Seeds are heeded
where it was started with `--enable-deterministic-inference`.
"""

from collections.abc import Sequence
from typing import Any

from accord.errors import EndpointError
from accord.lm.causal import CausalModel
from accord.lm.weight_files import write_model
from accord.policy.servers.api import ServerAPI
from accord.policy.servers.replies import Asked, Drawn
from accord.policy.servers.vllm_api import seed_of_prompt
from accord.records import Sampling

__all__ = ["SGLangAPI"]


class SGLangAPI(ServerAPI):
    """A request for each sample: its seed is one of the request."""

    path = "/generate"
    _named: str | None = None

    @property
    def may_lose_weights(self) -> bool:
        """As with whatever reads weights again."""
        return True

    @property
    def place(self) -> str:
        """At the server's root."""
        return f"{self.endpoint.place.removesuffix('/v1')}{self.path}"

    def ask(self, prompt: Sequence[int], number: int, sampling: Sampling, asked: Asked) -> list[Drawn]:
        """One after the other; prompts are asked at once."""
        first = seed_of_prompt(sampling.seed or 0, number) % (1 << 30)
        return [self._one(prompt, first + index, sampling, asked) for index in range(asked.n)]

    def _one(self, prompt: Sequence[int], seed: int, sampling: Sampling, asked: Asked) -> Drawn:
        parameters = {
            "max_new_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k or -1,
            "min_p": 0.0,
            "repetition_penalty": 1.0,
            "presence_penalty": 0.0,
            "frequency_penalty": 0.0,
            "sampling_seed": seed,
            "stop": list(sampling.stop or ()),
            "stop_token_ids": sorted(asked.ends),
        }
        body = {"input_ids": list(prompt), "return_logprob": True, "sampling_params": parameters}
        answer = self.endpoint.post(f"{self.endpoint.root}{self.path}", body)
        told = answer.get("meta_info") if isinstance(answer, dict) else None
        tokens = told.get("output_token_logprobs") if isinstance(told, dict) else None
        if not isinstance(told, dict) or not isinstance(tokens, list):
            raise asked.problem("it returns no log-probabilities")
        if not all(isinstance(each, list) and len(each) >= 2 for each in tokens):
            raise asked.problem("its log-probabilities do not name their tokens")
        reason: Any = told.get("finish_reason")
        ended = reason.get("type") if isinstance(reason, dict) else reason
        return Drawn([each[1] for each in tokens], [each[0] for each in tokens], ended, told.get("weight_version"))

    def weights(self) -> str | None:
        """What was handed over last: what it has at first is not known, and is replaced."""
        return self._named

    def put_weights(self, causal: CausalModel, name: str) -> int:
        """Raises `EndpointError` too where it says that it did not take them."""
        folder = self.folder() / "policy"
        size = write_model(causal, folder)
        body = {"model_path": self.as_seen(folder.name), "weight_version": name, "flush_cache": True}
        url = f"{self.endpoint.root}/update_weights_from_disk"
        answer = self.endpoint.post(url, body)
        if not isinstance(answer, dict) or answer.get("success") is not True:
            raise EndpointError(f"{url}: it did not take the weights ({answer})", may_pass=False)
        self._named = name
        return size
