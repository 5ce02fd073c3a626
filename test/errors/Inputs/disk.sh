#!/bin/sh
# disk.sh FOLDER MODEL KINDS...: like refused.sh with each --emit=KINDS, on a disk whose one page is in use.
out=$1
model=$2
shift 2
mkdir -p "$out"
mount -t tmpfs -o size=4k,nr_inodes=20 none "$out" || exit 1
echo taken > "$out/taken"
for kinds; do
  sh "$(dirname "$0")/refused.sh" "$out/out" "$model" --emit="$kinds"
done
