"""What several tests of policies start from."""

from pathlib import Path

import pytest

from accord.policy import SFT
from accord.policy.materials import Materials
from accord.run import RunDirectory
from accord.train.optimiser import Optim
from small_data import letters_dataset


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that has learnt to write strings of a and b, and to stop."""
    data = letters_dataset()
    settings = SFT(
        base="tiny", dtype="float32", epochs=20, batch_size=12, save_every=99, optim=Optim(lr=1e-2, warmup_steps=2)
    )
    with RunDirectory.create(tmp_path_factory.mktemp("runs") / "start") as run:
        list(settings.train_on(Materials(data=data).examples, run))
        return run.verified("sft/model")
