#!/usr/bin/env bash
# doctor: tells what is there, finds planted problems, and names a cure for each.
set -u
. "$(dirname "$0")/lib.sh"

what='this machine' && run "$fanfold" doctor
checks=$((checks + 1))
for word in cores instructions memory 'temporary files' /dev/shm limits 'executor serial' \
    'executor threads' 'executor processes' MPI; do
    grep -q "$word" "$tmp/out" || fail "$what: nothing about $word: $(cat "$tmp/out")"
done
problems=$(grep -c '^PROBLEM' "$tmp/out")
[ "$(grep -c 'cure: ' "$tmp/out")" -eq "$problems" ] || fail "a problem without a cure: $(cat "$tmp/out")"
expect $((problems > 0))
grep -q '^PROBLEM executor' "$tmp/out" && fail "$(cat "$tmp/out")"

what='an unwritable TMPDIR' && run env TMPDIR=/nowhere "$fanfold" doctor && expect 1
grep -q '^PROBLEM  *temporary files: /nowhere' "$tmp/out" || fail "$what: $(cat "$tmp/out")"
grep -q 'cure: set TMPDIR' "$tmp/out" || fail "$what: no cure"
what='few open files' && run bash -c 'ulimit -n 128 && exec "$@"' - "$fanfold" doctor && expect 1
grep -q '^PROBLEM  *open files' "$tmp/out" || fail "$what: $(cat "$tmp/out")"
if [ "$(nproc)" -gt 1 ]; then
    what='a pinned main thread' && run env OMP_PROC_BIND=true "$fanfold" doctor && expect 1
    grep -q '^PROBLEM  *binding' "$tmp/out" || fail "$what: $(cat "$tmp/out")"
fi
finish
