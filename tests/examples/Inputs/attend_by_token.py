"""usage: attend_by_token.py EXAMPLE FOLDER

Runs the cached attention of EXAMPLE on a prompt of 5 tokens and then 2 tokens, one by one, with a
cache that grows and with one that is filled; and on all 7 tokens at once. The last token gets the same
each time. Prints the sizes of the caches."""
import json
import pathlib
import random
import struct
import subprocess
import sys

E, H, D, C = 12, 4, 3, 16


def write(path, tensors):  # name: (type, shape, numbers)
    header, data = {}, b""
    for name, (kind, shape, numbers) in tensors.items():
        content = struct.pack(f"<{len(numbers)}{'q' if kind == 'I64' else 'f'}", *numbers)
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path):
    raw = path.read_bytes()
    end = 8 + struct.unpack("<Q", raw[:8])[0]
    tensors = {}
    for name, entry in json.loads(raw[8:end]).items():
        if name != "__metadata__":
            begin, stop = entry["data_offsets"]
            numbers = struct.unpack(f"<{(stop - begin) // 4}f", raw[end + begin:end + stop])
            tensors[name] = (entry["dtype"], entry["shape"], list(numbers))
    return tensors


def run(entry, inputs):
    write(folder / "in.safetensors", inputs)
    subprocess.run(["fovea", "run", example, "--entry", entry, "--input", folder / "in.safetensors", "--output",
                    folder / "out.safetensors"], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return read(folder / "out.safetensors")


def tokens(first, last):
    return "F32", [1, last - first, E], x[first * E:last * E]


example, folder = sys.argv[1], pathlib.Path(sys.argv[2])
folder.mkdir(parents=True, exist_ok=True)
random.seed(1)
x = [random.gauss(0, 1) for _ in range(7 * E)]
wanted = run("prompt", {"x": tokens(0, 7)})["y"][2][-E:]

state = run("prompt", {"x": tokens(0, 5)})
print("prompt:", state["k_cache"][1])
for t in (5, 6):
    state = run("grow", {"x": tokens(t, t + 1), "k_cache": state["k_cache"], "v_cache": state["v_cache"]})
    print("grown:", state["k_cache"][1])
grown = state["y"][2]

empty = ("F32", [1, H, C, D], [9.0] * (H * C * D))
state = {"k_cache": empty, "v_cache": empty}
for first, last in ((0, 5), (5, 6), (6, 7)):
    state = run("fill", {"x": tokens(first, last), "position": ("I64", [], [first]),
                         "k_cache": state["k_cache"], "v_cache": state["v_cache"]})
print("filled:", state["k_cache"][1])

scale = max(map(abs, wanted))
for name, got in (("grown", grown), ("filled", state["y"][2])):
    error = max(abs(a - b) for a, b in zip(got, wanted)) / scale
    print(f"{name}: {'same' if len(got) == E and error < 1e-5 else f'differs by {error}'}")
