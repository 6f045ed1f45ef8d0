"""A Llama of safetensors as a GGUF file in bfloat16 or float32, for llama.cpp."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["converted"]

NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def converted(model: Path, folder: Path, dtype: str = "bfloat16") -> Path:
    """The file, written into `folder` where it is not there. No text is to be read or written with it: ids alone."""
    import gguf

    file = folder / f"{model.name}-{dtype}.gguf"
    if file.is_file():
        return file
    config = json.loads((model / "config.json").read_text())
    heads, kept = config["num_attention_heads"], config["num_key_value_heads"]
    part = file.with_suffix(f".{os.getpid()}")
    writer = gguf.GGUFWriter(part, "llama")
    _describe(writer, config)
    _add_words(writer, config["vocab_size"])
    for name, weight in _tensors(model / "model.safetensors"):
        short = _short(name)
        if short is None:
            continue
        if short.endswith(("attn_q.weight", "attn_k.weight")):
            weight = _interleaved(weight, heads if "attn_q" in short else kept)
        if weight.ndim == 1 or dtype == "float32":
            writer.add_tensor(short, weight)
            continue
        kind = gguf.GGMLQuantizationType.BF16
        writer.add_tensor(short, gguf.quants.quantize(weight, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(file)
    return file


def _describe(writer: Any, config: dict[str, Any]) -> None:
    rope = config.get("rope_parameters") or {}
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["hidden_size"] // config["num_attention_heads"])
    writer.add_rope_freq_base(float(config.get("rope_theta") or rope["rope_theta"]))


def _add_words(writer: Any, count: int) -> None:
    """A vocabulary of the right size: llama.cpp opens no model without one."""
    import gguf

    writer.add_vocab_size(count)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([f"<{token}>" for token in range(count)])
    writer.add_token_scores([0.0] * count)
    writer.add_token_types([int(gguf.TokenType.NORMAL)] * count)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)


def _short(name: str) -> str | None:
    if name == "model.embed_tokens.weight":
        return "token_embd.weight"
    if name == "model.norm.weight":
        return "output_norm.weight"
    if not name.startswith("model.layers."):
        return None  # the head, which is tied to the embeddings
    number, _, rest = name.removeprefix("model.layers.").partition(".")
    return f"blk.{number}.{NAMES[rest.removesuffix('.weight')]}.weight"


def _interleaved(weight: "np.ndarray[Any, Any]", heads: int) -> "np.ndarray[Any, Any]":
    """Rows of a head in the order in which llama.cpp turns them: halves of a head become neighbours."""
    rows = weight.shape[0] // heads
    return np.ascontiguousarray(
        weight.reshape(heads, 2, rows // 2, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)
    )


def _tensors(file: Path) -> Any:
    """Names and float32 arrays of a safetensors file: eight bytes of length, a header of JSON, then the numbers."""
    whole = np.memmap(file, np.uint8, "r")
    length = int(whole[:8].view(np.uint64)[0])
    header = json.loads(bytes(whole[8 : 8 + length]))
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        numbers = whole[8 + length + begin : 8 + length + end]
        if entry["dtype"] == "BF16":
            array = (numbers.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        elif entry["dtype"] == "F32":
            array = numbers.view(np.float32)
        else:
            raise ValueError(f"{file}: {name} is in {entry['dtype']}; BF16 and F32 are read")
        yield name, np.array(array).reshape(entry["shape"])


if __name__ == "__main__":
    print(converted(Path(sys.argv[1]), Path(sys.argv[2])))
