"""usage: compile_all.py EXAMPLES CONFIG

Fails unless every EXAMPLES/NAME.fov compiles to an object file. CONFIG is the directory of the
config.json that descriptions may read."""
import os
import pathlib
import subprocess
import sys

examples, config = sys.argv[1:]
# A weight's sizes are known when it is compiled.
sizes = {"composition": ["--set", "L=64"]}
failed = []
for example in sorted(pathlib.Path(examples).glob("*.fov")):
    compiled = subprocess.run(
        ["fovea", "compile", example, "--weights", config, "--emit=obj", "-o", os.devnull,
         *sizes.get(example.stem, [])], capture_output=True, text=True)
    if compiled.returncode:
        failed.append(f"{example.name}: {compiled.stderr}")
sys.exit("\n".join(failed) if failed else print("every example compiles"))
