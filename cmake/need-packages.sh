#!/bin/sh
# need-packages.sh PACKAGE...: installs those of the Debian packages that are missing, by apt-get.
# Where there is no apt-get it says what to install and fails.
set -eu

missing=
for package in "$@"; do
    # A package of several architectures has a line for each.
    if ! dpkg-query -W -f='${db:Status-Status}\n' "$package" 2>/dev/null | grep -qx installed; then
        missing="$missing $package"
    fi
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    cat >&2 <<END
This system has no apt-get, so nothing was installed. Fanfold needs what Debian 12 calls
   $missing
Install them by this system's own means, then run make again with PACKAGES= CI_PACKAGES= added.
END
    exit 1
fi

as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null 2>&1; then
        echo "Packages are missing, and there is no sudo. As root, run:" >&2
        echo "    apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

echo "Installing what is missing:$missing"
$as_root apt-get -q update
# shellcheck disable=SC2086 # the list is meant to be split
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -q install -y --no-install-recommends $missing
