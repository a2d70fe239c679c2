#!/usr/bin/env bash
# fanfold stage, --stage-in and --stage-out: files near, whole and checked, once on each host.
. "$(dirname "$0")/lib.sh" "$@"
cd "$tmp" || exit 2
mkdir base data data/sub
export TMPDIR=$tmp/base
unset SLURM_TMPDIR
printf 'of a\n' >a
printf '12 15\n' >data/numbers
printf '21\n' >data/sub/more
gzip -c data/numbers >packed.gz

# Nothing but finished files is in a folder.
is_tidy() {
    local left
    checks=$((checks + 1))
    left=$(find "$1" -name '.fanfold*' -o -name 'fanfold-*')
    [ -z "$left" ] || fail "$what: left behind: $left"
}

# has FILE TEXT
has() {
    checks=$((checks + 1))
    [ "$(cat "$1" 2>&1)" = "$2" ] || fail "$what: $1 has '$(cat "$1" 2>&1)', not '$2'"
}

# is MODE FILE
is() {
    checks=$((checks + 1))
    [ "$(stat -c %a "$2" 2>&1)" = "$1" ] || fail "$what: the mode of $2 is $(stat -c %a "$2" 2>&1)"
}

what="the folder is printed"
run "$fanfold" stage --to to a data
expect 0 "$tmp/to\n"
says_nothing
has to/a "of a"
has to/data/sub/more 21
run "$fanfold" stage a
expect 0 "$tmp/base\n"
has base/a "of a"
rm base/a
SLURM_TMPDIR=$tmp/to run "$fanfold" stage a
expect 0 "$tmp/to\n"

what="a folder that others can write to gets a private one"
chmod 1777 base
run "$fanfold" stage a
expect 0
dir=$(cat "$tmp/out")
case $dir in
"$tmp"/base/fanfold-stage-*) is 700 "$dir" ;;
*) fail "$what: it is $dir" ;;
esac
has "$dir/a" "of a"
rm -r "$dir"
chmod 755 base

what="what is right is kept, what is wrong is not"
inode=$(stat -c %i to/a)
run "$fanfold" stage --to to a
expect 0
[ "$(stat -c %i to/a)" = "$inode" ] || fail "$what: a file that was right was written again"
printf 'if a\n' >to/a
touch -r a to/a
run "$fanfold" stage --to to a
expect 0
has to/a "of a"

what="lists and checksums"
run "$fanfold" stage --to listed --manifest LIST data
expect 0
hash=$(awk '/more/ {print $3}' listed/LIST)
run "$fanfold" stage --to to --checksum "$hash" data/sub/more
expect 0
run "$fanfold" stage --to to --checksum 0123456789abcdef a
expect 3
says "not the 0123456789abcdef of its list"
run "$fanfold" stage --to again @listed/LIST
expect 0
has again/data/sub/more 21
printf '22\n' >listed/data/sub/more
run "$fanfold" stage --to third @listed/LIST
expect 3
says "listed/data/sub/more has the hash"
has third/data/numbers "12 15"
[ ! -e third/data/sub/more ] || fail "$what: a file that is not what its list says was copied"

what="unpacked, and for its owner alone"
(umask 0 && run "$fanfold" stage --to secret --unpack --secret packed.gz && exit "$code")
code=$?
expect 0
has secret/packed "12 15"
is 600 secret/packed
is 700 secret
chmod 644 secret/packed
run "$fanfold" stage --to secret --unpack --secret packed.gz
expect 0
is 600 secret/packed

what="hostile lists"
mkdir hostile
mkfifo hostile/fifo
ln -s /etc hostile/etc
printf '../a\n/etc/passwd\netc/passwd\nfifo\nx/../../a\n' >hostile/list
run timeout 240 "$fanfold" stage --to caught @hostile/list
expect 3
says '"../a", has .. in it'
says '"/etc/passwd", is absolute'
says 'hostile/fifo is no plain file'
[ -z "$(ls -A caught)" ] || fail "$what: something was copied"
ln -s ../data to/link
mkdir link && printf 'x' >link/numbers
run "$fanfold" stage --to to link
expect 3
says "a link, or something else that is no folder, is in its way"
has data/numbers "12 15"

what="bad usage"
run "$fanfold" stage
expect 2
run "$fanfold" stage --manifest a/b a
expect 2
run "$fanfold" stage --checksum x a
expect 2
run "$fanfold" stage --checksum 0123456789abcdef a data
expect 2
run "$fanfold" stage --to none/there a
expect 3
run "$fanfold" integrate --stage-in a x --over x=0:1
expect 2
run "$fanfold" factor --stage-out a 12
expect 2
says "--stage-out is an option of: command"

