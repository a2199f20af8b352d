#!/usr/bin/env python3
"""Writes the IR of each phase into docs/pipeline.md; with --check, fails if it is out of date.

A fenced block after a line `<!-- phase: NAME lines: N -->` holds the first N lines of the
module after that phase (all lines without N).
"""

import argparse
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
MARKER = re.compile(
    r"(<!-- phase: (?P<phase>\w+)(?: from: (?P<start>\S+))?(?: lines: (?P<lines>\d+))? -->\n)"
    r"```mlir\n.*?```\n",
    re.DOTALL,
)


def module_after(fovea_opt: str, phase: str) -> list[str]:
    command = [fovea_opt, str(ROOT / "docs/pipeline.mlir"), f"--fovea-pipeline=compile-to={phase}"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.rstrip().splitlines()


def render(fovea_opt: str, match: re.Match) -> str:
    lines = module_after(fovea_opt, match["phase"])
    if match["start"]:
        first = next(i for i, line in enumerate(lines) if match["start"] in line)
        lines = lines[first:]
    if match["lines"] and len(lines) > int(match["lines"]):
        left = len(lines) - int(match["lines"])
        lines = lines[: int(match["lines"])] + [f"  // {left} more lines"]
    return match[1] + "```mlir\n" + "\n".join(lines) + "\n```\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fovea-opt", default=str(ROOT / "build/bin/fovea-opt"))
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    page = ROOT / "docs/pipeline.md"
    old = page.read_text()
    new = MARKER.sub(lambda match: render(options.fovea_opt, match), old)
    if not options.check:
        page.write_text(new)
    elif new != old:
        print("docs/pipeline.md is out of date: run scripts/update-pipeline-doc.py", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
