#!/usr/bin/env bash
# Whether the shim passes, fails and skips as it should. Argument: the folder of its programs.
set -uo pipefail
folder=$1
bad=0

# expect PROGRAM CODE TEXT...: the exit code, and texts that the output must hold.
expect() {
    local program=$1 code=$2 output got text
    shift 2
    output=$("$folder/$program" 2>&1)
    got=$?
    if [ "$got" != "$code" ]; then
        echo "$program: exit code $got, expected $code"
        bad=1
    fi
    for text in "$@"; do
        if ! grep -qF -- "$text" <<<"$output"; then
            echo "$program: the output lacks: $text"
            bad=1
        fi
    done
    if grep -qF "went on after" <<<"$output"; then
        echo "$program: the body went on"
        bad=1
    fi
}

expect shim_pass 0 "[  PASSED  ] 1 test."
expect shim_fail 1 "fail.c:11: Failure" "2 + 2 is 4, expected 5 = 5" '"left" is "left", expected' \
    "NAN is nan" 'which lacks "needle"' "1 is 1, expected 2 = 2" "[  PASSED  ] 1 test." \
    "1 FAILED TEST"
expect shim_skip 0 "no sensor here" "[  SKIPPED ] 1 test"
expect shim_none 1 "no test is registered"
expect shim_hook 1 'hook.c:11: Failure' 'failed elsewhere, here ""'
exit $bad
