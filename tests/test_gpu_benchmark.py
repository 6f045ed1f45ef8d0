"""What somebody with a GPU runs is known to run: in full on a CPU; its tables; what is missing is named."""

import json
from pathlib import Path

import pytest
import torch
from benchmarks.gpu import __main__ as gpu
from benchmarks.gpu import speed
from benchmarks.gpu.table import BEGIN, END, NOT_MEASURED, table, with_table
from benchmarks.gpu.work import Work

ROOT = Path(__file__).parents[1]
ROW = {"tokens_a_second": 2000.0, "seconds_a_step": 0.5, "peak_gb": 1.5, "waits_a_step": 3.0}
CONTENT = {
    "machine": {"words": "Some GPU."},
    "parts": {
        "parity": {
            "rows": [
                {"path": "shared rows", "dtype": "float32", "logprob": 1e-6, "gradient": 2e-6, "held": True},
                {"path": "writing", "dtype": "bfloat16", "logprob": 0.5, "gradient": None, "held": False},
            ],
            "failed": ["writing in bfloat16"],
        },
        "speed": {
            "stages": {
                "sft": {"accord": ROW, "against": "trl", "peer": {**ROW, "tokens_a_second": 1000.0}},
                "dpo": {"accord": ROW, "against": "trl", "peer": {"problem": "trl not installed"}},
                "grpo": {"accord": {"problem": "RuntimeError: no"}, "against": "trl", "peer": ROW},
            }
        },
        "whole run": {"problem": "RuntimeError: status 2"},
    },
}


def test_the_page_has_the_table_of_the_results_or_says_that_there_are_none() -> None:
    page = (ROOT / "docs/gpu.md").read_text()
    content = json.loads(gpu.RESULTS.read_text()) if gpu.RESULTS.is_file() else None
    assert page == with_table(page, content)
    assert (NOT_MEASURED in page.split(BEGIN)[1].split(END)[0]) == (content is None)


def test_the_tables_written_out() -> None:
    lines = table(CONTENT).splitlines()
    assert "| writing | bfloat16 | 5.0e-01 |  | **no** |" in lines
    assert "| sft | 2,000 | 1.50 | 3 | trl | 1,000 | 1.50 | 2.00 |" in lines
    assert "| dpo | 2,000 | 1.50 | 3 | trl | trl not installed |  |  |" in lines
    assert "| grpo | RuntimeError: no |  |  | trl | 2,000 | 1.50 |  |" in lines
    assert "whole run: RuntimeError: status 2" in lines
    assert gpu._failures(CONTENT) == [
        "whole run: RuntimeError: status 2",
        "parity: writing in bfloat16 is not the model's own",
        "speed of grpo: RuntimeError: no",
    ]


def test_without_a_gpu_it_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert gpu.main([]) == 2
    assert "device: cuda, and torch" in capsys.readouterr().err


def test_values_that_are_read_are_counted_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Supervised training reads the loss, the norm and whether it is finite; a stage reads none that grow with it.

    Without what is compiled for this processor, which reads numbers where nobody waits for them.
    """
    monkeypatch.setattr("accord.train.optimiser.adamw_pass", lambda: None)
    monkeypatch.setattr("accord.lm.native.proven.layer_kernels", lambda dtype: None)
    work = Work.of("cpu", "float32", "tiny", tmp_path, 2)
    measured = speed.stage("sft", work)
    assert measured.waits is not None
    assert 1 <= measured.waits <= 4
    assert len(measured.seconds) == 2
    assert measured.tokens > 4 * 2 * 40


@pytest.mark.slow
def test_all_of_it_runs_on_a_cpu(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--device", "cpu", "--model", "tiny", "--steps", "2", "--out", str(tmp_path / "gpu.json")]
    assert gpu.main(arguments) == 0, capsys.readouterr().err
    content = json.loads((tmp_path / "gpu.json").read_text())
    assert all(row["held"] for row in content["parts"]["parity"]["rows"])
    assert content["parts"]["speed"]["stages"].keys() == speed.STAGES.keys()
    assert list(content["parts"]["whole run"]["stages"])[-1] == "report"
    assert table(content) in capsys.readouterr().out
