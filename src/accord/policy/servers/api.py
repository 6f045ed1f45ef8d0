"""What every kind of server must be able to do, and the connection that they share."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from accord.errors import EndpointError, storage
from accord.lm.causal import CausalModel
from accord.lm.endpoint import Endpoint
from accord.policy.servers.replies import Asked, Drawn
from accord.policy.servers.settings import SamplerServer
from accord.records import Sampling

__all__ = ["ServerAPI"]


class ServerAPI(ABC):
    """A server of one kind: how it is asked, and how it is given weights under a name.

    path               where samples are asked for
    may_lose_weights   whether some of the weights that are handed over may not arrive, and nothing tell
    """

    path = "/completions"

    def __init__(self, settings: SamplerServer, endpoint: Endpoint) -> None:
        self.settings, self.endpoint = settings, endpoint
        self._model = settings.model

    @property
    def model(self) -> str:
        """What the server calls the model. Raises `EndpointError` where it lists none."""
        if self._model is None:
            listed = self.endpoint.get("/models")
            try:
                self._model = str(listed["data"][0]["id"])
            except (KeyError, IndexError, TypeError) as error:
                raise EndpointError(f"{self.endpoint.place}/models: it lists no model", may_pass=False) from error
        return self._model

    @property
    def place(self) -> str:
        """Where samples are asked for, in messages."""
        return f"{self.endpoint.place}{self.path}"

    @property
    def may_lose_weights(self) -> bool:
        """Not where names and shapes are held against one another."""
        return False

    @abstractmethod
    def ask(self, prompt: Sequence[int], number: int, sampling: Sampling, asked: Asked) -> list[Drawn]:
        """`asked.n` answers to a prompt, the `number`-th of its step. Raises `EndpointError`."""

    @abstractmethod
    def weights(self) -> str | None:
        """The name of the weights that it has now; None where it does not say."""

    @abstractmethod
    def put_weights(self, causal: CausalModel, name: str) -> int:
        """Hand the weights over under a name; returns their bytes. Raises `EndpointError`, `StorageError`."""

    def folder(self) -> Path:
        """Where weights are written for it to read, made where it is missing."""
        assert self.settings.folder is not None
        folder = Path(self.settings.folder)
        with storage(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def as_seen(self, name: str) -> str:
        """The path of something in that folder, as the server sees it."""
        return str(Path(self.settings.server_folder or str(self.settings.folder)) / name)
