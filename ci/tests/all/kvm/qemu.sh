#!/bin/sh
# Stands in for QEMU: what is asked of KVM is done by TCG, until a machine goes as it goes on a bad KVM.
# $MACHINES: a file that gets a line for each machine. $BAD: which one, of its kind from 1, and how it goes.
kvm=no role=boot
for word; do
    shift
    case $word in
    kvm) kvm=yes word=tcg ;;
    host) word=max,la57=off ;;
    *share=on*) role=template ;;
    -incoming) role=clone ;;
    --version) exec "$QEMU" "$word" ;;
    esac
    set -- "$@" "$word"
done
echo "$role $kvm" >>"$MACHINES"
number=$(grep -c "^$role $kvm" "$MACHINES")
case "$role $kvm $number $BAD" in
"boot yes 1 "*)
    # The trial. A busy machine must not make it fail: that it is in time is not what is tested.
    echo '{"key":"","seq":0,"event":{"ready":{"release":"","modules":{},"blind":{}}}}' >&4
    exec sleep 600
    ;;
"clone yes 2 the second clone stops" | "clone yes 2 the second and the third clone stop" | \
    "clone yes 3 the second and the third clone stop")
    (sleep 0.5 && kill -STOP $$) 3>&- 4>&- 5>&- 6>&- 7>&- &
    ;;
"clone yes 1 the first clone says nothing" | "template yes 1 the template says nothing" | \
    "template yes 1 no template gets ready")
    exec sleep 600
    ;;
"template no 1 no template gets ready")
    exit 1
    ;;
esac
exec "$QEMU" "$@"
