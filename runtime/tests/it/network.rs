//! Links, addresses, routes, devices: between a container and a host that is a namespace of its own.

use rstest::rstest;

use crate::common::{Need, need, on_a_host, specification};

/// The demo's pair of addresses.
const PAIR: &str = "--veth mybr0:192.168.47.11/24=mybr1:192.168.47.12/24";

/// What a TCP connection to a port that nobody listens on comes to: a refusal has been there and back.
const KNOCK: &str =
    "knock() { bash -c \"echo >/dev/tcp/$1/9\" 2>&1 | grep -o 'refused\\|unreachable' | head -1; }";

#[test]
fn packets_go_both_ways_over_the_veth_pair() {
    if !need(Need::Veth) {
        return;
    }
    let seen = on_a_host(&format!(
        "{KNOCK}
        knock 192.168.47.12
        $NSRUN run -n {PAIR} -- bash -c 'echo >/dev/tcp/192.168.47.11/9' 2>&1 | grep -o refused | head -1
        mount -t tmpfs run /run; mkfifo /run/go /run/end
        $NSRUN run -n {PAIR} -- /bin/sh -c 'echo >/run/go; read x </run/end' &
        read x </run/go; knock 192.168.47.12; ip -o link | grep -o 'mybr.'; echo >/run/end; wait
        ip -o link | grep -c mybr"
    ));
    assert_eq!(
        seen.out.split_whitespace().collect::<Vec<_>>(),
        ["unreachable", "refused", "refused", "mybr0", "0"]
    );
}

#[test]
fn the_container_has_its_end_alone() {
    if !need(Need::Veth) {
        return;
    }
    let seen = on_a_host(&format!(
        "$NSRUN run -n -m --sys --loopback {PAIR} -- /bin/sh -c 'ls /sys/class/net; ip -br -4 addr; cat /sys/class/net/mybr1/flags'"
    ));
    let words: Vec<&str> = seen.out.split_whitespace().collect();
    assert_eq!(words[..2], ["lo", "mybr1"], "{seen:?}");
    assert!(seen.out.contains("127.0.0.1/8") && seen.out.contains("192.168.47.12/24"), "{seen:?}");
    // IFF_UP | IFF_BROADCAST | IFF_MULTICAST
    assert_eq!(words.last(), Some(&"0x1003"), "{seen:?}");
    assert!(!seen.out.contains("mybr0"), "{seen:?}");
}

#[test]
fn the_network_is_made_outside_and_entered() {
    if !need(Need::Veth) {
        return;
    }
    // Step by step, so that each shows where the child is.
    let seen = on_a_host(&format!("$NSRUN run --trace -n --loopback {PAIR} -- readlink /proc/self/ns/net"));
    let steps: Vec<Vec<&str>> = seen.err.lines().map(|line| line.split_whitespace().collect()).collect();
    let beside: Vec<String> = steps[1..6].iter().map(|step| step[..2].join(" ")).collect();
    let expected = [
        "parent unshare",
        "parent link[0]",
        "parent loopback",
        "parent link-address[0]",
        "child reset-signals",
    ];
    assert_eq!(beside, expected, "{seen:?}");
    let changing: Vec<_> =
        steps.iter().filter(|step| step.iter().any(|word| word.starts_with("net:["))).collect();
    assert!(changing.len() == 1 && changing[0][1] == "enter-network", "{seen:?}");
    assert_eq!(changing[0].last(), Some(&seen.out.trim()));
}

/// It is owned by the user namespace: who is root inside rules it.
#[test]
fn a_network_of_a_user_namespace_is_made_inside() {
    if !need(Need::Veth) {
        return;
    }
    let flags = format!("-U -n --cap-add NET_ADMIN --loopback {PAIR} --route default=192.168.47.11");
    let seen =
        on_a_host(&format!("$NSRUN run {flags} -- sh -c 'ip route; ip link set mybr1 down && echo ruled'"));
    assert!(seen.out.contains("default via 192.168.47.11 dev mybr1"), "{seen:?}");
    assert!(seen.out.ends_with("ruled\n"), "{seen:?}");
}

#[test]
fn a_host_without_a_procfs_can_make_a_network() {
    if !need(Need::Veth) {
        return;
    }
    let seen = on_a_host(&format!(
        "mount --make-rprivate /; umount -l /proc; $NSRUN run -n --loopback {PAIR} -- ip -br -4 addr
        mount -t proc proc /proc; ip -o link | grep -c mybr"
    ));
    assert!(seen.out.contains("127.0.0.1/8") && seen.out.contains("192.168.47.12/24"), "{seen:?}");
    assert!(seen.out.ends_with("\n0\n") && seen.err.is_empty(), "{seen:?}");
}

