"""DeepSeek 2 and 3 and GLM-4.5, written out by hand from their definitions: latent attention, and mixtures of experts
behind layers without."""
import math

import torch

from checkpoints.arithmetic import (attention, frequencies, rms_norm, rotate, rotate_pairs, split, yarn_magnitude)
from checkpoints.decoders import gated
from checkpoints.rms_decoders import Layers


def corrected_choice(config, weights, logits, p):
    """Scores of one token, and the numbers of the experts that it has."""
    scores = 1 / (1 + torch.exp(-logits))
    choice = scores + weights.get(p + "gate.e_score_correction_bias", len(logits), scale=0.3)
    return scores, best_of_groups(config, choice, lambda group: sum(sorted(group)[-2:]))


def shares(config, weights, logits, p):
    scores = torch.softmax(logits, 0)
    limited = config.get("topk_method") == "group_limited_greedy"
    groups = config if limited else {**config, "n_group": 1, "topk_group": 1}
    return scores, best_of_groups(groups, scores, max)


def best_of_groups(config, choice, score):
    groups, kept = config.get("n_group", 1), config.get("topk_group", 1)
    by_group = choice.reshape(groups, -1)
    order = sorted(range(groups), key=lambda g: -score(by_group[g].tolist()))
    allowed = torch.zeros_like(by_group)
    allowed[order[:kept]] = 1
    return torch.topk(choice * allowed.flatten(), config["num_experts_per_tok"]).indices.tolist()


def feed_forward(config, weights, x, n, choose, first, alone):
    """What the second half of layer n makes of its normalised input."""
    E, p = config["hidden_size"], f"model.layers.{n}.mlp."

    def names(stem):
        return [f"{p}{stem}{name}_proj" for name in ("gate", "up", "down")]
    if n < first:
        return gated(weights, x, names(""), E, config["intermediate_size"])
    experts, inner = config["n_routed_experts"], config["moe_intermediate_size"]
    logits = x @ weights.get(p + "gate.weight", experts, E, scale=2 * E ** -0.5).T
    y = torch.zeros_like(x)
    if config.get("n_shared_experts"):
        y = gated(weights, x, names("shared_experts."), E, inner * config["n_shared_experts"])
    for t in range(len(x)):
        scores, chosen = choose(config, weights, logits[t], p)
        total = sum(scores[e] for e in chosen) if alone else 1
        for e in chosen:
            gate = scores[e] / total * config.get("routed_scaling_factor", 1.0)
            y[t] = y[t] + gate * gated(weights, x[t], names(f"experts.{e}."), E, inner)
    for e in range(experts):  # those that no token has, too
        gated(weights, x[0], names(f"experts.{e}."), E, inner)
    return y


def latent_attention(config, t, z, n, turn, freqs):
    H, bias, p = config["num_attention_heads"], config.get("attention_bias", False), f"model.layers.{n}.self_attn."
    still, turned, value = (config[key] for key in ("qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim"))
    rank, scaling = config["kv_lora_rank"], config.get("rope_scaling") or {}

    def short_norm(x, name):
        return rms_norm(x, t.weights.get(p + name + ".weight", x.shape[-1], scale=0.2, mean=1), 1e-6)
    if config["q_lora_rank"] is None:
        q = t.project(z, p + "q_proj", H * (still + turned))
    else:
        q = short_norm(t.project(z, p + "q_a_proj", config["q_lora_rank"], bias), "q_a_layernorm")
        q = t.project(q, p + "q_b_proj", H * (still + turned))
    short, k_turned = t.project(z, p + "kv_a_proj_with_mqa", rank + turned, bias).split([rank, turned], -1)
    kv = split(t.project(short_norm(short, "kv_a_layernorm"), p + "kv_b_proj", H * (still + value)), H)
    q, q_turned = split(q, H).split([still, turned], -1)
    k, v = kv.split([still, value], -1)
    magnitude = yarn_magnitude(scaling)
    q = torch.cat([q, turn(q_turned, freqs, magnitude)], -1)
    k = torch.cat([k, turn(k_turned[None], freqs, magnitude).expand(H, -1, -1)], -1)
    grown = 0.1 * scaling["mscale_all_dim"] * math.log(scaling["factor"]) + 1 if scaling.get("mscale_all_dim") else 1.0
    y = attention(q, k, v, scale=grown ** 2 * (still + turned) ** -0.5)
    return t.project(y, p + "o_proj", config["hidden_size"], bias)


def deepseek(config, weights, ids):
    """Versions 2 and 3: the router of the third corrects what it chooses by."""
    t, third = Layers(weights, config.get("rms_norm_eps", 1e-6)), config["model_type"] == "deepseek_v3"
    freqs = frequencies(config["qk_rope_head_dim"], config.get("rope_theta", 10000.0), config.get("rope_scaling"))
    turn = rotate_pairs if config.get("rope_interleave", True) else rotate
    x = t.table(config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        x = x + latent_attention(config, t, t.norm(x, p + "input_layernorm"), n, turn, freqs)
        x = x + feed_forward(config, weights, t.norm(x, p + "post_attention_layernorm"), n,
                             corrected_choice if third else shares, config.get("first_k_dense_replace", 3 if third else 0),
                             third and config.get("norm_topk_prob", True))
    for n in range(config.get("num_nextn_predict_layers", 0)):  # which no logits need
        weights.get(f"model.layers.{config['num_hidden_layers'] + n}.enorm.weight", config["hidden_size"])
    return t.output(x, config, config.get("tie_word_embeddings", False))


def glm4_moe(config, weights, ids):
    E, H, G = config["hidden_size"], config["num_attention_heads"], config["num_key_value_heads"]
    D, bias = config.get("head_dim", E // H), config.get("attention_bias", False)
    t = Layers(weights, config.get("rms_norm_eps", 1e-5))
    freqs = frequencies(int(D * config.get("partial_rotary_factor", 0.5)), config.get("rope_theta", 10000.0))
    x = t.table(config)[ids]
    for n in range(config["num_hidden_layers"]):
        p = f"model.layers.{n}."
        q, k, v = t.heads(t.norm(x, p + "input_layernorm"), p, H, G, D, bias)
        if config.get("use_qk_norm"):
            q, k = t.norm(q, p + "self_attn.q_norm"), t.norm(k, p + "self_attn.k_norm")
        x = x + t.project(attention(rotate(q, freqs), rotate(k, freqs), v), p + "self_attn.o_proj", E)
        x = x + feed_forward(config, weights, t.norm(x, p + "post_attention_layernorm"), n, corrected_choice,
                             config.get("first_k_dense_replace", 1), config.get("norm_topk_prob", True))
    return t.output(x, config, config.get("tie_word_embeddings", False))
