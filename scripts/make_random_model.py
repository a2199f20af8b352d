#!/usr/bin/env python3
"""Makes a Hugging Face directory with random weights in the shape of a published model, for
measuring: scripts/make_random_model.py qwen2.5-0.5b DIR [--dtype f32|f16|bf16]

Needs nothing but Python. Tensors are streamed to the file; the tokenizer has a token for each byte, and
fillers for the rest of the vocabulary.
"""
import argparse
import array
import json
import pathlib
import random
import struct
import sys

QWEN = {
    "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 896,
    "intermediate_size": 4864, "num_hidden_layers": 24, "num_attention_heads": 14,
    "num_key_value_heads": 2, "vocab_size": 151936, "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-6, "rope_theta": 1000000.0, "tie_word_embeddings": True,
    "hidden_act": "silu", "use_sliding_window": False,
}
GPT2 = {
    "architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 768, "n_layer": 12,
    "n_head": 12, "n_positions": 1024, "n_ctx": 1024, "vocab_size": 50257,
    "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
}
QWEN3_MOE = {
    "architectures": ["Qwen3MoeForCausalLM"], "model_type": "qwen3_moe", "hidden_size": 2048,
    "intermediate_size": 6144, "moe_intermediate_size": 768, "num_hidden_layers": 48,
    "num_attention_heads": 32, "num_key_value_heads": 4, "head_dim": 128, "num_experts": 128,
    "num_experts_per_tok": 8, "norm_topk_prob": True, "vocab_size": 151936,
    "max_position_embeddings": 40960, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0,
    "tie_word_embeddings": False, "hidden_act": "silu", "use_sliding_window": False,
}
DEEPSEEK_V2_LITE = {
    "architectures": ["DeepseekV2ForCausalLM"], "model_type": "deepseek_v2", "hidden_size": 2048,
    "intermediate_size": 10944, "moe_intermediate_size": 1408, "num_hidden_layers": 27,
    "first_k_dense_replace": 1, "num_attention_heads": 16, "num_key_value_heads": 16, "q_lora_rank": None,
    "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "n_routed_experts": 64, "num_experts_per_tok": 6, "n_shared_experts": 2, "topk_method": "greedy",
    "n_group": 1, "topk_group": 1, "routed_scaling_factor": 1.0, "norm_topk_prob": False,
    "scoring_func": "softmax", "vocab_size": 102400, "max_position_embeddings": 163840,
    "rms_norm_eps": 1e-6, "rope_theta": 10000, "tie_word_embeddings": False, "hidden_act": "silu",
    "rope_scaling": {"type": "yarn", "factor": 40, "beta_fast": 32, "beta_slow": 1, "mscale": 0.707,
                     "mscale_all_dim": 0.707, "original_max_position_embeddings": 4096},
}
SIZES = {"f32": 4, "f16": 2, "bf16": 2}
BLOCK = 1 << 18  # values that are drawn once and repeated with a shift


def qwen_tensors(config):
    e, f, d = config["hidden_size"], config["intermediate_size"], 64
    q, kv = config["num_attention_heads"] * d, config["num_key_value_heads"] * d
    yield "model.embed_tokens.weight", [config["vocab_size"], e]
    for n in range(config["num_hidden_layers"]):
        layer = f"model.layers.{n}."
        for name, rows in (("q", q), ("k", kv), ("v", kv)):
            yield f"{layer}self_attn.{name}_proj.weight", [rows, e]
            yield f"{layer}self_attn.{name}_proj.bias", [rows]
        yield f"{layer}self_attn.o_proj.weight", [e, q]
        yield f"{layer}mlp.gate_proj.weight", [f, e]
        yield f"{layer}mlp.up_proj.weight", [f, e]
        yield f"{layer}mlp.down_proj.weight", [e, f]
        yield f"{layer}input_layernorm.weight", [e]
        yield f"{layer}post_attention_layernorm.weight", [e]
    yield "model.norm.weight", [e]


def gpt2_tensors(config):
    e = config["n_embd"]
    yield "transformer.wte.weight", [config["vocab_size"], e]
    yield "transformer.wpe.weight", [config["n_positions"], e]
    for n in range(config["n_layer"]):
        layer = f"transformer.h.{n}."
        for name, rows, columns in (("attn.c_attn", e, 3 * e), ("attn.c_proj", e, e),
                                    ("mlp.c_fc", e, 4 * e), ("mlp.c_proj", 4 * e, e)):
            yield f"{layer}{name}.weight", [rows, columns]
            yield f"{layer}{name}.bias", [columns]
        for name in ("ln_1", "ln_2"):
            yield f"{layer}{name}.weight", [e]
            yield f"{layer}{name}.bias", [e]
    yield "transformer.ln_f.weight", [e]
    yield "transformer.ln_f.bias", [e]


