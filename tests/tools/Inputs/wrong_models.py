#!/usr/bin/env python3
"""Runs fovea generate on model directories with something wrong in them.

usage: wrong_models.py MODELS TOKENIZER FOLDER

Each case of the table changes a copy of a checkpoint of MODELS, with TOKENIZER as its tokenizer.json.
The command must end with exit status 1 and one error on stderr, and print no text. Prints the error of
each case."""
import json
import pathlib
import shutil
import struct
import subprocess
import sys


class Model:
    """The files of a directory, to be changed."""

    def __init__(self, path):
        self.path = path

    def read(self, name):
        return (self.path / name).read_bytes()

    def write(self, name, contents):
        (self.path / name).write_bytes(contents if isinstance(contents, bytes) else contents.encode())

    def remove(self, name):
        (self.path / name).unlink()

    def edit(self, name, change):
        value = json.loads(self.read(name))
        change(value)
        self.write(name, json.dumps(value))

    def add_tensor(self, name):
        raw = self.read("model.safetensors")
        end = 8 + struct.unpack("<Q", raw[:8])[0]
        header = json.loads(raw[8:end])
        size = len(raw) - end
        header[name] = {"dtype": "F32", "shape": [1], "data_offsets": [size, size + 4]}
        text = json.dumps(header).encode()
        self.write("model.safetensors", struct.pack("<Q", len(text)) + text + raw[end:] + bytes(4))

    def weights(self, change):
        """Changes the header {name: entry} of the weights; the bytes stay."""
        raw = self.read("model.safetensors")
        end = 8 + struct.unpack("<Q", raw[:8])[0]
        header = json.loads(raw[8:end])
        change(header)
        text = json.dumps(header).encode()
        self.write("model.safetensors", struct.pack("<Q", len(text)) + text + raw[end:])


NORM = "model.norm.weight"


def config(**values):
    return lambda model: model.edit("config.json", lambda c: c.update(values))


def without(key):
    return lambda model: model.edit("config.json", lambda c: c.pop(key))


def text(name, contents):
    return lambda model: model.write(name, contents)


def weights(change):
    return lambda model: model.weights(change)


def link(name):
    return lambda model: ((model.path / name).unlink(missing_ok=True), (model.path / name).symlink_to("gone"))


def rename(header, old, new):
    header[new] = header.pop(old)


def index(**values):
    return lambda model: (shutil.move(model.path / "model.safetensors", model.path / "part.safetensors"),
                          model.write("model.safetensors.index.json", json.dumps(values)))


def tokenizer(change):
    return lambda model: model.edit("tokenizer.json", change)


