"""usage: to_safetensors.py IN.json OUT.safetensors

Writes the tensors of an object {"name": nested lists of numbers}: whole numbers as I64, others as
F32."""
import json
import struct
import sys


def flatten(value):
    return [x for element in value for x in flatten(element)] if isinstance(value, list) else [value]


def shape(value):
    return [len(value)] + shape(value[0]) if isinstance(value, list) else []


path_in, path_out = sys.argv[1:]
header, data = {}, b""
with open(path_in) as file:
    tensors = json.load(file)
for name, value in tensors.items():
    numbers = flatten(value)
    whole = all(isinstance(number, int) for number in numbers)
    content = struct.pack(f"<{len(numbers)}{'q' if whole else 'f'}", *numbers)
    header[name] = {"dtype": "I64" if whole else "F32", "shape": shape(value),
                    "data_offsets": [len(data), len(data) + len(content)]}
    data += content
text = json.dumps(header).encode()
with open(path_out, "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + data)
