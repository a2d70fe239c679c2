#!/usr/bin/env bash
# Incremental scans: a state grows, the same on every executor; it is refused where it is damaged,
# foreign, of a newer version or another run's, and stays as it was where a run fails or is killed.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 2

# keys FROM TO: some hundred keys of 300 to 400 bits, every tenth a multiple of the same prime.
keys() {
    awk -v from="$1" -v to="$2" 'BEGIN {
        srand(from)
        for (i = from; i < to; i++) {
            line = i % 10 ? "" : "7fffffffffffffffffffffffffffffff" sprintf("%0*d", 32, 0)
            for (k = 0; k < 60 + i % 25; k++)
                line = line sprintf("%x", int(rand() * 15) + 1)
            print line "1"
        }
    }'
}
keys 0 400 >old
keys 400 500 >new
tail -n 3 old >again

# records of FILE: those whose source is FILE.
records_of() {
    awk -F '\t' -v source="$1" '$1 == source' "$2"
}

what='all at once'
run "$fanfold" weakkeys --format tsv old new again
expect 0
mv out all

have_mpi=yes
find_mpirun || { have_mpi= && echo 'skipped on mpi: no MPI'; }

# in_parts WHERE...: scans the three files one after the other.
in_parts() {
    rm -f state state.*
    local part
    for part in old new again; do
        run "${before[@]}" "$fanfold" weakkeys "$part" --known state --format tsv "$@"
        expect 0
        mv out "part.$part"
    done
}

# What was said of new keys, and that nothing was said which all at once do not say.
as_all() {
    checks=$((checks + 1))
    tail -n +2 part.again | while read -r line; do
        grep -qxF -- "$line" all || echo no
    done | grep -q no && fail "$what: it says what all keys at once do not"
    cmp -s <(records_of again part.again) <(records_of again all) ||
        fail "$what: not the records of the last keys: $(cut -c1-200 part.again)"
    [ -z "$(records_of again part.again)" ] && fail "$what: the copies were not found"
    grep -q '^new.*shared.*7fffffffffffffffffffffffffffffff' part.new ||
        fail "$what: new keys that share a prime with known ones were not found"
    [ "$(stat -c %a state)" = 600 ] || fail "$what: others may read the state"
    [ -z "$(compgen -G 'state.*')" ] || fail "$what: left over: $(ls)"
}

what='in parts, serial'
before=()
in_parts --executor serial
as_all
cp state state-serial
for part in old new again; do
    cp "part.$part" "serial.$part"
done

same() {
    checks=$((checks + 1))
    cmp -s state state-serial || fail "$what: not the state of serial"
    for part in old new again; do
        cmp -s "part.$part" "serial.$part" || fail "$what: not the records of serial: $part"
    done
}

for executor in threads processes; do
    what="in parts, $executor"
    in_parts --executor "$executor" -j 3
    same
done
if [ -n "$have_mpi" ]; then
    what='in parts, mpi'
    before=("${mpirun[@]}" -n 3)
    in_parts --executor mpi -j 1
    same
    before=()
fi

what='the same keys again'
run "$fanfold" weakkeys new again --known state --format tsv
expect 0
says '103 keys read, 103 RSA, 0 weak, 103 of them known already, 503 known before'
checks=$((checks + 1))
[ "$(wc -l <out)" -eq 1 ] || fail "$what: it says: $(cut -c1-200 out)"
cmp -s state state-serial || fail "$what: the state is another one"

# unharmed: after a run that failed.
unharmed() {
    checks=$((checks + 1))
    cmp -s state state-serial || fail "$what: the state is another one"
    [ ! -e written ] || fail "$what: there is an output"
    [ -z "$(compgen -G 'state.*')" ] || fail "$what: left over: $(ls)"
}

keys 500 520 >more
what='the state is the output'
run "$fanfold" weakkeys more --known state --output ./state
expect 2
run "$fanfold" weakkeys more --known state --output state
expect 2
says 'they must be two files'
unharmed

what='standard input as a state'
run "$fanfold" weakkeys more --known -
expect 2

what='dry run'
run "$fanfold" weakkeys more --known state --dry-run
expect 0
run "$fanfold" weakkeys more --known not-yet --dry-run
expect 0
checks=$((checks + 1))
[ ! -e not-yet ] || fail "$what: it made a state"
unharmed

# refused TEXT: a state that is not to be used, by a run and by a dry one.
refused() {
    local same
    same=$(sha256sum <bad)
    run "$fanfold" weakkeys more --known bad --output written
    expect 2
    says "$1"
    [ "$(sha256sum <bad)" = "$same" ] || fail "$what: it was changed"
    [ -z "$(compgen -G 'bad.*')" ] || fail "$what: left over: $(ls)"
    rm -f written.*
    unharmed
}

