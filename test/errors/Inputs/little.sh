#!/bin/sh
# little.sh KILOBYTES FOLDER ARGUMENTS...: like refused.sh, with so many addresses only.
ulimit -v "$1"
shift
exec sh "$(dirname "$0")/refused.sh" "$@"
