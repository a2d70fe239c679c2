#!/usr/bin/env bash
# Outputs that are compressed: the bytes depend on what is in them alone, wherever they go and whoever
# made them; what reads outputs reads these too.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
seq 3000 3999 >n
"$fanfold" factor --input n >plain || fail 'the plain run'

unpack() {
    case $1 in
    gzip*) gzip -dc <"$2" ;;
    *) zstd -dcq <"$2" ;;
    esac
}

ways='gzip gzip:9'
if command -v zstd >/dev/null; then
    ways="$ways zstd zstd:1"
fi
for way in $ways; do
    what="$way to standard output"
    run "$fanfold" factor --input n --compress "$way" --executor processes -j 2
    expect 0
    cp out stream
    unpack "$way" stream | cmp -s - plain || fail "$what: it is not what the plain run has"
    what="$way to a file, with a journal and without"
    run "$fanfold" factor --input n --compress "$way" --output with -j 2
    expect 0 ''
    run "$fanfold" factor --input n --compress "$way" --output without --no-journal --executor serial
    expect 0 ''
    if ! cmp -s stream with || ! cmp -s stream without; then
        fail "$what: other bytes than the stream's"
    fi
    [ ! -e with.part ] || fail "$what: the part is still there"
    rm -f with*
done

what='a stream that comes slowly is the same'
{
    head -n 500 n
    sleep 0.3
    tail -n +501 n
} | "$fanfold" factor --compress gzip >slow
cmp -s slow <("$fanfold" factor --input n --compress gzip) || fail "$what: other bytes"
what='nothing at all'
run "$fanfold" factor --input /dev/null --compress gzip
expect 0
gzip -dc <out | cmp -s - /dev/null || fail "$what: something came out"

what='a run that was stopped early goes on'
seq 300 >items
run "$fanfold" map -a items -j 1 --halt now,done=100 --compress gzip --output halted -- echo
[ ! -e halted ] && [ -e halted.part ] || fail "$what: $(ls halted*)"
run "$fanfold" results halted
expect 75
run "$fanfold" map -a items --compress zstd --output halted --resume -- echo
expect 2
says 'its compress is gzip, now it is zstd'
run "$fanfold" map -a items --executor processes -j 2 --compress gzip --output halted --resume -- echo
expect 0
gzip -dc <halted | cmp -s - items || fail "$what: other items"
run "$fanfold" results halted
expect 0

what='what failed is done again'
try=(map -a items -j 2 --compress gzip --output again -- sh -c 'echo $0; [ $0 != 7 ] || [ -e mended ]')
run "$fanfold" "${try[@]}"
expect 1
: >mended
run "$fanfold" "${try[0]}" --retry-failed "${try[@]:1}"
expect 0
gzip -dc <again | cmp -s - items || fail "$what: other items"
what='an output that was changed is refused'
rm -f mended again*
run "$fanfold" "${try[@]}"
head -c 100 again >cut && mv cut again
run "$fanfold" "${try[0]}" --retry-failed "${try[@]:1}"
expect 3
says 'its compressed data ends too early'

what='shards are merged'
run "$fanfold" factor --input n --format tsv --compress gzip --output whole
for i in 1 2 3; do
    run "$fanfold" factor --input n --format tsv --compress gzip --output cut --shard "$i/3"
    expect 0
done
run "$fanfold" results --merge cut
expect 0
cmp -s cut whole || fail "$what: other bytes than those of a whole run"
what='a shard that was changed is refused'
gzip -dc <cut.shard-2 | sed '5s/./9/' | gzip >changed && mv changed cut.shard-2
run "$fanfold" results --merge cut
expect 3
says 'cut.shard-2 does not fit its journal'

what='keys are their owner'"'"'s alone'
umask 022
run "$fanfold" weakkeys --input n --base 10 --compress gzip --output keys
[ "$(stat -c %a keys)" = 600 ] || fail "$what: $(stat -c %a keys)"
what='bad usage'
for way in lz4 gzip:0 gzip:10 zstd:20 zstd: '' gzip:x; do
    run "$fanfold" factor --compress "$way" 12
    expect 2 ''
    says "compress is '$way'"
done
finish
