#!/usr/bin/env python3
"""Makes the tiny checkpoints of tests/models, one directory an architecture, with golden logits.

Each is a Hugging Face directory with random weights, and `golden.safetensors` beside it: token ids
and the logits that the architecture, written out by hand in float64 in `checkpoints/`, gives for
them. Run by hand where an architecture is added (`scripts/make_checkpoints.py [NAME...]`); needs
Debian's python3-torch, which nothing else does.
"""
import json
import pathlib
import sys

import torch

from checkpoints.decoders import gemma, gemma3_images, gpt2, gpt_oss, llama_like, mixtral_mlp, phi3, qwen_mlp
from checkpoints.first_transformers import bert, causal, sinusoidal, sinusoidal_gpt, transformer_block
from checkpoints.layer_norm_decoders import (bloom, cohere, falcon, gpt_bigcode, gpt_neo, gpt_neox, gptj, mpt,
                                             nemotron, olmo, opt, phi, stablelm, starcoder2)
from checkpoints.rms_decoders import (arcee, ernie, exaone4, gemma1, glm, granite, granitemoe, hunyuan, olmo2,
                                      olmoe, seed_oss, smollm3)
from checkpoints.routed_decoders import deepseek, glm4_moe
from checkpoints.tensors import Weights, write_safetensors

ROOT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "models"
LENGTH = 24  # of the golden sequence


LLAMA = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
         "num_key_value_heads": 2, "vocab_size": 61, "max_position_embeddings": 64, "rms_norm_eps": 1e-5,
         "rope_theta": 10000.0, "tie_word_embeddings": False, "hidden_act": "silu", "eos_token_id": 2}
GEMMA = {**LLAMA, "head_dim": 8, "hidden_activation": "gelu_pytorch_tanh", "tie_word_embeddings": True,
         "sliding_window": 6, "query_pre_attn_scalar": 16}

