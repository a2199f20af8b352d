"""Llama's relatives with RMS norms, written out by hand from their definitions. What a configuration leaves out
has the default of its model_type."""
import math

from checkpoints.arithmetic import attention, frequencies, gelu_tanh, rms_norm, rotate, rotate_pairs, silu, split
from checkpoints.decoders import gated, mixture


class Layers:
    """Projections and norms of states [L, E] by the names of their tensors."""

    def __init__(self, weights, eps, offset=0.0):
        self.weights, self.eps, self.offset = weights, eps, offset

    def table(self, config):
        return self.weights.get("model.embed_tokens.weight", config["vocab_size"], config["hidden_size"], scale=1.0)

    def project(self, x, name, outputs, bias=False):
        y = x @ self.weights.get(name + ".weight", outputs, x.shape[-1]).T
        return y + self.weights.get(name + ".bias", outputs, scale=0.3) if bias else y

    def norm(self, x, name):
        w = self.weights.get(name + ".weight", x.shape[-1], scale=0.2, mean=1 - self.offset)
        return rms_norm(x, self.offset + w, self.eps)

    def heads(self, x, p, queries, keys, size, bias=False):
        counts = (("q", queries), ("k", keys), ("v", keys))
        return [split(self.project(x, f"{p}self_attn.{name}_proj", n * size, bias), n) for name, n in counts]

    def gated(self, x, p, inner, bias=False, act=silu):
        gate = act(self.project(x, p + "mlp.gate_proj", inner, bias))
        return self.project(gate * self.project(x, p + "mlp.up_proj", inner, bias), p + "mlp.down_proj", x.shape[-1], bias)

    def output(self, x, config, tied):
        x = self.norm(x, "model.norm")
        return x @ (self.table(config).T if tied else self.weights.get(
            "lm_head.weight", config["vocab_size"], config["hidden_size"]).T)


