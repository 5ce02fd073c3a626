#!/bin/sh
# full.sh FOLDER ARGUMENTS...: like refused.sh, where no file may grow beyond one block.
ulimit -f 1
exec sh "$(dirname "$0")/refused.sh" "$@" | cat
