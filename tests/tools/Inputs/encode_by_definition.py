"""usage: encode_by_definition.py SCRIPTS TOKENIZER.json TEXT

Prints the ids of a text as the trainer of the demo's tokenizer makes them."""
import json
import sys

scripts, path, text = sys.argv[1:]
sys.path.insert(0, scripts)
from training import bpe

with open(path, encoding="utf-8") as file:
    model = json.load(file)["model"]
merges = [tuple(merge.split(" ")) for merge in model["merges"]]
print(*bpe.Encoder(model["vocab"], merges).encode(text))
