#!/usr/bin/env python3
"""Makes a GGUF file with random weights in the shape of a published model, for measuring llama.cpp:
bench/peers/node/make_random_gguf.py qwen2.5-0.5b FILE [--type f32|f16|q8_0|q4_0]

As llama.cpp's own conversion does, vectors stay in f32 and, beside q4_0, the embedding in q8_0.
"""
import argparse
import random
import struct
import sys

TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8}
PERIOD = 1 << 14  # blocks that are drawn once and repeated
ALIGNMENT = 32

QWEN = {"width": 896, "ffn": 4864, "layers": 24, "heads": 14, "kv_heads": 2, "vocabulary": 151936,
        "context": 32768}
GPT2 = {"width": 768, "ffn": 3072, "layers": 12, "heads": 12, "kv_heads": 12, "vocabulary": 50257,
        "context": 1024}


def qwen_tensors(m):
    """Names and shapes, the inner dim first."""
    e, f, kv = m["width"], m["ffn"], m["kv_heads"] * 64
    yield "token_embd.weight", [e, m["vocabulary"]]
    yield "output_norm.weight", [e]
    for n in range(m["layers"]):
        for name, rows in (("q", e), ("k", kv), ("v", kv)):
            yield f"blk.{n}.attn_{name}.weight", [e, rows]
            yield f"blk.{n}.attn_{name}.bias", [rows]
        yield f"blk.{n}.attn_output.weight", [e, e]
        yield f"blk.{n}.attn_norm.weight", [e]
        yield f"blk.{n}.ffn_norm.weight", [e]
        yield f"blk.{n}.ffn_gate.weight", [e, f]
        yield f"blk.{n}.ffn_up.weight", [e, f]
        yield f"blk.{n}.ffn_down.weight", [f, e]


def gpt2_tensors(m):
    e, f = m["width"], m["ffn"]
    yield "token_embd.weight", [e, m["vocabulary"]]
    yield "position_embd.weight", [e, m["context"]]
    norms = ["output_norm"] + [f"blk.{n}.{x}_norm" for n in range(m["layers"]) for x in ("attn", "ffn")]
    for norm in norms:
        yield f"{norm}.weight", [e]
        yield f"{norm}.bias", [e]
    for n in range(m["layers"]):
        for name, inner, rows in (("attn_qkv", e, 3 * e), ("attn_output", e, e), ("ffn_up", e, f),
                                  ("ffn_down", f, e)):
            yield f"blk.{n}.{name}.weight", [inner, rows]
            yield f"blk.{n}.{name}.bias", [rows]


SHAPES = {"qwen2.5-0.5b": ("qwen2", QWEN, qwen_tensors), "gpt2": ("gpt2", GPT2, gpt2_tensors)}


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def pair(key, value):
    """A key with its type and value; lists are of strings or of i32."""
    if isinstance(value, str):
        return text(key) + struct.pack("<I", 8) + text(value)
    if isinstance(value, float):
        return text(key) + struct.pack("<If", 6, value)
    if isinstance(value, int):
        return text(key) + struct.pack("<II", 4, value)
    kind, items = (8, map(text, value)) if isinstance(value[0], str) else (
        5, (struct.pack("<i", x) for x in value))
    return text(key) + struct.pack("<IIQ", 9, kind, len(value)) + b"".join(items)


def metadata(architecture, m):
    count = m["vocabulary"]
    tokens = ["!", "a", "b", "ab"] + [f"<t{i}>" for i in range(4, count)]
    values = {
        "general.architecture": architecture, f"{architecture}.context_length": m["context"],
        f"{architecture}.embedding_length": m["width"], f"{architecture}.block_count": m["layers"],
        f"{architecture}.feed_forward_length": m["ffn"],
        f"{architecture}.attention.head_count": m["heads"],
        f"{architecture}.attention.head_count_kv": m["kv_heads"],
        f"{architecture}.attention.layer_norm_rms_epsilon": 1e-6,
        f"{architecture}.attention.layer_norm_epsilon": 1e-5,
        f"{architecture}.rope.freq_base": 1e6, "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [1] * count, "tokenizer.ggml.merges": ["a b"],
        "tokenizer.ggml.bos_token_id": 0, "tokenizer.ggml.eos_token_id": count - 1,
    }
    return len(values), b"".join(pair(k, v) for k, v in values.items())


def storage(name, dims, wanted):
    if len(dims) == 1 or name.startswith("position"):
        return "f32"
    return "q8_0" if wanted == "q4_0" and name.startswith("token_embd") else wanted


def block(kind):
    """The bytes of 32 values of about 0.02."""
    if kind == "f32":
        return struct.pack("<32f", *(random.gauss(0, 0.02) for _ in range(32)))
    if kind == "f16":
        return struct.pack("<32e", *(random.gauss(0, 0.02) for _ in range(32)))
    return struct.pack("<e", 0.0003 if kind == "q8_0" else 0.004) + random.randbytes(
        32 if kind == "q8_0" else 16)


def write(path, shape, wanted):
    architecture, m, list_tensors = SHAPES[shape]
    periods = {kind: b"".join(block(kind) for _ in range(PERIOD)) for kind in TYPES}
    block_bytes = {kind: len(data) // PERIOD for kind, data in periods.items()}
    infos, sizes, offset = [], [], 0
    for name, dims in list_tensors(m):
        kind = storage(name, dims, wanted)
        count = dims[0] * (dims[1] if len(dims) > 1 else 1)
        size = count // 32 * block_bytes[kind]
        infos.append(text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, TYPES[kind], offset))
        sizes.append((kind, size))
        offset += size + -size % ALIGNMENT
    count, pairs = metadata(architecture, m)
    with open(path, "wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(infos), count) + pairs + b"".join(infos))
        file.write(bytes(-file.tell() % ALIGNMENT))
        for kind, size in sizes:
            period = periods[kind]
            for start in range(0, size, len(period)):
                file.write(period[:size - start])
            file.write(bytes(-size % ALIGNMENT))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("file")
    parser.add_argument("--type", choices=TYPES, default="f32")
    options = parser.parse_args()
    random.seed(0)
    write(options.file, options.shape, options.type)
    return 0


if __name__ == "__main__":
    sys.exit(main())
