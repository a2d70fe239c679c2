# Sourced by the tests of the command: lib.sh COMMAND. Each test says what failed and ends with
# `finish`.
fanfold=$(realpath "$1")
source_dir=${FAN_TEST_SOURCE_DIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
tmp=$(mktemp -d)
# Not in a child that is ended before the shell has forgotten the trap there.
test_shell=$BASHPID
trap '[ "$BASHPID" != "$test_shell" ] || rm -rf "$tmp"' EXIT
checks=0 failures=0
unset FANFOLD_EXECUTOR FANFOLD_WORKERS TMOUT
export LC_ALL=C OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}

# run COMMAND...: leaves its exit code in $code and its output in $tmp/out and $tmp/err.
run() {
    code=0
    "$@" >"$tmp/out" 2>"$tmp/err" </dev/null || code=$?
}

# The same with the text of the first argument as standard input.
run_on() {
    local text=$1
    shift
    code=0
    printf '%b' "$text" | "$@" >"$tmp/out" 2>"$tmp/err" || code=$?
}

# After run: expect CODE [OUTPUT]; OUTPUT (with \n) is compared as a whole.
expect() {
    checks=$((checks + 1))
    if [ "$code" -ne "$1" ]; then
        fail "${what:-}: exit code $code, not $1; it said: $(head -c 400 "$tmp/err")"
    fi
    if [ "$#" -gt 1 ]; then
        printf '%b' "$2" >"$tmp/expected"
        if ! cmp -s "$tmp/expected" "$tmp/out"; then
            fail "${what:-}: printed '$(head -c 300 "$tmp/out")', not '$(head -c 300 "$tmp/expected")'"
        fi
    fi
}

# After run: standard error has this text.
says() {
    checks=$((checks + 1))
    grep -qF -- "$1" "$tmp/err" ||
        fail "${what:-}: did not say '$1' but: $(head -c 400 "$tmp/err")"
}

# After run: standard error is empty.
says_nothing() {
    checks=$((checks + 1))
    [ ! -s "$tmp/err" ] || fail "${what:-}: said: $(head -c 400 "$tmp/err")"
}

# Milliseconds since the machine was started, to ten: the calendar's clock may be set meanwhile.
uptime_ms() {
    local up rest
    read -r up rest </proc/uptime
    echo "$((10#${up/./} * 10))"
}

# catches PID SIGNAL: waits until the program that PID becomes handles the signal, or has ended.
catches() {
    local number caught shell
    number=$(kill -l "$2") shell=$(readlink "/proc/$$/exe")
    for _ in {1..2400}; do
        caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null)
        [ "$(readlink "/proc/$1/exe" 2>/dev/null)" = "$shell" ] ||
            [ $((16#${caught: -8} >> (number - 1) & 1)) -eq 0 ] || return 0
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.05
    done
}

# computes PID TICKS: waits until its process group has used so much time (100 ticks a second).
computes() {
    local member ticks stat
    for _ in {1..1200}; do
        ticks=0
        for member in $(members_of "$1"); do
            { read -ra stat <"/proc/$member/stat"; } 2>/dev/null && ticks=$((ticks + stat[13] + stat[14]))
        done
        [ "$ticks" -lt "$2" ] || return 0
        kill -0 "$1" 2>/dev/null || return 0
        sleep 0.1
    done
}

# killed_at_work OUTPUT SECONDS COMMAND...: kill -9 so long after it has written more than the run
# before it, which may have been killed too. Where it was quicker than that, it is tried anew, with
# nothing of it left. Standard input is $input.
killed_at_work() {
    local output=$1 seconds=$2 pid tries=0 before looks
    shift 2
    while [ "$tries" -lt 20 ]; do
        before=$(stat -c %s "$output.part" 2>/dev/null || echo 0)
        "$@" >/dev/null 2>"$tmp/err" <"${input:-/dev/null}" &
        pid=$! looks=0
        while [ "$(stat -c %s "$output.part" 2>/dev/null || echo 0)" -le "$before" ] &&
            kill -0 "$pid" 2>/dev/null && [ "$looks" -lt 12000 ]; do
            sleep 0.01
            looks=$((looks + 1))
        done
        sleep "$seconds"
        kill -9 "$pid" 2>/dev/null
        { wait "$pid"; } 2>/dev/null
        [ ! -s "$output.part" ] || break
        rm -rf "$output" "$output".*
        tries=$((tries + 1))
        [ "$tries" -lt 5 ] || seconds=0
    done
    checks=$((checks + 1))
    [ "$tries" -lt 20 ] || fail "${what:-}: it was never at work when it was killed: $(cat "$tmp/err")"
}

# The launcher of the MPI library that the command uses, in $mpirun; false where there is none.
find_mpirun() {
    local version
    version=$("$fanfold" --version)
    case $version in
    *"Open MPI"*) mpirun=(mpirun.openmpi) ;;
    *MPICH*) mpirun=(mpirun.mpich) ;;
    *) return 1 ;;
    esac
    command -v "${mpirun[0]}" >/dev/null || mpirun=(mpirun)
    command -v "${mpirun[0]}" >/dev/null || return 1
    case $version in
    *"Open MPI"*) mpirun+=(--oversubscribe --bind-to none) ;;
    esac
}

# The living processes (no zombies) that PID started, or whose process group is PID.
children_of() {
    living parent "$1"
}
members_of() {
    living group "$1"
}
living() {
    local stat line state parent group
    for stat in /proc/[0-9]*/stat; do
        { read -r line <"$stat"; } 2>/dev/null || continue
        read -r state parent group _ <<<"${line##*) }"
        if [ "$state" != Z ] && [ "${!1}" = "$2" ]; then
            basename "${stat%/stat}"
        fi
    done
}

finish() {
    printf '%d checks, %d failed\n' "$checks" "$failures"
    [ "$failures" -eq 0 ] && [ "$checks" -gt 0 ]
    exit
}

# long_keys HIGH: keys of 40001 bits and more, below HIGH: 2^p - 1 for primes p, of which no two share a
# factor. And 2^(2p) - 1, which shares with two others.
long_keys() {
    awk -v high="$1" 'function ones(bits, text) {
        text = substr("137", bits % 4, bits % 4 > 0)
        return text substr(ffs, 1, (bits - bits % 4) / 4)
    }
    BEGIN {
        ffs = "f"
        while (length(ffs) < 16000)
            ffs = ffs ffs
        for (p = 40001; p < high; p += 2) {
            prime = 1
            for (d = 3; d * d <= p && prime; d += 2)
                prime = p % d > 0
            if (prime)
                print ones(p)
        }
        print ones(22003), ones(2 * 22003), ones(2)
    }' | tr ' ' '\n'
}
