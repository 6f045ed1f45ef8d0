"""A writer of live candidates that is somewhere else: a model behind an OpenAI-compatible endpoint.

Its token, where it wants one, comes from the environment's ACCORD_TOKEN.
"""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from accord.errors import ModelError
from accord.records import Completion, Prompt, Sampling

__all__ = ["EndpointWriter"]

PATIENCE = 120.0  # seconds for an endpoint to answer


@dataclass(frozen=True)
class EndpointWriter:
    """A model behind `url`, which ends in `/v1`: `accord serve`, vLLM or anything that speaks the same.

    `token` is shown as bearer token. `model` is what the endpoint calls the model.
    """

    url: str
    model: str
    token: str | None = field(default=None, repr=False)

    @classmethod
    def find(cls, url: str) -> "EndpointWriter":
        """The first model of an endpoint. Raises `ModelError` where it cannot be reached or has none."""
        base = url.rstrip("/")
        writer = cls(base if base.endswith("/v1") else f"{base}/v1", "", os.environ.get("ACCORD_TOKEN"))
        listed = writer._ask("/models", None).get("data")
        if not isinstance(listed, list) or not listed or not isinstance(listed[0], dict) or not listed[0].get("id"):
            raise ModelError(f"{writer.url}/models: it lists no model; is this an OpenAI-compatible endpoint?")
        return cls(writer.url, str(listed[0]["id"]), writer.token)

    @property
    def name(self) -> str:
        """The model's name at the endpoint."""
        return self.model

    def write(self, prompts: Sequence[Prompt], n: int, sampling: Sampling) -> list[list[Completion]]:
        """`n` completions for each prompt. Raises `ModelError` where the endpoint refuses or cannot be reached."""
        return [self._written(prompt, n, sampling) for prompt in prompts]

    def _written(self, prompt: Prompt, n: int, sampling: Sampling) -> list[Completion]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": [each.model_dump() for each in prompt.messages],
            "n": n,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "max_tokens": sampling.max_tokens,
        }
        body |= {} if sampling.seed is None else {"seed": sampling.seed}
        body |= {} if not sampling.top_k else {"top_k": sampling.top_k}
        choices = self._ask("/chat/completions", body).get("choices")
        try:
            texts = [str(each["message"]["content"] or "") for each in choices or []]
        except (KeyError, TypeError) as error:
            raise ModelError(f"{self.url}: its answer has no message where one belongs") from error
        return [Completion(prompt=prompt.id, text=text, writer=self.model, sampling=sampling) for text in texts]

    def _ask(self, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"} | (
            {"authorization": f"Bearer {self.token}"} if self.token else {}
        )
        request = urllib.request.Request(self.url + path, data=data, headers=headers)  # noqa: S310 - http(s), checked
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            raise ModelError(f"{self.url}{path}: it answers {error.code} ({_said(error.read())})") from error
        except (OSError, ValueError) as error:
            raise ModelError(f"{self.url}{path}: no answer that can be read ({error})") from error
        if not isinstance(found, dict):
            raise ModelError(f"{self.url}{path}: its answer is no JSON object")
        return found


def _said(body: bytes) -> str:
    """The message of an error in OpenAI's shape, or the beginning of whatever came."""
    try:
        return str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return body[:200].decode(errors="replace").strip() or "no reason given"
