#!/usr/bin/env bash
# run.sh BUILD CC CXX [MPICC MPIEXEC]: installs the build tree BUILD to a scratch prefix, moves the
# installed tree, and builds and runs programs against it: by find_package and by pkg-config, shared
# and static, and with MPI where a compiler and a launcher are given.
set -euo pipefail
build=$1 cc=$2 cxx=$3 mpicc=${4-} mpiexec=${5-}
outside=$(cd "$(dirname "$0")/outside" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# same WHAT EXPECTED COMMAND...
same() {
    local what=$1 expected=$2 got
    shift 2
    got=$("$@") || fail "$what: exit code $?"
    [ "$got" = "$expected" ] || fail "$what: printed \"$got\", expected \"$expected\""
}

cmake --install "$build" --prefix "$scratch/first" >install.log || fail "$(tail install.log)"
mv first prefix
prefix=$scratch/prefix
libdir=$(dirname "$(find "$prefix" -name libfanfold.so)")
[ -e "$libdir/libfanfold.so.0" ] || fail "no libfanfold.so.0"
# A build tree's path in what is installed would break it elsewhere.
if grep -rlF "$build" "$prefix" --include='*.pc' --include='*.cmake' >leaks; then
    fail "paths of the build tree in $(cat leaks)"
fi
for binary in "$prefix"/bin/* "$libdir"/*.so; do
    if readelf -d "$binary" | grep -E 'R(UN)?PATH' | grep -qF "$build"; then
        fail "$binary looks for libraries in the build tree"
    fi
done

# Every header stands alone, in C and in C++.
for header in "$prefix"/include/fanfold/*.h; do
    name=fanfold/$(basename "$header")
    compilers=("$cc -std=c11 -x c" "$cxx -std=c++20 -x c++")
    if [ "$name" = fanfold/mpi.h ]; then
        [ -n "$mpicc" ] || fail "mpi.h is installed by a build without MPI"
        compilers=("$mpicc -std=c11 -x c")
    fi
    for compiler in "${compilers[@]}"; do
        echo "#include <$name>" | $compiler -Wall -Wextra -Werror -fsyntax-only \
            -I"$prefix/include" - || fail "$name does not stand alone: $compiler"
    done
done

# gcd(i, 12) for i in 0..999: 12 at each multiple of 12, and so on.
expected_sum=$(awk 'function g(a, b) { return b ? g(b, a % b) : a }
    BEGIN { for (i = 0; i < 1000; i++) s += g(12, i); print s }')
expected=$(printf '%s\n' serial threads processes | sed "s/\$/ $expected_sum/")
squares="ranks 328350"

cmake -S "$outside" -B cmake-build -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
    ${mpicc:+-DWITH_MPI=ON -DMPI_C_COMPILER="$mpicc"} >cmake.log 2>&1 || fail "$(cat cmake.log)"
cmake --build cmake-build >>cmake.log 2>&1 || fail "$(cat cmake.log)"
if ldd cmake-build/outside | grep -q libcrypto; then
    fail "the shared library loads libcrypto at its start"
fi
same "CMake, shared" "$expected" cmake-build/outside serial threads processes
same "CMake, static" "$expected" cmake-build/outside_static serial threads processes
if ldd cmake-build/outside_static | grep -q libfanfold; then
    fail "the static program needs libfanfold.so"
fi

export PKG_CONFIG_PATH=$libdir/pkgconfig
# shellcheck disable=SC2046 # flags are meant to be split
$cc "$outside/main.c" -o shared $(pkg-config --cflags --libs fanfold)
same "pkg-config, shared" "$expected" env LD_LIBRARY_PATH="$libdir" \
    ./shared serial threads processes
# shellcheck disable=SC2046
$cc "$outside/main.c" -o static $(pkg-config --cflags fanfold) "$libdir/libfanfold.a" \
    -Wl,--as-needed $(pkg-config --static --libs fanfold)
same "pkg-config, static" "$expected" ./static serial threads processes
if ldd static | grep -q libfanfold; then
    fail "the static program needs libfanfold.so"
fi

# The example of the manual, as it stands there.
awk '/^### In programs/ { on = 1 } on && /^```$/ { exit } code { print } on && /^```c$/ { code = 1 }' \
    "$outside/../../../docs/integration.md" >example.c
# shellcheck disable=SC2046
$cc -std=c11 -Wall -Wextra -Werror example.c -o example $(pkg-config --cflags --libs fanfold)
same "the example of docs/integration.md" "$(printf '%s\n' "1.27902070 reached" 0.78693868 \
    0.63212056 0.51791323)" env LD_LIBRARY_PATH="$libdir" ./example

if [ -n "$mpicc" ]; then
    same "CMake, MPI" "$squares" "$mpiexec" -n 2 cmake-build/ranks
    # shellcheck disable=SC2046
    $cc "$outside/ranks.c" -o ranks $(pkg-config --cflags --libs fanfold_mpi)
    same "pkg-config, MPI" "$squares" env LD_LIBRARY_PATH="$libdir" "$mpiexec" -n 2 ./ranks
fi

if [ -x "$prefix/bin/fanfold" ]; then
    same "the installed command" "12: 2 2 3" "$prefix/bin/fanfold" factor 12
    # Keys are read by a library of its own, which must have come along.
    [ ! -e "$libdir/libfanfold_keys.so" ] || fail "libfanfold_keys has a name to be linked by"
    same "keys read by the installed command" "" \
        "$prefix/bin/fanfold" weakkeys "$outside/../../../jobs/data/sound.pem" 2>keys.log
fi
