"""Compiles the description of a model directory with two numbers of layers: as many functions, and
within 1 % as much code (constants such as the number of layers take a line or not)."""

import json
import pathlib
import subprocess
import sys

source, target = map(pathlib.Path, sys.argv[1:3])
found = []
for layers in map(int, sys.argv[3:5]):
    config = json.loads((source / "config.json").read_text())
    config["num_hidden_layers"] = layers
    config.pop("layer_types", None)
    directory = target / str(layers)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(config))
    command = ["fovea", "compile", str(directory), "--compile-to=llvm", "-o", "-"]
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found.append((text.count("llvm.func "), text.count("\n")))
(functions, lines), (more_functions, more_lines) = found
assert functions == more_functions, found
assert abs(more_lines - lines) < 0.01 * lines, found
print(functions, "functions")
