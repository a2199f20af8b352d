#!/usr/bin/env python3
"""Compares two results of fovea-bench and exits with 1 if one got worse.

Benchmarks that have a ratio to a ceiling are compared by it, so the files may come from machines
of different speed; the others by their time. One got worse if its median fell by more than the
threshold, if it failed, or if it is missing."""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import results


def speed(result: results.Result) -> float:
    """Larger is better."""
    ratio = result.median("ratio")
    return 1 / result.milliseconds if ratio is None else ratio


def judge(old: results.Result, new: results.Result | None, threshold: float) -> tuple[str, bool]:
    """What to say of a benchmark, and whether it got worse."""
    if new is None:
        return "missing", True
    if new.error or not new.repetitions:
        return f"failed: {new.error}", True
    if not old.repetitions:
        return "failed before", False
    change = speed(new) / speed(old) - 1
    note = " (disturbed)" if old.disturbed or new.disturbed else ""
    if change < -threshold:
        return f"worse by {-change:.1%}{note}", True
    if change > threshold:
        return f"better by {change:.1%}{note}", False
    return "", False


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", help="JSON file of an earlier run")
    parser.add_argument("new", help="JSON file of a later one")
    parser.add_argument("--threshold", type=float, default=0.1, metavar="PART",
                        help="part of the speed that may be lost (default: 0.1)")
    parser.add_argument("--solver", default="fovea,compile", metavar="NAMES",
                        help="whose benchmarks to compare (default: fovea,compile)")
    parser.add_argument("--subset", action="store_true",
                        help="the later run may lack benchmarks")
    options = parser.parse_args()
    (old, _), (new, _) = results.load([options.old]), results.load([options.new])
    compared = worse = 0
    for name, before in old.items():
        if before.solver not in options.solver.split(",") or (options.subset and name not in new):
            continue
        compared += 1
        verdict, is_worse = judge(before, new.get(name), options.threshold)
        worse += is_worse
        if verdict:
            print(f"{name}: {verdict}")
    print(f"{compared} compared, {worse} worse")
    if compared == 0:
        print("compare.py: the files have no benchmark in common", file=sys.stderr)
        return 1
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
