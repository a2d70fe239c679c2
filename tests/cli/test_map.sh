#!/usr/bin/env bash
# fanfold map: a command for each item. What is expected stands here in full, or is what the shell
# itself makes of it.
set -u
. "$(dirname "$0")/lib.sh"
# shellcheck disable=SC1083 # braces are what this is about
cd "$tmp" || exit 1
map=("$fanfold" map)

# ---- Words ------------------------------------------------------------------------------------

what='each replacement string'
run "${map[@]}" -j 1 -- printf '%s|' {} {.} {/} {//} {/.} {#} {%} '{1}' '{1/.}' '{-1}' '{2}' ::: /x/y.tar.gz
expect 0 '/x/y.tar.gz|/x/y.tar|y.tar.gz|/x|y.tar|1|1|/x/y.tar.gz|y.tar|/x/y.tar.gz||'
what='names as parallel takes them apart'
run "${map[@]}" -- echo '<{.}> <{/}> <{//}> <{/.}>' ::: a.b/c .bashrc x/ / a//b.c
expect 0 '<a.b/c> <c> <a.b> <c>\n<> <.bashrc> <.> <>\n<x/> <> <.> <>\n</> <> </> <>\n<a//b> <b.c> <a> <b>\n'
what='braces that are no replacement string'
run "${map[@]}" -- printf '%s|' 'awk {print}' '{x}' '{' '{0}' '{1#}' '{}}' ::: a
expect 0 'awk {print}|{x}|{|{0}|{1#}|a}|'
what='an item is put last'
run_on 'a b\nc\n' "${map[@]}" -- printf '%s|\n' x
expect 0 'x|\na b|\nx|\nc|\n'
what='words that a shell would take apart'
run "${map[@]}" -- printf '<%s>\n' ::: "it's" 'a  b' '$HOME' '*' '' '"' "$(printf 'a\nb')"
expect 0 "<it's>\n<a  b>\n<\$HOME>\n<*>\n<>\n<\">\n<a\nb>\n"
what='the same in a shell'
run "${map[@]}" --shell -- printf "'<%s>\\n'" {} '| cat' ::: "it's" 'a  b' '$HOME' '*' '' '"' '`id`'
expect 0 "<it's>\n<a  b>\n<\$HOME>\n<*>\n<>\n<\">\n<\`id\`>\n"
run "${map[@]}" --shell -- {} ::: -x
expect 1
says 'item 0 failed: exited with code 127'
run "${map[@]}" --shell -- 'echo "{}"' ::: '$(echo run)'
expect 2 ''
says '{} stands within quotes'
what='what is an option and what is not'
run "${map[@]}" -j2 echo -n --help -- {} ::: x
expect 0 '--help -- x'

# ---- Where items come from --------------------------------------------------------------------

what='lines, empty ones and a last one without an end'
run_on ' a\t\n\n\nb' "${map[@]}" echo '<{}>'
expect 0 '< a\t>\n<>\n<>\n<b>\n'
what='nothing'
run "${map[@]}" false
expect 0 ''
what='items that end with a NUL'
printf 'a\nb\0\0 c' >nul
run "${map[@]}" -0 -a nul -- printf '<%s>'
expect 0 '<a\nb><>< c>'
what='a NUL in a line'
run_on 'a\0b\nc\n' "${map[@]}" echo
expect 2 'c\n'
says '(standard input):1:2: a NUL byte'
printf 'c\na\0b\n' >nul_within
run "${map[@]}" echo {1} {2} :::: nul_within ::: x
expect 2 ''
says 'nul_within:2:2: a NUL byte'
run "${map[@]}" -0 echo {1}{2} :::: nul_within ::: x
expect 0 'c\nax\nb\nx\n'
what='all combinations'
printf '1\n2\n' >two
run "${map[@]}" -- echo {2}-{1} {} ::: a 'b c' :::: two ::: x
expect 0 '1-a a 1 x\n2-a a 2 x\n1-b c b c 1 x\n2-b c b c 2 x\n'
run "${map[@]}" -a two -- printf '%s,' {} ::: a b
expect 0 '1,a,1,b,2,a,2,b,'
what='a source without items'
run "${map[@]}" -- echo ::: a b :::
expect 0 ''
run "${map[@]}" -- echo dir/{} ::::
expect 0 ''
run "${map[@]}" -- echo {1}/{2} ::: a b ::::
expect 0 ''
run "${map[@]}" -- echo {1}/{2} :::: ::: a b
expect 0 ''
what='columns'
run_on 'a, b,c\nd\n' "${map[@]}" --colsep , -- printf '<%s>' {3} {} '{2}{-1}' '{}' x
expect 0 '<c><a>< b><c>< bc><a>< b><c><x><><d><d><d><x>'
run_on 'a\tb\n' "${map[@]}" --colsep '\t' -- echo {2}{1}
expect 0 'ba\n'
what='a file that is not there'
run "${map[@]}" echo :::: missing
expect 3 ''
says 'missing can'
run "${map[@]}" --input missing echo
expect 2 ''
says 'missing can'

# ---- What comes out ---------------------------------------------------------------------------

what='outputs in the order of the items, whole'
run "${map[@]}" -j 4 -- sh -c 'echo a$0; sleep $0; echo b$0; echo err$0 >&2' ::: 0.2 0.1 0
expect 0 'a0.2\nb0.2\na0.1\nb0.1\na0\nb0\n'
printf 'err0.2\nerr0.1\nerr0\n' | cmp -s - err || fail "$what: standard error is: $(cat err)"
what='outputs as they come'
run "${map[@]}" -j 2 --unordered -- sh -c 'if [ $0 = slow ]; then until [ -e quick ]; do sleep 0.01; done; else : >quick; fi; echo $0' ::: slow quick
expect 0
checks=$((checks + 1))
[ "$(sort out | tr '\n' ' ')" = 'quick slow ' ] || fail "$what: $(cat out)"
what='a tag'
run "${map[@]}" --tag -- sh -c 'printf "x$0\ny\n\nz"; echo $1 >&2' ::: a b ::: 1
expect 0 'a 1\txa\na 1\ty\na 1\t\na 1\tzb 1\txb\nb 1\ty\nb 1\t\nb 1\tz'
printf 'a 1\t1\nb 1\t1\n' | cmp -s - err || fail "$what: standard error is: $(cat err)"
what='TSV'
run "${map[@]}" --format tsv -- sh -c 'printf "a\tb\n\\"; echo e >&2; exit $0' ::: 0 3
expect 1 'index\titem\texit\tsignal\tstdout\tstderr\tstatus\ttext\n0\t0\t0\t-\ta\\tb\\n\\\\\te\\n\tok\t\n1\t3\t3\t-\ta\\tb\\n\\\\\te\\n\tfailed\texited with code 3\n'
what='NDJSON'
run "${map[@]}" --format ndjson -- sh -c 'printf "\303\244"; printf "\377" >&2; kill -15 $$' ::: 'a"b'
expect 1 '{"schema":"fanfold.command/1","index":0,"status":"failed","exit":null,"signal":"SIGTERM","item":"a\\"b","stdout":"\xc3\xa4","stderr_base64":"/w==","text":"killed by SIGTERM"}\n'
run "${map[@]}" --format ndjson -- printf ::: '\377\0' '\377\001\376' '\377abc'
expect 0
checks=$((checks + 1))
[ "$(grep -o '"stdout_base64":"[^"]*"' out | cut -d '"' -f 4 | tr '\n' ' ')" = '/wA= /wH+ /2FiYw== ' ] ||
    fail "$what: $(cat out)"
what='bytes as they are'
head -c 300000 /dev/urandom >random
run "${map[@]}" -j 2 cat ::: random nul random
expect 0
cat random nul random | cmp -s - out || fail "$what: not what cat prints"
what='a job log'
for limit in 0.2 2 20; do # a machine that pauses may use it up
    run "${map[@]}" --joblog log --timeout $limit -- sh -c 'echo 12345; eval "$0"' ::: true 'sleep 100' 'kill -9 $$' false
    expect 1
    [ "$(cut -f 8 log | grep -c 15)" -gt 1 ] || break
    rm -f log
done
checks=$((checks + 1))
[ "$(cut -f 1,2,5- log | tr '\t' ' ')" = "Seq Host Send Receive Exitval Signal Command
1 : 0 6 0 0 sh -c 'echo 12345; eval \"\$0\"' true
2 : 0 6 -1 15 sh -c 'echo 12345; eval \"\$0\"' 'sleep 100'
3 : 0 6 0 9 sh -c 'echo 12345; eval \"\$0\"' 'kill -9 \$\$'
4 : 0 6 1 0 sh -c 'echo 12345; eval \"\$0\"' false" ] || fail "$what: $(cat log)"
what='a program that nobody reads'
code=0
yes | "${map[@]}" -j 2 echo 2>err | head -n 1 >out || code=$?
expect 0 'y\n'

# ---- What goes wrong --------------------------------------------------------------------------

what='a command that is not there'
run "${map[@]}" --format tsv no-such-command ::: a b
expect 1
says 'item 1 failed: no-such-command: there is no such command'
checks=$((checks + 1))
[ "$(cut -f 3,7 out | tr '\t\n' '  ')" = 'exit status 127 failed 127 failed ' ] || fail "$what: $(cat out)"
run "${map[@]}" 'echo {} | wc' ::: a
says 'a line for a shell needs --shell'
run "${map[@]}" --format tsv /etc/passwd ::: a
checks=$((checks + 1))
[ "$(tail -n 1 out | cut -f 3)" = 126 ] || fail "$what: $(cat out)"
what='a signal by its name'
run "${map[@]}" -- sh -c 'kill -$0 $$' ::: 15 9 0
expect 1
says 'item 0 failed: killed by SIGTERM'
says 'item 1 failed: killed by SIGKILL'
what='a child that ignores SIGTERM, and its own'
for limit in 300 3000 30000; do # it may be slow to begin
    run timeout 240 "${map[@]}" --timeout "$(printf "%d.%03d" $((limit / 1000)) $((limit % 1000)))" --format tsv -- \
        sh -c 'trap "" TERM; sleep 1000 & echo $$; sleep 1000' ::: a
    expect 1
    group=$(tail -n 1 out | cut -f 5)
    [ -z "$group" ] || break
done
says "item 0 timed out: ran longer than $limit ms (killed by SIGKILL)"
for _ in {1..1200}; do
    left=$(members_of "${group%\\n}")
    [ -n "$left" ] || break
    sleep 0.05
done
[ -z "$left" ] || fail "$what: left processes: $left"
what='a batch system that stops the program and its command for longer than --timeout'
for seconds in 1.5 6 24; do # it may use them up by itself
    rm -f stopped go
    "${map[@]}" --timeout $seconds -- sh -c 'echo $$ >stopped; until [ -e go ]; do sleep 0.02; done; echo done' ::: a >out 2>err </dev/null &
    pid=$! code=0
    for _ in {1..6000}; do
        [ ! -s stopped ] || break
        sleep 0.02
    done
    kill -STOP -- "-$(cat stopped)" "$pid"
    sleep "$seconds"
    sleep 0.2
    : >go
    kill -CONT "$pid"
    sleep 0.1
    kill -CONT -- "-$(cat stopped)" 2>/dev/null
    wait "$pid" || code=$?
    [ "$code" -ne 0 ] || break
done
expect 0 'done\n'
what='a retry'
run "${map[@]}" --retries 3 -- sh -c 'echo x >>tries; [ $(wc -l <tries) -ge 3 ] && echo $(wc -l <tries)' ::: a
expect 0 '3\n'
rm -f tries
run "${map[@]}" --retries 1 -- sh -c 'echo x >>tries; false' ::: a
expect 1 ''
[ "$(wc -l <tries)" -eq 2 ] || fail "$what: $(wc -l <tries) tries with --retries 1"
what='too much output'
run timeout 240 "${map[@]}" --capture-limit 1K --format tsv -- yes ::: a
expect 1
says 'wrote more than may be kept, 1024 bytes'
what='standard input of children'
run_on 'a\nb\n' "${map[@]}" -j 1 -- sh -c 'cat; echo $0'
expect 0 'a\nb\n'
run "${map[@]}" --stdin item -- cat ::: a 'b c'
expect 0 'a\nb c\n'

what="a launcher's variables"
OMPI_OF_TEST=1 run "${map[@]}" -- sh -c 'echo ${OMPI_OF_TEST-none}' ::: a
expect 0 'none\n'
OMPI_OF_TEST=1 run "${map[@]}" --keep-mpi-env -- sh -c 'echo ${OMPI_OF_TEST-none}' ::: a
expect 0 '1\n'

what='halt now'
run timeout 240 "${map[@]}" -j 2 --halt now,fail=1 -- sh -c 'if [ $0 = 1 ]; then exit 1; else sleep 1000; fi' ::: 1 2 3 4
expect 1
says 'stopped by --max-fails'
what='halt soon'
rm -f ran
run timeout 240 "${map[@]}" -j 1 --halt soon,fail=2 -- sh -c 'echo $0 >>ran; exit 1' ::: 1 2 3 4 5 6
expect 1
[ "$(wc -l <ran)" -lt 6 ] || fail "$what: all ran"
what='halt after so many that end well, as parallel has it'
run "${map[@]}" -j 1 --halt now,success=2 -- sh -c 'echo $0; [ $0 != 1 ]' ::: {1..300}
expect 0
says 'items that are ok: 2, and halt is success=2'
checks=$((checks + 1))
[ "$(wc -l <out)" -lt 300 ] && [ "$(head -n 3 out | tr '\n' ' ')" = '1 2 3 ' ] || fail "$what: $(wc -l <out) ran"
run "${map[@]}" -j 1 --halt -1 --unordered -- echo ::: {1..300}
expect 0
says 'success=1'
what='halt after so many, and one failed'
run "${map[@]}" -j 1 --halt soon,done=3 -- sh -c '[ $0 != 2 ]' ::: {1..300}
expect 1 ''
says 'items that are done: 3, and halt is done=3'
what='halt when a share of all fails'
seq 300 >all
run "${map[@]}" -j 1 -a all --halt soon,fail=2% -- sh -c 'echo $0; [ $(($0 % 2)) = 0 ]'
expect 1
says 'failed items: 6 of 300, and halt is fail=2%'
checks=$((checks + 1))
[ "$(wc -l <out)" -lt 300 ] || fail "$what: all ran"
run "${map[@]}" -j 1 -a all --halt 1% -- false
expect 1
says 'failed items: 3 of 300, and halt is fail=1%'
what='a halted run is gone on with'
run "${map[@]}" -j 1 -a all --output halted --halt now,success=3 -- echo
expect 0
checks=$((checks + 1))
[ ! -e halted ] || fail "$what: there is an output already"
run "${map[@]}" -j 1 -a all --output halted --resume -- echo
expect 0
cmp -s all halted || fail "$what: another output"
what='many of them: the last counts'
# shellcheck disable=SC2046 # many words
run "${map[@]}" -j 1 $(printf -- '--halt now,fail=%d ' {60..1}) -- sh -c 'echo $0; exit 1' ::: 1 2 3
expect 1 '1\n'
what='a dry run'
run "${map[@]}" --dry-run -j 1 -- sh -c ': >ran' {} ::: a b
expect 0
checks=$((checks + 1))
[ "$(grep -E '^(command|values)' out | tr -s ' \n' ' ')" = 'command sh command -c command : >ran command {} values ::: values a values b ' ] ||
    fail "$what: $(cat out)"
what='a dry run shows what would run'
run "${map[@]}" --dry-run -- gzip -9 {} {.} {%} ::: 'a b.c' "it's"
expect 0
checks=$((checks + 1))
[ "$(sed '1,/^$/d' out)" = "gzip -9 'a b.c' 'a b' '{%}'
gzip -9 'it'\\''s' 'it'\\''s' '{%}'" ] || fail "$what: $(cat out)"
run_on 'x\ny z\n' "${map[@]}" --dry-run --shell -- 'wc -l <{} | tee {#}'
checks=$((checks + 1))
[ "$(sed '1,/^$/d' out)" = "wc -l <x | tee 1
wc -l <'y z' | tee 2" ] || fail "$what: $(cat out)"
run "${map[@]}" --dry-run --shard 2/2 --format tsv --output none -- echo ::: a b c d
checks=$((checks + 1))
[ "$(sed '1,/^$/d' out | tr '\n' ' ')" = 'echo b echo d ' ] || fail "$what: $(cat out)"
run "${map[@]}" --dry-run -- echo :::: missing
expect 2
says 'missing can'
what='times'
run "${map[@]}" --format tsv --timings -j 1 -- sh -c 'exit $0' ::: 0 3
expect 1
checks=$((checks + 1))
[ "$(cut -f 1,3,9 out | tr '\t\n' '  ')" = 'index exit attempt 0 0 1 1 3 1 ' ] || fail "$what: $(cat out)"
what='bad usage'
run "$fanfold" --fanfold-guard
expect 2 ''
says 'no option'
run "${map[@]}" ::: a
expect 2 ''
says 'there is no command'
run "${map[@]}" --halt perhaps true ::: a
expect 2 ''
says "halt is 'perhaps'"
for fails in -1 +3 ' 3' 0 '' 3x 99999999999999999999999 0% 101% %; do
    run "${map[@]}" --halt "now,fail=$fails" true ::: a
    expect 2 ''
    says "halt is 'now,fail=$fails'"
done
run "${map[@]}" --colsep , echo ::: a ::: b
expect 2 ''
says 'colsep'
run "${map[@]}" --no-such true ::: a
expect 2 ''

# ---- Everywhere the same ----------------------------------------------------------------------

what='the same bytes everywhere'
seq 200 >numbers
run "${map[@]}" --executor serial -a numbers -- sh -c 'echo $0 ${PMIX_RANK-none}; [ $(($0 % 50)) != 0 ]'
expect 1
mv out plain
for executor in 'threads -j 3' 'processes -j 3'; do
    # shellcheck disable=SC2086 # two words
    run "${map[@]}" --executor $executor -a numbers -- sh -c 'echo $0 ${PMIX_RANK-none}; [ $(($0 % 50)) != 0 ]'
    expect 1
    cmp -s plain out || fail "$what: not on $executor"
done
if find_mpirun; then
    run timeout 120 "${mpirun[@]}" -n 2 "${map[@]}" -j 2 -a numbers -- sh -c 'echo $0 ${PMIX_RANK-none}; [ $(($0 % 50)) != 0 ]'
    checks=$((checks + 1))
    cmp -s plain out || fail "$what: not over ranks: $(cat err)"
else
    echo 'skipped over ranks: no MPI'
fi

# ---- Places -----------------------------------------------------------------------------------

# Each makes a folder named by its place: it can't where another one that runs has it.
what='places are no two commands at the same time, and no more than workers'
own='mkdir place.$0 && sleep 0.03 && rmdir place.$0 && echo $0'
places_are() {
    run timeout 120 "${@:2}" -a numbers --shard 1/4 --format tsv --output places -- sh -c "$own" {%}
    expect 0
    checks=$((checks + 1))
    tail -n +2 places.shard-1 | cut -f 5 | tr -d 'n\\' | sort -u >taken
    if [ "$(wc -l <places.shard-1)" -ne 51 ] || ! seq "$1" | head -n "$(wc -l <taken)" | cmp -s - taken; then
        fail "$what: $*: $(cut -f 5 places.shard-1 | sort | uniq -c)"
    fi
    rm -f places*
}
places_are 3 "${map[@]}" --executor threads -j 3
places_are 3 "${map[@]}" --executor processes -j 3
if find_mpirun; then
    places_are 4 "${mpirun[@]}" -n 2 "${map[@]}" -j 2
fi
finish
