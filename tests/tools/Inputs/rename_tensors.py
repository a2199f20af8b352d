#!/usr/bin/env python3
"""Copies a model directory with its tensors under other names.

usage: rename_tensors.py FROM TO [--add NAME=SIZE] [--drop PATTERN] [--shards N] [PATTERN=REPLACEMENT]...

Patterns are regular expressions, applied in turn. --add makes tensors f32 of zeros, --shards spreads all over
N files with an index.
"""
import argparse
import json
import pathlib
import re
import shutil
import struct


def read(path):
    raw = path.read_bytes()
    end = 8 + struct.unpack("<Q", raw[:8])[0]
    return {name: (entry["dtype"], entry["shape"], raw[end + entry["data_offsets"][0]:end + entry["data_offsets"][1]])
            for name, entry in json.loads(raw[8:end]).items()}


def write(path, tensors):
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


parser = argparse.ArgumentParser()
parser.add_argument("source", type=pathlib.Path)
parser.add_argument("target", type=pathlib.Path)
parser.add_argument("names", nargs="*")
parser.add_argument("--add", action="append", default=[])
parser.add_argument("--drop", action="append", default=[])
parser.add_argument("--shards", type=int, default=0)
options = parser.parse_args()

tensors = read(options.source / "model.safetensors")
for pattern in options.drop:
    assert any(re.search(pattern, name) for name in tensors), pattern
    tensors = {name: tensor for name, tensor in tensors.items() if not re.search(pattern, name)}
for change in options.names:
    pattern, replacement = change.split("=")
    assert any(re.search(pattern, name) for name in tensors), pattern
    tensors = {re.sub(pattern, replacement, name): tensor for name, tensor in tensors.items()}
for added in options.add:
    name, size = added.split("=")
    tensors[name] = ("F32", [int(size)], bytes(4 * int(size)))

shutil.rmtree(options.target, ignore_errors=True)
options.target.mkdir(parents=True)
shutil.copy(options.source / "config.json", options.target)
if not options.shards:
    write(options.target / "model.safetensors", tensors)
else:
    index = {name: f"model-{i % options.shards}.safetensors" for i, name in enumerate(tensors)}
    for file in set(index.values()):
        write(options.target / file, {name: tensors[name] for name in tensors if index[name] == file})
    (options.target / "model.safetensors.index.json").write_text(json.dumps({"weight_map": index}))
