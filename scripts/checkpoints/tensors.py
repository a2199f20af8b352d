"""Tensors of checkpoints: random weights by name, and files of them."""
import json
import struct

import torch


def write_safetensors(path, tensors):
    kinds = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64", torch.float16: "F16",
             torch.bfloat16: "BF16", torch.uint8: "U8"}
    header, blobs, offset = {}, [], 0
    for name, tensor in sorted(tensors.items()):
        flat = tensor.contiguous()
        raw = flat.view(torch.int16) if flat.dtype in (torch.float16, torch.bfloat16) else flat
        blob = raw.numpy().tobytes()
        header[name] = {"dtype": kinds[tensor.dtype], "shape": list(tensor.shape),
                        "data_offsets": [offset, offset + len(blob)]}
        blobs.append(blob)
        offset += len(blob)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))


class Weights:
    """Random tensors by name, made when they are first asked for; float64 of what is stored."""

    def __init__(self, seed, dtype=torch.float32):
        self.generator = torch.Generator().manual_seed(seed)
        self.dtype, self.tensors = dtype, {}

    def get(self, name, *shape, scale=None, mean=0.0):
        if name not in self.tensors:
            scale = scale if scale is not None else shape[-1] ** -0.5
            values = torch.randn(*shape, generator=self.generator, dtype=torch.float64)
            self.tensors[name] = (values * scale + mean).to(self.dtype)
        return self.tensors[name].double()

    def get_mxfp4(self, name, experts, rows, columns):
        """The tensor [experts, columns, rows] of what is stored in blocks of 32 along the columns."""
        if name + "_blocks" not in self.tensors:
            self.tensors[name + "_blocks"] = torch.randint(
                0, 256, (experts, rows, columns // 32, 16), generator=self.generator, dtype=torch.uint8)
            self.tensors[name + "_scales"] = torch.randint(
                120, 125, (experts, rows, columns // 32), generator=self.generator, dtype=torch.uint8)
        blocks, scales = self.tensors[name + "_blocks"], self.tensors[name + "_scales"]
        codes = torch.stack([blocks % 16, blocks // 16], -1).reshape(experts, rows, columns // 32, 32).long()
        sign, exponent, mantissa = codes // 8, codes // 2 % 4, codes % 2  # E2M1, denormal where the exponent is 0
        magnitude = torch.where(exponent == 0, mantissa * 0.5, (1 + mantissa * 0.5) * 2.0 ** (exponent - 1))
        values = (1.0 - 2 * sign) * magnitude * 2.0 ** (scales.double() - 127)[..., None]
        return values.double().reshape(experts, rows, columns).transpose(1, 2)
