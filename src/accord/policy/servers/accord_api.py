"""`accord serve --take-weights`: the random streams of a model in this process, and whose weights an answer is of."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from accord.errors import EndpointError
from accord.lm.causal import CausalModel
from accord.lm.weight_files import write_weights
from accord.policy.servers.api import ServerAPI
from accord.policy.servers.replies import Asked, Drawn, completions_of
from accord.records import Sampling

__all__ = ["AccordAPI"]


class AccordAPI(ServerAPI):
    """Samples as `accord.lm.generate.generate` draws them from the same weights and seed."""

    def ask(self, prompt: Sequence[int], number: int, sampling: Sampling, asked: Asked) -> list[Drawn]:
        """As any server, from the random stream that the prompt has in this process."""
        body = {
            "model": self.model,
            "prompt": list(prompt),
            "n": asked.n,
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": sampling.seed,
            "stop": list(sampling.stop or ()),
            "logprobs": 0,
            "return_token_ids": True,
            "random_stream": [number],
        }
        return completions_of(self.endpoint.post(self.path, body), self.model, asked)

    def weights(self) -> str | None:
        """As it says. Raises `EndpointError` where it takes none."""
        try:
            return str(self.endpoint.get("/weights")["weights"])
        except EndpointError as error:
            if "answers 404" not in str(error):
                raise
            raise EndpointError(
                f"{error}; start accord serve with --take-weights, so that the policy's can be handed over",
                may_pass=False,
            ) from error

    def put_weights(self, causal: CausalModel, name: str) -> int:
        """By upload, or through the folder that both see, where one file is written over another."""
        if self.settings.way == "file":
            path = self.folder() / "policy.safetensors"
            size = write_weights(causal, path)
            self.endpoint.post("/weights", {"path": self.as_seen(path.name), "weights": name})
            return size
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "policy.safetensors"
            size = write_weights(causal, path)
            self.endpoint.put_file(f"/weights/{name}", path)
        return size
