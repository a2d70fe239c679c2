#!/usr/bin/env bash
# What is loaded at the start: no libmpi, libcurl or libcrypto before it is needed, in the command or
# in a worker image, for a run of small jobs costs little more than its start-up. The loader itself
# says what it loads, in one file for each process.
set -u
. "$(dirname "$0")/lib.sh"

# loads COMMAND...: runs it with the loader's reports in $tmp/loads/it.PID.
loads() {
    rm -rf "$tmp/loads"
    mkdir "$tmp/loads"
    run env LD_DEBUG=files LD_DEBUG_OUTPUT="$tmp/loads/it" "$@"
}

# images: in how many processes of the last run libfanfold was loaded.
images() {
    grep -lE 'calling init: .*/libfanfold\.so' "$tmp"/loads/it.* 2>/dev/null | wc -l
}

# with LIBRARY: in how many of them it was.
with() {
    grep -lE "calling init: .*/$1\.so" "$tmp"/loads/it.* 2>/dev/null | wc -l
}

loads_little() {
    local library
    for library in libcrypto libssl libcurl libmpi libfanfold_keys libfanfold_mpi; do
        checks=$((checks + 1))
        [ "$(with "$library")" -eq 0 ] || fail "$what: $(with "$library") of $(images) load $library"
    done
}

what='factor 12'
loads "$fanfold" factor 12
expect 0 '12: 2 2 3\n'
[ "$(images)" -eq 1 ] || fail "$what: libfanfold in $(images) processes: the reports are not understood"
loads_little

what='factor on two workers'
loads "$fanfold" factor --executor processes -j 2 12 35
expect 0 '12: 2 2 3\n35: 5 7\n'
[ "$(images)" -ge 2 ] || fail "$what: libfanfold in $(images) processes: no worker was seen"
loads_little

what='weakkeys on two workers'
loads "$fanfold" weakkeys --executor processes -j 2 "$source_dir/jobs/data/sound.pem"
expect 0
checks=$((checks + 1))
[ "$(images)" -ge 2 ] || fail "$what: libfanfold in $(images) processes: no worker was seen"
[ "$(with libcrypto)" -eq 1 ] || fail "$what: libcrypto in $(with libcrypto) processes, not one"

# The command and libfanfold without the library beside it: all but keys works, and keys say why not.
libfanfold=$(sed -nE 's/.*calling init: (.*\/libfanfold\.so[.0-9]*).*/\1/p' "$tmp"/loads/it.* | head -n 1)
mkdir "$tmp/bin" "$tmp/lib"
cp "$fanfold" "$tmp/bin/fanfold"
cp "$libfanfold" "$tmp/lib/"
what='without libfanfold_keys, factor'
run "$tmp/bin/fanfold" factor 12
expect 0 '12: 2 2 3\n'
# Not where another one is installed for the whole system: that one is found.
if ! PATH=$PATH:/sbin:/usr/sbin ldconfig -p | grep -q libfanfold_keys; then
    what='without libfanfold_keys, weakkeys'
    run env -u LD_LIBRARY_PATH "$tmp/bin/fanfold" weakkeys "$source_dir/jobs/data/sound.pem"
    expect 3 ''
    says "libfanfold_keys.so.0, which reads keys, can't be loaded: libfanfold_keys.so.0: cannot open"
fi
what='a broken libfanfold_keys'
echo 'no library' >"$tmp/lib/libfanfold_keys.so.0"
run "$tmp/bin/fanfold" weakkeys "$source_dir/jobs/data/sound.pem"
expect 3 ''
says 'lib/libfanfold_keys.so.0: file too short'
finish
