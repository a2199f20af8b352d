#!/usr/bin/env bash
# Installs what building and testing Fovea needs on Debian 12 (as root or through sudo). Does
# nothing, and needs no network and no root, when all of it is there. The packages of LLVM 22 are
# in the security suite of Debian 12.
set -euo pipefail

packages=(
  ca-certificates
  # The build: compiler, linker, generator.
  clang-22 lld-22 cmake ninja-build
  # LLVM and MLIR, and what the CMake files of LLVM look for.
  llvm-22-dev libmlir-22-dev mlir-22-tools
  zlib1g-dev libzstd-dev
  # Tokenizers: regular expressions and normal forms over Unicode.
  libpcre2-dev libutf8proc-dev
  # The tests: lit and FileCheck, sanitizers, GoogleTest, a C compiler and linker for the AOT test.
  llvm-22-tools libclang-rt-22-dev libgtest-dev libgmock-dev gcc libc6-dev binutils python3
  # A browser, to test the pages of fovea inspect.
  chromium chromium-driver
  # Code for 64-bit Arm, linked and run in an emulator.
  qemu-user gcc-aarch64-linux-gnu libc6-dev-arm64-cross
  # The benchmarks, and the libraries that they compare with.
  libbenchmark-dev libopenblas-dev libdnnl-dev
)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "setup.sh: not root and no sudo; as root run: apt-get install ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

echo "setup.sh: installing ${missing[*]}" >&2
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
if [ -z "$(apt-cache policy llvm-22-dev | sed -n 's/ *Candidate: \([^(].*\)/\1/p')" ]; then
  # A minimal installation may list the main suite only; the security suite is on the same mirror.
  main=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
  echo "deb ${main%/debian*}/debian-security bookworm-security main" |
    "${as_root[@]}" tee /etc/apt/sources.list.d/bookworm-security.list >/dev/null
  "${as_root[@]}" apt-get update -qq
fi
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
