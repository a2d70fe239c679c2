#!/usr/bin/env bash
# selftest.sh ROOT: whether check.sh can fail. Each violation is planted in a copy of the sources,
# and check.sh must name the file it is in.
set -uo pipefail
root=$1
check=$root/tests/layering/check.sh
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
bad=0

# plant FILE LINE
plant() {
    rm -rf "${copy:?}"/*
    cp -r "$root/src" "$root/include" "$copy/"
    mkdir -p "$copy/$(dirname "$1")"
    echo "$2" >>"$copy/$1"
    local output
    if output=$("$check" "$copy"); then
        echo "not found: $2 in $1"
        bad=1
    elif ! grep -q "^$1:" <<<"$output"; then
        echo "found elsewhere: $2 in $1; the check says: $output"
        bad=1
    fi
}

plant src/task/planted.c '#include <omp.h>'
plant src/exec/planted.c '#  include <mpi.h>'
plant src/exec/threads/planted.c '#include <mpi.h>'
plant include/fanfold/planted.h '#include <mpi.h>'
plant src/stage/planted.c '#include <openssl/bn.h>'
plant src/stage/planted.c '#include <curl/curl.h>'
plant src/base/planted.h '#include "task/wire.h"'
plant src/task/planted.c '#include "exec/executor_ops.h"'
plant src/kernel/gcd/planted.c '#include "kernel/factor/montgomery.h"'
plant src/kernel/gcd/planted.c '#include "task/wire.h"'
plant src/exec/serial/planted.c '#include "exec/threads/threads.h"'
plant src/exec/planted.c '#include "exec/serial/serial.h"'
plant src/stage/planted.c '#include "exec/executor_ops.h"'
plant src/exec/planted.c '#include "stage/reader.h"'
plant src/job/planted.c '#include "exec/processes/ring.h"'
plant src/job/planted.c '#include "../exec/processes/ring.h"'
plant src/cli/planted.c '#include "base/error.h"'
plant src/cli/planted.c 'int fani_planted(void);'
plant include/fanfold/planted.h 'int fani_planted(void);'
plant include/fanfold/planted.h '#include "base/error.h"'
exit $bad