what="a disk that is full"
mkdir small
if mount -t tmpfs -o size=64k none small 2>/dev/null; then
    head -c 200000 /dev/zero >large
    run "$fanfold" stage -j 1 --to small/to a large
    expect 3
    says "large can't be"
    has small/to/a "of a"
    [ "$(ls -A small/to)" = a ] || fail "$what: there is $(ls -A small/to)"
    umount small
fi

what="lists of numbers from copies"
run "$fanfold" factor --stage-in packed.gz --stage-in 'data/sub/*'
expect 0 "12: 2 2 3\n15: 3 5\n21: 3 7\n"
is_tidy base
printf '5 x\n' >bad
run "$fanfold" factor --stage-in bad
expect 2 "5: 5\n"
says "bad:1:3:"
run "$fanfold" factor --stage-in none
expect 3
says "none can't be opened"
printf '[job]\ntask = factor\nstage-in = ../packed.gz\n' >data/job.ini
run "$fanfold" run data/job.ini
expect 0 "12: 2 2 3\n15: 3 5\n"
printf '0x21\n0x23\n0x4d\n' >keys
run "$fanfold" weakkeys keys
cp "$tmp/out" expected_keys
run "$fanfold" weakkeys --stage-in keys
cmp -s "$tmp/out" expected_keys || fail "$what: weakkeys says something else of a copy"

what="what weakkeys writes is for its owner alone"
(umask 0 && run "$fanfold" weakkeys --output weak keys)
is 600 weak
is 600 weak.journal

what="commands and their files"
cat >work.sh <<'END'
cat "$FANFOLD_STAGE/a" && mkdir "$FANFOLD_STAGE_OUT/deep" || exit 9
echo "$1" >"$FANFOLD_STAGE_OUT/deep/result"
echo "$1" >>"$LOG/$1"
[ "$1" != "$FAIL" ]
END
export LOG=$tmp/log
mkdir log
seq 3 >items
for executor in threads processes; do
    rm -rf res log/*
    FAIL=2 run "$fanfold" map --executor "$executor" -j 2 --output done --restart -a items \
        --stage-in a --stage-out res -- sh work.sh {}
    expect 1
    has res/1/deep/result 1
    has res/3/deep/result 3
    [ "$(ls res | tr '\n' ' ')" = "1 3 " ] || fail "$what: there is $(ls res)"
    FAIL=none run "$fanfold" map --executor "$executor" -j 2 --output done --retry-failed -a items \
        --stage-in a --stage-out res -- sh work.sh {}
    expect 0
    has res/2/deep/result 2
    has done "$(printf 'of a\nof a\nof a')"
    has log/1 1 # it did not run again
    is_tidy base
    is_tidy res
done

what="a run that is killed leaves what the next one takes away"
cat >wait.sh <<'END'
echo "$1" >"$FANFOLD_STAGE_OUT/r"
echo x >>"$LOG/$1"
[ "$1" != 2 ] || [ -e "$LOG/go" ] || while sleep 0.1; do :; done
END
rm -rf res log/*
seq 4 >items
"$fanfold" map -j 1 --output killed -a items --stage-in a --stage-out res -- sh wait.sh {} \
    >/dev/null 2>&1 &
pid=$!
for _ in $(seq 600); do
    [ -e log/2 ] && break
    sleep 0.1
done
[ -e log/2 ] || fail "$what: it never began"
kill -9 "$pid"
wait "$pid" 2>/dev/null
[ "$(find base res -name 'fanfold-job-*' | wc -l)" = 2 ] || fail "$what: there is nothing to take"
[ "$(find res -name r | wc -l)" = 1 ] || fail "$what: $(find res -name r) are published"
touch log/go
run timeout 240 "$fanfold" map -j 1 --output killed --resume -a items --stage-in a --stage-out res \
    -- sh wait.sh {}
expect 0
[ "$(cat res/[1-4]/r | tr '\n' ' ')" = "1 2 3 4 " ] || fail "$what: there is $(cat res/*/r)"
has log/3 x
is_tidy base
is_tidy res

