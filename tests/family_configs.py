"""Tiny configurations of many families, and what is right of each: packed, plain with a warning, or refused."""

from typing import Any

from transformers import AutoConfig, AutoModelForCausalLM

from families import COMMON, SIZES, drawn

MANY = {**SIZES, "num_key_value_heads": 4}
BY_N: dict[str, Any] = {**COMMON, "vocab_size": 258, "n_positions": 512, "n_embd": 32, "n_layer": 2, "n_head": 4}
BARE: dict[str, Any] = {**COMMON, "vocab_size": 258, "hidden_size": 32, "num_hidden_layers": 2}
WINDOW: dict[str, Any] = {"sliding_window": 8}
BOTH: dict[str, Any] = {**WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
GEMMA: dict[str, Any] = {**BOTH, "head_dim": 16, "query_pre_attn_scalar": 16}
EXPERTS: dict[str, Any] = {"num_local_experts": 4, "num_experts_per_tok": 2}
ROUTED: dict[str, Any] = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}
ROPE: dict[str, Any] = {"rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 64}
LLAMA3 = {"rope_type": "llama3", **ROPE, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
LATENT: dict[str, Any] = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8}
DEEPSEEK: dict[str, Any] = {
    **MANY,
    **LATENT,
    "v_head_dim": 8,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "moe_intermediate_size": 32,
    "first_k_dense_replace": 1,
    "n_shared_experts": 1,
}
LINEAR: dict[str, Any] = {
    "layer_types": ["linear_attention", "full_attention"],
    "linear_num_value_heads": 4,
    "linear_num_key_heads": 2,
    "linear_key_head_dim": 8,
    "linear_value_head_dim": 8,
}
JAMBA: dict[str, Any] = {
    **SIZES,
    "num_experts": 4,
    "num_experts_per_tok": 2,
    "attn_layer_period": 2,
    "attn_layer_offset": 1,
    "expert_layer_period": 2,
    "expert_layer_offset": 1,
    "mamba_d_state": 8,
    "use_mamba_kernels": False,
}
OPT: dict[str, Any] = {**BARE, "ffn_dim": 64, "num_attention_heads": 4, "word_embed_proj_dim": 32, "init_std": 0.2}
MAMBA2: dict[str, Any] = {**BARE, "state_size": 8, "num_heads": 4, "head_dim": 16, "n_groups": 1, "chunk_size": 16}
NEO: dict[str, Any] = {
    **COMMON,
    "vocab_size": 258,
    "hidden_size": 32,
    "num_layers": 2,
    "num_heads": 4,
    "window_size": 8,
    "attention_types": [[["global", "local"], 1]],
}
XGLM: dict[str, Any] = {**COMMON, "vocab_size": 258, "d_model": 32, "ffn_dim": 64, "num_layers": 2, "init_std": 0.2}

PACKED: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {**SIZES, "tie_word_embeddings": True}),
    "llama with biases": ("llama", {**SIZES, "attention_bias": True, "mlp_bias": True}),
    "llama with llama3 positions": ("llama", {**SIZES, "rope_parameters": LLAMA3}),
    "llama with yarn positions": ("llama", {**SIZES, "rope_parameters": {"rope_type": "yarn", **ROPE}}),
    "llama with dynamic positions": ("llama", {**SIZES, "rope_parameters": {"rope_type": "dynamic", **ROPE}}),
    "mistral": ("mistral", {**SIZES, **WINDOW}),
    "qwen2": ("qwen2", SIZES),
    "qwen2 with windows": ("qwen2", {**SIZES, **BOTH, "use_sliding_window": True}),
    "qwen3": ("qwen3", {**SIZES, "head_dim": 16}),
    "gemma": ("gemma", {**SIZES, "head_dim": 16}),
    "gemma2": ("gemma2", {**SIZES, **GEMMA, "attn_logit_softcapping": 5.0, "final_logit_softcapping": 3.0}),
    "gemma3": ("gemma3_text", {**SIZES, **GEMMA}),
    "phi": ("phi", MANY),
    "phi3": ("phi3", {**SIZES, **WINDOW}),
    "olmo": ("olmo", SIZES),
    "olmo2": ("olmo2", SIZES),
    "olmo3": ("olmo3", {**SIZES, **BOTH}),
    "gpt_neox": ("gpt_neox", SIZES),
    "gpt2": ("gpt2", BY_N),
    "gpt_bigcode": ("gpt_bigcode", BY_N),
    "starcoder2": ("starcoder2", {**SIZES, **WINDOW}),
    "opt": ("opt", OPT),
    "mixtral": ("mixtral", {**SIZES, **EXPERTS, **WINDOW}),
    "qwen2_moe": ("qwen2_moe", {**SIZES, **ROUTED, "shared_expert_intermediate_size": 32}),
    "qwen3_moe": ("qwen3_moe", {**SIZES, **ROUTED, "head_dim": 16}),
    "olmoe": ("olmoe", {**SIZES, "num_experts": 4, "num_experts_per_tok": 2}),
    "phimoe": ("phimoe", {**SIZES, **EXPERTS, **WINDOW}),
    "deepseek_v2": ("deepseek_v2", DEEPSEEK),
    "deepseek_v3": ("deepseek_v3", DEEPSEEK),
    "smollm3": ("smollm3", {**SIZES, "no_rope_layers": [1, 0]}),
    "exaone4": ("exaone4", {**SIZES, **BOTH, "sliding_window_pattern": 2}),
    "glm4": ("glm4", {**SIZES, "head_dim": 8}),
    "ernie4_5": ("ernie4_5", {**SIZES, "head_dim": 8}),
    "helium": ("helium", {**SIZES, "head_dim": 8}),
    "arcee": ("arcee", SIZES),
    "biogpt": ("biogpt", {key: value for key, value in SIZES.items() if key != "num_key_value_heads"}),
}
PLAIN: dict[str, tuple[str, dict[str, Any]]] = {
    "falcon": ("falcon", {**BARE, "num_attention_heads": 4, "alibi": False}),
    "gpt_neo": ("gpt_neo", NEO),
    "gptj": ("gptj", {**BY_N, "rotary_dim": 4}),
    "codegen": ("codegen", {**BY_N, "n_ctx": 512, "rotary_dim": 4}),
    "bloom": ("bloom", {**COMMON, "vocab_size": 258, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "mpt": ("mpt", {**COMMON, "vocab_size": 258, "d_model": 32, "n_heads": 4, "n_layers": 2, "max_seq_len": 512}),
    "stablelm": ("stablelm", SIZES),
    "nemotron": ("nemotron", {**SIZES, "head_dim": 8}),
    "xglm": ("xglm", {**XGLM, "attention_heads": 4, "max_position_embeddings": 512}),
    "gpt_oss": ("gpt_oss", {**SIZES, **EXPERTS, **WINDOW, "head_dim": 8}),
    "mamba": ("mamba", {**BARE, "state_size": 8}),
    "mamba2": ("mamba2", MAMBA2),
    "jamba": ("jamba", JAMBA),
    "lfm2": ("lfm2", {**SIZES, "layer_types": ["conv", "full_attention"]}),
    "qwen3_next": ("qwen3_next", {**SIZES, **ROUTED, **LINEAR, "head_dim": 16, "shared_expert_intermediate_size": 32}),
}
REFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "cohere": ("cohere", SIZES),
    "granite": ("granite", {**SIZES, "logits_scaling": 2.0}),
    "llama4": ("llama4_text", {**SIZES, **EXPERTS, "head_dim": 8, "intermediate_size_mlp": 64}),
}
ALL = PACKED | PLAIN | REFUSED


def make(name: str) -> Any:
    """A tiny model of a family as transformers makes it, always the same."""
    kind, values = ALL[name]
    return drawn(lambda: AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **values)))
