#!/usr/bin/env bash
# symbols.sh LIST LIBRARY...: whether the libraries export what they should, and whether each
# executor's folder shows the rest of the library one symbol. LIST names the objects: lines
# "LAYER object;object...".
set -uo pipefail
list=$1
shift
violations=0

say() {
    echo "$*"
    violations=$((violations + 1))
}

# exported LIBRARY REGEX: it exports something, and nothing that does not match.
exported() {
    local names
    names=$(nm -D --defined-only "$1" | awk '$2 != "A" { print $3 }')
    [ -n "$names" ] || say "$1: exports nothing"
    while IFS= read -r name; do
        [ -z "$name" ] || say "$1: exports $name"
    done < <(grep -vE "$2" <<<"$names")
}

# shown LAYER: the symbols of a layer that other layers use.
shown() {
    local layer=$1 name objects mine="" others=""
    while read -r name objects; do
        if [ "$name" = "$layer" ]; then
            mine=${objects//;/ }
        else
            others="$others ${objects//;/ }"
        fi
    done <"$list"
    # shellcheck disable=SC2086 # lists of files
    comm -12 <(nm --defined-only --extern-only $mine | awk 'NF == 3 { print $3 }' | sort -u) \
        <(nm --undefined-only $others | awk 'NF == 2 { print $2 }' | sort -u)
}

for library in "$@"; do
    case $library in
    */libfanfold_keys*) exported "$library" '^fani_rsa_keys_module@@FANFOLD_PRIVATE$' ;;
    *_mpi*) exported "$library" '^fan_[a-z0-9_]+@@FANFOLD_0$' ;;
    *) exported "$library" '^(fan_[a-z0-9_]+@@FANFOLD_0|fani_[a-z0-9_]+@@FANFOLD_PRIVATE)$' ;;
    esac
done
for layer in $(awk '$1 ~ /_exec_/ { print $1 }' "$list"); do
    names=$(shown "$layer")
    [ "$(grep -c . <<<"$names")" -eq 1 ] ||
        say "$layer: shows other layers not one symbol, but: ${names//$'\n'/ }"
done
[ "$violations" -eq 0 ]
