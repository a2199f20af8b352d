#!/usr/bin/env python3
"""Runs Fovea in turns with ONNX Runtime (attention) and llama.cpp (language models) and prints tables.

usage: bench/peers/node/compare.py attention|generate [--rounds N] [--only REGEX] [--threads N,N]

Needs build/bin/fovea-bench, build/bin/fovea, Node and the packages of package.json, which
scripts/bench_peers.sh installs. Each round runs every solver once; medians over the rounds count, beside
the best.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
WORK = ROOT / "build" / "peers"

# The name of Fovea's benchmark; operations of one run; query heads, key heads, head dim, length; ONNX
# Runtime's forms of it.
FULL, CAUSAL = ("matmul", "mha", "attention"), ("gqa",)
ATTENTION = [
    (f"attention/full/heads:8/dim:{dim}/length:{n}", 4 * 8 * n * n * dim, (8, 8, dim, n), FULL)
    for dim, n in ((64, 512), (64, 1024), (64, 2048), (64, 4096), (128, 2048))
] + [
    (f"attention/causal/heads:8/dim:64/length:{n}", 2 * 8 * n * n * 64, (8, 8, 64, n), CAUSAL)
    for n in (512, 1024, 2048, 4096)
] + [("attention/causal/heads:32x8/dim:128/length:2048", 2 * 32 * 2048**2 * 128, (32, 8, 128, 2048), CAUSAL)]

# llama.cpp's type, that of Fovea's checkpoint and its --quantize.
FORMATS = [("f32", "f32", None), ("f16", "f16", None), ("q8_0", "f32", "q8"), ("q4_0", "f32", "q4")]
SHAPES = ["gpt2", "qwen2.5-0.5b"]
PHASES, DECODED = ["prefill", "decode"], 64


def output(command, **options):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, **options).stdout


def node(script, *arguments):
    # Scripts lie beside node_modules, where modules are looked for.
    return json.loads(output(["node", str(WORK / script), *map(str, arguments)], cwd=WORK).splitlines()[-1])


def fovea_attention(name, threads):
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        output([ROOT / "build/bin/fovea-bench", f"--benchmark_filter=^fovea/{name}/threads:{threads}/",
                f"--benchmark_out={file.name}", "--benchmark_out_format=json"])
        return json.load(open(file.name, encoding="utf-8"))["benchmarks"][0]["ms"]


def attention_cases(threads):
    for name, operations, sizes, forms in ATTENTION:
        def rate(milliseconds, operations=operations):
            return {"GFLOP/s": operations / milliseconds / 1e6}
        solvers = {"Fovea": lambda n=name, r=rate: r(fovea_attention(n, threads))}
        for form in forms:
            solvers[f"ONNX Runtime {form}"] = lambda f=form, s=sizes, r=rate: r(
                node("onnxruntime.mjs", f, *s, threads, 1)["median"])
        yield name, solvers, ["GFLOP/s"]


def make(path, script, *arguments):
    if not path.exists():
        output([sys.executable, str(script), arguments[0], str(path), *arguments[1:]])
    return str(path)


def fovea_generate(shape, dtype, quantize, threads):
    model = make(WORK / f"{shape}-{dtype}", ROOT / "scripts/make_random_model.py", shape, "--dtype", dtype)
    quantized = ["--quantize", quantize] if quantize else []
    report = json.loads(output([ROOT / "build/bin/fovea", "bench", model, "-t", str(threads), "-r", "2",
                                "-n", str(DECODED), "--json", *quantized]))
    return {phase: report["results"][0][phase]["tokens_per_second"] for phase in PHASES}


def llama(shape, kind, threads):
    file = make(WORK / f"{shape}-{kind}.gguf", HERE / "make_random_gguf.py", shape, "--type", kind)
    return {phase: max(runs) for phase, runs in node("llama.mjs", file, threads, 512, DECODED).items()}


def generate_cases(threads):
    for shape in SHAPES:
        for kind, dtype, quantize in FORMATS:
            yield f"{shape} {kind}", {
                "Fovea": lambda s=shape, d=dtype, q=quantize: fovea_generate(s, d, q, threads),
                "llama.cpp": lambda s=shape, k=kind: llama(s, k, threads)}, PHASES


def measure(cases, threads, rounds, only):
    for name, solvers, quantities in cases:
        if not re.search(only, name):
            continue
        rounds_of = {solver: [] for solver in solvers}
        for _ in range(rounds):
            for solver, run in solvers.items():
                rounds_of[solver].append(run())
        for quantity in quantities:
            cells = [f"{name}, {quantity}", str(threads)]
            for solver, runs in rounds_of.items():
                values = [run[quantity] for run in runs]
                cells.append(f"{solver} {statistics.median(values):.4g} ({max(values):.4g})")
            print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("attention", "generate"))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", metavar="REGEX", help="of the names of cases")
    parser.add_argument("--threads", default="1,2")
    options = parser.parse_args()
    os.environ["OMP_WAIT_POLICY"] = "passive"
    for script in ("llama.mjs", "onnxruntime.mjs", "onnx.mjs"):
        (WORK / script).write_text((HERE / script).read_text(encoding="utf-8"), encoding="utf-8")
    cases = attention_cases if options.what == "attention" else generate_cases
    for threads in map(int, options.threads.split(",")):
        measure(cases(threads), threads, options.rounds, options.only)
    return 0


if __name__ == "__main__":
    sys.exit(main())
