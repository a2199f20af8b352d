"""Reads the data of a page of `fovea inspect` and checks what must agree in it."""

import json
import re
import sys

page = open(sys.argv[1], encoding="utf-8").read()
assert page.count("</script>") == 2 and "http://" not in page.replace("http://www.w3.org", "")
text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
assert "<" not in text
data = json.loads(text)
lines_of = [len(file["lines"]) for file in data["files"]]


def check_place(place):
    if place is not None:
        file, line = place
        assert lines_of[file] == 0 or 1 <= line <= lines_of[file], place


for phase in data["phases"]:
    assert len(phase["lines"]) == len(phase["places"]) <= phase["num_lines"]
    for place in phase["places"]:
        check_place(place)
    assert any(phase["places"]), phase["name"]
for graph in data["graphs"]:
    assert len(graph["nodes"]) <= graph["num_nodes"]
    kinds = [node["kind"] for node in graph["nodes"]]
    assert "input" in kinds and "result" in kinds, kinds
    used = {end for edge in graph["edges"] for end in edge}
    for number, node in enumerate(graph["nodes"]):
        check_place(node["place"])
    assert all(start < end < len(kinds) for start, end in graph["edges"])
    assert all(number in used for number, kind in enumerate(kinds) if kind == "result")
print(data["title"])
print("phases", *(phase["name"] for phase in data["phases"]))
assert len(data["maps"]) == len(data["report"]["attentions"])
for block_map, attention in zip(data["maps"], data["report"]["attentions"]):
    if block_map is None:
        continue
    assert len(block_map["kinds"]) == block_map["panels"] * block_map["key_blocks"]
    heads = attention["batch"] * attention["heads"]
    for kind, letter in (("full", "f"), ("partial", "p"), ("skipped", ".")):
        assert attention["counts"][kind] == heads * block_map["kinds"].count(letter)
    print(f"1 map of {block_map['panels']} x {block_map['key_blocks']} blocks")
run = data.get("run")
if run is None:
    print(f"not run: {data['why_not_run']}")
else:
    assert run["peak_operations"] > 0 and run["peak_bytes"] > 0
    assert 0 < sum(kernel["seconds"] for kernel in run["kernels"]) <= run["seconds"]
    named = {}
    for kernel in run["kernels"]:
        check_place(kernel["place"])
        # Nothing is faster than the machine. The ceilings are those of a moment, so by some room.
        if kernel.get("operations"):
            assert kernel["operations"] / kernel["seconds"] < 4 * run["peak_operations"], kernel
        named[kernel["name"]] = kernel
    attention, contraction = named["attention"], named["contraction"]
    [facts] = data["report"]["attentions"]
    assert attention["operations"] == facts["operations"]
    # Of a projection of all heads: rows times columns times twice the depth.
    width = facts["heads"] * facts["head_dim"]
    assert contraction["operations"] == 2 * facts["batch"] * facts["queries"] * width * width
    print(
        f"run on {run['threads']} threads: attention at line {attention['place'][1]}, contraction"
    )
