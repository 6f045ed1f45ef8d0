"""What holds for every test: no network, fixed seeds, no deadline that a busy machine could miss."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

from hypothesis import settings

settings.register_profile("accord", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("accord")
