#!/usr/bin/env bash
# Outputs that are a folder of files with a list: what is in which file depends on the output alone.
set -u
. "$(dirname "$0")/lib.sh"
cd "$tmp" || exit 1
seq 3000 3999 >n
"$fanfold" factor --input n >plain || fail 'the plain run'

# The files that the list has, in its order, put together: their sizes as listed.
joined() {
    local name size rest
    while IFS=$'\t' read -r name size rest; do
        case $name in \#*) continue ;; esac
        [ "$(stat -c %s "$1/$name")" = "$size" ] || fail "$what: $name has not $size bytes"
        case $name in
        *.gz) gzip -dc <"$1/$name" ;;
        *) cat "$1/$name" ;;
        esac
    done <"$1/MANIFEST"
}

what='files of about a size'
run "$fanfold" factor --input n --output split --split 4K -j 2
expect 0 ''
joined split | cmp -s - plain || fail "$what: other bytes than one file has"
checks=$((checks + 1))
for file in split/part-*; do
    [ "$(tail -c 1 "$file")" = '' ] || fail "$what: $file ends within a line"
    size=$(stat -c %s "$file")
    if [ "$size" -gt 4200 ]; then fail "$what: $file has $size bytes"; fi
    if [ "$size" -lt 4096 ]; then short=${short:-}$file; fi
done
[ "$(ls split | wc -l)" -ge 4 ] || fail "$what: $(ls split)"
[ "${short:-}" = "$(ls split/part-* | tail -n 1)" ] || fail "$what: short are ${short:-none}"
[ ! -e split.part ] || fail "$what: the part is still there"
what='the same whoever made them'
run "$fanfold" factor --input n --output other --split 4K --executor processes -j 3
diff -r split other >diff || fail "$what: $(head -c 300 diff)"
if find_mpirun; then
    run timeout 120 "${mpirun[@]}" -n 2 "$fanfold" factor --input n --output ranks --split 4K
    diff -r split ranks >diff || fail "$what: over ranks: $(head -c 300 diff)"
fi
run "$fanfold" results split
expect 0
what='a run in its place leaves no file of the older one'
run "$fanfold" factor --input n --output other --split 1M --compress gzip
expect 0
[ "$(cd other && echo *)" = 'MANIFEST part-00000.gz' ] || fail "$what: $(ls other)"
joined other | cmp -s - plain || fail "$what: other bytes"
run "$fanfold" factor --input n --output split --split 1M
expect 0
[ "$(cd split && echo *)" = 'MANIFEST part-00000' ] || fail "$what: $(ls split)"
what='files of somebody else stay'
mkdir theirs && echo precious >theirs/part-00000.zst
run "$fanfold" factor --input n --output theirs --split 1M
expect 2 ''
says 'theirs has files part-NNNNN that no MANIFEST lists: --restart replaces them'
[ "$(cat theirs/*)" = precious ] && [ ! -e theirs.journal ] || fail "$what: $(ls -d theirs*/*)"
mv theirs/part-00000.zst theirs/part-of-it
run "$fanfold" factor --input n --output theirs --split 1M
expect 0 ''
[ "$(cat theirs/part-of-it)" = precious ] || fail "$what: $(ls theirs)"
rm theirs.journal theirs/MANIFEST
run "$fanfold" factor --input n --output theirs --split 1M --restart
expect 0 ''
what='a link to a folder that is not there yet'
ln -s later link
run "$fanfold" factor --input n --output link --split 1M
expect 0 ''
joined later | cmp -s - plain || fail "$what: other bytes"
what='nothing is an empty list'
run "$fanfold" factor --input /dev/null --output none --split 1M
expect 0
[ "$(cd none && echo *)" = MANIFEST ] || fail "$what: $(ls none)"
what='a run that was stopped goes on'
run "$fanfold" map -a n -j 1 --halt now,done=500 --split 1K --output halted -- echo
[ ! -e halted ] && [ -e halted.part ] || fail "$what: $(ls -d halted*)"
run "$fanfold" map -a n -j 2 --split 1K --output halted --resume -- echo
expect 0
joined halted | cmp -s - n || fail "$what: other items"
what='what failed is done again'
try=(map -a n -j 2 --compress gzip --split 1K --output again -- sh -c 'echo $0; [ $0 != 3007 ] || [ -e mended ]')
run "$fanfold" "${try[@]}"
expect 1
: >mended
run "$fanfold" "${try[0]}" --retry-failed "${try[@]:1}"
expect 0
joined again | cmp -s - n || fail "$what: other items"
what='an output that is not there any more'
rm again/MANIFEST
run "$fanfold" "${try[0]}" --resume "${try[@]:1}"
expect 3
says 'again is gone'
what='bad usage'
for bad in '--output x --split 0' '--split 1K' '--output x/ --split 1K' '--output plain --split 1K' \
    '--output x --split 1K --no-journal' '--output x --split 1K --shard 1/2'; do
    # shellcheck disable=SC2086 # several words
    run "$fanfold" factor 12 $bad
    expect 2 ''
    says split
done
finish