#[test]
fn a_link_left_down_carries_nothing() {
    if !need(Need::Veth) {
        return;
    }
    let spec = specification(
        "namespaces = ['net']\n[[links]]\nhost = 'a0'\ncontainer = 'b0'\nmtu = 1280\ndown = true\n\
         host-address = '10.9.9.1/30'\ncontainer-address = '10.9.9.2/30'\n",
    );
    let path = spec.path().display();
    let seen = on_a_host(&format!("$NSRUN run --spec {path} -- /bin/sh -c 'ip -o link show b0; ip route'"));
    assert!(seen.out.contains("mtu 1280") && seen.out.contains("state DOWN"), "{seen:?}");
    assert_eq!(seen.out.lines().count(), 1, "{seen:?}");
}

#[test]
fn a_route_leads_to_its_gateway() {
    if !need(Need::Veth) {
        return;
    }
    let seen = on_a_host(&format!(
        "$NSRUN run -n {PAIR} --route default=192.168.47.11 --route 10.0.0.0/8=192.168.47.11 -- ip route"
    ));
    assert!(seen.out.contains("default via 192.168.47.11 dev mybr1"), "{seen:?}");
    assert!(seen.out.contains("10.0.0.0/8 via 192.168.47.11 dev mybr1"), "{seen:?}");
}

#[test]
fn a_device_is_moved_in_and_comes_back_as_it_was() {
    if !need(Need::Veth) {
        return;
    }
    let spec = specification(
        "namespaces = ['net']\n[[devices]]\nname = 'card0'\nrename = 'inside'\naddress = '10.1.1.1/24'\nmtu = 1300\n",
    );
    let seen = on_a_host(&format!(
        "mount -t tmpfs run /run; cd /run
        show() {{ ip -o -4 addr show dev card0; ip -o link show dev card0 | grep -o ',UP\\|mtu [0-9]*'; }}
        ip link add card0 mtu 1400 type veth peer name far0
        ip addr add 10.2.2.2/24 dev card0; ip link set card0 up
        show >before
        $NSRUN run --spec {} -- /bin/sh -c 'ip -br -4 addr show inside; ip -o link' >inside
        show >after
        cmp before after && echo same; cat inside",
        spec.path().display()
    ));
    assert!(seen.out.starts_with("same\n"), "{seen:?}");
    assert!(seen.out.contains("10.1.1.1/24") && seen.out.contains("mtu 1300"), "{seen:?}");
    assert!(!seen.out.contains("card0"), "{seen:?}");
}

#[test]
fn a_failure_leaves_no_link() {
    if !need(Need::Veth) {
        return;
    }
    let seen = on_a_host(
        "ip link add taken type veth peer name other
        $NSRUN run -n --veth first=inside1 --veth taken=inside2 -- true
        ip -o link | grep -c first",
    );
    assert_eq!(seen.out, "0\n");
    assert!(
        seen.err.contains("link[1] (taken to inside2): EEXIST") && seen.err.contains("help:"),
        "{seen:?}"
    );
}

#[rstest]
#[case::the_program_is_missing("-- /not/there", "execute (/not/there): ENOENT")]
#[case::a_mount_fails("-m --bind /not/there:/mnt -- true", "mount[0] (rbind of /not/there on /mnt): ENOENT")]
#[case::a_route_fails("--route default=10.9.9.9 -- true", "route[0] (default via 10.9.9.9): ENETUNREACH")]
fn a_failure_in_the_container_leaves_no_link(#[case] flags: &str, #[case] failure: &str) {
    if !need(Need::Veth) {
        return;
    }
    let seen = on_a_host(&format!("$NSRUN run -n {PAIR} {flags}; ip -o link | grep -c mybr"));
    assert_eq!(seen.out, "0\n", "{seen:?}");
    assert!(seen.err.contains(failure), "{seen:?}");
}

/// Links that take the parent longer than the child takes to come to where it needs them, or to fail.
fn many_links() -> String {
    (0..8).map(|number| format!("--veth out{number}=in{number}:10.0.{number}.1/24 ")).collect()
}

#[test]
fn the_child_waits_for_its_links() {
    if !need(Need::Veth) {
        return;
    }
    let seen = on_a_host(&format!("$NSRUN run -n -m {} -- ip -br -4 addr", many_links()));
    for number in 0..8 {
        assert!(seen.out.contains(&format!("10.0.{number}.1/24")), "{seen:?}");
    }
}

#[test]
fn a_child_that_fails_first_is_told_of() {
    if !need(Need::Veth) {
        return;
    }
    let fails = "-m --bind /not/there:/mnt -- true";
    let seen = on_a_host(&format!("$NSRUN run -n {} {fails}; ip -o link | grep -c out", many_links()));
    assert!(seen.err.contains("mount[0] (rbind of /not/there on /mnt): ENOENT"), "{seen:?}");
    assert_eq!(seen.out, "0\n", "{seen:?}");
}