def sizes(config):
    E, H = config["hidden_size"], config["num_attention_heads"]
    return E, config["intermediate_size"], H, config.get("num_key_value_heads", H), config.get("head_dim", E // H)


def olmo2(config, weights, ids):
    """OLMo 2 and 3: the third has local layers, whose rotation is not scaled."""
    (E, F, H, G, D), t = sizes(config), Layers(weights, config.get("rms_norm_eps", 1e-5))
    theta, third = config.get("rope_theta", 10000.0), config["model_type"] == "olmo3"
    kinds = {False: (frequencies(D, theta, config.get("rope_scaling")), None),
             True: (frequencies(D, theta), config.get("sliding_window", 4096))}
    x = t.table(config)[ids]
    for n in range(config["num_hidden_layers"]):
        p, (freqs, window) = f"model.layers.{n}.", kinds[third and (n + 1) % 4 != 0]
        q = t.norm(t.project(x, p + "self_attn.q_proj", H * D), p + "self_attn.q_norm")
        k = t.norm(t.project(x, p + "self_attn.k_proj", G * D), p + "self_attn.k_norm")
        v = split(t.project(x, p + "self_attn.v_proj", G * D), G)
        y = attention(rotate(split(q, H), freqs), rotate(split(k, G), freqs), v, window=window)
        x = x + t.norm(t.project(y, p + "self_attn.o_proj", E), p + "post_attention_layernorm")
        x = x + t.norm(t.gated(x, p, F), p + "post_feedforward_layernorm")
    return t.output(x, config, config.get("tie_word_embeddings", False))


def smollm3(config, weights, ids):
    (E, F, H, G, D), t = sizes(config), Layers(weights, config.get("rms_norm_eps", 1e-6))
    scaling = config.get("rope_parameters", {"rope_theta": config.get("rope_theta", 2000000.0)})
    freqs, layers = frequencies(D, scaling["rope_theta"], scaling), range(config["num_hidden_layers"])
    turns = config.get("no_rope_layers", [(n + 1) % config.get("no_rope_layer_interval", 4) for n in layers])
    bias, mlp_bias = config.get("attention_bias", False), config.get("mlp_bias", False)
    x = t.table(config)[ids]
    for n in layers:
        p = f"model.layers.{n}."
        q, k, v = t.heads(t.norm(x, p + "input_layernorm"), p, H, G, D, bias)
        if turns[n]:
            q, k = rotate(q, freqs), rotate(k, freqs)
        window = config["sliding_window"] if config.get("use_sliding_window") and not turns[n] else None
        x = x + t.project(attention(q, k, v, window=window), p + "self_attn.o_proj", E, bias)
        x = x + t.gated(t.norm(x, p + "post_attention_layernorm"), p, F, mlp_bias)
    return t.output(x, config, config.get("tie_word_embeddings", True))


def granite(config, weights, ids):
    (E, F, H, G, D), t = sizes(config), Layers(weights, config.get("rms_norm_eps", 1e-6))
    freqs = frequencies(D, config.get("rope_theta", 10000.0))
    bias, mlp_bias = config.get("attention_bias", False), config.get("mlp_bias", False)
    residual = config.get("residual_multiplier", 1.0)
    x = t.table(config)[ids] * config.get("embedding_multiplier", 1.0)
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        q, k, v = t.heads(t.norm(x, p + "input_layernorm"), p, H, G, D, bias)
        y = attention(rotate(q, freqs), rotate(k, freqs), v, scale=config.get("attention_multiplier", 1.0))
        x = x + residual * t.project(y, p + "self_attn.o_proj", E, bias)
        x = x + residual * t.gated(t.norm(x, p + "post_attention_layernorm"), p, F, mlp_bias)
    return t.output(x, config, config.get("tie_word_embeddings", False)) / config.get("logits_scaling", 1.0)


def gemma1(config, weights, ids):
    (E, F, H, G, D), t = sizes(config), Layers(weights, config.get("rms_norm_eps", 1e-6), offset=1.0)
    freqs = frequencies(D, config.get("rope_theta", 10000.0))
    x = t.table(config)[ids] * E ** 0.5
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        q, k, v = t.heads(t.norm(x, p + "input_layernorm"), p, H, G, D)
        y = attention(rotate(q, freqs), rotate(k, freqs), v)
        x = x + t.project(y, p + "self_attn.o_proj", E)
        x = x + t.gated(t.norm(x, p + "post_attention_layernorm"), p, F, act=gelu_tanh)
    return t.output(x, config, config.get("tie_word_embeddings", True))


def glm(config, weights, ids):
    """Both generations: the second has norms after the halves of a layer, too."""
    (E, F, H, G, _), t = sizes(config), Layers(weights, config.get("rms_norm_eps", 1.5625e-7))
    D, after = config.get("head_dim", 128), config["model_type"] == "glm4"
    freqs = frequencies(int(D * config.get("partial_rotary_factor", 0.5)), config.get("rope_theta", 10000.0))
    x = t.table(config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        q, k, v = t.heads(t.norm(x, p + "input_layernorm"), p, H, G, D, config.get("attention_bias", True))
        y = t.project(attention(rotate_pairs(q, freqs), rotate_pairs(k, freqs), v), p + "self_attn.o_proj", E)
        x = x + (t.norm(y, p + "post_self_attn_layernorm") if after else y)
        gate, up = t.project(t.norm(x, p + "post_attention_layernorm"), p + "mlp.gate_up_proj", 2 * F).chunk(2, -1)
        z = t.project(silu(gate) * up, p + "mlp.down_proj", E)
        x = x + (t.norm(z, p + "post_mlp_layernorm") if after else z)
    return t.output(x, config, False)


def ernie(config, weights, ids):
    (E, F, H, G, _), t = sizes(config), Layers(weights, config.get("rms_norm_eps", 1e-5))
    D, bias = config.get("head_dim", 128), config.get("use_bias", False)
    freqs = frequencies(D, config.get("rope_theta", 500000.0))
    x = t.table(config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        q, k, v = t.heads(t.norm(x, p + "input_layernorm"), p, H, G, D, bias)
        y = attention(rotate_pairs(q, freqs), rotate_pairs(k, freqs), v)
        x = x + t.project(y, p + "self_attn.o_proj", E, bias)
        x = x + t.gated(t.norm(x, p + "post_attention_layernorm"), p, F, bias)
    return t.output(x, config, config.get("tie_word_embeddings", True))


def exaone4(config, weights, ids):
    (E, F, H, G, D), t = sizes(config), Layers(weights, config.get("rms_norm_eps", 1e-5))
    freqs, window = frequencies(D, config.get("rope_theta", 10000.0)), config.get("sliding_window", 4096)
    x = t.table(config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        is_local = window is not None and (n + 1) % config.get("sliding_window_pattern", 4) != 0
        q, k, v = t.heads(x, p, H, G, D)
        q, k = t.norm(q, p + "self_attn.q_norm"), t.norm(k, p + "self_attn.k_norm")
        if is_local or window is None:
            q, k = rotate(q, freqs), rotate(k, freqs)
        y = attention(q, k, v, window=window if is_local else None)
        x = x + t.norm(t.project(y, p + "self_attn.o_proj", E), p + "post_attention_layernorm")
        x = x + t.norm(t.gated(x, p, F), p + "post_feedforward_layernorm")
    return t.output(x, config, config.get("tie_word_embeddings", False))


def hunyuan(config, weights, ids):
    (E, F, H, G, D), t = sizes(config), Layers(weights, config.get("rms_norm_eps", 1e-5))
    freqs = frequencies(D, config.get("rope_theta", 10000.0) * config["rope_scaling"]["alpha"] ** (D / (D - 2)))
    x = t.table(config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        q, k, v = t.heads(t.norm(x, p + "input_layernorm"), p, H, G, D)
        q, k = t.norm(rotate(q, freqs), p + "self_attn.query_layernorm"), t.norm(rotate(k, freqs), p + "self_attn.key_layernorm")
        x = x + t.project(attention(q, k, v), p + "self_attn.o_proj", E)
        x = x + t.gated(t.norm(x, p + "post_attention_layernorm"), p, F)
    return t.output(x, config, config.get("tie_word_embeddings", False))


def arcee(config, weights, ids):
    (E, F, H, G, D), t = sizes(config), Layers(weights, config.get("rms_norm_eps", 1e-5))
    freqs, bias = frequencies(D, config.get("rope_theta", 10000.0)), config.get("mlp_bias", False)
    x = t.table(config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        q, k, v = t.heads(t.norm(x, p + "input_layernorm"), p, H, G, D)
        x = x + t.project(attention(rotate(q, freqs), rotate(k, freqs), v), p + "self_attn.o_proj", E)
        z = t.project(t.norm(x, p + "post_attention_layernorm"), p + "mlp.up_proj", F, bias).clamp(min=0) ** 2
        x = x + t.project(z, p + "mlp.down_proj", E, bias)
    return t.output(x, config, config.get("tie_word_embeddings", False))


def seed_oss(config, weights, ids):
    (E, F, H, G, _), t = sizes(config), Layers(weights, config.get("rms_norm_eps", 1e-6))
    D = config.get("head_dim", 128)
    freqs = frequencies(D, config.get("rope_theta", 10000.0))
    x = t.table(config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        q, k, v = t.heads(t.norm(x, p + "input_layernorm"), p, H, G, D, config.get("attention_bias", True))
        y = attention(rotate(q, freqs), rotate(k, freqs), v)
        x = x + t.project(y, p + "self_attn.o_proj", E, config.get("attention_out_bias", False))
        x = x + t.gated(t.norm(x, p + "post_attention_layernorm"), p, F, config.get("mlp_bias", False))
    return t.output(x, config, config.get("tie_word_embeddings", False))


def olmoe(config, weights, ids):
    (E, F, H, G, D), t = sizes(config), Layers(weights, config.get("rms_norm_eps", 1e-5))
    freqs, limit = frequencies(D, config.get("rope_theta", 10000.0)), config.get("clip_qkv") or math.inf
    mixed = {**config, "num_experts_per_tok": config.get("num_experts_per_tok", 8)}
    x = t.table(config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        z = t.norm(x, p + "input_layernorm")
        q = t.norm(t.project(z, p + "self_attn.q_proj", H * D), p + "self_attn.q_norm")
        k = t.norm(t.project(z, p + "self_attn.k_proj", G * D), p + "self_attn.k_norm")
        v = t.project(z, p + "self_attn.v_proj", G * D)
        q, k, v = (split(part.clamp(-limit, limit), heads) for part, heads in ((q, H), (k, G), (v, G)))
        x = x + t.project(attention(rotate(q, freqs), rotate(k, freqs), v), p + "self_attn.o_proj", E)
        x = x + mixture(mixed, weights, t.norm(x, p + "post_attention_layernorm"), p + "mlp.gate", lambda z, e: gated(
            weights, z, [f"{p}mlp.experts.{e}.{name}_proj" for name in ("gate", "up", "down")], E, F),
            config["num_experts"], config.get("norm_topk_prob", False))
    return t.output(x, config, config.get("tie_word_embeddings", False))


def granitemoe(config, weights, ids):
    (E, F, H, G, D), t = sizes(config), Layers(weights, config.get("rms_norm_eps", 1e-6))
    freqs, residual = frequencies(D, config.get("rope_theta", 10000.0)), config["residual_multiplier"]
    experts = config["num_local_experts"]
    x = t.table(config)[ids] * config["embedding_multiplier"]

    def expert(z, p, e):
        gate, up = (weights.get(p + "input_linear.weight", experts, 2 * F, E)[e] @ z).chunk(2)
        return weights.get(p + "output_linear.weight", experts, E, F)[e] @ (silu(gate) * up)

    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        q, k, v = t.heads(t.norm(x, p + "input_layernorm"), p, H, G, D)
        y = attention(rotate(q, freqs), rotate(k, freqs), v, scale=config["attention_multiplier"])
        x, p = x + residual * t.project(y, p + "self_attn.o_proj", E), p + "block_sparse_moe."
        z = t.norm(x, f"model.layers.{n}.post_attention_layernorm")
        x = x + residual * mixture(config, weights, z, p + "router.layer", lambda z, e: expert(z, p, e), experts, True)
    return t.output(x, config, config.get("tie_word_embeddings", False)) / config["logits_scaling"]