# put WORD VALUE: an 8-byte word of the file bad.
put() {
    printf '%b' "$2" | dd of=bad bs=1 seek=$(($1 * 8)) conv=notrunc status=none
}

what='a damaged state'
cp state bad
put 300 'XYZ'
refused 'bad is damaged'
what='a state that is cut'
head -c 5000 state >bad
refused 'bad is damaged'
what='an empty state'
: >bad
refused 'is no state of fanfold weakkeys'
what='a list of keys as a state'
cp new bad
refused 'is no state of fanfold weakkeys'
run "$fanfold" weakkeys more --known bad --dry-run
expect 2
what='a state of a newer version'
cp state bad
put 1 '\x07'
refused 'is of a newer Fanfold: its version is 7'
what='a folder as a state'
rm bad
mkdir bad
run "$fanfold" weakkeys more --known bad --output written
expect 2
rmdir bad
unharmed

what='bad input'
echo 'no key' >junk
run "$fanfold" weakkeys more junk --strict --known state --output written
expect 2
rm -f written.*
unharmed

what='a disk that is full'
(
    ulimit -f 8 # blocks of 1 KiB
    trap '' XFSZ
    run "$fanfold" weakkeys more --known state --output written
    expect 3
    says "state can't be written"
    [ "$failures" -eq 0 ]
) || failures=$((failures + 1))
rm -f written.*
unharmed

what='two runs at once'
mkfifo waits
"$fanfold" weakkeys waits --known state --output first --format tsv 2>first_err &
pid=$!
exec 3>waits
for _ in {1..600}; do
    [ -e state.lock ] && break
    sleep 0.1
done
run "$fanfold" weakkeys more --known state --output written
expect 3
says "pid $pid"
rm -f written.*
cat more >&3
exec 3>&-
code=0
wait "$pid" || code=$?
expect 0
checks=$((checks + 1))
cmp -s state state-serial && fail "$what: the first run has added nothing"
[ -z "$(compgen -G 'state.*')" ] || fail "$what: left over: $(ls)"

what='killed'
cp state-serial state
"$fanfold" weakkeys waits --known state --output written 2>killed_err &
pid=$!
exec 3>waits
for _ in {1..600}; do
    [ -e state.lock ] && break
    sleep 0.1
done
kill -KILL "$pid"
{ wait "$pid"; } 2>/dev/null
exec 3>&-
checks=$((checks + 1))
cmp -s state state-serial || fail "$what: the state is another one"
run "$fanfold" weakkeys more --known state --output written --restart --format tsv
expect 0
cmp -s written first && fail "$what: the source has another name"
checks=$((checks + 1))
cmp -s <(cut -f 3- written | sed 's/more:/waits:/g' | tail -n +2) \
    <(cut -f 3- first | tail -n +2) ||
    fail "$what: not what the run before said: $(diff <(cut -f 3- written) <(cut -f 3- first) | cut -c1-300)"
[ -z "$(compgen -G 'state.*')" ] || fail "$what: left over: $(ls)"

# A run that ends between its output and its state leaves the next one, and --resume puts it in its
# place.
what='no place for the state'
rm -f written*
"$fanfold" weakkeys waits --known place --output written --format tsv 2>place_err &
pid=$!
exec 3>waits
for _ in {1..600}; do
    [ -e place.lock ] && break
    sleep 0.1
done
mkdir -p place/full
cat more >&3
exec 3>&-
code=0
wait "$pid" || code=$?
expect 3
checks=$((checks + 1))
grep -q place place_err || fail "$what: it does not say what failed: $(cat place_err)"
[ -s written ] && [ -s place.next ] || fail "$what: the output or the next state is gone: $(ls)"
cp written kept
rm -r place
run "$fanfold" weakkeys waits --known place --output written --format tsv --resume
expect 0
checks=$((checks + 1))
[ -s place ] && [ -z "$(compgen -G 'place.*')" ] || fail "$what: the state is not in its place: $(ls)"
cmp -s written kept || fail "$what: the output is another one"
run "$fanfold" weakkeys more --known place --format tsv
expect 0
says '20 known before'

what='a job file'
printf '[job]\ntask = weakkeys\ninput = new\nknown = job-state\nformat = tsv\n' >job.job
run "$fanfold" run job.job
expect 0
checks=$((checks + 1))
[ -s job-state ] || fail "$what: there is no state"
finish
