# Runs a command as if this machine had KVM: its device, and a CPU that says so. In a mount namespace of its own.
# $1: an empty folder; then the command.
stage=$1
shift
mkdir "$stage/dev" && mount -t tmpfs none "$stage/dev" || exit 125
for node in null zero full random urandom tty; do
    : >"$stage/dev/$node" && mount --bind "/dev/$node" "$stage/dev/$node" || exit 125
done
ln -s /proc/self/fd "$stage/dev/fd" && : >"$stage/dev/kvm" || exit 125
mount --rbind "$stage/dev" /dev || exit 125
echo "flags : fpu vmx" >"$stage/cpuinfo" && mount --bind "$stage/cpuinfo" /proc/cpuinfo || exit 125
exec "$@"