MODELS = {
    "llama3": ({**LLAMA, "model_type": "llama", "rope_scaling": {
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16}}, llama_like, torch.bfloat16),
    "llama-linear": ({**LLAMA, "model_type": "llama", "attention_bias": True, "mlp_bias": True,
                      "rope_scaling": {"type": "linear", "factor": 4.0}},
                     lambda *a: llama_like(*a, qkv_bias=True, o_bias=True, mlp_bias=True), torch.float32),
    "llama-yarn": ({**LLAMA, "model_type": "llama", "rope_scaling": {
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16}},
        llama_like, torch.float16),
    "mistral": ({**LLAMA, "model_type": "mistral", "sliding_window": 7, "head_dim": 8},
                lambda *a: llama_like(*a, windows=[7, 7]), torch.float16),
    "qwen2": ({**LLAMA, "model_type": "qwen2", "tie_word_embeddings": True, "use_sliding_window": False},
              lambda *a: llama_like(*a, qkv_bias=True), torch.float16),
    "qwen3": ({**LLAMA, "model_type": "qwen3", "head_dim": 12, "attention_bias": False},
              lambda *a: llama_like(*a, head_norm=True), torch.float32),
    "phi3": ({**LLAMA, "model_type": "phi3", "partial_rotary_factor": 0.5, "sliding_window": 9}, phi3,
             torch.float16),
    "llama-dynamic": ({**LLAMA, "model_type": "llama", "max_position_embeddings": 16,
                       "rope_scaling": {"type": "dynamic", "factor": 4.0}}, llama_like, torch.float16),
    "phi3-longrope": ({**LLAMA, "model_type": "phi3", "partial_rotary_factor": 1.0, "sliding_window": None,
                       "original_max_position_embeddings": 16, "rope_scaling": {
                           "type": "longrope", "short_factor": [1.0, 1.1, 1.25, 1.5], "long_factor": [1.0, 2.0, 3.5, 6.0]}},
                      phi3, torch.float16),
    "gemma2": ({**GEMMA, "model_type": "gemma2", "num_hidden_layers": 3, "attn_logit_softcapping": 5.0,
                "final_logit_softcapping": 3.0}, gemma, torch.bfloat16),
    "gemma3": ({**GEMMA, "model_type": "gemma3_text", "num_hidden_layers": 7, "hidden_size": 24,
                "sliding_window_pattern": 3, "rope_local_base_freq": 100.0}, gemma, torch.bfloat16),
    "gpt-oss": ({**LLAMA, "model_type": "gpt_oss", "head_dim": 8, "attention_bias": True, "sliding_window": 6,
                 "hidden_size": 24, "intermediate_size": 16, "num_hidden_layers": 3, "num_local_experts": 5,
                 "num_experts_per_tok": 2, "swiglu_limit": 7.0,
                 "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
                 "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "beta_fast": 32.0, "beta_slow": 1.0,
                                  "truncate": False, "original_max_position_embeddings": 16}},
                gpt_oss, torch.bfloat16),
    # Windows from one layer on, in all layers, and in none; the newer way to say how to rotate.
    "qwen2-window": ({**LLAMA, "model_type": "qwen2", "hidden_size": 16, "num_hidden_layers": 3, "use_sliding_window": True,
                      "sliding_window": 5, "max_window_layers": 1},
                     lambda *a: llama_like(*a, qkv_bias=True, windows=[None, 5, 5]), torch.float16),
    "qwen3-window": ({**{key: LLAMA[key] for key in LLAMA if key != "rope_theta"}, "model_type": "qwen3",
                      "hidden_size": 16, "head_dim": 8, "use_sliding_window": True, "sliding_window": 4,
                      "max_window_layers": 0, "rope_parameters": {
                          "rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "mscale": 1.3, "mscale_all_dim": 0.4,
                          "original_max_position_embeddings": 16}},
                     lambda *a: llama_like(*a, head_norm=True, windows=[4, 4]), torch.float16),
    "gemma2-global": ({**GEMMA, "model_type": "gemma2", "hidden_size": 16, "attn_logit_softcapping": 5.0,
                       "final_logit_softcapping": None, "layer_types": ["full_attention"] * 2}, gemma, torch.bfloat16),
    "gemma3-images": ({"model_type": "gemma3", "eos_token_id": [1, 2], "vision_config": {"hidden_size": 2}, "text_config": {
        "model_type": "gemma3_text", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 7, "head_dim": 4,
        "vocab_size": 61, "sliding_window": 5, "query_pre_attn_scalar": 4, "rope_scaling": {
            "rope_type": "linear", "factor": 8.0}}}, gemma3_images, torch.bfloat16),
    "gpt-oss-mxfp4": ({**LLAMA, "model_type": "gpt_oss", "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8,
                       "attention_bias": True, "sliding_window": 6, "intermediate_size": 64, "num_local_experts": 3,
                       "num_experts_per_tok": 2, "swiglu_limit": 7.0, "layer_types": ["sliding_attention"] * 2,
                       "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "attention_factor": 0.8, "truncate": False,
                                        "original_max_position_embeddings": 16},
                       "quantization_config": {"quant_method": "mxfp4", "modules_to_not_convert": ["lm_head"]}},
                      gpt_oss, torch.bfloat16),
    "mixtral": ({**LLAMA, "model_type": "mixtral", "intermediate_size": 20, "num_local_experts": 4, "num_experts_per_tok": 2,
                 "sliding_window": None},
                lambda *a: llama_like(*a, mlp=mixtral_mlp), torch.float16),
    "qwen3-moe": ({**LLAMA, "model_type": "qwen3_moe", "hidden_size": 16, "head_dim": 8, "num_experts": 6,
                   "num_experts_per_tok": 3, "moe_intermediate_size": 12, "norm_topk_prob": True,
                   "decoder_sparse_step": 1, "mlp_only_layers": []},
                  lambda *a: llama_like(*a, head_norm=True, mlp=qwen_mlp), torch.bfloat16),
    "qwen2-moe": ({**LLAMA, "model_type": "qwen2_moe", "hidden_size": 16, "num_experts": 5, "num_experts_per_tok": 2,
                   "moe_intermediate_size": 12, "shared_expert_intermediate_size": 20, "norm_topk_prob": False},
                  lambda *a: llama_like(*a, qkv_bias=True, mlp=qwen_mlp), torch.float16),
    "gpt2": ({"model_type": "gpt2", "n_embd": 32, "n_layer": 2, "n_head": 4, "vocab_size": 61,
              "n_positions": 64, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
              "eos_token_id": 2}, gpt2, torch.float32),
}

# What is left out has the default of the model_type.
SMALL = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 61,
         "max_position_embeddings": 64, "eos_token_id": 2}
LATENT = {**SMALL, "kv_lora_rank": 10, "qk_nope_head_dim": 6, "qk_rope_head_dim": 4, "v_head_dim": 5,
          "moe_intermediate_size": 12}
