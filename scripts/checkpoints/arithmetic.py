"""What transformers are made of, in float64: norms, activations, rotations, attention."""
import math

import torch


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
    if (scaling or {}).get("rope_type", (scaling or {}).get("type")) != "yarn":
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


def rotate_pairs(x, freqs, magnitude=1.0):
    """The same of elements that are neighbours instead of half of the rotated ones apart."""
    dims = 2 * len(freqs)
    y = rotate(torch.cat([x[..., 0:dims:2], x[..., 1:dims:2], x[..., dims:]], -1), freqs, magnitude)
    return torch.cat([torch.stack([y[..., :dims // 2], y[..., dims // 2:dims]], -1).flatten(-2), y[..., dims:]], -1)


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
