#!/bin/sh
# Installs what a lock lists, every file checked by its hash: PYTHON=... install.sh LOCK [TORCH_INDEX]
#
# TORCH_INDEX is PyTorch's index of builds for the CPU, a tenth of the size. Its files have hashes of their own, which no lock
# holds, so PyTorch comes from there unchecked, and all else by its hash; where it cannot be reached, PyTorch comes by its hash too.
set -eu

lock=$1
index=${2:-}
pip="${PYTHON:-python} -m pip --disable-pip-version-check"

if [ -n "$index" ] && $pip install --retries 0 --timeout 5 --no-deps --index-url "$index" $(grep -oE '^torch(vision)?==[^ ;]+' "$lock"); then
  awk '/^[a-z0-9]/ { left_out = /^((torch|torchvision|triton)==|nvidia-|cuda-)/ } !left_out' "$lock" | $pip install --require-hashes -r /dev/stdin
else
  $pip install --require-hashes -r "$lock"
fi
