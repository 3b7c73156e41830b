#!/bin/bash
# Several "hosts" on one machine, by namespaces: each has its own network (eth0 10.77.0.N on a common bridge), host name,
# process table (its init's death ends all of it: a power cut), /dev/shm, and a file system of its own (an overlay over /,
# its changes in a tmpfs), so nothing that one host writes is seen by another or by the machine below.
#
#   hosts.sh up N                       hosts 1 .. N; "up" again adds those that are missing (also after `off`)
#   hosts.sh exec I COMMAND...          run a command there (as root, HOME=/root, in /root)
#   hosts.sh bg I LOG COMMAND...        the same in the background, output to LOG; prints its process id (of the machine below)
#   hosts.sh root I                     where the host's file system can be read from outside
#   hosts.sh off I                      power cut: SIGKILL to the host's init, and so to all its processes
#   hosts.sh wipe I                     forget the host's disk (after `off`)
#   hosts.sh cut I / mend I             its link down / up (frames vanish, no RST: as a switch port that dies)
#   hosts.sh wire I delay=MS jitter=MS loss=PERCENT rate=MBIT      what leaves the host: as `tc netem` on its eth0
#   hosts.sh wire I clear               the plain veth again
#   hosts.sh bytes I                    bytes and packets that its eth0 sent and received
#   hosts.sh down                       all of it away
#
# Needs root, iproute2, util-linux, ethtool, gcc (for netemu.c beside this file; the kernel here has no netem).
# The machine itself has no address on the bridge: hosts reach each other and themselves only.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
RUN=${HOSTS_FOLDER:-$HERE}/run; DISKS=${HOSTS_FOLDER:-$HERE}/disks; NET=10.77.0; SW=gmsw
mkdir -p "$RUN" "$DISKS"

pid() { cat "$RUN/host$1.pid" 2>/dev/null; }
alive() { local p; p=$(pid "$1") && [ -n "$p" ] && kill -0 "$p" 2>/dev/null; }
sw() { ip netns exec $SW "$@"; }

switch_up() {
    ip netns list | grep -q "^$SW\b" && return
    ip netns add $SW
    sw sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    sw ip link add br0 type bridge forward_delay 0 stp_state 0
    sw ip link set br0 up
}

host_up() {
    local i=$1
    alive "$i" && return
    ip netns list | grep -q "^gm$i\b" || {
        ip netns add "gm$i"
        ip netns exec "gm$i" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
        ip link add "gmp$i" netns $SW type veth peer name eth0 netns "gm$i"
        sw ip link set "gmp$i" master br0 up
        ip -n "gm$i" link set lo up
        ip -n "gm$i" addr add "$NET.$i/24" dev eth0
        ip -n "gm$i" link set eth0 up
        ip -n "gm$i" route add default via "$NET.254" 2>/dev/null  # nobody is there; Ray asks for a route to find its address
    }
    local disk=$DISKS/$i
    mkdir -p "$disk"
    mountpoint -q "$disk" || mount -t tmpfs -o size=8g "gmdisk$i" "$disk"
    mkdir -p "$disk/upper" "$disk/work" "$disk/root"
    cat > "$RUN/init$i.sh" <<INIT
set -e; cd /
hostname node$i
mount -t overlay -o lowerdir=/,upperdir=$disk/upper,workdir=$disk/work overlay $disk/root
R=$disk/root
mount -t proc proc \$R/proc
mount --rbind /sys \$R/sys
mount --rbind /dev \$R/dev
mount -t tmpfs -o size=8g,mode=1777 shm \$R/dev/shm
mount -t tmpfs -o size=4g,mode=1777 tmp \$R/tmp
printf '127.0.0.1 localhost\n' > \$R/etc/hosts
for n in 1 2 3 4 5 6 7 8; do echo "$NET.\$n node\$n" >> \$R/etc/hosts; done
echo node$i > \$R/etc/hostname
head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' > \$R/etc/machine-id
exec chroot \$R /bin/bash -c 'echo up > /tmp/up; while :; do sleep 1000 & wait \$!; done'
INIT
    ip netns exec "gm$i" setsid unshare --fork --pid --mount --uts --ipc --propagation private --kill-child \
        /bin/bash "$RUN/init$i.sh" > "$RUN/init$i.log" 2>&1 < /dev/null &
    local parent=$! n init
    for n in $(seq 100); do
        init=$(pgrep -P $parent 2>/dev/null | head -1)  # ip execs setsid execs unshare, which forks init
        [ -n "$init" ] && [ -e "/proc/$init/root/tmp/up" ] && [ "$(readlink /proc/$init/root)" != / ] && break
        sleep 0.1
    done
    echo "${init:-}" > "$RUN/host$i.pid"
    alive "$i" || { echo "host $i did not start: $(cat "$RUN/init$i.log")" >&2; return 1; }
}

