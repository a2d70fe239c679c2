# Sourced by the tests on a cluster: testing.sh COMMAND. Each has a cluster of its own.
# shellcheck source=../cli/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
FAN_CLUSTER=$source_dir/build/cluster-$(basename "$0" .sh)
export FAN_CLUSTER
shared=$FAN_CLUSTER/shared # a folder that all hosts see

# cluster_up N: or the test is skipped.
cluster_up() {
    trap '[ "$BASHPID" != "$test_shell" ] || { "$here/down"; rm -rf "$tmp"; }' EXIT
    "$here/down"
    "$here/up" "$1" || exit
    mkdir "$shared"
    cd "$shared" || exit 2
}

on() {
    "$here/on" "$@"
}

# Within ten seconds nothing is left on any host.
nothing_left() {
    local left=unknown tries=0
    while [ -n "$left" ] && [ "$tries" -lt 50 ]; do
        left=$("$here/left")
        tries=$((tries + 1))
        [ -z "$left" ] || sleep 0.2
    done
    checks=$((checks + 1))
    [ -z "$left" ] || fail "${what:-}: left over: $left"
}
