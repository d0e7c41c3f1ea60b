#!/bin/sh
# A step of `git bisect run`, in a kernel tree that has its .config: builds the commit, and tells git whether it isolates.
#
#     git bisect start BAD GOOD
#     git bisect run NSPROOF/ci/bisect.sh [SCENARIO]... [--repeat N]
#
# The arguments are those of `cargo xtask vm-test`: name the scenarios that fail on BAD. git takes 0 for good, 1 for bad, and
# 125 for a commit that cannot be told: one that does not build or boot, or whose verdict was lost.
nsproof=$(dirname "$(realpath "$0")")/..

if [ ! -e Kbuild ] || [ ! -e .config ]; then
    echo "bisect.sh: $PWD is no kernel tree with a .config: run it there, by git bisect run" >&2
    exit 125
fi

# A commit may bring options of its own: they get their defaults, and nobody is asked.
make -s olddefconfig </dev/null && make -s -j"$(nproc)" </dev/null || exit 125

# nsproof itself must be built: to git an error of cargo (101) would be a bad commit.
target=$(cd "$nsproof" && cargo build --quiet --package xtask && realpath "${CARGO_TARGET_DIR:-target}") || exit 125
# From here, which is where paths among the arguments begin.
exec "$target/debug/xtask" vm-test --bisect --kernel "$PWD" "$@"
