#!/usr/bin/env python3
"""Lists the innermost loops of an assembly file that multiply and add vectors.

usage: inner_loops.py FILE.s

One line a loop: the function, and how many instructions of each kind an iteration has. `stack`
counts accesses of the stack (spills), `scalar` arithmetic on single floats, `calls` calls, `dot` products
of pairs of integers."""
import re
import sys


def blocks_of(lines):
    """(label, instructions) of each basic block, with the function that it is in."""
    function, label, block = None, None, []
    for line in lines:
        line = re.split(r"//|(?<!, )#", line)[0].rstrip()
        named = re.match(r'^"?([\w.$]+)"?:', line)
        if named:
            if label:
                yield function, label, block
            label, block = named[1], []
            if not label.startswith(".L"):
                function = re.sub(r"\.task$", "", label)
        elif line.startswith("\t") and not line.startswith("\t."):
            block.append(line.strip())
    if label:
        yield function, label, block


def loop_of(label, block):
    """The instructions up to a jump back to the block's beginning; none if there is no such jump."""
    for number, instruction in enumerate(block):
        if re.match(r"(j\w+|b\.\w+|cbn?z\s+\w+,)\s+" + re.escape(label) + r"$", instruction):
            return block[: number + 1]
    return []


def count(block, pattern):
    return sum(bool(re.search(pattern, instruction)) for instruction in block)


# How each architecture writes the kinds of instructions.
X86 = {
    "fma": r"^vf(n?madd|nmsub)\d+p",
    "load": r"^v(mov[au]p|broadcasts).*[(]",
    "store": r"^vmov[au]p.*, *[^,]*[)]$",
    "stack": r"[(]%rsp",
    "scalar": r"^v(add|mul|sub|div|fn?madd)[0-9]*ss",
    "calls": r"^call",
    "dot": r"^(vpdpwssd|vpmaddwd)",
}
ARM = {
    "fma": r"^fml[as]\s+v",
    "load": r"^(ldu?r\s+[qs]|ld1|ldp\s+[qs])",
    "store": r"^(stu?r\s+q|st1|stp\s+q)",
    "stack": r"\[sp\b",
    "scalar": r"^f(add|mul|sub|div|madd|msub)\s+s",
    "calls": r"^bl\s",
    "dot": r"^sdot",
}


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        for function, label, block in blocks_of(file):
            block = loop_of(label, block)
            counts = {
                kind: count(block, X86[kind]) + count(block, ARM[kind]) for kind in X86
            }
            if counts["fma"] >= 8 or counts["dot"] >= 8:
                print(f"{function}: " + " ".join(f"{kind} {n}" for kind, n in counts.items()))


if __name__ == "__main__":
    main()
