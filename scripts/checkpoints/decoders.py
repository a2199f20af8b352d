"""Decoders with RMS norms and GPT-2, written out by hand from their definitions."""
import math

import torch

from checkpoints.arithmetic import (attention, frequencies, gelu_tanh, layer_norm, rms_norm, rotate, silu, split,
                                    yarn_magnitude)


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
    E, number, p = config["hidden_size"], int(p.split(".")[2]), p + "mlp."

    def names(stem):
        return [f"{p}{stem}.{name}_proj" for name in ("gate", "up", "down")]
    if number in config.get("mlp_only_layers", []) or (number + 1) % config.get("decoder_sparse_step", 1) != 0:
        return gated(weights, x, [f"{p}{name}_proj" for name in ("gate", "up", "down")], E, config["intermediate_size"])
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
