#!/usr/bin/env python3
"""Lists the innermost loops of an assembly file that multiply and add vectors.

usage: inner_loops.py FILE.s

One line a loop: the function, and how many instructions of each kind an iteration has. `stack`
counts accesses of the stack (spills), `scalar` arithmetic on single floats, `calls` calls."""
import re
import sys


def blocks_of(lines):
    """(label, instructions) of each basic block, with the function that it is in."""
    function, label, block = None, None, []
    for line in lines:
        line = line.split("#")[0].rstrip()
        named = re.match(r'^"?([\w.$]+)"?:', line)
        if named:
            if label:
                yield function, label, block
            label, block = named[1], []
            if not label.startswith(".L"):
                function = label
        elif line.startswith("\t") and not line.startswith("\t."):
            block.append(line.strip())
    if label:
        yield function, label, block


def loop_of(label, block):
    """The instructions up to a jump back to the block's beginning; none if there is no such jump."""
    for number, instruction in enumerate(block):
        if re.match(r"j\w+\s+" + re.escape(label) + r"$", instruction):
            return block[: number + 1]
    return []


def count(block, pattern):
    return sum(bool(re.search(pattern, instruction)) for instruction in block)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        for function, label, block in blocks_of(file):
            block = loop_of(label, block)
            fmas = count(block, r"^vf(n?madd|nmsub)\d+p")
            if fmas < 8:
                continue
            print(
                f"{function}: fma {fmas}"
                f" load {count(block, r'^v(mov[au]p|broadcasts).*[(]')}"
                f" store {count(block, r'^vmov[au]p.*, *[^,]*[)]$')}"
                f" stack {count(block, r'[(]%rsp')}"
                f" scalar {count(block, r'^v(add|mul|sub|div|fn?madd)[0-9]*ss')}"
                f" calls {count(block, r'^call')}"
            )


if __name__ == "__main__":
    main()
