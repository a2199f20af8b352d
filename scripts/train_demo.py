#!/usr/bin/env python3
"""Trains the model of the demo, examples/demo_gpt: a GPT-2 of 0.95 million parameters on the novels
of Jane Austen. Needs Debian's python3-torch and python3-numpy; a hundred steps take half a minute of
one core. Goes on from the last checkpoint in build/demo_gpt, if there is one; remove that to start
anew.

usage: scripts/train_demo.py [--steps N] [--output DIRECTORY]"""
import argparse
import json
import math
import time
from pathlib import Path

import torch
from torch.nn import functional as F

from training import bpe, curve, gpt, novels, safetensors

ROOT = Path(__file__).resolve().parent.parent
END = "<|endoftext|>"
VOCABULARY, TOKENS_A_STEP, PEAK_RATE = 1024, 2048, 3e-3
CONFIG = {
    "architectures": ["GPT2LMHeadModel"],
    "model_type": "gpt2",
    "activation_function": "gelu_new",
    "n_embd": 128,
    "n_head": 4,
    "n_inner": None,
    "n_layer": 4,
    "n_positions": 256,
    "layer_norm_epsilon": 1e-05,
    "vocab_size": VOCABULARY,
    "tie_word_embeddings": True,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "torch_dtype": "float16",
}


def prepare(cache: Path):
    """The tokenizer, and the ids of the novels: all but the last tenth of each to learn from."""
    if not cache.exists():
        texts = novels.novels()
        merges = bpe.train(texts, VOCABULARY - 256 - 1)
        encoder = bpe.Encoder(bpe.vocabulary_of(merges, [END]), merges)
        parts = {"learn": [], "test": []}
        for text in texts:
            cut = text.index("\n\n", len(text) * 9 // 10)
            for name, part in (("learn", text[:cut]), ("test", text[cut:])):
                parts[name] += [0, *encoder.encode(part)]
        cache.write_text(json.dumps({"merges": merges, **parts}))
    data = json.loads(cache.read_text())
    merges = [tuple(pair) for pair in data["merges"]]
    return merges, torch.tensor(data["learn"]), torch.tensor(data["test"])


def batch(ids, generator, length):
    """Windows at random places, and the same one token later: [windows, length] both."""
    starts = torch.randint(len(ids) - length, (TOKENS_A_STEP // length,), generator=generator)
    windows = torch.stack([ids[start : start + length + 1] for start in starts])
    return windows[:, :-1], windows[:, 1:]


def loss_of(model, inputs, targets):
    return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())


def test_loss(model, ids, length):
    with torch.no_grad():
        generator = torch.Generator().manual_seed(1)
        return sum(loss_of(model, *batch(ids, generator, length)).item() for _ in range(6)) / 6


def rate_at(step, steps):
    """Rises for 100 steps, falls during the last 30 %."""
    return PEAK_RATE * min(1, (step + 1) / 100, (steps - step) / (0.3 * steps))


def length_at(step, steps):
    """Half of the context first, which is cheaper; all of it for the last 30 %."""
    context = CONFIG["n_positions"]
    return context // 2 if step < 0.7 * steps else context


def optimizer_of(model):
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98))


def report(step, seconds, curves):
    losses = ", ".join(f"{name} {curve[-1][1]:.3f}" for name, curve in curves.items())
    print(f"step {step}, {seconds:.0f} s of CPU: {losses}", flush=True)


def train(steps, work: Path, learn, test):
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    model = gpt.GPT(CONFIG)
    optimizer = optimizer_of(model)
    curves, first = {"training": [], "held-out text": []}, 0
    checkpoint = work / "checkpoint.pt"
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        generator.set_state(saved["generator"])
        curves, first = saved["curves"], saved["step"]
    recent, began = [], time.process_time()
    for step in range(first, steps):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, steps)
        length = length_at(step, steps)
        loss = loss_of(model, *batch(learn, generator, length))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        recent.append(loss.item())
        if (step + 1) % 25 == 0:
            curves["training"].append((step + 1, sum(recent) / len(recent)))
            recent = []
        if (step + 1) % 100 == 0 or step + 1 == steps:
            curves["held-out text"].append((step + 1, test_loss(model, test, length)))
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            state |= {"generator": generator.get_state(), "curves": curves, "step": step + 1}
            torch.save(state, work / "checkpoint.new")
            (work / "checkpoint.new").rename(checkpoint)
            report(step + 1, time.process_time() - began, curves)
    return model, curves


def export(model, merges, curves, output: Path):
    output.mkdir(parents=True, exist_ok=True)
    tensors = {name: p.detach().half().numpy() for name, p in model.state_dict().items()}
    safetensors.write(output / "model.safetensors", tensors)
    (output / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")
    tokenizer = json.dumps(bpe.tokenizer_json(merges, [END]), ensure_ascii=False)
    (output / "tokenizer.json").write_text(tokenizer + "\n")
    title = "Cross-entropy per token, in nats"
    (output / "loss.svg").write_text(curve.draw(title, curves))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--steps", type=int, default=2800)
    parser.add_argument("--output", type=Path, default=ROOT / "examples/demo_gpt")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    work = ROOT / "build/demo_gpt"
    work.mkdir(parents=True, exist_ok=True)
    merges, learn, test = prepare(work / "ids.json")
    print(f"{len(learn)} tokens to learn from, {len(test)} held out", flush=True)
    model, curves = train(arguments.steps, work, learn, test)
    export(model, merges, curves, arguments.output)


if __name__ == "__main__":
    main()
