"""BERT, and blocks as PyTorch modules are written by hand, with sinusoidal positions."""
import math

import torch

from checkpoints.arithmetic import layer_norm, merge, split


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
