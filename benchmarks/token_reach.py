"""How far each token reaches into its text: in windows, beside decoding from the beginning for each token.

`python -m benchmarks.token_reach` writes token_reach.json.
"""

import json
from itertools import accumulate
from pathlib import Path
from time import perf_counter
from typing import Any

from accord.lm.causal import CausalModel
from accord.lm.loading import load

__all__ = ["LENGTHS", "measure"]

LENGTHS = (256, 1024, 4096)
TEXT = "The quick brown fox jumps over 12 lazy dogs, naïvely; 漢字と絵文字 🎉🎉.\n"


def measure(
    models: tuple[str, ...] = ("tiny",), lengths: tuple[int, ...] = LENGTHS, repetitions: int = 3
) -> dict[str, dict[str, Any]]:
    """Seconds of both ways by model and tokens, the least of `repetitions` taken in turn, and their ratio."""
    found: dict[str, dict[str, Any]] = {}
    for model in models:
        causal = load(model)
        for length in lengths:
            ids = causal.encode_completion(TEXT * length)[:length]
            windows, beginning = [], []
            for _ in range(repetitions):
                began = perf_counter()
                fast = causal.reaches(ids)
                between = perf_counter()
                slow = _from_the_beginning(causal, ids)
                windows.append(between - began)
                beginning.append(perf_counter() - between)
            fast_s, slow_s = min(windows), min(beginning)
            found[f"{model} {length}"] = {
                "windows_s": fast_s,
                "beginning_s": slow_s,
                "ratio": slow_s / fast_s,
                "same": fast == slow,
            }
    return found


def _from_the_beginning(causal: CausalModel, ids: list[int]) -> list[int]:
    reach_T = [len(causal.decode(ids[: size + 1])) for size in range(len(ids))]
    return list(accumulate(reversed(reach_T), min))[::-1]


if __name__ == "__main__":
    results = json.dumps(measure(("tiny", "smollm2-135m")), indent=1) + "\n"
    Path(__file__).with_suffix(".json").write_text(results)
