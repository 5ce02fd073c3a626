#!/bin/sh
# threads.sh FOLDER MODEL OPTIONS...: runs FOLDER/MODEL.onnx with 1, 2 and 4
# threads and demands equal files of outputs.
set -eu
folder=$1 model=$2
shift 2
for threads in 1 2 4; do
  onnx-run run "$folder/$model.onnx" --random "$@" --threads=$threads --output="$folder/$threads.npz"
done
cmp "$folder/1.npz" "$folder/2.npz"
cmp "$folder/1.npz" "$folder/4.npz"
