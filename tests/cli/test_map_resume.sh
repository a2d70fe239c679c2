#!/usr/bin/env bash
# fanfold map with a journal: commands of which some fail, killed and gone on with, give the bytes of
# a run that was left alone; nothing is left of what was killed.
#   test_map_resume.sh COMMAND [ITEMS]
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
items=${2:-600}

seq "$items" >items
# Each prints two lines; one in a hundred fails.
cat >work <<'END'
#!/bin/sh
echo "$1 has"
echo "$(($1 * 7))"
[ $(($1 % 100)) -ne 42 ]
END
chmod +x work
awk '{ printf "%s has\n%d\n", $1, $1 * 7 }' items >expected
failing=$(awk '$1 % 100 == 42' items | wc -l)

for executor in threads processes; do
    what="$executor, killed"
    map=("$fanfold" map --executor "$executor" -j 2 --output "$executor.out" --joblog "$executor.log" -a items -- ./work)
    for seconds in 0 0.05 0; do
        killed_at_work "$executor.out" "$seconds" "${map[@]:0:2}" --resume "${map[@]:2}"
    done
    run "${map[@]:0:2}" --resume "${map[@]:2}"
    expect 1
    checks=$((checks + 1))
    cmp -s expected "$executor.out" || fail "$what: $(cmp expected "$executor.out" 2>&1)"
    run "$fanfold" results "$executor.out"
    expect 1
    checks=$((checks + 2))
    [ "$(grep -c 'failed: exited with code 1\|failed.*: exited with code 1' "$tmp/out")" -eq "$failing" ] ||
        fail "$what: results says $(head -n 20 "$tmp/out")"
    # Of the runs that were killed some items may stand twice.
    [ "$(tail -n +2 "$executor.log" | cut -f 1 | sort -nu | wc -l)" -ge $((items / 2)) ] ||
        fail "$what: the job log has $(wc -l <"$executor.log") lines"
done

what='a job log of a run that was killed has what is not run again, and no line glued to another'
cat >last <<'END'
#!/bin/sh
[ "$1" = 3 ] && [ ! -e again ] || exit 0
sleep 0.5 # by then the journal has the first two, mostly
kill -9 $PPID
END
chmod +x last
{ "$fanfold" map -j 1 --output last.out --joblog last.log -- ./last ::: 1 2 3 4; } 2>/dev/null
truncate -s -1 last.log
: >again
run "$fanfold" map -j 1 --resume --output last.out --joblog last.log -- ./last ::: 1 2 3 4
expect 0
checks=$((checks + 1))
[ "$(tail -n +2 last.log | cut -f 1 | sort -un | tr '\n' ' ')" = '1 2 3 4 ' ] || fail "$what: $(cat last.log)"
[ "$(cut -f 9 last.log | tail -n +2 | grep -cvx './last [1-4]')" = 0 ] || fail "$what: $(cat last.log)"

what='another command is another run'
run "$fanfold" map --resume --output threads.out -a items -- ./work {} more
expect 2

what='what failed, done again'
sed -i 's/^\[.*/true/' work
run "$fanfold" map --retry-failed --output threads.out -j 2 -a items -- ./work
expect 0
checks=$((checks + 1))
cmp -s expected threads.out || fail "$what: $(cmp expected threads.out 2>&1)"

what='shards'
run "$fanfold" map --shard 1/2 --output shards.out -a items -- ./work
expect 2 # text has no ends of items
head -n 300 items >few
run "$fanfold" map --format tsv -a few -- ./work
mv out whole
for i in 2 1; do
    run "$fanfold" map --format tsv --shard "$i/2" --output shards.out -a few -- ./work
    expect 0
done
run "$fanfold" results --merge shards.out
expect 0
checks=$((checks + 1))
cmp -s whole shards.out || fail "$what: $(cmp whole shards.out 2>&1)"

# ---- Signals ----------------------------------------------------------------------------------

# nothing_left: no child that it noted lives.
nothing_left() {
    checks=$((checks + 1))
    local group left
    while read -r group; do
        for _ in {1..2400}; do
            left=$(members_of "$group")
            [ -n "$left" ] || break
            sleep 0.05
        done
        [ -z "$left" ] || fail "$what: left processes: $left"
    done <children
}

# await_children N: that many have noted their groups.
await_children() {
    for _ in {1..2400}; do
        [ "$(wc -l <children)" -lt "$1" ] || return
        sleep 0.05
    done
    fail "$what: only $(wc -l <children) children have begun"
}

# await_guards PID N: so many guards of it, or of its workers, are there.
await_guards() {
    local child guards
    for _ in {1..2400}; do
        guards=0
        for child in $(children_of "$1") $(for child in $(children_of "$1"); do children_of "$child"; done); do
            grep -qa fanfold-guard "/proc/$child/cmdline" 2>/dev/null && guards=$((guards + 1))
        done
        [ "$guards" -lt "$2" ] || return
        sleep 0.05
    done
    fail "$what: only $guards guards"
}

stubborn='trap "" TERM; echo $$ >>children; sleep 1000 & sleep 1000'
for executor in serial threads processes; do
    what="SIGTERM on $executor"
    : >children
    timeout 240 "$fanfold" map --grace 0 --executor "$executor" -j 2 -- sh -c "$stubborn" ::: 1 2 3 >out 2>err &
    pid=$! code=0
    await_children "$([ "$executor" = serial ] && echo 1 || echo 2)"
    kill -TERM "$pid"
    wait "$pid" || code=$?
    expect 75
    nothing_left
    what="SIGKILL on $executor"
    : >children
    "$fanfold" map --executor "$executor" -j 2 -- sh -c "$stubborn" ::: 1 2 3 >out 2>err &
    pid=$!
    await_children "$([ "$executor" = serial ] && echo 1 || echo 2)"
    await_guards "$pid" "$([ "$executor" = processes ] && echo 2 || echo 1)"
    kill -KILL "$pid"
    { wait "$pid"; } 2>/dev/null
    nothing_left
done
finish
