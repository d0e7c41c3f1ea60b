#!/bin/sh
# Boots the machine of this directory by hand, and sends it the request. Its events come on standard output, its console on
# standard error. More arguments are QEMU's: `./qemu.sh -s -S` waits for a debugger on port 1234.
set -eu
here=$(cd "$(dirname "$0")" && pwd)

check() {
    if [ "$(sha256sum <"$1" | cut -d ' ' -f 1)" != "$2" ]; then
        echo "$1 is not what was run: @PROGRAM@ repro $here says how to get it" >&2
        exit 3
    fi
}
check @KERNEL@
check @INITRAMFS@

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkfifo "$work/requests"
# Open for reading too: nobody has to wait for the other end.
exec 3<>"$work/requests"

@QEMU@@ARGUMENTS@ \
        "$@" <"$work/requests" |
    while read -r line; do
        printf '%s\n' "$line"
        case $line in
            *'"event":{"ready":'*) { tr -d '\n' <"$here/request.json" && echo; } >&3 ;;
            *'"event":{"end":'*) echo '"power-off"' >&3 ;;
        esac
    done
