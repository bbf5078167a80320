"""A real model file of half a megabyte: random weights, but everything llama.cpp asks for.

Two layers, 64 wide, a vocabulary of all bytes and a few words, a ChatML template. The rows
of the output layer are scaled so that it answers in its words and never ends by itself:
``max_tokens`` or the context length stops it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import gguf
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT_LENGTH = 2048
WORDS = ("the", "a", "fox", "sees", "one", "small", "river", "and", "then", "it", "runs", "home")

_WIDTH, _LAYERS, _HEADS, _FEED_FORWARD = 64, 2, 4, 128
_SPECIAL = ("<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>")
_UNKNOWN, _CONTROL, _NORMAL, _BYTE = 2, 3, 1, 6  # llama.cpp's token types
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def write_tiny_model(path: Path, template: str = CHATML) -> Path:
    """Write the model; the same bytes each time."""
    tokens = [
        *_SPECIAL,
        *(f"<0x{byte:02X}>" for byte in range(256)),
        *(f"\N{LOWER ONE EIGHTH BLOCK}{w}" for w in WORDS),
    ]
    kinds = [_UNKNOWN, *[_CONTROL] * (len(_SPECIAL) - 1), *[_BYTE] * 256, *[_NORMAL] * len(WORDS)]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT_LENGTH)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(0)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([token.encode() for token in tokens])
    writer.add_token_scores([0.0] * len(tokens))
    writer.add_token_types(kinds)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(4)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_add_space_prefix(False)  # or its template does not survive tokenizing, and no schema can be asked for
    writer.add_chat_template(template)
    _add_weights(writer, len(tokens))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_weights(writer: gguf.GGUFWriter, n_tokens: int) -> None:
    random = np.random.default_rng(7)

    def noise(*shape: int) -> np.ndarray:
        return (random.standard_normal(shape) * 0.1).astype(np.float32)

    ones = np.ones(_WIDTH, dtype=np.float32)
    embedding = noise(n_tokens, _WIDTH)
    embedding[:, 0] = 1.0  # a constant direction, by which the output layer tells words from bytes
    output = noise(n_tokens, _WIDTH)
    output[:, 0] = -20.0
    output[-len(WORDS) :, 0] = 5.0
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", output)
    for layer in range(_LAYERS):
        prefix = f"blk.{layer}."
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"{prefix}{name}.weight", ones)
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"{prefix}{name}.weight", noise(_WIDTH, _WIDTH))
        writer.add_tensor(f"{prefix}ffn_gate.weight", noise(_FEED_FORWARD, _WIDTH))
        writer.add_tensor(f"{prefix}ffn_up.weight", noise(_FEED_FORWARD, _WIDTH))
        writer.add_tensor(f"{prefix}ffn_down.weight", noise(_WIDTH, _FEED_FORWARD))