what="a run is not gone on with where a staged file has changed"
rm -rf res log/*
printf 'one\n' >model
cat >fails.sh <<'END'
cat "$FANFOLD_STAGE/model"
[ "$1" = 3 ] || exit 1
END
run "$fanfold" map --output model_out -a items --stage-in model -- sh fails.sh {}
expect 1
printf 'two\n' >model
cp -p model_out before
printf 'two\n' >model
run "$fanfold" map --output model_out --retry-failed -a items --stage-in model -- sh fails.sh {}
expect 2
says "or a file of stage-in, is not the one that this run was begun with"
cmp before model_out || fail "$what: the output has changed"
printf 'one\n' >model
run "$fanfold" map --output model_out --retry-failed -a items --stage-in model -- sh fails.sh {}
expect 1

what="what others have left is not replaced unasked"
rm -rf res log/*
mkdir -p res/3 res/03 res/notes
printf 'mine\n' >res/3/thesis
run "$fanfold" map -a items --stage-in a --stage-out res -- sh work.sh {}
expect 3
says "res/3 is there already"
has res/3/thesis mine
[ -z "$(ls log)" ] || fail "$what: something ran"
[ "$(ls res | tr '\n' ' ')" = "03 3 notes " ] || fail "$what: there is $(ls res)"
for shard in 1 2; do # the second one's items are others
    FAIL=none run "$fanfold" map -a items --stage-in a --stage-out res --format tsv --output shards \
        --shard "$shard/2" -- sh work.sh {}
    expect $((shard == 1 ? 3 : 0))
done
has res/4/deep/result 4
FAIL=none run "$fanfold" map --restart -a items --stage-in a --stage-out res -- sh work.sh {}
expect 0
has res/3/deep/result 3
[ ! -e res/3/thesis ] || fail "$what: an item's folder has what another run left"
is_tidy base
is_tidy res

what="a signal"
rm -rf res log/*
"$fanfold" map -j 2 --grace 0 -a items --stage-in a --stage-out res -- sh wait.sh {} \
    >/dev/null 2>"$tmp/err" &
pid=$!
for _ in $(seq 600); do
    [ -e log/2 ] && break
    sleep 0.1
done
kill -TERM "$pid"
code=0
wait "$pid" || code=$?
expect 75
is_tidy base
is_tidy res

what="once on each host"
if find_mpirun; then
    run "${mpirun[@]}" -n 3 "$fanfold" stage --to ranks --manifest LIST a data none
    [ "$code" -ne 0 ] || fail "$what: a file that is not there is no error"
    [ "$(grep -c 'none can.t be opened' "$tmp/err")" = 1 ] || fail "$what: said $(cat "$tmp/err")"
    [ "$(head -n 1 "$tmp/out")" = "$tmp/ranks" ] || fail "$what: printed $(cat "$tmp/out")"
    has ranks/data/sub/more 21
    [ "$(grep -c 'data/[ns]' ranks/LIST)" = 2 ] || fail "$what: the list is $(cat ranks/LIST)"
    rm -rf res
    run "${mpirun[@]}" -n 3 "$fanfold" map --local processes -a items --stage-in a \
        --stage-out res --shell -- \
        'cat $FANFOLD_STAGE/a && ls -d $TMPDIR/fanfold-job-* | wc -l; echo {} >$FANFOLD_STAGE_OUT/r'
    expect 0 "of a\n1\nof a\n1\nof a\n1\nof a\n1\n"
    [ "$(cat res/[1-4]/r | tr '\n' ' ')" = "1 2 3 4 " ] || fail "$what: there is $(cat res/*/r)"
    is_tidy base
    is_tidy res

    what="hosts with folders of their own"
    if unshare -m true 2>/dev/null; then
        cat >on_host.sh <<'END'
rank=${OMPI_COMM_WORLD_RANK:-$PMI_RANK}
mkdir -p "$TMPDIR/$rank"
export TMPDIR=$TMPDIR/$rank
if [ "$rank" = 1 ]; then exec unshare -m "$@"; fi
exec "$@"
END
        mkdir base/1
        printf 'if a\n' >base/1/a # right in size alone
        run "${mpirun[@]}" -n 3 sh on_host.sh "$fanfold" stage --manifest LIST a data
        expect 0 "$tmp/base/0\n"
        cmp base/0/LIST base/1/LIST || fail "$what: the lists differ"
        has base/1/a "of a"
        has base/0/data/sub/more 21
        for i in $(seq 20); do printf '%s' "$i" >"many$i" && mkdir "base/1/many$i"; done
        run "${mpirun[@]}" -n 3 sh on_host.sh "$fanfold" stage many*
        says "fanfold: 4 more files can't be copied"
        rm -r base/[012]
        mkdir -p base/1 base/2
        chmod 1777 base/1 base/2
        sed 's/^mkdir.*//' on_host.sh >no_host.sh
        run "${mpirun[@]}" -n 3 sh no_host.sh "$fanfold" stage a
        [ "$code" -ne 0 ] || fail "$what: no folder for files is no error"
        says "base/0 (TMPDIR)"
        is_tidy base
        chmod 755 base/[12]
        mkdir base/1/large
        printf 'large' >large
        run "${mpirun[@]}" -n 3 sh on_host.sh "$fanfold" stage large
        [ "$code" -ne 0 ] || fail "$what: what fails on another host is no error"
        says "fanfold: host "
        says "base/1/large can't be written"
        has base/0/large large
    fi
fi

finish
