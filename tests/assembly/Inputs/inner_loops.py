#!/usr/bin/env python3
"""Lists the innermost loops of an assembly file that multiply and add vectors.

usage: inner_loops.py FILE.s

One line a loop: the function, and how many instructions of each kind an iteration has. `stack`
counts accesses of the stack (spills), `scalar` arithmetic on single floats, `calls` calls, `dot` products
of pairs of integers."""
import re
import sys


def functions_of(lines):
    """(name, items) of each function: its labels, with a colon, and its instructions in order."""
    name, items = None, []
    for line in lines:
        line = re.split(r"//|(?<!, )#", line)[0].rstrip()
        named = re.match(r'^"?([\w.$]+)"?:', line)
        if named and not named[1].startswith(".L"):
            if name:
                yield name, items
            name, items = re.sub(r"\.task$", "", named[1]), []
        elif named:
            items.append(named[1] + ":")
        elif line.startswith("\t") and not line.startswith("\t."):
            items.append(line.strip())
    if name:
        yield name, items


def loops_of(items):
    """(first, last) of the code between a label and the last jump back to it; innermost loops only."""
    jump = re.compile(r"(?:j\w+|b\.\w+|b|cbn?z\s+\w+,)\s+([\w.$]+)$")
    begins = {item[:-1]: place for place, item in enumerate(items) if item.endswith(":")}
    ends = {}
    for place, item in enumerate(items):
        to = jump.match(item)
        if to and begins.get(to[1], place) < place:
            ends[begins[to[1]]] = place
    for begin, end in sorted(ends.items()):
        if not any(begin < other <= end for other in ends):
            yield begin, end


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


def print_loops(function, items):
    for begin, end in loops_of(items):
        loop = items[begin : end + 1]
        counts = {kind: count(loop, X86[kind]) + count(loop, ARM[kind]) for kind in X86}
        if counts["fma"] >= 8 or counts["dot"] >= 8:
            print(f"{function}: " + " ".join(f"{kind} {n}" for kind, n in counts.items()))


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        for function, items in functions_of(file):
            print_loops(function, items)


if __name__ == "__main__":
    main()