def qwen3_moe_tensors(config):
    e, f, d = config["hidden_size"], config["moe_intermediate_size"], config["head_dim"]
    q, kv = config["num_attention_heads"] * d, config["num_key_value_heads"] * d
    yield "model.embed_tokens.weight", [config["vocab_size"], e]
    for n in range(config["num_hidden_layers"]):
        layer = f"model.layers.{n}."
        for name, rows, columns in (("q", q, e), ("k", kv, e), ("v", kv, e), ("o", e, q)):
            yield f"{layer}self_attn.{name}_proj.weight", [rows, columns]
        for name in ("self_attn.q_norm", "self_attn.k_norm"):
            yield f"{layer}{name}.weight", [d]
        yield f"{layer}mlp.gate.weight", [config["num_experts"], e]
        for expert in range(config["num_experts"]):
            for name, rows, columns in (("gate", f, e), ("up", f, e), ("down", e, f)):
                yield f"{layer}mlp.experts.{expert}.{name}_proj.weight", [rows, columns]
        yield f"{layer}input_layernorm.weight", [e]
        yield f"{layer}post_attention_layernorm.weight", [e]
    yield "model.norm.weight", [e]
    yield "lm_head.weight", [config["vocab_size"], e]


def deepseek_v2_tensors(config):
    e, latent, heads = config["hidden_size"], config["kv_lora_rank"], config["num_attention_heads"]
    still, turned, value = (config[key] for key in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"))
    inner = config["moe_intermediate_size"]
    yield "model.embed_tokens.weight", [config["vocab_size"], e]
    for n in range(config["num_hidden_layers"]):
        layer = f"model.layers.{n}."
        yield f"{layer}self_attn.q_proj.weight", [heads * (still + turned), e]
        yield f"{layer}self_attn.kv_a_proj_with_mqa.weight", [latent + turned, e]
        yield f"{layer}self_attn.kv_a_layernorm.weight", [latent]
        yield f"{layer}self_attn.kv_b_proj.weight", [heads * (still + value), latent]
        yield f"{layer}self_attn.o_proj.weight", [e, heads * value]
        parts = [("", config["intermediate_size"])]
        if n >= config["first_k_dense_replace"]:
            yield f"{layer}mlp.gate.weight", [config["n_routed_experts"], e]
            parts = [(f"experts.{expert}.", inner) for expert in range(config["n_routed_experts"])]
            parts.append(("shared_experts.", inner * config["n_shared_experts"]))
        for part, f in parts:
            for name, rows, columns in (("gate", f, e), ("up", f, e), ("down", e, f)):
                yield f"{layer}mlp.{part}{name}_proj.weight", [rows, columns]
        yield f"{layer}input_layernorm.weight", [e]
        yield f"{layer}post_attention_layernorm.weight", [e]
    yield "model.norm.weight", [e]
    yield "lm_head.weight", [config["vocab_size"], e]


MODELS = {"qwen2.5-0.5b": (QWEN, qwen_tensors), "gpt2": (GPT2, gpt2_tensors),
          "qwen3-30b-a3b": (QWEN3_MOE, qwen3_moe_tensors),
          "deepseek-v2-lite": (DEEPSEEK_V2_LITE, deepseek_v2_tensors)}


def encode(values, dtype):
    """Floats in the type of the file; bf16 by cutting, which is good enough for random numbers."""
    if dtype == "f16":
        return struct.pack(f"<{len(values)}e", *values)
    single = array.array("f", values)
    if sys.byteorder == "big":
        single.byteswap()
    raw = single.tobytes()
    if dtype == "f32":
        return raw
    halves = bytearray(len(raw) // 2)
    halves[0::2], halves[1::2] = raw[2::4], raw[3::4]
    return bytes(halves)


def count_of(shape):
    count = 1
    for size in shape:
        count *= size
    return count


def write_weights(path, tensors, dtype, seed):
    header, offset = {}, 0
    for name, shape in tensors:
        size = count_of(shape) * SIZES[dtype]
        header[name] = {"dtype": dtype.upper(), "shape": shape,
                        "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    draw = random.Random(seed)
    # Small enough that the activations of many layers stay finite in f16 too.
    block = encode([draw.gauss(0, 0.02) for _ in range(BLOCK)], dtype)
    ones = encode([1.0], dtype)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, shape in tensors:
            left = count_of(shape) * SIZES[dtype]
            is_norm = name.endswith(("norm.weight", "ln_1.weight", "ln_2.weight", "ln_f.weight"))
            while left > 0:
                shift = draw.randrange(BLOCK) * SIZES[dtype]
                chunk = ones * BLOCK if is_norm else block[shift:] + block[:shift]
                file.write(chunk[:left])
                left -= len(chunk)


def byte_characters():
    """The characters by which byte-level tokenizers write bytes."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(others)) for b in range(256)]


def write_tokenizer(path, vocabulary):
    tokens = byte_characters() + [f"token{n}" for n in range(256, vocabulary)]
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
             "use_regex": True}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
             "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
             "vocab": {token: number for number, token in enumerate(tokens)}, "merges": []}
    path.write_text(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [],
        "normalizer": None, "pre_tokenizer": level, "post_processor": None, "decoder": level,
        "model": model}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("directory", type=pathlib.Path)
    parser.add_argument("--dtype", choices=SIZES, default="f32")
    parser.add_argument("--layers", type=int, help="another number of layers")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    config, tensors_of = MODELS[options.model]
    config = dict(config)
    if options.layers:
        config["num_hidden_layers" if "num_hidden_layers" in config else "n_layer"] = options.layers
    options.directory.mkdir(parents=True, exist_ok=True)
    (options.directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    write_tokenizer(options.directory / "tokenizer.json", config["vocab_size"])
    write_weights(options.directory / "model.safetensors", list(tensors_of(config)), options.dtype,
                  options.seed)


if __name__ == "__main__":
    main()
