#!/bin/sh
# boot.sh COMMAND...: runs it as root on a kernel of its own (user-mode-linux), with the files of this machine and nothing
# else of it: whose cgroup v2 has its controllers. Its status is the command's, 125 where there was none.
set -u
cd "$(dirname "$0")/../.." || exit 125
dir=build/kernel
mkdir -p $dir
rm -f $dir/status
# /dev/shm and what tests write is memory of the guest; only the checkout's build/ is written to.
cat >$dir/init <<END
#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount --bind '$PWD' /mnt # it may lie below one of these
for d in /dev/shm /run /tmp /var/tmp /var/log; do mount -t tmpfs tmpfs \$d; done
mkdir -p '$PWD' && mount --bind /mnt '$PWD'
mount -t tmpfs tmpfs /sys/fs/cgroup
mkdir /sys/fs/cgroup/unified
mount -t cgroup2 none /sys/fs/cgroup/unified
ip link set lo up 2>/dev/null
cd '$PWD' && export SYSG='${SYSG:-$PWD/build/release/sysg}' E2E_BUILD='$PWD/build/e2e' KERNEL_TIER=1
END
for word in "$@"; do
	printf "'%s' " "$(printf %s "$word" | sed "s/'/'\\\\''/g")"
done >>$dir/init
cat >>$dir/init <<END
>$dir/log 2>&1 </dev/null
echo \$? >$dir/status
poweroff -f || echo o >/proc/sysrq-trigger
sleep 60
END
chmod 755 $dir/init
gcc -shared -fPIC -O1 -Wall -D_GNU_SOURCE -o $dir/xstate.so test/kernel/xstate.c || exit 125
# Its memory is a file in /dev/shm, which in a container is too small and of noexec.
unshare -m sh -c 'mount -t tmpfs tmpfs /dev/shm && exec "$@"' sh \
	timeout -k 5 "${KERNEL_SECONDS:-400}" env LD_PRELOAD="$PWD/$dir/xstate.so" linux.uml mem=1G rootfstype=hostfs rootflags=/ rw init="$PWD/$dir/init" con=null con0=fd:0,fd:1 quiet \
	</dev/null >$dir/console 2>&1
cat $dir/log 2>/dev/null
[ -f $dir/status ] || tail -n 40 $dir/console
exit "$(cat $dir/status 2>/dev/null || echo 125)"
