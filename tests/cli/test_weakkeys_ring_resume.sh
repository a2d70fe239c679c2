#!/usr/bin/env bash
# A ring that is killed, stopped or loses a member goes on from what it has kept, with as many
# members; with another number it says that it begins anew. The same bytes as in one go.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 2

have_mpi=yes
find_mpirun || { have_mpi= && echo 'skipped on mpi: no MPI'; }

long_keys 56000 >keys

what='in one go'
"$fanfold" weakkeys keys --checks none --executor serial --output plain --no-journal --format tsv 2>err
code=$?
expect 0
checks=$((checks + 1))
[ "$(grep -c shared plain)" -eq 3 ] || fail "$what: not the three keys that share: $(cut -c1-80 plain)"

# begin COMMAND...: a ring of 3 with that before it, until it has kept something, as $pid. False: it
# was faster.
begin() {
    rm -rf scanned*
    "$@" "$fanfold" weakkeys keys --checks none --method ring --executor "$executor" -j "$workers" \
        --output scanned --format tsv >begun_out 2>begun_err &
    pid=$!
    kept=
    while kill -0 "$pid" 2>/dev/null; do
        [ -e scanned.scan-r2 ] && kept=yes && break
        sleep 0.01
    done
    [ -n "$kept" ]
}

# ended SIGNAL: it got that. False: it was faster.
ended() {
    kill -"$1" "$pid" 2>/dev/null
    { wait "$pid"; } 2>/dev/null
    code=$?
    [ ! -e scanned ]
}

# resumes COMMAND... -- MEMBERS EXECUTOR WORKERS
resumes() {
    local command=()
    while [ "$1" != -- ]; do
        command+=("$1")
        shift
    done
    run timeout 120 ${command[@]+"${command[@]}"} "$fanfold" weakkeys keys --checks none \
        --method ring --executor "$2" -j "$3" --output scanned --resume --format tsv
    expect 0
    checks=$((checks + 1))
    cmp -s plain scanned || fail "$what: not the bytes of one go"
    [ -z "$(compgen -G 'scanned.scan-*')" ] || fail "$what: something is left over: $(ls)"
}

executor=threads workers=3
what='killed'
if begin && ended KILL; then
    resumes -- processes 3
    says 'goes on with a ring of 3'
else
    echo "$what: skipped: the scan had ended"
fi

what='stopped'
if begin && ended TERM; then
    expect 75
    checks=$((checks + 1))
    grep -q -- '--resume' begun_err || fail "$what: it does not say how it goes on: $(cat begun_err)"
    resumes -- threads 3
    says 'goes on with a ring of 3'
else
    echo "$what: skipped: the scan had ended"
fi

what='with another number of members'
if begin && ended KILL; then
    resumes -- threads 2
    says 'begins anew'
else
    echo "$what: skipped: the scan had ended"
fi

what='by levels'
if begin && ended KILL; then
    run timeout 120 "$fanfold" weakkeys keys --checks none --executor threads -j 2 --output scanned \
        --resume --format tsv
    expect 0
    checks=$((checks + 1))
    cmp -s plain scanned || fail "$what: not the bytes of one go"
    [ -z "$(compgen -G 'scanned.scan-*')" ] || fail "$what: something is left over: $(ls)"
else
    echo "$what: skipped: the scan had ended"
fi

# One member dies: the ring ends, and says who.
executor=processes
what='a member killed'
if begin; then
    kill -KILL "$(pgrep -P "$pid" | tail -n 1)" 2>/dev/null
    { wait "$pid"; } 2>/dev/null
    code=$?
    if [ ! -e scanned ]; then
        expect 4
        checks=$((checks + 1))
        grep -Eq 'member [0-2] was lost' begun_err || fail "$what: it does not say who: $(cat begun_err)"
        resumes -- threads 3
        says 'goes on with a ring of 3'
    else
        echo "$what: skipped: the scan had ended"
    fi
else
    echo "$what: skipped: the scan had ended"
fi

if [ -n "$have_mpi" ]; then
    executor=mpi workers=1
    what='on 3 ranks, killed'
    if begin "${mpirun[@]}" -n 3 && ended KILL; then
        sleep 0.5
        resumes "${mpirun[@]}" -n 3 -- mpi 1
        says 'goes on with a ring of 3'
    else
        echo "$what: skipped: the scan had ended"
    fi
fi
finish
