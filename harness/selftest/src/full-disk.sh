# Runs a command with a cache that has everything but the room for a template.
# $1: the cache; $2: an empty folder; then the command. In a mount namespace of its own: nothing of it is seen outside.
cache=$1 whole=$2
shift 2
mount --bind "$cache" "$whole" || exit 125
mount -t tmpfs -o size=24m,mode=700 none "$cache" || exit 125
for part in "$whole"/*; do
    name=${part##*/}
    case $name in
    # What is written: on the full disk.
    templates | tmp | locks | memories) ;;
    *) mkdir "$cache/$name" && mount --bind "$part" "$cache/$name" || exit 125 ;;
    esac
done
"$@"
code=$?
for left in "$cache"/tmp/* "$cache"/templates/*; do
    [ -e "$left" ] && echo "left behind: $left"
done
exit $code
