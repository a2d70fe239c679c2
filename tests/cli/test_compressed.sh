#!/usr/bin/env bash
# Compressed number files: by name, over a pipe, several that follow each other, damaged ones.
set -u
. "$(dirname "$0")/lib.sh"
seq 1 2000 >"$tmp/n"
"$fanfold" factor --input "$tmp/n" >"$tmp/plain" || fail 'the plain file'
gzip -c "$tmp/n" >"$tmp/n.gz"
kinds=gz
if command -v zstd >/dev/null; then
    zstd -qc "$tmp/n" >"$tmp/n.zst"
    kinds="$kinds zst"
fi

same() {
    expect 0
    cmp -s "$tmp/out" "$tmp/plain" || fail "$what: the output is not that of the plain file"
}

for kind in $kinds; do
    what="n.$kind" && run "$fanfold" factor --input "$tmp/n.$kind" && same
    what="n.$kind over a pipe"
    run sh -c "cat '$tmp/n.$kind' | '$fanfold' factor --executor processes -j 2" && same
done

what='a compressed file that ends too early'
head -c 1000 "$tmp/n.gz" >"$tmp/short.gz"
run "$fanfold" factor --input "$tmp/short.gz"
expect 3
says "short.gz can't be read: its compressed data ends too early"
finish
