#!/usr/bin/env python3
"""Runs fovea on wrong input.

usage: wrong_input.py FOLDER

Each case of the table is a command whose inputs this writes into FOLDER. It must end with exit
status 1 and one error on stderr, and leave no output behind. Prints the error of each case."""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys

MODEL = """\
def scale(x: f32[B, L], w: weight[L]):
    return x * w
"""
GRAPH = "def f(x: f32[B, 8]):\n    return {}\n"


def safetensors(tensors):
    """The bytes of a file with these tensors: name -> (type, shape, bytes)."""
    header, offset = {}, 0
    for name, (kind, shape, data) in tensors.items():
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values())


def weights(kind="F32", shape=(8,), size=32):
    return safetensors({"w": (kind, list(shape), bytes(size))})


def run_with(weight_bytes):
    """The model above with a file of weights."""
    files = {"model.fov": MODEL, "w.safetensors": weight_bytes}
    return files, "run model.fov --set B=2 --set L=8 --weights w.safetensors --output out.npy"


def compile_text(text):
    return {"model.fov": text}, "compile model.fov -o out.o"


def run_text(text, options):
    return {"model.fov": text}, f"run model.fov {options} --output out.npy"


NESTED = 10000
CASES = {
    "missing model": ({}, "compile model.fov -o out.o"),
    "missing weights": ({"model.fov": MODEL}, "run model.fov --set B=1 --set L=8 --weights w.safetensors --output out.npy"),
    "wrong magic": run_with(b"PK\x03\x04" + bytes(100)),
    "truncated header": run_with(weights()[:20]),
    "truncated weights": run_with(weights()[:-1]),
    "trailing bytes": run_with(weights() + b"x"),
    "header is no JSON": run_with(struct.pack("<Q", 4) + b"{{{{"),
    "huge header": run_with(struct.pack("<Q", 1 << 63) + b"{}"),
    "weight of another shape": run_with(weights(shape=(4, 2))),
    "weight of another type": run_with(weights(kind="I64", size=64)),
    "weight missing": run_with(safetensors({"v": ("F32", [8], bytes(32))})),
    "unknown op": compile_text(GRAPH.format("sofmax(x)")),
    "unknown name": compile_text(GRAPH.format("x + y")),
    "wrong arity": compile_text(GRAPH.format("linear(x)")),
    "unknown keyword": compile_text(GRAPH.format("softmax(x, dmi=1)")),
    "shape mismatch": compile_text("def f(x: f32[B, 8], y: f32[B, 7]):\n    return x + y\n"),
    "unbound dim": run_text(GRAPH.format("x"), ""),
    "recursion": compile_text("def g(x):\n    return g(x)\n\n\ndef f(x: f32[B, 8]):\n    return g(x)\n"),
    "dim overflows": compile_text("def f(x: f32[9223372036854775808]):\n    return x\n"),
    "product of dims overflows": compile_text("def f(x: f32[4294967296, 4294967296, 4]):\n    return x\n"),
    "zero-length dim": compile_text("def f(x: f32[B, 0]):\n    return x\n"),
    "negative dim": compile_text("def f(x: f32[B, -1]):\n    return x\n"),
    "nested brackets": compile_text(GRAPH.format("(" * NESTED + "x" + ")" * NESTED)),
    "unclosed brackets": compile_text(GRAPH.format("[" * NESTED)),
    "nested types": ({"model.mlir": "func.func @f(%x: " + "tuple<" * NESTED}, "compile model.mlir -o out.o"),
    "no text": ({"model.fov": "\xff"}, "compile model.fov -o out.o"),
    "too large for memory": run_text(GRAPH.format("x"), "--set B=1000000000000"),
    "size that is no number": run_text(GRAPH.format("x"), "--set B=many"),
    "unknown size": run_text(GRAPH.format("x"), "--set B=1 --set C=1"),
    "input of another type": (
        {"model.fov": GRAPH.format("x"), "in.safetensors": safetensors({"x": ("F64", [1, 8], bytes(64))})},
        "run model.fov --input in.safetensors --output out.npy",
    ),
    "input of another shape": (
        {"model.fov": GRAPH.format("x"), "in.safetensors": safetensors({"x": ("F32", [1, 9], bytes(36))})},
        "run model.fov --input in.safetensors --output out.npy",
    ),
    "output in no folder": ({"model.fov": GRAPH.format("x")}, "compile model.fov -o none/out.o"),
    "broken config.json": ({"model/config.json": '{"model_type": "llama",'}, "compile model -o out.o"),
    "unknown model type": ({"model/config.json": '{"model_type": "mamba"}'}, "compile model -o out.o"),
}


def check(folder, name, files, command):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for path, contents in files.items():
        target = folder / path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(contents if isinstance(contents, bytes) else contents.encode("latin-1"))
    before = sorted(folder.rglob("*"))
    done = subprocess.run(["fovea", *command.split()], cwd=folder, capture_output=True, text=True, errors="replace", timeout=60)
    errors = [line for line in done.stderr.splitlines() if "error: " in line]
    left = [str(path.relative_to(folder)) for path in sorted(folder.rglob("*")) if path not in before]
    problems = []
    if done.returncode != 1:
        problems.append(f"exit status {done.returncode}")
    if len(errors) != 1:
        problems.append(f"{len(errors)} errors: {errors[:3]}")
    if left:
        problems.append(f"left {left}")
    print(f"{'FAILED ' if problems else ''}{name}: {'; '.join(problems) or errors[0][:200]}")
    return not problems


def main():
    folder = pathlib.Path(sys.argv[1])
    results = [check(folder, name, *case) for name, case in CASES.items()]
    return 0 if all(results) else 1


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    sys.exit(main())
