"""usage: compare.py A.safetensors B.safetensors NAME BOUND

Succeeds if the f32 tensor NAME of both files has one shape and differs nowhere by more than BOUND
times the largest magnitude in B."""
import json
import math
import struct
import sys


def read(path, name):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        entry = header[name]
        assert entry["dtype"] == "F32", entry
        begin, end = entry["data_offsets"]
        file.seek(begin, 1)
        return entry["shape"], struct.unpack(f"<{(end - begin) // 4}f", file.read(end - begin))


path_a, path_b, name, bound = sys.argv[1:]
shape_a, a = read(path_a, name)
shape_b, b = read(path_b, name)
if shape_a != shape_b:
    sys.exit(f"{name}: shapes {shape_a} and {shape_b} differ")
error = max(abs(x - y) if math.isfinite(x) else math.inf for x, y in zip(a, b))
relative = error / max(map(abs, b))
print(f"{name} {shape_a}: largest difference {relative:.3g} of the largest magnitude")
sys.exit(relative > float(bound))
