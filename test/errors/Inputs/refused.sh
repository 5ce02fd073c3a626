#!/bin/sh
# refused.sh FOLDER ARGUMENTS...: runs onnx-compile ARGUMENTS -o FOLDER, prints
# what it says, its exit code and the files that it left in FOLDER.
out=$1
shift
onnx-compile "$@" -o "$out" 2>&1
echo "exit code $?"
[ ! -d "$out" ] || ls -A "$out" | sed 's/^/left behind: /'
