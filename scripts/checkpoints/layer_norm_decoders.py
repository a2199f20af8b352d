"""Decoders with layer norms, written out by hand from their definitions. What a configuration leaves out has the
default of its model_type."""
import math

import torch

from checkpoints.arithmetic import (attention, frequencies, gelu_tanh, layer_norm, merge, rotate, rotate_pairs, silu,
                                    split)


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


ACTIVATIONS = {"gelu": gelu, "gelu_new": gelu_tanh, "gelu_fast": gelu_tanh, "gelu_pytorch_tanh": gelu_tanh,
               "relu": lambda x: x.clamp(min=0), "silu": silu}


class Layers:
    """Projections and layer norms of states [L, E] by the names of their tensors."""

    def __init__(self, weights, eps):
        self.weights, self.eps = weights, eps

    def table(self, name, config, columns=None):
        return self.weights.get(name + ".weight", config["vocab_size"], columns or config["hidden_size"], scale=1.0)

    def project(self, x, name, outputs, bias=True):
        y = x @ self.weights.get(name + ".weight", outputs, x.shape[-1]).T
        return y + self.weights.get(name + ".bias", outputs, scale=0.3) if bias else y

    def norm(self, x, name, bias=True):
        size = x.shape[-1]
        b = self.weights.get(name + ".bias", size, scale=0.2) if bias else torch.zeros(size)
        return layer_norm(x, self.weights.get(name + ".weight", size, scale=0.2, mean=1), b, self.eps)

    def heads(self, x, p, queries, keys, size, bias=True):
        counts = (("q", queries), ("k", keys), ("v", keys))
        return [split(self.project(x, f"{p}{name}_proj", n * size, bias), n) for name, n in counts]


