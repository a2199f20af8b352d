#!/usr/bin/env bash
# usage: scripts/demo.sh
# Builds Fovea, then compiles and runs self-attention step by step, sliding-window multi-head
# attention in both its forms, and a small GPT that writes text; says what was fused, how fast text
# comes, and compares each with the float64 reference.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/build.sh release fovea
fovea=build/bin/fovea

echo "== Self-attention on 'Your journey starts with one step', from examples/self_attention_walkthrough.fov"
$fovea run examples/self_attention_walkthrough.fov --entry walkthrough --verify

for form in mask unfold; do
  echo
  echo "== Sliding-window multi-head attention, written with $form: examples/sliding_window_$form.fov"
  $fovea run examples/sliding_window_$form.fov --set B=1 --set L=256 --report --time --verify
done

gpt=(generate examples/demo_gpt --ctx-size 256 -p "Elizabeth could not")
echo
echo "== Text by a small GPT, trained on Jane Austen's novels: examples/demo_gpt"
$fovea "${gpt[@]}" -n 180 --temp 0.7 -s 1 --report --time
echo "-- one forward pass against the float64 reference"
$fovea "${gpt[@]}" --verify