MODELS.update({
    "olmo2": ({**SMALL, "model_type": "olmo2", "num_key_value_heads": 2}, olmo2, torch.bfloat16),
    "smollm3": ({**SMALL, "model_type": "smollm3", "hidden_size": 16, "num_hidden_layers": 5, "num_key_value_heads": 1},
                smollm3, torch.bfloat16),
    "smollm3-window": ({**SMALL, "model_type": "smollm3", "hidden_size": 16, "num_hidden_layers": 3, "num_key_value_heads": 2,
                        "no_rope_layers": [0, 1, 0], "use_sliding_window": True, "sliding_window": 5, "mlp_bias": True,
                        "attention_bias": True, "tie_word_embeddings": False,
                        "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5000.0}}, smollm3, torch.float16),
    "granite": ({**SMALL, "model_type": "granite", "num_key_value_heads": 2, "embedding_multiplier": 12.0,
                 "attention_multiplier": 0.2, "residual_multiplier": 0.22, "logits_scaling": 8.0,
                 "tie_word_embeddings": True}, granite, torch.bfloat16),
    "gemma": ({**SMALL, "model_type": "gemma", "hidden_size": 16, "num_key_value_heads": 1, "head_dim": 8}, gemma1,
              torch.bfloat16),
    "gpt-neox": ({**SMALL, "model_type": "gpt_neox", "intermediate_size": 64, "rotary_pct": 0.5, "rotary_emb_base": 100},
                 gpt_neox, torch.float16),
    "gpt-neox-sequential": ({**SMALL, "model_type": "gpt_neox", "hidden_size": 16, "num_attention_heads": 2,
                             "use_parallel_residual": False, "attention_bias": False, "hidden_act": "gelu_fast",
                             "tie_word_embeddings": True}, gpt_neox, torch.float16),
    "starcoder2": ({**SMALL, "model_type": "starcoder2", "num_key_value_heads": 2, "sliding_window": 7}, starcoder2,
                   torch.bfloat16),
    "stablelm": ({**SMALL, "model_type": "stablelm", "num_key_value_heads": 2, "partial_rotary_factor": 0.5,
                  "use_qkv_bias": True}, stablelm, torch.float16),
    "stablelm-parallel": ({**SMALL, "model_type": "stablelm", "num_attention_heads": 2, "num_key_value_heads": 1,
                           "qk_layernorm": True, "use_parallel_residual": True}, stablelm, torch.float16),
    "phi": ({**SMALL, "model_type": "phi"}, phi, torch.float16),
    "phi-norms": ({**SMALL, "model_type": "phi", "hidden_size": 16, "num_key_value_heads": 2, "qk_layernorm": True,
                   "partial_rotary_factor": 1.0}, phi, torch.float16),
    "opt": ({"model_type": "opt", "hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
             "vocab_size": 61, "max_position_embeddings": 64}, opt, torch.float16),
    "opt-normed-after": ({"model_type": "opt", "hidden_size": 32, "ffn_dim": 48, "num_hidden_layers": 2,
                          "num_attention_heads": 2, "vocab_size": 61, "max_position_embeddings": 64, "enable_bias": False,
                          "word_embed_proj_dim": 16, "do_layer_norm_before": False}, opt, torch.float16),
    "gpt-neo": ({"model_type": "gpt_neo", "hidden_size": 32, "num_layers": 3, "num_heads": 4, "vocab_size": 61,
                 "intermediate_size": None, "max_position_embeddings": 64, "window_size": 5,
                 "attention_types": [[["global", "local"], 1], [["local"], 1]]}, gpt_neo, torch.float16),
    "cohere": ({**SMALL, "model_type": "cohere", "num_key_value_heads": 2, "rope_theta": 8000.0, "use_qk_norm": True}, cohere,
               torch.bfloat16),
    "cohere2": ({**SMALL, "model_type": "cohere2", "hidden_size": 16, "num_hidden_layers": 5, "num_key_value_heads": 1,
                 "rope_theta": 50000.0, "sliding_window": 6, "logit_scale": 0.25}, cohere, torch.bfloat16),
    "falcon": ({**SMALL, "model_type": "falcon", "hidden_size": 24, "num_attention_heads": 3}, falcon, torch.bfloat16),
    "falcon-new": ({**SMALL, "model_type": "falcon", "num_kv_heads": 2, "new_decoder_architecture": True,
                    "ffn_hidden_size": 40, "bias": True}, falcon, torch.bfloat16),
    "falcon-sequential": ({**SMALL, "model_type": "falcon", "hidden_size": 16, "num_attention_heads": 2,
                           "multi_query": False, "parallel_attn": False}, falcon, torch.bfloat16),
    "glm": ({**SMALL, "model_type": "glm", "hidden_size": 16, "num_key_value_heads": 2, "head_dim": 8}, glm, torch.bfloat16),
    "glm4": ({**SMALL, "model_type": "glm4", "hidden_size": 16, "num_key_value_heads": 2, "head_dim": 12,
              "partial_rotary_factor": 0.67, "attention_bias": False}, glm, torch.bfloat16),
    "ernie4-5": ({**SMALL, "model_type": "ernie4_5", "hidden_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1,
                  "head_dim": 8, "use_bias": True}, ernie, torch.bfloat16),
    "exaone4": ({**SMALL, "model_type": "exaone4", "hidden_size": 16, "num_hidden_layers": 4, "num_key_value_heads": 2,
                 "sliding_window": 5, "sliding_window_pattern": 3}, exaone4, torch.bfloat16),
    "exaone4-global": ({**SMALL, "model_type": "exaone4", "hidden_size": 16, "num_key_value_heads": 4, "head_dim": 6,
                        "sliding_window": None, "tie_word_embeddings": True}, exaone4, torch.bfloat16),
    "olmo3": ({**SMALL, "model_type": "olmo3", "hidden_size": 16, "num_hidden_layers": 5, "sliding_window": 6,
               "rope_scaling": {"rope_type": "linear", "factor": 4.0}}, olmo2, torch.bfloat16),
    "hunyuan": ({**SMALL, "model_type": "hunyuan_v1_dense", "hidden_size": 16, "num_key_value_heads": 2, "head_dim": 8,
                 "tie_word_embeddings": True, "rope_scaling": {"type": "dynamic", "alpha": 50.0, "factor": 1.0}}, hunyuan,
                torch.bfloat16),
    "olmo": ({**SMALL, "model_type": "olmo", "hidden_size": 16, "clip_qkv": 1.0}, olmo, torch.bfloat16),
    "gpt-bigcode": ({"model_type": "gpt_bigcode", "n_embd": 32, "n_layer": 2, "n_head": 4, "n_inner": 48, "vocab_size": 61,
                     "n_positions": 64, "eos_token_id": 2}, gpt_bigcode, torch.float16),
    "gpt-bigcode-heads": ({"model_type": "gpt_bigcode", "n_embd": 16, "n_layer": 2, "n_head": 2, "n_inner": None,
                           "vocab_size": 61, "n_positions": 64, "multi_query": False}, gpt_bigcode, torch.float16),
    "gptj": ({"model_type": "gptj", "n_embd": 32, "n_layer": 2, "n_head": 2, "n_inner": None, "rotary_dim": 6, "vocab_size": 61,
              "n_positions": 64, "eos_token_id": 2, "tie_word_embeddings": False}, gptj, torch.float16),
    "nemotron": ({**SMALL, "model_type": "nemotron", "num_key_value_heads": 2}, nemotron, torch.bfloat16),
    "arcee": ({**SMALL, "model_type": "arcee", "num_key_value_heads": 2, "mlp_bias": True}, arcee, torch.bfloat16),
    "seed-oss": ({**SMALL, "model_type": "seed_oss", "hidden_size": 16, "num_key_value_heads": 2, "head_dim": 6,
                  "attention_out_bias": True}, seed_oss, torch.bfloat16),
    "olmoe": ({**SMALL, "model_type": "olmoe", "hidden_size": 16, "intermediate_size": 12, "num_experts": 5,
               "num_experts_per_tok": 2, "clip_qkv": 1.5}, olmoe, torch.bfloat16),
    "granitemoe": ({**SMALL, "model_type": "granitemoe", "hidden_size": 16, "intermediate_size": 12, "num_key_value_heads": 2,
                    "num_local_experts": 4, "num_experts_per_tok": 2, "embedding_multiplier": 12.0,
                    "attention_multiplier": 0.3, "residual_multiplier": 0.22, "logits_scaling": 6.0,
                    "tie_word_embeddings": True}, granitemoe, torch.bfloat16),
    "bloom": ({"model_type": "bloom", "hidden_size": 24, "n_layer": 2, "n_head": 6, "vocab_size": 61, "seq_length": 64,
               "eos_token_id": 2}, bloom, torch.float16),
    "mpt": ({"model_type": "mpt", "d_model": 32, "n_layers": 2, "n_heads": 4, "expansion_ratio": 2, "vocab_size": 61,
             "max_seq_len": 64, "no_bias": True, "attn_config": {"alibi": True, "clip_qkv": 2.0}}, mpt, torch.bfloat16),
    "deepseek-v3": ({**LATENT, "model_type": "deepseek_v3", "num_hidden_layers": 3, "first_k_dense_replace": 1,
                     "q_lora_rank": 12, "n_routed_experts": 8, "num_experts_per_tok": 3, "n_group": 4, "topk_group": 2,
                     "n_shared_experts": 1, "routed_scaling_factor": 2.5, "num_nextn_predict_layers": 1,
                     "rope_scaling": {"type": "yarn", "factor": 4.0, "mscale": 1.0, "mscale_all_dim": 1.0,
                                      "original_max_position_embeddings": 16}}, deepseek, torch.bfloat16),
    "deepseek-v3-no-groups": ({**LATENT, "model_type": "deepseek_v3", "hidden_size": 16, "num_hidden_layers": 3,
                               "first_k_dense_replace": 2, "q_lora_rank": None, "n_routed_experts": 5,
                               "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "n_shared_experts": 2,
                               "routed_scaling_factor": 1.0, "norm_topk_prob": False, "attention_bias": True,
                               "rope_interleave": False}, deepseek, torch.float16),
    "deepseek-v2": ({**LATENT, "model_type": "deepseek_v2", "hidden_size": 16, "first_k_dense_replace": 1,
                     "q_lora_rank": 12, "n_routed_experts": 6, "num_experts_per_tok": 3, "n_group": 3, "topk_group": 2,
                     "topk_method": "group_limited_greedy", "n_shared_experts": 2, "routed_scaling_factor": 4.0,
                     "rope_scaling": {"type": "yarn", "factor": 4.0, "mscale": 0.7, "mscale_all_dim": 0.5,
                                      "original_max_position_embeddings": 16}}, deepseek, torch.bfloat16),
    "deepseek-v2-lite": ({**LATENT, "model_type": "deepseek_v2", "hidden_size": 16, "num_hidden_layers": 3,
                          "first_k_dense_replace": 1, "q_lora_rank": None, "n_routed_experts": 5,
                          "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1, "topk_method": "greedy",
                          "n_shared_experts": 2}, deepseek, torch.bfloat16),
    "glm4-moe": ({**SMALL, "model_type": "glm4_moe", "num_hidden_layers": 3, "num_key_value_heads": 2, "use_qk_norm": True,
                  "attention_bias": True, "n_routed_experts": 6, "num_experts_per_tok": 2, "moe_intermediate_size": 12,
                  "n_shared_experts": 1, "routed_scaling_factor": 1.5}, glm4_moe, torch.bfloat16),
    "qwen3-moe-dense": ({**LLAMA, "model_type": "qwen3_moe", "hidden_size": 16, "head_dim": 8, "num_hidden_layers": 6,
                         "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 12, "norm_topk_prob": True,
                         "decoder_sparse_step": 2, "mlp_only_layers": [3]},
                        lambda *a: llama_like(*a, head_norm=True, mlp=qwen_mlp), torch.bfloat16),
    "qwen2-moe-dense": ({**LLAMA, "model_type": "qwen2_moe", "hidden_size": 16, "num_hidden_layers": 3, "num_experts": 4,
                         "num_experts_per_tok": 2, "moe_intermediate_size": 12, "shared_expert_intermediate_size": 20,
                         "mlp_only_layers": [0]},
                        lambda *a: llama_like(*a, qkv_bias=True, mlp=qwen_mlp), torch.float16),
    "mpt-heads": ({"model_type": "mpt", "d_model": 24, "n_layers": 2, "n_heads": 3, "expansion_ratio": 2, "vocab_size": 61,
                   "max_seq_len": 64, "attn_config": {"softmax_scale": 0.5}}, mpt, torch.bfloat16),
})

TRANSFORMER = {"d_model": 32, "num_heads": 4, "num_layers": 2, "d_ff": 48, "vocab_size": 61, "max_seq_len": 64}
MODELS["gpt-sinusoidal"] = ({**TRANSFORMER, "model_type": "sinusoidal_gpt", "eos_token_id": 2}, sinusoidal_gpt,
                            torch.float32)

# A name's place is its seed: new ones come last, so that the others stay what they are.
SEEDS = ["gemma2", "gemma3", "gpt2", "llama-linear", "llama-yarn", "llama3", "mistral", "phi3", "qwen2", "qwen3",
         "gpt-oss", "gpt-sinusoidal", "llama-dynamic", "phi3-longrope", "qwen2-window", "qwen3-window",
         "gemma2-global", "gemma3-images", "gpt-oss-mxfp4", "mixtral", "qwen3-moe", "qwen2-moe", "olmo2", "olmo3",
         "smollm3", "smollm3-window", "granite", "gemma", "gpt-neox", "gpt-neox-sequential", "starcoder2", "stablelm",
         "stablelm-parallel", "phi", "phi-norms", "opt", "opt-normed-after", "gpt-neo", "cohere", "cohere2", "falcon",
         "falcon-new", "falcon-sequential", "glm", "glm4", "ernie4-5", "exaone4", "exaone4-global", "olmo", "hunyuan",
         "gpt-bigcode", "gpt-bigcode-heads", "gptj", "nemotron", "arcee", "seed-oss", "olmoe", "granitemoe", "bloom",
         "mpt", "mpt-heads", "deepseek-v3", "deepseek-v3-no-groups", "deepseek-v2", "deepseek-v2-lite", "glm4-moe",
         "qwen3-moe-dense", "qwen2-moe-dense"]

BERT = {"model_type": "bert", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "vocab_size": 61, "max_position_embeddings": 32, "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "hidden_act": "gelu"}


def write(name, config, weights, golden):
    folder = ROOT / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    write_safetensors(folder / "model.safetensors", weights.tensors)
    write_safetensors(folder / "golden.safetensors", golden)


def make_bert():
    """Two sequences, of which the second ends in padding."""
    weights = Weights(100, torch.float16)
    ids = torch.randint(0, BERT["vocab_size"], (2, 9), generator=weights.generator)
    segments = (torch.arange(9) >= 5).long().expand(2, 9).contiguous()
    seen = torch.ones(2, 9, dtype=torch.int64)
    seen[1, 6:] = 0
    results = [bert(BERT, weights, ids[b], segments[b], seen[b]) for b in range(2)]
    write("bert", BERT, weights, {
        "input_ids": ids, "token_type_ids": segments, "attention_mask": seen,
        "last_hidden_state": torch.stack([hidden for hidden, _ in results]).float(),
        "pooler_output": torch.stack([pooled for _, pooled in results]).float()})


def make_encoder():
    """Two sequences, of which the second ends in padding."""
    config = {**TRANSFORMER, "model_type": "sinusoidal_encoder"}
    weights = Weights(101, torch.float16)
    ids = torch.randint(0, config["vocab_size"], (2, 9), generator=weights.generator)
    seen = torch.ones(2, 9, dtype=torch.int64)
    seen[1, 6:] = 0
    states = []
    for b in range(2):
        x = sinusoidal(config, weights.get("embedding.weight", config["vocab_size"], config["d_model"], scale=0.2),
                       ids[b])
        for n in range(config["num_layers"]):
            x = transformer_block(config, weights, x, f"encoder_layers.{n}.", seen[b, None, None, :].bool())
        states.append(x)
    write("encoder-sinusoidal", config, weights, {"input_ids": ids, "attention_mask": seen,
                                                  "last_hidden_state": torch.stack(states).float()})


def make_decoder_block():
    config = {**TRANSFORMER, "model_type": "decoder_block"}
    weights = Weights(102)
    x = torch.randn(2, 9, config["d_model"], generator=weights.generator)
    y = torch.stack([transformer_block(config, weights, x[b].double(), "", causal(9)) for b in range(2)])
    write("decoder-block", config, weights, {"x": x, "y": y.float()})


def make(name):
    config, forward, dtype = MODELS[name]
    weights = Weights(SEEDS.index(name), dtype)
    vocabulary = config.get("text_config", config)["vocab_size"]
    ids = torch.randint(0, vocabulary, (LENGTH,), generator=weights.generator)
    golden = {"input_ids": ids[None], "logits": forward(config, weights, ids)[None].float()}
    if name in ("llama-dynamic", "phi3-longrope"):
        golden["logits_within_16"] = forward(config, weights, ids[:16], room=16)[None].float()
    write(name, config, weights, golden)


OTHERS = {"bert": make_bert, "encoder-sinusoidal": make_encoder, "decoder-block": make_decoder_block}
for name in sys.argv[1:] or [*MODELS, *OTHERS]:
    OTHERS[name]() if name in OTHERS else make(name)
