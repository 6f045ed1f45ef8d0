"""A small transformer whose tokens are words: where the lab's worlds of language begin, before it has read anything."""

from collections.abc import Iterable

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from accord.lm.causal import CausalModel
from accord.lm.loading import wrap

__all__ = ["word_tokenizer", "word_transformer"]

OPEN, END, UNKNOWN = "<write>", "<end>", "<unknown>"
CHAT = (
    "{% for message in messages %}{% if message['role'] == 'assistant' %}"
    "{{ ' " + OPEN + "' + message['content'] + '" + END + "' }}"
    "{% else %}{{ message['content'] }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %} " + OPEN + "{% endif %}"
)


def word_transformer(
    words: Iterable[str], name: str, *, seed: int, width: int = 64, layers: int = 2, context: int = 128
) -> CausalModel:
    """Some 100,000 weights in the Llama family's order, drawn from the seed; `context` tokens at most.

    `width` is that of a hidden state, in four heads.
    """
    tokenizer = word_tokenizer(words)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=context,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        initializer_range=0.08,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return wrap(LlamaForCausalLM(config).eval(), tokenizer, name)


def word_tokenizer(words: Iterable[str]) -> PreTrainedTokenizerFast:
    """A token for each word, in their order; words are what stands between spaces. An answer begins with `<write>`."""
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    vocabulary[UNKNOWN] = len(vocabulary)
    tokenizer = Tokenizer(models.WordLevel(vocab=vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.add_special_tokens([OPEN, END])
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END, unk_token=UNKNOWN)
    fast.chat_template = CHAT
    return fast