def gpt_neox(config, weights, ids):
    E, F, H = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    t, D, bias = Layers(weights, config.get("layer_norm_eps", 1e-5)), E // H, config.get("attention_bias", True)
    rope = config.get("rope_parameters", {})
    part = rope.get("partial_rotary_factor", config.get("rotary_pct", 0.25))
    freqs = frequencies(int(D * part), rope.get("rope_theta", config.get("rotary_emb_base", 10000.0)), rope)
    act = ACTIVATIONS[config.get("hidden_act", "gelu")]
    table = t.table("gpt_neox.embed_in", config)
    x = table[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"gpt_neox.layers.{n}."
        qkv = t.project(t.norm(x, p + "input_layernorm"), p + "attention.query_key_value", 3 * E, bias)
        q, k, v = qkv.reshape(len(ids), H, 3, D).permute(2, 1, 0, 3)  # of each head its query, key and value
        y = t.project(attention(rotate(q, freqs), rotate(k, freqs), v), p + "attention.dense", E, bias)
        z = x if config.get("use_parallel_residual", True) else x + y
        z = act(t.project(t.norm(z, p + "post_attention_layernorm"), p + "mlp.dense_h_to_4h", F))
        x = x + y + t.project(z, p + "mlp.dense_4h_to_h", E)
    x = t.norm(x, "gpt_neox.final_layer_norm")
    return x @ table.T if config.get("tie_word_embeddings", False) else t.project(x, "embed_out", config["vocab_size"], False)


def starcoder2(config, weights, ids):
    E, F, H = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    t, bias = Layers(weights, config.get("norm_epsilon", 1e-5)), config.get("use_bias", True)
    G, D = config.get("num_key_value_heads", 2), E // H
    freqs, act = frequencies(D, config.get("rope_theta", 10000.0)), ACTIVATIONS[config.get("hidden_act", "gelu_pytorch_tanh")]
    table = t.table("model.embed_tokens", config)
    x = table[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        q, k, v = t.heads(t.norm(x, p + "input_layernorm"), p + "self_attn.", H, G, D, bias)
        y = attention(rotate(q, freqs), rotate(k, freqs), v, window=config.get("sliding_window"))
        x = x + t.project(y, p + "self_attn.o_proj", E, bias)
        z = act(t.project(t.norm(x, p + "post_attention_layernorm"), p + "mlp.c_fc", F, bias))
        x = x + t.project(z, p + "mlp.c_proj", E, bias)
    x = t.norm(x, "model.norm")
    return x @ table.T if config.get("tie_word_embeddings", True) else t.project(x, "lm_head", config["vocab_size"], False)


def stablelm(config, weights, ids):
    E, F, H = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    t, G, D = Layers(weights, config.get("layer_norm_eps", 1e-5)), config["num_key_value_heads"], E // H
    freqs = frequencies(int(D * config.get("partial_rotary_factor", 0.25)), config.get("rope_theta", 10000.0))
    x = t.table("model.embed_tokens", config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        z = t.norm(x, p + "input_layernorm")
        q, k, v = t.heads(z, p + "self_attn.", H, G, D, config.get("use_qkv_bias", False))
        if config.get("qk_layernorm", False):
            q, k = (torch.stack([t.norm(head, f"{p}self_attn.{name}_layernorm.norms.{h}", False)
                                 for h, head in enumerate(heads)]) for name, heads in (("q", q), ("k", k)))
        y = t.project(attention(rotate(q, freqs), rotate(k, freqs), v), p + "self_attn.o_proj", E, False)
        if not config.get("use_parallel_residual", False):
            z = t.norm(x + y, p + "post_attention_layernorm")
        z = silu(t.project(z, p + "mlp.gate_proj", F, False)) * t.project(z, p + "mlp.up_proj", F, False)
        x = x + y + t.project(z, p + "mlp.down_proj", E, False)
    return t.project(t.norm(x, "model.norm"), "lm_head", config["vocab_size"], False)


def phi(config, weights, ids):
    E, F, H = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    t, G, D = Layers(weights, config.get("layer_norm_eps", 1e-5)), config.get("num_key_value_heads", H), E // H
    freqs = frequencies(int(D * config.get("partial_rotary_factor", 0.5)), config.get("rope_theta", 10000.0))
    act = ACTIVATIONS[config.get("hidden_act", "gelu_new")]
    x = t.table("model.embed_tokens", config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        z = t.norm(x, p + "input_layernorm")
        q, k, v = t.heads(z, p + "self_attn.", H, G, D)
        if config.get("qk_layernorm", False):
            q, k = t.norm(q, p + "self_attn.q_layernorm"), t.norm(k, p + "self_attn.k_layernorm")
        y = t.project(attention(rotate(q, freqs), rotate(k, freqs), v), p + "self_attn.dense", E)
        x = x + y + t.project(act(t.project(z, p + "mlp.fc1", F)), p + "mlp.fc2", E)
    return t.project(t.norm(x, "model.final_layernorm"), "lm_head", config["vocab_size"])


def opt(config, weights, ids):
    E, H, first = config["hidden_size"], config["num_attention_heads"], config.get("do_layer_norm_before", True)
    W, bias, t = config.get("word_embed_proj_dim", E), config.get("enable_bias", True), Layers(weights, 1e-5)
    act, table = ACTIVATIONS[config.get("activation_function", "relu")], t.table("model.decoder.embed_tokens", config, W)
    x = table[ids] if W == E else t.project(table[ids], "model.decoder.project_in", E, False)
    positions = weights.get("model.decoder.embed_positions.weight", config["max_position_embeddings"] + 2, E, scale=0.5)
    x = x + positions[torch.arange(len(ids)) + 2]
    for n in range(config["num_hidden_layers"]):
        p = f"model.decoder.layers.{n}."

        def half(x, norm, compute):
            return x + compute(t.norm(x, p + norm)) if first else t.norm(x + compute(x), p + norm)
        x = half(x, "self_attn_layer_norm", lambda z: t.project(
            attention(*t.heads(z, p + "self_attn.", H, H, E // H, bias)), p + "self_attn.out_proj", E, bias))
        x = half(x, "final_layer_norm", lambda z: t.project(
            act(t.project(z, p + "fc1", config["ffn_dim"], bias)), p + "fc2", E, bias))
    x = t.norm(x, "model.decoder.final_layer_norm") if first else x
    return (x if W == E else t.project(x, "model.decoder.project_out", W, False)) @ table.T


def gpt_neo(config, weights, ids):
    E, H, t = config["hidden_size"], config["num_heads"], Layers(weights, config.get("layer_norm_epsilon", 1e-5))
    act, F = ACTIVATIONS[config.get("activation_function", "gelu_new")], config.get("intermediate_size") or 4 * E
    kinds = [kind for pattern, times in config["attention_types"] for kind in times * pattern]
    table = t.table("transformer.wte", config)
    x = table[ids] + weights.get("transformer.wpe.weight", config["max_position_embeddings"], E, scale=0.5)[:len(ids)]
    for n in range(config["num_layers"]):
        p = f"transformer.h.{n}."
        q, k, v = t.heads(t.norm(x, p + "ln_1"), p + "attn.attention.", H, H, E // H, False)
        y = attention(q, k, v, scale=1.0, window=config.get("window_size", 256) if kinds[n] == "local" else None)
        x = x + t.project(y, p + "attn.attention.out_proj", E)
        x = x + t.project(act(t.project(t.norm(x, p + "ln_2"), p + "mlp.c_fc", F)), p + "mlp.c_proj", E)
    return t.norm(x, "transformer.ln_f") @ table.T


def cohere(config, weights, ids):
    """Both generations: the second has local layers, which alone rotate, and the first may normalise heads."""
    E, F, H = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    t, G, D = Layers(weights, config.get("layer_norm_eps", 1e-5)), config["num_key_value_heads"], E // H
    second, period = config["model_type"] == "cohere2", config.get("sliding_window_pattern", 4)
    bias = config.get("attention_bias", False)
    freqs = frequencies(D, config["rope_theta"])
    table = t.table("model.embed_tokens", config)
    x = table[ids]
    for n in range(config["num_hidden_layers"]):
        p, is_global = f"model.layers.{n}.", second and (n + 1) % period == 0
        z = t.norm(x, p + "input_layernorm", False)
        q, k, v = t.heads(z, p + "self_attn.", H, G, D, bias)
        if config.get("use_qk_norm", False):
            q, k = (layer_norm(heads, 1, 0, t.eps) * weights.get(f"{p}self_attn.{name}_norm.weight", len(heads), D, mean=1)[:, None]
                    for name, heads in (("q", q), ("k", k)))
        if not is_global:
            q, k = rotate_pairs(q, freqs), rotate_pairs(k, freqs)
        y = attention(q, k, v, window=config["sliding_window"] if second and not is_global else None)
        z = silu(t.project(z, p + "mlp.gate_proj", F, False)) * t.project(z, p + "mlp.up_proj", F, False)
        x = x + t.project(y, p + "self_attn.o_proj", E, bias) + t.project(z, p + "mlp.down_proj", E, False)
    return t.norm(x, "model.norm", False) @ table.T * config.get("logit_scale", 0.0625)


def falcon(config, weights, ids):
    E, H, bias = config["hidden_size"], config["num_attention_heads"], config.get("bias", False)
    t, D, F = Layers(weights, config.get("layer_norm_epsilon", 1e-5)), E // H, config.get("ffn_hidden_size", 4 * E)
    new, parallel = config.get("new_decoder_architecture", False), config.get("parallel_attn", True)
    two_norms = new and config.get("num_ln_in_parallel_attn", 2) == 2
    G = config.get("num_kv_heads", H) if new else 1 if config.get("multi_query", True) else H
    freqs, table = frequencies(D, config.get("rope_theta", 10000.0)), t.table("transformer.word_embeddings", config)
    x = table[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"transformer.h.{n}."
        first = t.norm(x, p + ("ln_attn" if two_norms else "input_layernorm"))
        qkv = t.project(first, p + "self_attention.query_key_value", (H + 2 * G) * D, bias)
        qkv = qkv.reshape(len(ids), G, H // G + 2, D).permute(1, 2, 0, 3)  # of each group its queries, key and value
        q, k, v = qkv[:, :-2].reshape(H, len(ids), D), qkv[:, -2], qkv[:, -1]
        y = t.project(attention(rotate(q, freqs), rotate(k, freqs), v), p + "self_attention.dense", E, bias)
        if not parallel:
            second = t.norm(x + y, p + "post_attention_layernorm")
        else:
            second = t.norm(x, p + "ln_mlp") if two_norms else first
        z = gelu(t.project(second, p + "mlp.dense_h_to_4h", F, bias))
        x = x + y + t.project(z, p + "mlp.dense_4h_to_h", E, bias)
    return t.norm(x, "transformer.ln_f") @ table.T


def olmo(config, weights, ids):
    E, F, H = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    t, G, D, limit = Layers(weights, 1e-5), config.get("num_key_value_heads", H), E // H, config.get("clip_qkv")
    freqs = frequencies(D, config.get("rope_theta", 10000.0))

    def norm(x):
        return layer_norm(x, 1, 0, 1e-5)

    x = t.table("model.embed_tokens", config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        q, k, v = (heads if limit is None else heads.clamp(-limit, limit)
                   for heads in t.heads(norm(x), p + "self_attn.", H, G, D, False))
        x = x + t.project(attention(rotate(q, freqs), rotate(k, freqs), v), p + "self_attn.o_proj", E, False)
        z = norm(x)
        z = silu(t.project(z, p + "mlp.gate_proj", F, False)) * t.project(z, p + "mlp.up_proj", F, False)
        x = x + t.project(z, p + "mlp.down_proj", E, False)
    return t.project(norm(x), "lm_head", config["vocab_size"], False)


def gpt_bigcode(config, weights, ids):
    E, H, t = config["n_embd"], config["n_head"], Layers(weights, config.get("layer_norm_epsilon", 1e-5))
    F, D, act = config.get("n_inner") or 4 * E, E // H, ACTIVATIONS[config.get("activation_function", "gelu_pytorch_tanh")]
    table = weights.get("transformer.wte.weight", config["vocab_size"], E, scale=1.0)
    x = table[ids] + weights.get("transformer.wpe.weight", config["n_positions"], E, scale=0.5)[:len(ids)]
    for n in range(config["n_layer"]):
        p, z = f"transformer.h.{n}.", t.norm(x, f"transformer.h.{n}.ln_1")
        if config.get("multi_query", True):
            q, k, v = t.project(z, p + "attn.c_attn", E + 2 * D).split([E, D, D], -1)
            q, k, v = split(q, H), k[None], v[None]
        else:  # of each head its query, key and value
            q, k, v = split(t.project(z, p + "attn.c_attn", 3 * E), H).split(D, -1)
        x = x + t.project(attention(q, k, v), p + "attn.c_proj", E)
        x = x + t.project(act(t.project(t.norm(x, p + "ln_2"), p + "mlp.c_fc", F)), p + "mlp.c_proj", E)
    return t.norm(x, "transformer.ln_f") @ table.T


def gptj(config, weights, ids):
    E, H, t = config["n_embd"], config["n_head"], Layers(weights, config.get("layer_norm_epsilon", 1e-5))
    F, act = config.get("n_inner") or 4 * E, ACTIVATIONS[config.get("activation_function", "gelu_new")]
    freqs = frequencies(config.get("rotary_dim", 64), 10000.0)
    x = weights.get("transformer.wte.weight", config["vocab_size"], E, scale=1.0)[ids]
    for n in range(config["n_layer"]):
        p = f"transformer.h.{n}."
        z = t.norm(x, p + "ln_1")
        q, k, v = t.heads(z, p + "attn.", H, H, E // H, False)
        y = attention(rotate_pairs(q, freqs), rotate_pairs(k, freqs), v)
        x = x + t.project(y, p + "attn.out_proj", E, False) + t.project(act(t.project(z, p + "mlp.fc_in", F)), p + "mlp.fc_out", E)
    return t.project(t.norm(x, "transformer.ln_f"), "lm_head", config["vocab_size"])


def nemotron(config, weights, ids):
    E, F, H = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    t, G, D = Layers(weights, config.get("norm_eps", 1e-5)), config.get("num_key_value_heads", H), E // H
    freqs = frequencies(int(D * config.get("partial_rotary_factor", 0.5)), config.get("rope_theta", 10000.0))

    def norm(x, name):
        return layer_norm(x, 1 + weights.get(name + ".weight", E, scale=0.2), weights.get(name + ".bias", E, scale=0.2), t.eps)

    x = t.table("model.embed_tokens", config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        q, k, v = t.heads(norm(x, p + "input_layernorm"), p + "self_attn.", H, G, D, False)
        x = x + t.project(attention(rotate(q, freqs), rotate(k, freqs), v), p + "self_attn.o_proj", E, False)
        z = t.project(norm(x, p + "post_attention_layernorm"), p + "mlp.up_proj", F, False).clamp(min=0) ** 2
        x = x + t.project(z, p + "mlp.down_proj", E, False)
    return t.project(norm(x, "model.norm"), "lm_head", config["vocab_size"], False)


def attention_by_distance(q, k, v, slopes, scale=None):
    i, j = torch.arange(q.shape[1])[:, None], torch.arange(q.shape[1])[None]
    s = q @ k.transpose(1, 2) * (scale or q.shape[-1] ** -0.5) - slopes[:, None, None] * (i - j)
    return merge(torch.softmax(s.masked_fill(j > i, -math.inf), -1) @ v)


def bloom(config, weights, ids):
    E, H, t = config["hidden_size"], config["n_head"], Layers(weights, config.get("layer_norm_epsilon", 1e-5))
    power = 2 ** math.floor(math.log2(H))
    slopes = [2 ** (-8 / power * (h + 1)) for h in range(power)]
    slopes += [2 ** (-8 / (2 * power) * (2 * h + 1)) for h in range(H - power)]
    slopes = torch.tensor(slopes, dtype=torch.float64)
    table = t.table("transformer.word_embeddings", config)
    x = t.norm(table[ids], "transformer.word_embeddings_layernorm")
    for n in range(config["n_layer"]):
        p = f"transformer.h.{n}."
        qkv = t.project(t.norm(x, p + "input_layernorm"), p + "self_attention.query_key_value", 3 * E)
        q, k, v = split(qkv, H).split(E // H, -1)  # of each head its query, key and value
        x = x + t.project(attention_by_distance(q, k, v, slopes), p + "self_attention.dense", E)
        z = gelu_tanh(t.project(t.norm(x, p + "post_attention_layernorm"), p + "mlp.dense_h_to_4h", 4 * E))
        x = x + t.project(z, p + "mlp.dense_4h_to_h", E)
    return t.norm(x, "transformer.ln_f") @ table.T


def mpt(config, weights, ids):
    E, H, t = config["d_model"], config["n_heads"], Layers(weights, config.get("layer_norm_epsilon", 1e-5))
    options, F = config.get("attn_config", {}), E * config.get("expansion_ratio", 4)
    power, limit = 2 ** math.ceil(math.log2(H)), options.get("clip_qkv") or math.inf
    slopes = 2.0 ** (-torch.arange(1, power + 1, dtype=torch.float64) * 8 / power)
    slopes = slopes if power == H else torch.cat([slopes[1::2], slopes[::2]])[:H]
    table = weights.get("transformer.wte.weight", config["vocab_size"], E, scale=1.0)
    x = table[ids]
    for n in range(config["n_layers"]):
        p = f"transformer.blocks.{n}."
        qkv = t.project(t.norm(x, p + "norm_1", False), p + "attn.Wqkv", 3 * E, False).clamp(-limit, limit)
        q, k, v = (split(part, H) for part in qkv.chunk(3, -1))
        y = attention_by_distance(q, k, v, slopes, options.get("softmax_scale"))
        x = x + t.project(y, p + "attn.out_proj", E, False)
        z = gelu(t.project(t.norm(x, p + "norm_2", False), p + "ffn.up_proj", F, False))
        x = x + t.project(z, p + "ffn.down_proj", E, False)
    return t.norm(x, "transformer.norm_f", False) @ table.T