CASES = {
    # config.json
    "no config.json": ("qwen3", lambda model: model.remove("config.json")),
    "config.json is empty": ("qwen3", text("config.json", "")),
    "config.json is a list": ("qwen3", text("config.json", "[1]")),
    "config.json is cut off": ("qwen3", lambda model: model.write("config.json", model.read("config.json")[:40])),
    "config.json is no text": ("qwen3", text("config.json", b'{"model_type": "\xff"}')),
    "no model_type": ("qwen3", without("model_type")),
    "model_type is a number": ("qwen3", config(model_type=3)),
    "unknown model_type": ("qwen3", config(model_type="mamba")),
    "no hidden_size": ("qwen3", without("hidden_size")),
    "hidden_size is a string": ("qwen3", config(hidden_size="32")),
    "hidden_size is a fraction": ("qwen3", config(hidden_size=32.5)),
    "hidden_size is negative": ("qwen3", config(hidden_size=-32)),
    "hidden_size is huge": ("qwen3", config(hidden_size=2**40)),
    "hidden_size has 30 digits": ("qwen3", config(hidden_size=10**30)),
    "hidden_size is another": ("qwen3", config(hidden_size=24)),
    "no layers": ("qwen3", config(num_hidden_layers=0)),
    "a million layers": ("qwen3", config(num_hidden_layers=10**6)),
    "more layers than tensors": ("qwen3", config(num_hidden_layers=3)),
    "fewer layers than tensors": ("qwen3", config(num_hidden_layers=1)),
    "hidden_size that heads do not divide": ("llama3", config(hidden_size=30)),
    "no heads": ("qwen3", config(num_attention_heads=0)),
    "heads that key heads do not divide": ("qwen3", config(num_key_value_heads=3)),
    "heads that key heads do not divide, of other defaults": ("gemma3", config(num_key_value_heads=3)),
    "head_dim is odd": ("qwen3", config(head_dim=11)),
    "vocab_size is negative": ("qwen3", config(vocab_size=-1)),
    "vocab_size is another": ("qwen3", config(vocab_size=60)),
    "no max_position_embeddings": ("qwen3", without("max_position_embeddings")),
    "max_position_embeddings is 0": ("qwen3", config(max_position_embeddings=0)),
    "rope_theta is a string": ("qwen3", config(rope_theta="10000")),
    "rope_theta is 0": ("qwen3", config(rope_theta=0)),
    "rope_theta is 1": ("llama-yarn", config(rope_theta=1)),
    "rope_theta is negative": ("qwen3", config(rope_theta=-1.0)),
    "rms_norm_eps is negative": ("qwen3", config(rms_norm_eps=-1)),
    "rms_norm_eps is a list": ("qwen3", config(rms_norm_eps=[])),
    "rope_scaling is a string": ("qwen3", config(rope_scaling="linear")),
    "rope_scaling of a kind that is a number": ("qwen3", config(rope_scaling={"type": 3, "factor": 2.0})),
    "rope_scaling by a string": ("qwen3", config(rope_scaling={"type": "linear", "factor": "2"})),
    "rope_scaling without a factor": ("qwen3", config(rope_scaling={"type": "linear"})),
    "rope_scaling by 0": ("qwen3", config(rope_scaling={"type": "linear", "factor": 0})),
    "rope_scaling by numbers of which one is none": ("phi3-longrope", config(rope_scaling={"type": "longrope", "short_factor": [1, 1, 1, 1], "long_factor": [1, 1, "1", 1]})),
    "rope_scaling by a huge number": ("qwen3", config(rope_scaling={"type": "dynamic", "factor": 1e300})),
    "rope_scaling with a weight that is a string": ("qwen3", config(rope_scaling={"type": "yarn", "factor": 2.0, "mscale": "1"})),
    "rope_scaling with a range of nothing": ("llama3", config(rope_scaling={"type": "llama3", "factor": 2.0, "low_freq_factor": 4, "high_freq_factor": 4, "original_max_position_embeddings": 16})),
    "rope_parameters with a negative base": ("qwen3-window", config(rope_parameters={"rope_theta": -2})),
    "rope_parameters that are a list": ("qwen3", config(rope_parameters=[1])),
    "rope_parameters of which one is a string": ("gemma3", config(rope_parameters={"full_attention": "x", "sliding_attention": {}})),
    "rope_parameters for global layers alone": ("gemma3", config(rope_parameters={"full_attention": {}})),
    "partial_rotary_factor beyond 1": ("phi3", config(partial_rotary_factor=1.5)),
    "unknown rope_scaling": ("qwen3", config(rope_scaling={"type": "ntk", "factor": 2.0})),
    "rope_scaling of a base that 2 dims have no use for": ("llama-dynamic", config(head_dim=2)),
    "tie_word_embeddings is a string": ("qwen3", config(tie_word_embeddings="yes")),
    "eos_token_id is a string": ("qwen3", config(eos_token_id="</s>")),
    "eos_token_id of generation_config.json is a string": ("qwen3", text("generation_config.json", '{"eos_token_id": [2, "a"]}')),
    "eos_token_id of generation_config.json is out of range": ("qwen3", text("generation_config.json", '{"eos_token_id": 61}')),
    "eos_token_id is negative": ("qwen3", config(eos_token_id=-1)),
    "eos_token_id is out of range": ("qwen3", config(eos_token_id=[2, 61])),
    "eos_token_id is huge": ("qwen3", config(eos_token_id=2**40)),
    "hidden_act is another": ("qwen3", config(hidden_act="relu")),
    "quantised": ("llama3", config(quantization_config={"quant_method": "gptq"})),
    "sliding_window is 0": ("mistral", config(sliding_window=0)),
    "sliding_window is a string": ("mistral", config(sliding_window="7")),
    "use_sliding_window is a number": ("qwen2", config(use_sliding_window=1)),
    "max_window_layers is a string": ("qwen2-window", config(max_window_layers="1")),
    "layer_types of another length": ("gpt-oss", config(layer_types=["full_attention"])),
    "attention to both sides": ("gemma3", config(use_bidirectional_attention=True)),
    "softcap is negative": ("gemma2", config(attn_logit_softcapping=-5.0)),
    "text_config is missing": ("gemma3-images", without("text_config")),
    "text_config is a list": ("gemma3-images", config(text_config=[])),
    "size of text_config is wrong": ("gemma3-images", lambda model: model.edit("config.json", lambda c: c["text_config"].update(hidden_size="16"))),
    "no rope_scaling": ("gpt-oss", without("rope_scaling")),
    "scales of another shape": ("gpt-oss-mxfp4", weights(lambda h: h["model.layers.0.mlp.experts.down_proj_scales"].update(shape=[96, 2, 1]))),
    "blocks without scales": ("gpt-oss-mxfp4", weights(lambda h: rename(h, "model.layers.0.mlp.experts.down_proj_scales", "extra"))),
    "layer_types of numbers": ("gpt-oss", config(layer_types=[1, 2, 3])),
    "layer_types is a number": ("gpt-oss", config(layer_types=3)),
    "more experts chosen than there are": ("gpt-oss", config(num_experts_per_tok=6)),
    "too many experts": ("gpt-oss", config(num_local_experts=2**40)),
    "no experts": ("gpt-oss", config(num_local_experts=0)),
    "layers without experts that have some": ("qwen3-moe", config(mlp_only_layers=[1])),
    "layers without experts that are none": ("qwen3-moe", config(mlp_only_layers=[2])),
    "layers without experts by name": ("qwen3-moe", config(mlp_only_layers=["1"])),
    "experts in all layers but some": ("qwen2-moe-dense", config(mlp_only_layers=[])),
    "experts in no layer": ("qwen2-moe", config(decoder_sparse_step=0)),
    "experts from a layer on that has none": ("deepseek-v3", config(first_k_dense_replace=0)),
    "experts from a layer on that is negative": ("deepseek-v3", config(first_k_dense_replace=-1)),
    "experts in every second layer": ("deepseek-v3", config(moe_layer_freq=2)),
    "groups that experts do not fill": ("deepseek-v3", config(n_group=3)),
    "groups of one expert": ("deepseek-v3", config(n_group=8, topk_group=4)),
    "more groups chosen than there are": ("deepseek-v3", config(topk_group=5)),
    "groups that hold too few experts": ("deepseek-v3", config(topk_group=1)),
    "scores of another function": ("deepseek-v3", config(scoring_func="softmax")),
    "scores chosen without correction": ("deepseek-v3", config(topk_method="greedy")),
    "scores chosen by a method that is unknown": ("deepseek-v2", config(topk_method="best")),
    "gates that are made to sum up to 1": ("deepseek-v2", config(norm_topk_prob=True)),
    "experts that are not chosen": ("deepseek-v2", config(num_experts_per_tok=None)),
    "key heads that differ from heads": ("deepseek-v3", config(num_key_value_heads=2)),
    "an odd number of dims that rotate": ("deepseek-v3", config(qk_rope_head_dim=3)),
    "queries of a short vector that is not there": ("deepseek-v2-lite", config(q_lora_rank=12)),
    "queries without the short vector": ("deepseek-v2", config(q_lora_rank=None)),
    "values of another size": ("deepseek-v3", config(v_head_dim=6)),
    "values of very many dims": ("deepseek-v3", config(v_head_dim=2**40)),
    "more experts chosen than DeepSeek has": ("deepseek-v3", config(num_experts_per_tok=9)),
    "scores that grow beyond numbers": ("deepseek-v3", config(rope_scaling={"type": "yarn", "factor": 4, "mscale_all_dim": 1e300})),
    "scores that shrink below zero": ("deepseek-v3", config(rope_scaling={"type": "yarn", "factor": 4, "mscale_all_dim": -1e5})),
    "experts that count beyond numbers": ("deepseek-v3", config(routed_scaling_factor=1e300)),
    "weights in blocks of f8": ("deepseek-v3", config(quantization_config={"quant_method": "fp8"})),
    "layers that predict further tokens and are not said": ("deepseek-v3", config(num_nextn_predict_layers=0)),
    "layers that predict further tokens are too many": ("deepseek-v3", config(num_nextn_predict_layers=1000)),
    "correction of a router is missing": ("deepseek-v2-lite", config(model_type="deepseek_v3", topk_method=None)),
    "norms of heads that GLM-4.5 is not to have": ("glm4-moe", config(use_qk_norm=False)),
    "more experts than tensors": ("mixtral", config(num_local_experts=5)),
    "fewer experts than tensors": ("mixtral", config(num_local_experts=3)),
    "experts of another size": ("qwen3-moe", config(moe_intermediate_size=8)),
    "more experts in a stack than tensors have": ("gpt-oss", config(num_local_experts=6)),
    "no_rope_layers for some layers": ("smollm3-window", config(no_rope_layers=[1])),
    "no_rope_layers that are no switches": ("smollm3-window", config(no_rope_layers=[1, 2, 0])),
    "residual_multiplier is 0": ("granite", config(residual_multiplier=0)),
    "hidden_activation is exact where it never was": ("gemma", config(hidden_activation="gelu")),
    "hidden_act is unknown": ("gpt-neox", config(hidden_act="quick_gelu")),
    "rotary_pct beyond 1": ("gpt-neox", config(rotary_pct=2)),
    "heads that do not divide hidden_size": ("gpt-neox", config(num_attention_heads=5)),
    "quantised without Llama's names": ("gpt-neox", config(quantization_config={"quant_method": "bitsandbytes"})),
    "biases that are not to be": ("starcoder2", config(use_bias=False)),
    "no dims to rotate": ("stablelm", config(partial_rotary_factor=0.1)),
    "norms of heads that are not there": ("phi", config(qk_layernorm=True)),
    "embeddings of another size": ("opt", config(word_embed_proj_dim=16)),
    "attention_types for some layers": ("gpt-neo", config(attention_types=[[["global"], 2]])),
    "attention_types that are unknown": ("gpt-neo", config(attention_types=[[["dense"], 3]])),
    "norms of heads that are not to be": ("cohere", config(use_qk_norm=False)),
    "layer_types of cohere2 are too few": ("cohere2", config(layer_types=["full_attention"])),
    "alibi": ("falcon", config(alibi=True)),
    "halves in turn in the new architecture": ("falcon-new", config(parallel_attn=False)),
    "three norms before a layer": ("falcon-new", config(num_ln_in_parallel_attn=3)),
    "heads that num_kv_heads do not divide": ("falcon-new", config(num_kv_heads=3)),
    "heads that key heads do not divide, of GLM": ("glm4", config(num_key_value_heads=3)),
    "pattern of windows in letters": ("exaone4", config(sliding_window_pattern="LLG")),
    "clip_qkv is 0": ("olmo", config(clip_qkv=0)),
    "alpha is a string": ("hunyuan", config(rope_scaling={"type": "dynamic", "alpha": "50", "factor": 1.0})),
    "scores that are not scaled": ("gpt-bigcode", config(scale_attn_weights=False)),
    "attention to another sequence": ("gpt-bigcode", config(add_cross_attention=True)),
    "rotary_dim beyond a head": ("gptj", config(rotary_dim=18)),
    "more experts chosen than OLMoE has": ("olmoe", config(num_experts_per_tok=6)),
    "more experts than Granite's tensors have": ("granitemoe", config(num_local_experts=5)),
    "residuals of normalised states": ("bloom", config(apply_residual_connection_post_layernorm=True)),
    "positions that are learned": ("mpt", config(attn_config={"alibi": False})),
    "attention to all of a prefix": ("mpt", config(attn_config={"prefix_lm": True})),
    "attn_config is a list": ("mpt", config(attn_config=[])),
    "no window for local layers of cohere2": ("cohere2", config(sliding_window=None)),
    "no window for local layers of olmo3": ("olmo3", config(sliding_window=None)),
    "no window for local layers of gemma2": ("gemma2", config(sliding_window=None)),
    "no window for local layers of gemma3": ("gemma3", config(sliding_window=None)),
    "no window for local layers of gpt-oss": ("gpt-oss", config(sliding_window=None)),
    "a million layers of BLOOM": ("bloom", config(n_layer=10**6)),
    "a million layers of BLOOM by another key": ("bloom", lambda model: (without("n_layer")(model), config(num_hidden_layers=10**6)(model))),
    "a million layers of GPT-BigCode": ("gpt-bigcode", config(n_layer=10**6)),
    "a million layers of GPT-Neo": ("gpt-neo", config(num_layers=10**6)),
    "a million layers of GPT-J": ("gptj", config(n_layer=10**6)),
    "a million layers of MPT": ("mpt", config(n_layers=10**6)),
    "a million layers of GPT-2": ("gpt2", config(n_layer=10**6)),
    "a million layers with sinusoidal positions": ("gpt-sinusoidal", config(num_layers=10**6)),
    "n_embed that is not hidden_size": ("bloom", config(n_embed=32)),
    "logits that are scaled": ("mpt", config(logit_scale="inv_sqrt_d_model")),
    "norms that are not centred": ("mpt", config(norm_type="rmsnorm")),
    "feed-forward parts with gates": ("mpt", config(ffn_config={"ffn_type": "mptglu"})),
    "65536 heads of MPT": ("mpt", config(n_heads=2**16)),
    "65536 heads of BLOOM": ("bloom", config(n_head=2**16)),
    "alpha is huge": ("hunyuan", config(rope_scaling={"type": "dynamic", "alpha": 1e300, "factor": 1.0})),
    "alpha is tiny": ("hunyuan", config(rope_scaling={"type": "dynamic", "alpha": 1e-300, "factor": 1.0})),
    "alpha of heads of 2 dims": ("hunyuan", config(head_dim=2)),
    "an odd number of dims to rotate": ("nemotron", config(partial_rotary_factor=0.4)),
    "an odd number of dims to rotate, by another key": ("gpt-neox", config(rotary_pct=0.1)),
    "an odd number of dims to rotate, of rope_parameters": ("nemotron", config(rope_parameters={"partial_rotary_factor": 0.4})),
    "rotary_dim is odd": ("gptj", config(rotary_dim=5)),
    "rotary_dim is null": ("gptj", config(rotary_dim=None)),
    "heads that key heads do not divide, of cohere2": ("cohere2", config(num_key_value_heads=3)),
    "attention_types of names": ("gpt-neo", config(attention_types=["global", "local"])),
    "attention_types without a number": ("gpt-neo", config(attention_types=[[["global"]]])),
    "attention_types of a name and a number": ("gpt-neo", config(attention_types=[["global", 3]])),
    "attention_types a million times": ("gpt-neo", config(attention_types=[[["global"], 10**6]])),
    "attention_types a number of times that is none": ("gpt-neo", config(attention_types=[[["global"], "3"]])),
    "attention_types of lists": ("gpt-neo", config(attention_types=[[[["global"]], 3]])),
    "attention_types of nothing": ("gpt-neo", config(attention_types=[[[], 3]])),
    "generation_config.json is a list": ("qwen3", text("generation_config.json", "[]")),
    "generation_config.json is cut off": ("qwen3", text("generation_config.json", "{")),
    "generation_config.json is a link to nothing": ("qwen3", link("generation_config.json")),
    # Weights
    "no weights": ("qwen3", lambda model: model.remove("model.safetensors")),
    "weights are empty": ("qwen3", text("model.safetensors", b"")),
    "weights are cut off": ("qwen3", lambda model: model.write("model.safetensors", model.read("model.safetensors")[:-100])),
    "weights are cut off in the header": ("qwen3", lambda model: model.write("model.safetensors", model.read("model.safetensors")[:99])),
    "tensor missing": ("qwen3", weights(lambda h: rename(h, NORM, "model.layers.7.rotary_emb.inv_freq"))),
    "tensor unexpected": ("qwen3", lambda model: model.add_tensor("extra.weight")),
    "tensors that overlap": ("qwen3", weights(lambda h: h.update({"extra.weight": h[NORM]}))),
    "tensor of another shape": ("qwen3", weights(lambda h: h[NORM].update(shape=[2, 16]))),
    "tensor of another type": ("qwen3", weights(lambda h: h[NORM].update(dtype="I32"))),
    "tensor of an unknown type": ("qwen3", weights(lambda h: h[NORM].update(dtype="F3"))),
    "tensor of a negative size": ("qwen3", weights(lambda h: h[NORM].update(shape=[-32]))),
    "tensor of a size that overflows": ("qwen3", weights(lambda h: h[NORM].update(shape=[2**33, 2**33]))),
    "tensor with offsets the wrong way round": ("qwen3", weights(lambda h: h[NORM]["data_offsets"].reverse())),
    "tensor without a shape": ("qwen3", weights(lambda h: h[NORM].pop("shape"))),
    "tensor that is a list": ("qwen3", weights(lambda h: h.update({NORM: []}))),
    "weights are a link to nothing": ("qwen3", link("model.safetensors")),
    # Shards
    "index is no JSON": ("qwen3", lambda model: (model.remove("model.safetensors"), model.write("model.safetensors.index.json", "{"))),
    "index without a map": ("qwen3", index(metadata={})),
    "index with a list": ("qwen3", index(weight_map=[])),
    "index with a number": ("qwen3", index(weight_map={NORM: 1})),
    "shard missing": ("qwen3", index(weight_map={NORM: "other.safetensors"})),
    "shard elsewhere": ("qwen3", index(weight_map={NORM: "../other.safetensors"})),
    "shard without the tensor": ("qwen3", index(weight_map={"a": "part.safetensors"})),
    "index is a link to nothing": ("qwen3", lambda model: (model.remove("model.safetensors"), link("model.safetensors.index.json")(model))),
    # tokenizer.json
    "tokenizer.json is a link to nothing": ("qwen3", link("tokenizer.json")),
    "model.fov is a link to nothing": ("qwen3", link("model.fov")),
    "tokenizer.json is empty": ("qwen3", text("tokenizer.json", "")),
    "tokenizer.json is cut off": ("qwen3", lambda model: model.write("tokenizer.json", model.read("tokenizer.json")[:1000])),
    "tokenizer.json is a list": ("qwen3", text("tokenizer.json", "[]")),
    "tokenizer without a model": ("qwen3", tokenizer(lambda t: t.pop("model"))),
    "tokenizer of an unknown kind": ("qwen3", tokenizer(lambda t: t["model"].update(type="Unigram"))),
    "vocabulary is a list": ("qwen3", tokenizer(lambda t: t["model"].update(vocab=["a"]))),
    "token id is negative": ("qwen3", tokenizer(lambda t: t["model"]["vocab"].update(x9=-4))),
    "token id is huge": ("qwen3", tokenizer(lambda t: t["model"]["vocab"].update(x9=2**40))),
    "token id is a string": ("qwen3", tokenizer(lambda t: t["model"]["vocab"].update(x9="9"))),
    "merge of tokens that do not exist": ("qwen3", tokenizer(lambda t: t["model"]["merges"].append("zq9 zq8"))),
    "merge of one token": ("qwen3", tokenizer(lambda t: t["model"]["merges"].append("a"))),
    "unknown decoder": ("qwen3", tokenizer(lambda t: t.update(decoder={"type": "Morse"}))),
    "tokenizer with very many steps": ("qwen3", tokenizer(lambda t: t.update(normalizer={"type": "Sequence", "normalizers": 5000 * [{"type": "Lowercase"}]}))),
    "added token without an id": ("qwen3", tokenizer(lambda t: t["added_tokens"].append({"content": "<x>"}))),
}


def check(models, tokenizer_path, folder, name, source, change):
    shutil.rmtree(folder, ignore_errors=True)
    model = folder / "model"
    model.mkdir(parents=True)
    for file in ("config.json", "model.safetensors"):
        shutil.copy(models / source / file, model)
    shutil.copy(tokenizer_path, model / "tokenizer.json")
    change(Model(model))
    done = subprocess.run(["fovea", "generate", "model", "--ids", "1", "-n", "1"], cwd=folder, capture_output=True,
                          text=True, errors="replace", timeout=600)
    errors = [line for line in done.stderr.splitlines() if "error: " in line]
    problems = []
    if done.returncode != 1:
        problems.append(f"exit status {done.returncode}")
    if len(errors) != 1:
        problems.append(f"{len(errors)} errors: {errors[:3]}")
    if done.stdout:
        problems.append(f"printed {done.stdout[:40]!r}")
    print(f"{'FAILED ' if problems else ''}{name}: {'; '.join(problems) or errors[0][:240]}")
    return not problems


def main():
    models, tokenizer_path, folder = map(pathlib.Path, sys.argv[1:])
    results = [check(models, tokenizer_path, folder, name, *case) for name, case in CASES.items()]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
