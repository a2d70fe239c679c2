#!/usr/bin/env bash
# 10^5 commands with 1 % failing, journalled, killed and resumed.
exec bash "$(dirname "$0")/test_map_resume.sh" "$1" 100000
