#!/usr/bin/env bash
# weakkeys --memory: the same bytes with levels in files, no more memory than it may have, and
# nothing left in the folder for them.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 2

have_mpi=yes
find_mpirun || { have_mpi= && echo 'skipped on mpi: no MPI'; }

long_keys 50500 >keys

# scan ARGS: their peak memory in KiB is in $peak.
scan() {
    rm -f record
    run "$fanfold" weakkeys keys --format tsv --checks none --record record "$@"
    peak=$(sed -n 's/.*"peak_kib": *\([0-9]*\).*/\1/p' record 2>/dev/null)
}

what='without a limit'
scan --executor threads -j 2
expect 0
mv out plain
unlimited=$peak
checks=$((checks + 1))
[ "$(grep -c shared plain)" -eq 3 ] || fail "$what: not the three keys that share"

what='too small'
scan --executor serial --memory 1M --output no
expect 2
says 'memory is too small'
[ ! -e no ] || fail "$what: there is an output"
scan --executor threads -j 2 --memory 40M --output no
expect 2
says 'M even with levels in files'
need=$(sed -n 's/.*need \([0-9]*\)M.*/\1/p' err)

same() {
    checks=$((checks + 1))
    [ "$code" -eq 0 ] || fail "$what: exit code $code: $(head -c 400 err)"
    cmp -s plain "${1:-out}" || fail "$what: not the bytes without a limit"
}

# within LIMIT: the scan took at most so many MiB.
within() {
    checks=$((checks + 1))
    [ "$peak" -le $(($1 * 1024)) ] || fail "$what: $peak KiB of memory, and $1 MiB were allowed"
}

mkdir scratch
limit=$((need + 2))
for executor in 'serial' 'threads -j 1' 'threads -j 2'; do
    what="$executor with ${limit}M"
    scan --executor $executor --memory "${limit}M" --scratch scratch
    same
    within "$limit"
done
what='without a limit'
checks=$((checks + 1))
[ "$unlimited" -gt $((limit * 1280)) ] ||
    fail "$what: it takes little more: $unlimited KiB, and ${limit}M is a limit that it can keep to"

# Of processes the peaks are at different times, and count twice what they share.
what='processes'
scan --executor processes -j 2 --memory 40M
need=$(sed -n 's/.*need \([0-9]*\)M.*/\1/p' err)
scan --executor processes -j 2 --memory "$((need + 2))M" --scratch scratch
same
if [ -n "$have_mpi" ]; then
    what='mpi'
    run timeout 120 "${mpirun[@]}" -n 3 "$fanfold" weakkeys --executor mpi -j 1 --format tsv \
        --checks none --memory 500M --scratch scratch keys
    same
fi
what='afterwards'
checks=$((checks + 1))
[ -z "$(ls -A scratch)" ] || fail "$what: files are left over: $(ls -A scratch)"

what='no folder'
scan --executor serial --memory "${limit}M" --scratch no/such/folder
expect 3
says 'no/such/folder'

# Such a file is full at 64 KiB.
what='full disk'
(
    trap '' XFSZ
    ulimit -f 64
    exec "$fanfold" weakkeys keys --format tsv --checks none --executor serial \
        --memory "${limit}M" --scratch scratch --output full --no-journal 2>err
)
code=$?
expect 3
says 'scratch/'
checks=$((checks + 1))
[ -z "$(ls -A scratch)" ] && [ ! -e full ] || fail "$what: files are left over: $(ls -A . scratch)"

# killed_scan SIGNAL ARGS: a scan that got the signal while it had a file in the folder. False: it
# was faster.
killed_scan() {
    local signal=$1 seen=
    shift
    "$fanfold" weakkeys keys --format tsv --checks none --memory "${limit}M" --scratch scratch \
        --executor serial "$@" >killed_out 2>killed_err &
    pid=$!
    while kill -0 "$pid" 2>/dev/null; do
        compgen -G 'scratch/*/keys.scan-[sf][1-9]' >/dev/null && seen=yes && break
        sleep 0.01
    done
    checks=$((checks + 1))
    [ -z "$seen" ] || [ "$(stat -c %a scratch/*/)" = 700 ] || fail "$what: others may read: $(ls -l scratch)"
    kill -"$signal" "$pid" 2>/dev/null
    { wait "$pid"; } 2>/dev/null
    code=$?
    [ -n "$seen" ]
}

what='killed without an output'
if killed_scan KILL; then
    checks=$((checks + 1))
    [ -n "$(ls -A scratch)" ] || fail "$what: it was to leave its folder"
    scan --executor serial --memory "${limit}M" --scratch scratch
    same
    [ -z "$(ls -A scratch)" ] || fail "$what: the next run leaves it: $(ls -A scratch)"
else
    echo "$what: skipped: the scan had ended"
fi

what='stopped without an output'
if killed_scan TERM; then
    expect 75
    checks=$((checks + 1))
    [ -z "$(ls -A scratch)" ] || fail "$what: files are left over: $(ls -A scratch)"
else
    echo "$what: skipped: the scan had ended"
fi

what='killed with an output'
if killed_scan KILL --output scanned; then
    scan --executor threads -j 2 --memory "${limit}M" --scratch scratch --output scanned --resume
    expect 0
    same scanned
    [ -z "$(ls -A scratch)" ] || fail "$what: files are left over: $(ls -A scratch)"
    [ -z "$(compgen -G 'scanned.*scan*')" ] || fail "$what: files are left over: $(ls)"
else
    echo "$what: skipped: the scan had ended"
fi
finish
