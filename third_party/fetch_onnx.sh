#!/usr/bin/env bash
# Brings in the onnx C++ library: downloads the pinned source distribution with
# pip, builds it once as static libraries and keeps the result in a cache.
#
#   third_party/fetch_onnx.sh PYTHON      PYTHON: an interpreter with pip and cmake (a virtual environment's)
#
# The last line printed is the install prefix. A second run finds the cache and
# returns at once; an interrupted run leaves nothing under the final name.
set -euo pipefail

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }
[ $# -eq 1 ] || { usage >&2; exit 1; }
python=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
requirements=$here/onnx-requirements.txt

pin=$(grep -v '^#' "$requirements" | head -n 1)
version=$(printf '%s\n' "$pin" | sed -n 's/^onnx==\([^ ]*\).*/\1/p')
hash=$(printf '%s\n' "$pin" | sed -n 's/.*--hash=sha256:\([0-9a-f]*\).*/\1/p')
[ -n "$version" ] && [ -n "$hash" ] || { echo "fetch_onnx: no pin in $requirements" >&2; exit 1; }

flags=(-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=OFF -DONNX_USE_PROTOBUF_SHARED_LIBS=ON
       -DONNX_ML=ON -DONNX_BUILD_PYTHON=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON)
cxx=${CXX:-c++}
compiler=$("$cxx" --version | head -n 1)
protobuf=$(protoc --version)
key=$(printf '%s\n' "$version" "$hash" "$compiler" "$protobuf" "${flags[@]}" | sha256sum | cut -c1-12)
cache=${ONNX_COMPILE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/onnx-compile}
prefix=$cache/onnx-$version-$key

if [ -f "$prefix/lib/libonnx.a" ]; then
  echo "$prefix"
  exit 0
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/.onnx-build.XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "fetch_onnx: downloading onnx $version" >&2
# pip checks the hash before it opens the archive. Only onnx itself is taken as
# source: its build tools come as wheels.
"$python" -m pip download --quiet --no-deps --no-binary onnx --require-hashes -r "$requirements" -d "$work" >&2
tar -xzf "$work/onnx-$version.tar.gz" -C "$work"

# onnx asks for a newer cmake than Debian 12 has; the environment's is used.
cmake=$(dirname "$python")/cmake
[ -x "$cmake" ] || cmake=cmake
command -v ccache >/dev/null && flags+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
generator=()
command -v ninja >/dev/null && generator=(-G Ninja)

echo "fetch_onnx: building onnx $version (minutes, once)" >&2
"$cmake" "${generator[@]}" -S "$work/onnx-$version" -B "$work/build" "${flags[@]}" \
  -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_INSTALL_PREFIX="$work/install" -DCMAKE_INSTALL_LIBDIR=lib \
  > "$work/log" 2>&1 &&
"$cmake" --build "$work/build" --parallel "${ONNX_COMPILE_JOBS:-$(nproc)}" >> "$work/log" 2>&1 &&
"$cmake" --install "$work/build" >> "$work/log" 2>&1 || {
  tail -n 40 "$work/log" >&2
  echo "fetch_onnx: the build of onnx $version failed, see above" >&2
  exit 1
}

# One rename makes the result visible; whoever comes second keeps the first.
mv -T "$work/install" "$prefix" 2>/dev/null || [ -f "$prefix/lib/libonnx.a" ] || {
  echo "fetch_onnx: cannot write $prefix" >&2
  exit 1
}
echo "$prefix"