#[rstest]
#[case("shared")]
#[case("unchanged")]
fn what_is_mounted_for_all_to_see_waits_for_the_links(#[case] propagation: &str) {
    if !need(Need::Veth) {
        return;
    }
    let spec = specification(&format!("namespaces = ['net', 'mount']\npropagation = '{propagation}'\n"));
    // The last link cannot be made.
    let seen = on_a_host(&format!(
        "mount -t tmpfs run /run; mount --make-rshared /; ip link add taken type veth peer name other
        $NSRUN run --spec {} --bind /tmp:/run/seen {} --veth taken=inside -- true
        grep -c /run/seen /proc/self/mountinfo",
        spec.path().display(),
        many_links()
    ));
    assert!(seen.err.contains("(taken to inside): EEXIST"), "{seen:?}");
    assert_eq!(seen.out, "0\n", "{seen:?}");
}

#[test]
fn a_device_is_found_among_many() {
    if !need(Need::Veth) {
        return;
    }
    // What the kernel tells of them comes in several parts.
    let seen = on_a_host(
        "for number in $(seq 40); do ip link add near$number type veth peer name far$number; done
        $NSRUN run -n --device near1:10.1.1.1/24 --device far40:10.2.2.2/24 -- ip -br -4 addr
        ip -o link | grep -c 'near1@\\|far40@'",
    );
    assert!(seen.out.contains("10.1.1.1/24") && seen.out.contains("10.2.2.2/24"), "{seen:?}");
    assert!(seen.out.ends_with("\n2\n"), "{seen:?}");
}

#[test]
fn a_link_is_gone_when_nsrun_ends() {
    if !need(Need::Veth) {
        return;
    }
    // Again and again, under the same names.
    let seen = on_a_host(&format!(
        "for number in $(seq 12); do
            $NSRUN run --all --veth other0=other1 {PAIR} -- true || echo failed
            ip -o link | grep 'mybr\\|other'
        done"
    ));
    assert_eq!((seen.out.as_str(), seen.err.as_str()), ("", ""));
}

#[test]
fn what_waits_for_the_kernel_keeps_no_directory_busy() {
    if !need(Need::Veth) {
        return;
    }
    let seen = on_a_host(&format!(
        "for number in $(seq 12); do
            mount -t tmpfs here /mnt; cd /mnt; $NSRUN run -n {PAIR} -- true; cd /; umount /mnt
        done"
    ));
    assert_eq!((seen.out.as_str(), seen.err.as_str()), ("", ""));
}

#[test]
fn a_link_may_be_gone_before_nsrun_ends() {
    if !need(Need::Veth) {
        return;
    }
    let seen = on_a_host(&format!(
        "$NSRUN run -n --cap-add NET_ADMIN --veth other0=other1 {PAIR} -- ip link del mybr1; echo $?
        ip -o link | grep -c 'mybr\\|other'"
    ));
    assert_eq!((seen.out.as_str(), seen.err.as_str()), ("0\n0\n", ""));
}

#[test]
fn a_link_is_deleted_without_a_helper_too() {
    if !need(Need::Veth) {
        return;
    }
    // It runs out of descriptors while the program runs.
    let seen = on_a_host(&format!(
        "mount -t tmpfs run /run; mkfifo /run/go /run/end
        $NSRUN run -n {PAIR} -- /bin/sh -c 'echo >/run/go; read x </run/end' &
        read x </run/go; prlimit --pid $! --nofile=3:3; echo >/run/end; wait $!; echo $?
        ip -o link | grep -c mybr"
    ));
    assert_eq!((seen.out.as_str(), seen.err.as_str()), ("0\n0\n", ""));
}

#[test]
fn what_bears_a_devices_name_does_not_come_back_for_it() {
    if !need(Need::Veth) {
        return;
    }
    // The control keeps the device and only its name is another.
    let host = |inside: &str| {
        on_a_host(&format!(
            "ip link add nic0 type veth peer name far0
            ip link show nic0 | grep -o 'ether [^ ]*' >/tmp/before.$$
            $NSRUN run -n --cap-add NET_ADMIN --device nic0 -- /bin/sh -c '{inside}'; echo $?
            ip link show nic0 | grep -o 'ether [^ ]*' >/tmp/after.$$
            cmp -s /tmp/before.$$ /tmp/after.$$ && echo same; rm /tmp/before.$$ /tmp/after.$$"
        ))
    };
    let renamed = host("ip link set nic0 down; ip link set nic0 name foo");
    assert_eq!(renamed.out, "0\nsame\n", "{renamed:?}");
    let swapped = host("ip link set nic0 name foo; ip link add nic0 type veth peer name zz");
    assert_eq!(swapped.out, "0\nsame\n", "{swapped:?}");
}
