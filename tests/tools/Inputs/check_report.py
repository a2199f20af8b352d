"""Reads the line of JSON in what `--report=json` wrote to stderr, and checks what must add up."""

import json
import sys

lines = [line for line in open(sys.argv[1]) if line.startswith("{")]
assert len(lines) == 1, lines
report = json.loads(lines[0])
[attention] = report["attentions"]
counts = attention["counts"]
assert counts["full"] + counts["partial"] + counts["skipped"] == attention["blocks"]
assert attention["operations"] < attention["unfused_operations"]
[memory] = report["memory"]
assert sum(memory["slots"]) == memory["workspace"]
tensors = memory["inputs"] + memory["results"] + memory["weights"]
assert sum(tensor["bytes"] for tensor in tensors) + memory["workspace"] == memory["peak"]
for buffer in memory["buffers"]:
    assert buffer["bytes"] <= memory["slots"][buffer["slot"]]
    assert 0 <= buffer["first_step"] <= buffer["last_step"] < len(memory["steps"])
print(
    f"1 attention at line {attention['place']['line']}, {len(report['findings'])} findings, "
    f"memory of {memory['entry']} adds up"
)
