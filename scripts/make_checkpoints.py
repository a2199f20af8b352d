#!/usr/bin/env python3
"""Makes the tiny checkpoints of tests/models, one directory an architecture, with golden logits.

Each is a Hugging Face directory with random weights, and `golden.safetensors` beside it: token ids
and the logits that the architecture, written out here by hand in float64, gives for them. Run by
hand where an architecture is added (`scripts/make_checkpoints.py [NAME...]`); needs Debian's
python3-torch, which nothing else does.
"""
import json
import math
import pathlib
import struct
import sys

import torch

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "models"
LENGTH = 24  # of the golden sequence


def write_safetensors(path, tensors):
    kinds = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64", torch.float16: "F16",
             torch.bfloat16: "BF16", torch.uint8: "U8"}
    header, blobs, offset = {}, [], 0
    for name, tensor in sorted(tensors.items()):
        flat = tensor.contiguous()
        raw = flat.view(torch.int16) if flat.dtype in (torch.float16, torch.bfloat16) else flat
        blob = raw.numpy().tobytes()
        header[name] = {"dtype": kinds[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


class Weights:
    """Random tensors by name, made when they are first asked for; float64 of what is stored."""

    def __init__(self, seed, dtype=torch.float32):
        self.generator = torch.Generator().manual_seed(seed)
        self.dtype, self.tensors = dtype, {}

    def get(self, name, *shape, scale=None, mean=0.0):
        if name not in self.tensors:
            scale = scale if scale is not None else shape[-1] ** -0.5
            values = torch.randn(*shape, generator=self.generator, dtype=torch.float64)
            self.tensors[name] = (values * scale + mean).to(self.dtype)
        return self.tensors[name].double()

    def get_mxfp4(self, name, experts, rows, columns):
        """The tensor [experts, columns, rows] of what is stored in blocks of 32 along the columns."""
        if name + "_blocks" not in self.tensors:
            self.tensors[name + "_blocks"] = torch.randint(
                0, 256, (experts, rows, columns // 32, 16), generator=self.generator, dtype=torch.uint8)
            self.tensors[name + "_scales"] = torch.randint(
                120, 125, (experts, rows, columns // 32), generator=self.generator, dtype=torch.uint8)
        blocks, scales = self.tensors[name + "_blocks"], self.tensors[name + "_scales"]
        codes = torch.stack([blocks % 16, blocks // 16], -1).reshape(experts, rows, columns // 32, 32).long()
        sign, exponent, mantissa = codes // 8, codes // 2 % 4, codes % 2  # E2M1, denormal where the exponent is 0
        magnitude = torch.where(exponent == 0, mantissa * 0.5, (1 + mantissa * 0.5) * 2.0 ** (exponent - 1))
        values = (1.0 - 2 * sign) * magnitude * 2.0 ** (scales.double() - 127)[..., None]
        return values.double().reshape(experts, rows, columns).transpose(1, 2)


def rms_norm(x, w, eps):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * w


def layer_norm(x, w, b, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / torch.sqrt((centred * centred).mean(-1, keepdim=True) + eps) * w + b


def gelu_tanh(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))


def silu(x):
    return x / (1 + torch.exp(-x))


def split(x, heads):  # [L, heads * D] to [heads, L, D]
    return x.reshape(x.shape[0], heads, -1).transpose(0, 1)


def merge(x):
    return x.transpose(0, 1).reshape(x.shape[1], -1)


def frequencies(dims, theta, scaling=None, context=None, room=None):
    """`context` is the one that the model was first trained for, `room` what a sequence may take."""
    out = []
    for d in range(0, dims, 2):
        f = theta ** (-d / dims)
        kind = (scaling or {}).get("rope_type", (scaling or {}).get("type", "default"))
        if kind == "linear":
            f /= scaling["factor"]
        elif kind == "llama3":
            wavelength = 2 * math.pi / f
            original = scaling["original_max_position_embeddings"]
            low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
            if wavelength > original / low:
                f /= scaling["factor"]
            elif wavelength > original / high:
                smooth = (original / wavelength - low) / (high - low)
                f = (1 - smooth) * f / scaling["factor"] + smooth * f
        elif kind == "dynamic" and room > context:
            base = theta * (scaling["factor"] * room / context - (scaling["factor"] - 1)) ** (dims / (dims - 2))
            f = base ** (-d / dims)
        elif kind == "longrope":
            f = 1 / (scaling["long_factor" if room > context else "short_factor"][d // 2] * theta ** (d / dims))
        elif kind == "yarn":
            original = scaling.get("original_max_position_embeddings", context)

            def pair(turns):
                return dims * math.log(original / (turns * 2 * math.pi)) / (2 * math.log(theta))
            low, high = pair(scaling.get("beta_fast", 32)), pair(scaling.get("beta_slow", 1))
            if scaling.get("truncate", True):
                low, high = math.floor(low), math.ceil(high)
            low, high = max(low, 0), min(high, dims - 1)
            if low == high:
                high += 0.001
            ramp = min(max((d // 2 - low) / (high - low), 0), 1)
            f = f / scaling["factor"] * ramp + f * (1 - ramp)
        out.append(f)
    return torch.tensor(out, dtype=torch.float64)


def yarn_magnitude(scaling):
    if (scaling or {}).get("rope_type") != "yarn":
        return 1.0
    if "attention_factor" in scaling:
        return scaling["attention_factor"]

    def grown(weight):
        return 0.1 * weight * math.log(scaling["factor"]) + 1 if scaling["factor"] > 1 else 1.0
    if scaling.get("mscale") and scaling.get("mscale_all_dim"):
        return grown(scaling["mscale"]) / grown(scaling["mscale_all_dim"])
    return grown(1)


def rotate(x, freqs, magnitude=1.0):  # [heads, L, D], the first 2 * len(freqs) elements
    angle = torch.arange(x.shape[1], dtype=torch.float64)[:, None] * freqs
    cos, sin = torch.cos(angle) * magnitude, torch.sin(angle) * magnitude
    half = len(freqs)
    a, b, rest = x[..., :half], x[..., half:2 * half], x[..., 2 * half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], -1)


def attention(q, k, v, scale=None, window=None, cap=None, sinks=None):
    group = q.shape[0] // k.shape[0]
    k, v = k.repeat_interleave(group, 0), v.repeat_interleave(group, 0)
    s = q @ k.transpose(1, 2) * (scale if scale is not None else q.shape[-1] ** -0.5)
    if cap is not None:
        s = cap * torch.tanh(s / cap)
    i = torch.arange(q.shape[1])[:, None]
    j = torch.arange(k.shape[1])[None, :]
    seen = j <= i if window is None else (j <= i) & (i - j < window)
    s = s.masked_fill(~seen, -math.inf)
    if sinks is not None:
        s = torch.cat([s, sinks[:, None, None].expand(-1, s.shape[1], 1)], -1)
    p = torch.softmax(s, -1)[..., :k.shape[1]]
    return merge(p @ v)


def gated(weights, x, names, inputs, inner, bias=False):
    """`names` of the gate's, the upper and the lower projection."""
    def project(x, name, inputs, outputs):
        y = x @ weights.get(name + ".weight", outputs, inputs).T
        return y + weights.get(name + ".bias", outputs, scale=0.3) if bias else y
    gate, up, down = names
    return project(silu(project(x, gate, inputs, inner)) * project(x, up, inputs, inner), down, inner, inputs)


def mixture(config, weights, x, router, expert, experts, alone):
    """The sum of what the chosen experts make of each row; `expert(x, e)` is one of them."""
    logits = x @ weights.get(router + ".weight", experts, x.shape[1], scale=2 * x.shape[1] ** -0.5).T
    y = torch.zeros_like(x)
    for t in range(len(x)):
        gates, number = torch.topk(torch.softmax(logits[t], 0), config["num_experts_per_tok"])
        for gate, e in zip(gates / gates.sum() if alone else gates, number):
            y[t] = y[t] + gate * expert(x[t], int(e))
    return y


def mixtral_mlp(config, weights, x, p):
    E, F = config["hidden_size"], config["intermediate_size"]
    p += "block_sparse_moe."
    return mixture(config, weights, x, p + "gate",
                   lambda x, e: gated(weights, x, [f"{p}experts.{e}.w{i}" for i in (1, 3, 2)], E, F),
                   config["num_local_experts"], alone=True)


def qwen_mlp(config, weights, x, p):
    E, p = config["hidden_size"], p + "mlp."

    def names(stem):
        return [f"{p}{stem}.{name}_proj" for name in ("gate", "up", "down")]
    y = mixture(config, weights, x, p + "gate",
                lambda x, e: gated(weights, x, names(f"experts.{e}"), E, config["moe_intermediate_size"]),
                config["num_experts"], config.get("norm_topk_prob", False))
    if "shared_expert_intermediate_size" in config:
        shared = gated(weights, x, names("shared_expert"), E, config["shared_expert_intermediate_size"])
        y = y + shared / (1 + torch.exp(-(x @ weights.get(p + "shared_expert_gate.weight", 1, E).T)))
    return y


def llama_like(config, weights, ids, qkv_bias=False, o_bias=False, mlp_bias=False, head_norm=False,
               windows=None, room=64, mlp=None):
    """`windows` has the window of each layer, None where it sees everything; `mlp` makes of normalised
    states what follows attention."""
    E, F, H = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    G = config.get("num_key_value_heads", H)
    D = config.get("head_dim", E // H)
    eps, V = config["rms_norm_eps"], config["vocab_size"]
    scaling = config.get("rope_parameters", config.get("rope_scaling"))
    theta = config.get("rope_theta") or scaling["rope_theta"]
    freqs = frequencies(D, theta, scaling, config["max_position_embeddings"], room)
    magnitude = yarn_magnitude(scaling)

    def project(x, name, inputs, outputs, bias):
        y = x @ weights.get(name + ".weight", outputs, inputs).T
        return y + weights.get(name + ".bias", outputs, scale=0.3) if bias else y

    def norm(x, name, size=E):
        return rms_norm(x, weights.get(name + ".weight", size, scale=0.2, mean=1), eps)

    table = weights.get("model.embed_tokens.weight", V, E, scale=1.0)
    x = table[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        z = norm(x, p + "input_layernorm")
        q = split(project(z, p + "self_attn.q_proj", E, H * D, qkv_bias), H)
        k = split(project(z, p + "self_attn.k_proj", E, G * D, qkv_bias), G)
        v = split(project(z, p + "self_attn.v_proj", E, G * D, qkv_bias), G)
        if head_norm:
            q, k = norm(q, p + "self_attn.q_norm", D), norm(k, p + "self_attn.k_norm", D)
        y = attention(rotate(q, freqs, magnitude), rotate(k, freqs, magnitude), v,
                      window=windows and windows[n])
        x = x + project(y, p + "self_attn.o_proj", H * D, E, o_bias)
        z = norm(x, p + "post_attention_layernorm")
        names = [f"{p}mlp.{name}_proj" for name in ("gate", "up", "down")]
        x = x + (mlp(config, weights, z, p) if mlp else gated(weights, z, names, E, F, mlp_bias))
    x = norm(x, "model.norm")
    head = table if config["tie_word_embeddings"] else weights.get("lm_head.weight", V, E)
    return x @ head.T


def phi3(config, weights, ids, room=64):
    E, F, H = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    G, D = config["num_key_value_heads"], E // H
    eps, V = config["rms_norm_eps"], config["vocab_size"]
    scaling, original = config.get("rope_scaling"), config.get("original_max_position_embeddings")
    freqs = frequencies(int(D * config["partial_rotary_factor"]), config["rope_theta"], scaling, original, room)
    longer = config["max_position_embeddings"] / original if scaling else 1
    magnitude = math.sqrt(1 + math.log(longer) / math.log(original)) if scaling else 1.0

    def norm(x, name):
        return rms_norm(x, weights.get(name + ".weight", E, scale=0.2, mean=1), eps)

    x = weights.get("model.embed_tokens.weight", V, E, scale=1.0)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        qkv = norm(x, p + "input_layernorm") @ weights.get(
            p + "self_attn.qkv_proj.weight", (H + 2 * G) * D, E).T
        q, k, v = qkv.split([H * D, G * D, G * D], -1)
        y = attention(rotate(split(q, H), freqs, magnitude), rotate(split(k, G), freqs, magnitude), split(v, G),
                      window=config["sliding_window"])
        x = x + y @ weights.get(p + "self_attn.o_proj.weight", E, H * D).T
        gate, up = (norm(x, p + "post_attention_layernorm") @ weights.get(
            p + "mlp.gate_up_proj.weight", 2 * F, E).T).chunk(2, -1)
        x = x + (silu(gate) * up) @ weights.get(p + "mlp.down_proj.weight", E, F).T
    return norm(x, "model.norm") @ weights.get("lm_head.weight", V, E).T


def gpt2(config, weights, ids):
    E, H, V, eps = (config[key] for key in ("n_embd", "n_head", "vocab_size", "layer_norm_epsilon"))

    def norm(x, name):
        return layer_norm(x, weights.get(name + ".weight", E, scale=0.2, mean=1),
                          weights.get(name + ".bias", E, scale=0.1), eps)

    def conv(x, name, inputs, outputs):
        return x @ weights.get(name + ".weight", inputs, outputs, scale=inputs ** -0.5) + weights.get(
            name + ".bias", outputs, scale=0.1)

    table = weights.get("transformer.wte.weight", V, E, scale=0.7)
    x = table[ids] + weights.get("transformer.wpe.weight", config["n_positions"], E, scale=0.3)[:len(ids)]
    for n in range(config["n_layer"]):
        p = f"transformer.h.{n}."
        q, k, v = conv(norm(x, p + "ln_1"), p + "attn.c_attn", E, 3 * E).chunk(3, -1)
        x = x + conv(attention(split(q, H), split(k, H), split(v, H)), p + "attn.c_proj", E, E)
        z = gelu_tanh(conv(norm(x, p + "ln_2"), p + "mlp.c_fc", E, 4 * E))
        x = x + conv(z, p + "mlp.c_proj", 4 * E, E)
    return norm(x, "transformer.ln_f") @ table.T


def gemma(config, weights, ids, prefix=""):
    E, F, H = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    G, D, V = config["num_key_value_heads"], config["head_dim"], config["vocab_size"]
    eps, third = config["rms_norm_eps"], config["model_type"] == "gemma3_text"
    period = config["sliding_window_pattern"] if third else 2
    globals_ = [kind == "full_attention" for kind in config["layer_types"]] if "layer_types" in config else [
        n % period == period - 1 for n in range(config["num_hidden_layers"])]
    cap, final_cap = config.get("attn_logit_softcapping"), config.get("final_logit_softcapping")
    theta = config["rope_theta"]
    freqs = {True: frequencies(D, theta, config.get("rope_scaling")),
             False: frequencies(D, config["rope_local_base_freq"] if third else theta)}

    def norm(x, name, size=E):
        return rms_norm(x, 1 + weights.get(name + ".weight", size, scale=0.2), eps)

    def project(x, name, inputs, outputs):
        return x @ weights.get(name + ".weight", outputs, inputs).T

    table = weights.get(prefix + "model.embed_tokens.weight", V, E, scale=0.2)
    x = table[ids] * E ** 0.5
    for n in range(config["num_hidden_layers"]):
        p, is_global = f"{prefix}model.layers.{n}.", globals_[n]
        z = norm(x, p + "input_layernorm")
        q = split(project(z, p + "self_attn.q_proj", E, H * D), H)
        k = split(project(z, p + "self_attn.k_proj", E, G * D), G)
        v = split(project(z, p + "self_attn.v_proj", E, G * D), G)
        if third:
            q, k = norm(q, p + "self_attn.q_norm", D), norm(k, p + "self_attn.k_norm", D)
        y = attention(rotate(q, freqs[is_global]), rotate(k, freqs[is_global]), v, cap=cap,
                      scale=config["query_pre_attn_scalar"] ** -0.5,
                      window=None if is_global else config["sliding_window"])
        y = project(y, p + "self_attn.o_proj", H * D, E)
        x = x + norm(y, p + "post_attention_layernorm")
        z = norm(x, p + "pre_feedforward_layernorm")
        z = gelu_tanh(project(z, p + "mlp.gate_proj", E, F)) * project(z, p + "mlp.up_proj", E, F)
        x = x + norm(project(z, p + "mlp.down_proj", F, E), p + "post_feedforward_layernorm")
    logits = norm(x, prefix + "model.norm") @ table.T
    return logits if final_cap is None else final_cap * torch.tanh(logits / final_cap)


def gpt_oss(config, weights, ids):
    E, F, H = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    G, D, V = config["num_key_value_heads"], config["head_dim"], config["vocab_size"]
    experts, chosen = config["num_local_experts"], config["num_experts_per_tok"]
    eps, limit, scaling = config["rms_norm_eps"], config["swiglu_limit"], config["rope_scaling"]
    freqs, magnitude = frequencies(D, config["rope_theta"], scaling), yarn_magnitude(scaling)
    mxfp4 = "quantization_config" in config

    def norm(x, name):
        return rms_norm(x, weights.get(name + ".weight", E, scale=0.2, mean=1), eps)

    def project(x, name, inputs, outputs):
        return x @ weights.get(name + ".weight", outputs, inputs).T + weights.get(name + ".bias", outputs, scale=0.3)

    def expert(z, p, e):  # z [E]; large weights, so that the limits matter
        up = (weights.get_mxfp4(p + "gate_up_proj", experts, 2 * F, E) if mxfp4 else
              weights.get(p + "gate_up_proj", experts, E, 2 * F, scale=4 * E ** -0.5))
        gate_up = z @ up[e] + weights.get(p + "gate_up_proj_bias", experts, 2 * F, scale=0.3)[e]
        gate, up = gate_up[0::2].clamp(max=limit), gate_up[1::2].clamp(-limit, limit)
        hidden = (up + 1) * gate / (1 + torch.exp(-1.702 * gate))
        down = (weights.get_mxfp4(p + "down_proj", experts, E, F) if mxfp4 else
                weights.get(p + "down_proj", experts, F, E, scale=0.2 * F ** -0.5))
        return hidden @ down[e] + weights.get(p + "down_proj_bias", experts, E, scale=0.3)[e]

    x = weights.get("model.embed_tokens.weight", V, E, scale=1.0)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        z = norm(x, p + "input_layernorm")
        q = split(project(z, p + "self_attn.q_proj", E, H * D), H)
        k = split(project(z, p + "self_attn.k_proj", E, G * D), G)
        v = split(project(z, p + "self_attn.v_proj", E, G * D), G)
        y = attention(rotate(q, freqs, magnitude), rotate(k, freqs, magnitude), v,
                      window=config["sliding_window"] if config["layer_types"][n] == "sliding_attention" else None,
                      sinks=weights.get(p + "self_attn.sinks", H, scale=1.0))
        x = x + project(y, p + "self_attn.o_proj", H * D, E)
        z = norm(x, p + "post_attention_layernorm")
        logits = project(z, p + "mlp.router", E, experts)
        for t in range(len(ids)):
            best, number = torch.topk(logits[t], chosen)
            for gate, e in zip(torch.softmax(best, 0), number):
                x[t] = x[t] + gate * expert(z[t], p + "mlp.experts.", e)
    return norm(x, "model.norm") @ weights.get("lm_head.weight", V, E).T


def gemma3_images(config, weights, ids):
    """The text of a model of text and images; what its configuration leaves out has the defaults."""
    text = {"model_type": "gemma3_text", "num_attention_heads": 8, "num_key_value_heads": 4, "rms_norm_eps": 1e-6,
            "rope_theta": 1e6, "rope_local_base_freq": 1e4, "sliding_window_pattern": 6, **config["text_config"]}
    weights.get("vision_tower.embeddings.weight", 3, 2)
    weights.get("multi_modal_projector.weight", 2, 2)
    return gemma(text, weights, ids, "language_model.")


def bert(config, weights, ids, segments, seen):
    E, F, H, eps = (config[key] for key in ("hidden_size", "intermediate_size", "num_attention_heads",
                                            "layer_norm_eps"))

    def norm(x, name):
        return layer_norm(x, weights.get(name + ".weight", E, scale=0.2, mean=1),
                          weights.get(name + ".bias", E, scale=0.1), eps)

    def project(x, name, inputs, outputs):
        return x @ weights.get(name + ".weight", outputs, inputs).T + weights.get(name + ".bias", outputs, scale=0.1)

    def embedded(name, rows):
        return weights.get(f"embeddings.{name}_embeddings.weight", rows, E, scale=0.5)

    x = (embedded("word", config["vocab_size"])[ids] + embedded("token_type", config["type_vocab_size"])[segments]
         + embedded("position", config["max_position_embeddings"])[:len(ids)])
    x = norm(x, "embeddings.LayerNorm")
    for n in range(config["num_hidden_layers"]):
        p = f"encoder.layer.{n}."
        q, k, v = (split(project(x, p + "attention.self." + name, E, E), H) for name in ("query", "key", "value"))
        s = (q @ k.transpose(1, 2) * (E // H) ** -0.5).masked_fill(seen[None, None, :] == 0, -math.inf)
        y = merge(torch.softmax(s, -1) @ v)
        x = norm(x + project(y, p + "attention.output.dense", E, E), p + "attention.output.LayerNorm")
        z = project(x, p + "intermediate.dense", E, F)
        z = 0.5 * z * (1 + torch.erf(z / math.sqrt(2)))
        x = norm(x + project(z, p + "output.dense", F, E), p + "output.LayerNorm")
    return x, torch.tanh(project(x[:1], "pooler.dense", E, E))[0]


def transformer_block(config, weights, x, p, seen):
    """One block of sinusoidal_encoder, sinusoidal_gpt and decoder_block on x [L, E]."""
    E, H = config["d_model"], config["num_heads"]

    def affine(x, name, inputs, outputs):
        return x @ weights.get(name + ".weight", outputs, inputs).T + weights.get(name + ".bias", outputs, scale=0.1)

    def norm(x, name):
        return layer_norm(x, weights.get(name + ".weight", E, scale=0.2, mean=1),
                          weights.get(name + ".bias", E, scale=0.1), 1e-5)

    z = norm(x, p + "norm1")
    q, k, v = (split(affine(z, p + f"attention.{name}", E, E), H) for name in ("w_q", "w_k", "w_v"))
    s = (q @ k.transpose(1, 2) / math.sqrt(E // H)).masked_fill(~seen, -math.inf)
    x = x + affine(merge(torch.softmax(s, -1) @ v), p + "attention.w_o", E, E)
    hidden = affine(norm(x, p + "norm2"), p + "ffn.0", E, config["d_ff"]).clamp(min=0)
    return x + affine(hidden, p + "ffn.2", config["d_ff"], E)


def sinusoidal(config, table, ids):
    E, L = config["d_model"], len(ids)
    angle = torch.arange(L, dtype=torch.float64)[:, None] * torch.exp(
        torch.arange(0, E, 2, dtype=torch.float64) * (-math.log(10000.0) / E))
    positions = torch.empty(L, E, dtype=torch.float64)
    positions[:, 0::2], positions[:, 1::2] = torch.sin(angle), torch.cos(angle)
    return table[ids] * math.sqrt(E) + positions


def causal(length):
    return torch.tril(torch.ones(length, length)).bool()


def sinusoidal_gpt(config, weights, ids):
    E, V = config["d_model"], config["vocab_size"]
    x = sinusoidal(config, weights.get("token_embedding.weight", V, E, scale=0.2), ids)
    for n in range(config["num_layers"]):
        x = transformer_block(config, weights, x, f"decoder_blocks.{n}.", causal(len(ids)))
    x = layer_norm(x, weights.get("final_norm.weight", E, scale=0.2, mean=1),
                   weights.get("final_norm.bias", E, scale=0.1), 1e-5)
    return x @ weights.get("lm_head.weight", V, E).T + weights.get("lm_head.bias", V, scale=0.1)


LLAMA = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "vocab_size": 61, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
         "rope_theta": 10000.0, "tie_word_embeddings": False, "hidden_act": "silu", "eos_token_id": 2}
GEMMA = {**LLAMA, "head_dim": 8, "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True,
         "sliding_window": 6, "query_pre_attn_scalar": 16}

MODELS = {
    "llama3": ({**LLAMA, "model_type": "llama", "rope_scaling": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16}}, llama_like, torch.bfloat16),
    "llama-linear": ({**LLAMA, "model_type": "llama", "attention_bias": True, "mlp_bias": True,
                      "rope_scaling": {"type": "linear", "factor": 4.0}},
                     lambda *a: llama_like(*a, qkv_bias=True, o_bias=True, mlp_bias=True), torch.float32),
    "llama-yarn": ({**LLAMA, "model_type": "llama", "rope_scaling": {
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}},
        llama_like, torch.float16),
    "mistral": ({**LLAMA, "model_type": "mistral", "sliding_window": 7, "head_dim": 8},
                lambda *a: llama_like(*a, windows=[7, 7]), torch.float16),
    "qwen2": ({**LLAMA, "model_type": "qwen2", "tie_word_embeddings": True, "use_sliding_window": False},
              lambda *a: llama_like(*a, qkv_bias=True), torch.float16),
    "qwen3": ({**LLAMA, "model_type": "qwen3", "head_dim": 12, "attention_bias": False},
              lambda *a: llama_like(*a, head_norm=True), torch.float32),
    "phi3": ({**LLAMA, "model_type": "phi3", "partial_rotary_factor": 0.5, "sliding_window": 9}, phi3,
             torch.float16),
    "llama-dynamic": ({**LLAMA, "model_type": "llama", "max_position_embeddings": 16,
                       "rope_scaling": {"type": "dynamic", "factor": 4.0}}, llama_like, torch.float16),
    "phi3-longrope": ({**LLAMA, "model_type": "phi3", "partial_rotary_factor": 1.0, "sliding_window": None,
                       "original_max_position_embeddings": 16, "rope_scaling": {
                           "type": "longrope", "short_factor": [1.0, 1.1, 1.25, 1.5], "long_factor": [1.0, 2.0, 3.5, 6.0]}},
                      phi3, torch.float16),
    "gemma2": ({**GEMMA, "model_type": "gemma2", "num_hidden_layers": 3, "attn_logit_softcapping": 5.0,
                "final_logit_softcapping": 3.0}, gemma, torch.bfloat16),
    "gemma3": ({**GEMMA, "model_type": "gemma3_text", "num_hidden_layers": 7, "hidden_size": 24,
                "sliding_window_pattern": 3, "rope_local_base_freq": 100.0}, gemma, torch.bfloat16),
    "gpt-oss": ({**LLAMA, "model_type": "gpt_oss", "head_dim": 8, "attention_bias": True, "sliding_window": 6,
                 "hidden_size": 24, "intermediate_size": 16, "num_hidden_layers": 3, "num_local_experts": 5,
                 "num_experts_per_tok": 2, "swiglu_limit": 7.0,
                 "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
                 "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0,
                                  "truncate": False, "original_max_position_embeddings": 16}},
                gpt_oss, torch.bfloat16),
    # Windows from one layer on, in all layers, and in none; the newer way to say how to rotate.
    "qwen2-window": ({**LLAMA, "model_type": "qwen2", "hidden_size": 16, "num_hidden_layers": 3, "use_sliding_window": True,
                      "sliding_window": 5, "max_window_layers": 1},
                     lambda *a: llama_like(*a, qkv_bias=True, windows=[None, 5, 5]), torch.float16),
    "qwen3-window": ({**{key: LLAMA[key] for key in LLAMA if key != "rope_theta"}, "model_type": "qwen3",
                      "hidden_size": 16, "head_dim": 8, "use_sliding_window": True, "sliding_window": 4,
                      "max_window_layers": 0, "rope_parameters": {
                          "rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "mscale": 1.3, "mscale_all_dim": 0.4,
                          "original_max_position_embeddings": 16}},
                     lambda *a: llama_like(*a, head_norm=True, windows=[4, 4]), torch.float16),
    "gemma2-global": ({**GEMMA, "model_type": "gemma2", "hidden_size": 16, "attn_logit_softcapping": 5.0,
                       "final_logit_softcapping": None, "layer_types": ["full_attention"] * 2}, gemma, torch.bfloat16),
    "gemma3-images": ({"model_type": "gemma3", "eos_token_id": [1, 2], "vision_config": {"hidden_size": 2}, "text_config": {
        "model_type": "gemma3_text", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 7, "head_dim": 4,
        "vocab_size": 61, "sliding_window": 5, "query_pre_attn_scalar": 4, "rope_scaling": {
            "rope_type": "linear", "factor": 8.0}}}, gemma3_images, torch.bfloat16),
    "gpt-oss-mxfp4": ({**LLAMA, "model_type": "gpt_oss", "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
                       "attention_bias": True, "sliding_window": 6, "intermediate_size": 64, "num_local_experts": 3,
                       "num_experts_per_tok": 2, "swiglu_limit": 7.0, "layer_types": ["sliding_attention"] * 2,
                       "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "attention_factor": 0.8, "truncate": False,
                                        "original_max_position_embeddings": 16},
                       "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}},
                      gpt_oss, torch.bfloat16),
    "mixtral": ({**LLAMA, "model_type": "mixtral", "intermediate_size": 20, "num_local_experts": 4, "num_experts_per_tok": 2,
                 "sliding_window": None},
                lambda *a: llama_like(*a, mlp=mixtral_mlp), torch.float16),
    "qwen3-moe": ({**LLAMA, "model_type": "qwen3_moe", "hidden_size": 16, "head_dim": 8, "num_experts": 6,
                   "num_experts_per_tok": 3, "moe_intermediate_size": 12, "norm_topk_prob": True,
                   "decoder_sparse_step": 1, "mlp_only_layers": []},
                  lambda *a: llama_like(*a, head_norm=True, mlp=qwen_mlp), torch.bfloat16),
    "qwen2-moe": ({**LLAMA, "model_type": "qwen2_moe", "hidden_size": 16, "num_experts": 5, "num_experts_per_tok": 2,
                   "moe_intermediate_size": 12, "shared_expert_intermediate_size": 20, "norm_topk_prob": False},
                  lambda *a: llama_like(*a, qkv_bias=True, mlp=qwen_mlp), torch.float16),
    "gpt2": ({"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 61,
              "n_positions": 64, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
              "eos_token_id": 2}, gpt2, torch.float32),
}

TRANSFORMER = {"d_model": 32, "num_heads": 4, "num_layers": 2, "d_ff": 48, "vocab_size": 61, "max_seq_len": 64}
MODELS["gpt-sinusoidal"] = ({**TRANSFORMER, "model_type": "sinusoidal_gpt", "eos_token_id": 2}, sinusoidal_gpt,
                            torch.float32)

# A name's place is its seed: new ones come last, so that the others stay what they are.
SEEDS = ["gemma2", "gemma3", "gpt2", "llama-linear", "llama-yarn", "llama3", "mistral", "phi3", "qwen2", "qwen3",
         "gpt-oss", "gpt-sinusoidal", "llama-dynamic", "phi3-longrope", "qwen2-window", "qwen3-window", "gemma2-global",
         "gemma3-images", "gpt-oss-mxfp4", "mixtral", "qwen3-moe", "qwen2-moe"]

BERT = {"model_type": "bert", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "vocab_size": 61, "max_position_embeddings": 32, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "hidden_act": "gelu"}


def write(name, config, weights, golden):
    folder = ROOT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    write_safetensors(folder / "model.safetensors", weights.tensors)
    write_safetensors(folder / "golden.safetensors", golden)


def make_bert():
    """Two sequences, of which the second ends in padding."""
    weights = Weights(100, torch.float16)
    ids = torch.randint(0, BERT["vocab_size"], (2, 9), generator=weights.generator)
    segments = (torch.arange(9) >= 5).long().expand(2, 9).contiguous()
    seen = torch.ones(2, 9, dtype=torch.int64)
    seen[1, 6:] = 0
    results = [bert(BERT, weights, ids[b], segments[b], seen[b]) for b in range(2)]
    write("bert", BERT, weights, {
        "input_ids": ids, "token_type_ids": segments, "attention_mask": seen,
        "last_hidden_state": torch.stack([hidden for hidden, _ in results]).float(),
        "pooler_output": torch.stack([pooled for _, pooled in results]).float()})


def make_encoder():
    """Two sequences, of which the second ends in padding."""
    config = {**TRANSFORMER, "model_type": "sinusoidal_encoder"}
    weights = Weights(101, torch.float16)
    ids = torch.randint(0, config["vocab_size"], (2, 9), generator=weights.generator)
    seen = torch.ones(2, 9, dtype=torch.int64)
    seen[1, 6:] = 0
    states = []
    for b in range(2):
        x = sinusoidal(config, weights.get("embedding.weight", config["vocab_size"], config["d_model"], scale=0.2),
                       ids[b])
        for n in range(config["num_layers"]):
            x = transformer_block(config, weights, x, f"encoder_layers.{n}.", seen[b, None, None, :].bool())
        states.append(x)
    write("encoder-sinusoidal", config, weights, {"input_ids": ids, "attention_mask": seen,
                                                  "last_hidden_state": torch.stack(states).float()})


def make_decoder_block():
    config = {**TRANSFORMER, "model_type": "decoder_block"}
    weights = Weights(102)
    x = torch.randn(2, 9, config["d_model"], generator=weights.generator)
    y = torch.stack([transformer_block(config, weights, x[b].double(), "", causal(9)) for b in range(2)])
    write("decoder-block", config, weights, {"x": x, "y": y.float()})


def make(name):
    config, forward, dtype = MODELS[name]
    weights = Weights(SEEDS.index(name), dtype)
    vocabulary = config.get("text_config", config)["vocab_size"]
    ids = torch.randint(0, vocabulary, (LENGTH,), generator=weights.generator)
    golden = {"input_ids": ids[None], "logits": forward(config, weights, ids)[None].float()}
    if (config.get("rope_scaling") or {}).get("type") in ("dynamic", "longrope"):
        golden["logits_within_16"] = forward(config, weights, ids[:16], room=16)[None].float()
    write(name, config, weights, golden)


OTHERS = {"bert": make_bert, "encoder-sinusoidal": make_encoder, "decoder-block": make_decoder_block}
for name in sys.argv[1:] or [*MODELS, *OTHERS]:
    OTHERS[name]() if name in OTHERS else make(name)