enter() { # enter I COMMAND...
    local i=$1 p; shift
    p=$(pid "$i"); [ -n "$p" ] || { echo "host $i is not up" >&2; return 1; }
    nsenter -t "$p" --net --mount --uts --ipc --pid --root --wd=/ \
        env -C /root -i PATH=${BIN:-/usr/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        TERM=dumb USER=root "$@"
}

wire() {
    local i=$1 delay=0 jitter=0 loss=0 rate=0 limit=10000 part; shift
    local control=$RUN/wire$i p
    p=$(cat "$RUN/wire$i.pid" 2>/dev/null)
    if [ "$1" = clear ]; then
        [ -n "$p" ] && kill "$p" 2>/dev/null; rm -f "$RUN/wire$i.pid"
        sw ip link set "gmp$i" master br0
        ip netns exec "gm$i" ethtool -K eth0 tx on tso on gso on gro on sg on > /dev/null 2>&1
        sw ethtool -K "gmp$i" gro on > /dev/null 2>&1
        return
    fi
    for part in "$@"; do
        case $part in
            delay=*) delay=${part#*=} ;; jitter=*) jitter=${part#*=} ;; loss=*) loss=${part#*=} ;;
            rate=*) rate=${part#*=} ;; limit=*) limit=${part#*=} ;; *) echo "what is $part?" >&2; return 2 ;;
        esac
    done
    awk -v d="$delay" -v j="$jitter" -v l="$loss" -v r="$rate" -v n="$limit" \
        'BEGIN { print d * 1000, j * 1000, l / 100, r * 1e6, n }' > "$control"
    if [ -n "$p" ] && kill -HUP "$p" 2>/dev/null; then return; fi
    [ "$RUN/netemu" -nt "$HERE/netemu.c" ] || gcc -O2 -o "$RUN/netemu" "$HERE/netemu.c" || return 1
    ip netns exec "gm$i" ethtool -K eth0 tx off tso off gso off gro off sg off > /dev/null 2>&1
    sw ethtool -K "gmp$i" gro off > /dev/null 2>&1
    sw ip link set "gmp$i" nomaster
    ip netns exec $SW setsid "$RUN/netemu" "gmp$i" "gmt$i" "$control" > "$RUN/wire$i.log" 2>&1 < /dev/null &
    echo $! > "$RUN/wire$i.pid"
    for part in $(seq 50); do sw ip link show "gmt$i" > /dev/null 2>&1 && break; sleep 0.05; done
    sw ip link set "gmt$i" txqueuelen 10000 master br0 up
}

off() { local p; p=$(pid "$1"); [ -n "$p" ] && kill -KILL "$p"; rm -f "$RUN/host$1.pid"; }

case ${1:-} in
    up) switch_up; for i in $(seq "${2:-3}"); do host_up "$i" || exit 1; done ;;
    exec) shift; enter "$@" ;;
    bg) shift; i=$1; log=$2; shift 2; enter "$i" setsid "$@" > "$log" 2>&1 < /dev/null & echo $! ;;
    root) echo "/proc/$(pid "$2")/root" ;;
    off) off "$2" ;;
    wipe) alive "$2" && exit 1; umount "$DISKS/$2"; ip netns del "gm$2"; rm -f "$RUN/host$2.pid" ;;
    cut) sw ip link set "gmp$2" down ;;
    mend) sw ip link set "gmp$2" up ;;
    wire) shift; wire "$@" ;;
    bytes) ip -n "gm$2" -s -j link show eth0 | python3 -c 'import json,sys; s=json.load(sys.stdin)[0]["stats64"]; print("sent", s["tx"]["bytes"], s["tx"]["packets"], "received", s["rx"]["bytes"], s["rx"]["packets"])' ;;
    down)
        for f in "$RUN"/wire*.pid; do [ -e "$f" ] && kill "$(cat "$f")" 2>/dev/null; rm -f "$f"; done
        for f in "$RUN"/host*.pid; do [ -e "$f" ] || continue; i=${f##*host}; off "${i%.pid}"; done
        sleep 0.5
        for n in $(ip netns list | grep -oE '^gm[0-9]+'); do ip netns del "$n"; done
        ip netns list | grep -q "^$SW\b" && ip netns del $SW
        for d in "$DISKS"/*; do mountpoint -q "$d" && umount "$d"; rmdir "$d" 2>/dev/null; done
        ;;
    *) sed -n '2,22p' "$0"; exit 2 ;;
esac
