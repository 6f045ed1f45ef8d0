"""Training from Python: a call whose run is like any other, so that it can be gone on with, audited and reported."""

from accord.loop.from_python.trained_run import TrainedRun
from accord.loop.from_python.training import run_recipe, train

__all__ = ["TrainedRun", "run_recipe", "train"]
