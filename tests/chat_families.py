"""Chat templates in the shapes that open models have, each with a small tokenizer that has its control tokens."""

from collections.abc import Iterable
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

__all__ = ["FAMILIES", "WITHOUT_SYSTEM", "byte_tokenizer", "family", "piece_tokenizer"]

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}"
    "{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for m in messages %}{% set role = 'model' if m.role == 'assistant' else m.role %}"
    "{{ '<start_of_turn>' + role + '\n' + m.content | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate') }}{% endif %}"
    "{% if m.role == 'user' %}{{ '[INST] ' + m.content + ' [/INST]' }}"
    "{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"
)
QWEN3 = (
    "{% set last = namespace(user=-1) %}{% for m in messages %}{% if m.role == 'user' %}"
    "{% set last.user = loop.index0 %}{% endif %}{% endfor %}"
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' }}"
    "{% if m.role == 'assistant' %}{% set parts = m.content.split('</think>') %}"
    "{% set thought = parts[0].split('<think>')[-1].strip('\n') if parts | length > 1 else '' %}"
    "{% if loop.index0 > last.user %}{{ '<think>\n' + thought + '\n</think>\n\n' }}{% endif %}"
    "{{ parts[-1].lstrip('\n') }}{% else %}{{ m.content }}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
    "{% if enable_thinking is defined and enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{% endif %}"
)
PHI3 = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"
)
ZEPHYR = (
    "{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + eos_token + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)
LLAMA2 = (
    "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + m.content + ' [/INST]' }}"
    "{% elif m.role == 'system' %}{{ raise_exception('No system role here') }}"
    "{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}"
)
WORDS = r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
HEADLESS = "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}"

THINKING = [AddedToken("<think>", special=False), AddedToken("</think>", special=False)]
FAMILIES: dict[str, tuple[str, str, list[Any], str]] = {
    "chatml": ("bytes", CHATML, ["<|im_start|>", "<|im_end|>"], "<|endoftext|>"),
    "llama3": ("bytes", LLAMA3, ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"], "<|end_of_text|>"),
    "gemma": ("pieces", GEMMA, ["<start_of_turn>", "<end_of_turn>"], "<eos>"),
    "mistral": ("pieces", MISTRAL, [], "</s>"),
    "qwen3": ("bytes", QWEN3, ["<|im_start|>", "<|im_end|>", *THINKING], "<|endoftext|>"),
    "phi3": ("pieces", PHI3, ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"], "<|endoftext|>"),
    "zephyr": ("pieces", ZEPHYR, [], "</s>"),
    "llama2": ("prefixed pieces", LLAMA2, [], "</s>"),
    "headless": ("bytes", HEADLESS, ["<|im_start|>", "<|im_end|>"], "<|endoftext|>"),
}
"""Kind of tokenizer, template, control tokens, the tokenizer's own end."""
WITHOUT_SYSTEM = {"gemma", "mistral", "llama2"}


def byte_tokenizer(control: Iterable[Any], eos: str) -> PreTrainedTokenizerFast:
    """A byte-level BPE with a few merges, as GPT-2's descendants have it."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [
        ("Ġ", "a"),
        ("t", "h"),
        ("th", "e"),
        ("Ċ", "Ċ"),
        ("i", "n"),
        ("<", "|"),
        ("|", ">"),
        ("i", "m"),
        ("e", "n"),
    ]
    pairs += [("en", "d"), ("Ġ", "Ġ"), ("Ġ", "i"), ("l", "a")]
    vocabulary = {symbol: number for number, symbol in enumerate([*alphabet, *(a + b for a, b in pairs)])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(WORDS), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return _fast(tokenizer, ["<bos>", eos, *control], eos)


def piece_tokenizer(control: Iterable[Any], eos: str, *, prefixed: bool = False) -> PreTrainedTokenizerFast:
    """Pieces of words in the manner of SentencePiece, with bytes for what it does not know; the end is one of them.

    `prefixed` puts a space before every text that follows a control token, as the first Llamas do.
    """
    pieces = ["<unk>", "<bos>", eos, *(f"<0x{byte:02X}>" for byte in range(256))]
    letters = [*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,?!<>|/[]\n▁", "▁▁"]
    merges = [
        ("▁", "a"),
        ("▁", "l"),
        ("i", "s"),
        ("▁", "is"),
        ("l", "a"),
        ("I", "t"),
        ("▁", "It"),
        ("[", "/"),
        ("▁", "▁"),
    ]
    joined = [a + b for a, b in merges]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys([*pieces, *letters, *joined]))}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True)
    )
    if prefixed:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    return _fast(tokenizer, ["<unk>", "<bos>", eos, *control], eos)


def _fast(tokenizer: Tokenizer, control: list[Any], eos: str) -> PreTrainedTokenizerFast:
    for token in control:
        if isinstance(token, str):
            tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False)])
        else:
            tokenizer.add_tokens([token])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<bos>", eos_token=eos, pad_token=eos)


def family(name: str) -> PreTrainedTokenizerFast:
    """The tokenizer of a family with its template."""
    kind, template, control, eos = FAMILIES[name]
    prefixed = kind == "prefixed pieces"
    made = byte_tokenizer(control, eos) if kind == "bytes" else piece_tokenizer(control, eos, prefixed=prefixed)
    made.chat_template = template
    return made
