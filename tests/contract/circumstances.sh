#!/usr/bin/env bash
# The contract suite where things are not as usual: circumstances.sh WHAT CONTRACT [LAUNCHER...]
#
#   threads=N     OMP_NUM_THREADS
#   bound         OMP_PROC_BIND=close
#   one-core      on one core, by taskset
#   half-core     with a quota of half a core, by a cgroup
#   few-files     with 64 descriptors
#   locale        where numbers have a decimal comma
#   ranks=N       CONTRACT over N ranks, started by LAUNCHER
#   short         a few cases with all of these at once that can be had
#
# Exit code 77: it can't be had here, the last line says why.
set -u
what=$1 contract=$2
shift 2
launcher=("$@")
group=
trap 'leave_group' EXIT

skip() {
    echo "skipped: $*"
    exit 77
}

one_core() {
    command -v taskset >/dev/null || return 1
    taskset -p -c "$(taskset -p -c $$ | sed 's/.*: *\([0-9]*\).*/\1/')" $$ >/dev/null
}

# A folder of our own below a cgroup folder that may have a quota.
make_group() {
    group=$1/fanfold-$$
    if mkdir "$group" 2>/dev/null; then
        return 0
    fi
    group=
    return 1
}

# Half a core for this shell and what it starts, with version 1 or 2 of cgroups.
half_core() {
    local folder own
    own=$(sed -n 's/^[0-9]*:\(cpu\|cpu,cpuacct\|cpuacct,cpu\):\(.*\)/\2/p' /proc/self/cgroup)
    for folder in /sys/fs/cgroup/cpu"$own" /sys/fs/cgroup/cpu,cpuacct"$own" /sys/fs/cgroup/cpu; do
        [ -w "$folder/cpu.cfs_quota_us" ] || [ -w "$folder/cgroup.procs" ] || continue
        make_group "$folder" || continue
        echo 100000 >"$group/cpu.cfs_period_us" && echo 50000 >"$group/cpu.cfs_quota_us" &&
            echo $$ >"$group/cgroup.procs" && return 0
        leave_group
    done 2>/dev/null
    own=$(sed -n 's/^0:://p' /proc/self/cgroup)
    for folder in /sys/fs/cgroup"${own%/}" /sys/fs/cgroup; do
        grep -qw cpu "$folder/cgroup.subtree_control" && make_group "$folder" || continue
        echo '50000 100000' >"$group/cpu.max" && echo $$ >"$group/cgroup.procs" && return 0
        leave_group
    done 2>/dev/null
    return 1
}

leave_group() {
    [ -n "$group" ] || return 0
    cat /proc/self/cgroup >/dev/null
    echo $$ >"${group%/*}/cgroup.procs"
    rmdir "$group" || { sleep 1 && rmdir "$group"; }
    group=
} 2>/dev/null

comma_locale() {
    local name
    for name in de_DE.UTF-8 de_DE.utf8 fr_FR.UTF-8; do
        if [ "$(LC_ALL=$name locale decimal_point 2>/dev/null)" = , ]; then
            export LC_ALL=$name
            return 0
        fi
    done
    return 1
}

# Runs the suite; what failed is shown, and what was skipped counted.
run() {
    local log code=0
    log=$(mktemp)
    GTEST_COLOR=no "$@" >"$log" 2>&1 </dev/null || code=$? # mpirun gives ranks a terminal
    if [ "$code" -ne 0 ]; then
        grep -v -e '^\[ *OK' -e '^\[-*\]' "$log" | tail -n 100
        echo "$what: exit code $code"
    fi
    grep -e '^\[=* *\] .* ran' -e '^\[ *PASSED' -e '^\[ *SKIPPED *\] [0-9]' "$log"
    grep -q '^\[ *PASSED *\] [1-9]' "$log" || code=1
    rm -f "$log"
    return "$code"
}

all='--gtest_filter=-*.long_*'
case $what in
threads=*) export OMP_NUM_THREADS=${what#*=} ;;
bound) export OMP_PROC_BIND=close ;;
one-core) one_core || skip 'taskset can not bind to a core' ;;
half-core) half_core || skip 'no cgroup with a quota can be made (needs root and the cpu controller)' ;;
few-files) ulimit -n 64 ;;
locale) comma_locale || skip 'no locale with a decimal comma is installed' ;;
ranks=*) ;;
short)
    export OMP_NUM_THREADS=64 OMP_PROC_BIND=close
    ulimit -n 64
    one_core || echo 'without one core: no taskset'
    comma_locale || echo 'without a decimal comma: no such locale'
    all='--gtest_filter=*.map_same_bytes*:*.map_failed*:*.fold_of_doubles*:*.futures_wait_any:*.nested*'
    all+=':*.retries_in_b*:*.shares_reach*:*.crash_by_signal*:*.guest*'
    ;;
*)
    echo "there is no circumstance '$what'" >&2
    exit 2
    ;;
esac
if [ "${what%=*}" = ranks ]; then
    run "${launcher[@]}" -n "${what#*=}" "$contract" "$all"
else
    run "$contract" "$all"
fi
