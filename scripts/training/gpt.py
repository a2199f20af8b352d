"""GPT-2 in PyTorch, with Hugging Face's names and layout of weights: matrices are [in, out]."""
import math

import torch
from torch import nn
from torch.nn import functional as F


class Conv1D(nn.Module):
    def __init__(self, inputs: int, outputs: int, deviation: float):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * deviation)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return torch.addmm(self.bias, x.flatten(0, -2), self.weight).view(*x.shape[:-1], -1)


class Attention(nn.Module):
    def __init__(self, config: dict, deviation: float):
        super().__init__()
        width = config["n_embd"]
        self.heads = config["n_head"]
        self.c_attn = Conv1D(width, 3 * width, 0.02)
        self.c_proj = Conv1D(width, width, deviation)

    def forward(self, x):
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, -1).transpose(1, 2)
            for part in self.c_attn(x).split(width, dim=2)
        )
        scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(2, 3)
        weights = (scores + torch.full((length, length), -math.inf).triu(1)).softmax(-1)
        return self.c_proj((weights @ v).transpose(1, 2).reshape(batch, length, width))


class Mlp(nn.Module):
    def __init__(self, width: int, deviation: float):
        super().__init__()
        self.c_fc = Conv1D(width, 4 * width, 0.02)
        self.c_proj = Conv1D(4 * width, width, deviation)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        width, epsilon = config["n_embd"], config["layer_norm_epsilon"]
        deviation = 0.02 / math.sqrt(2 * config["n_layer"])
        self.ln_1 = nn.LayerNorm(width, epsilon)
        self.attn = Attention(config, deviation)
        self.ln_2 = nn.LayerNorm(width, epsilon)
        self.mlp = Mlp(width, deviation)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        width = config["n_embd"]
        self.wte = nn.Embedding(config["vocab_size"], width)
        self.wpe = nn.Embedding(config["n_positions"], width)
        self.h = nn.ModuleList(Block(config) for _ in range(config["n_layer"]))
        self.ln_f = nn.LayerNorm(width, config["layer_norm_epsilon"])
        for embedding in (self.wte, self.wpe):
            nn.init.normal_(embedding.weight, std=0.02)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.h:
            x = block(x)
        return self.ln_f(x)


class GPT(nn.Module):
    def __init__(self, config: dict):
        super().__init__()
        self.transformer = Transformer(config)

    def forward(self, ids):
        """Logits of every position: [batch, length] to [batch, length, vocabulary]."""
        return self.transformer(ids) @ self.transformer.wte.weight.T
