#!/usr/bin/env bash
# runtime_core.sh RUNTIME HEADERS: the core library and generated headers compile for every row
# without a C library, with no warning.
set -euo pipefail
onnx-compile --list-targets | tail -n +2 | awk '{print $1, $2}' | while read -r row triple; do
  onnx-compile "$2/dense.onnx" -o "$2/$row" --target="$row" --emit=header
  echo '#include "dense.h"' >"$2/$row/use.c"
  echo '_Static_assert(sizeof(((onnxc_tensor *)0)->bytes) == sizeof(void *), "size_t");' >>"$2/$row/use.c"
  # -Wno-deprecated: clang prefers another spelling of the triple wasm32-wasi.
  for source in "$1"/core/*.c "$2/$row/use.c"; do
    clang-22 --target="$triple" -std=c11 -ffreestanding -nostdlibinc -Wall -Wextra -Wconversion -pedantic -Werror \
      -Wno-deprecated -I "$1/include" -c "$source" -o "$2/$row/use.o"
  done
  echo "$row"
done
