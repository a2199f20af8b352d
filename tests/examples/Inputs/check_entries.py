"""usage: check_entries.py EXAMPLES TESTS CONFIG

Fails unless every entry of every EXAMPLES/NAME.fov is run with --verify by TESTS/NAME.test.
CONFIG is the directory of the config.json that descriptions may read."""
import pathlib
import re
import subprocess
import sys

examples, tests, config = sys.argv[1:]
missing = []
for example in sorted(pathlib.Path(examples).glob("*.fov")):
    test = pathlib.Path(tests, example.stem + ".test")
    if not test.exists():
        missing.append(f"{example.name}: there is no {test.name}")
        continue
    module = subprocess.run(
        ["fovea", "compile", example, "--weights", config, "--compile-to=input", "-o", "-"],
        check=True, capture_output=True, text=True).stdout
    entries = re.findall(r"func\.func @(\w+)", module)
    if not entries:
        sys.exit(f"{example.name}: no entries found")
    text = test.read_text()
    for name, definition in re.findall(r"DEFINE: (%\{\w+\}) = (.*)", text):
        text = text.replace(name, definition)
    runs = [line for line in text.splitlines() if "RUN:" in line and "--verify" in line
            and example.name in line]
    for entry in entries:
        if not any(re.search(rf"--entry {entry}\b", run) or
                   len(entries) == 1 and "--entry" not in run for run in runs):
            missing.append(f"{test.name}: nothing runs {entry} with --verify")
print("\n".join(missing) or "every entry is run")
