#!/bin/bash
# Becomes process 1 of a node: a root of its own, and dockerd on it. Runs in fresh mount, pid, uts
# and ipc namespaces and in the node's network namespace. Arguments: more of dockerd's options.
set -eu
hostname "$NODE_HOSTNAME"
mount --make-rprivate /

root=$NODE_DIR/root
mount -t overlay overlay -o "lowerdir=$NODE_ENGINE,upperdir=$NODE_DIR/changes,workdir=$NODE_DIR/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /sys "$root/sys"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/run" # empty after each boot, as on a machine: no stale pid files
mkdir -p "$root/run/lab" "$root/var/lib/docker" "$root/.old"
mount --bind "$NODE_DIR/run" "$root/run/lab"
mount --bind "$NODE_DIR/docker" "$root/var/lib/docker"
# Nothing listens there, so that the look-up of a registry fails at once and the local image is used.
rm -f "$root/etc/resolv.conf"
echo 'nameserver 127.0.0.1' >"$root/etc/resolv.conf"
printf '127.0.0.1 localhost\n%s %s\n' "$NODE_ADDRESS" "$NODE_HOSTNAME" >"$root/etc/hosts"

# pivot_root and not chroot: what the engine starts by "docker exec" and for health checks would
# run in the host's root.
cd "$root"
pivot_root . .old
umount -l /.old
cd /
# The engine removes a stale socket itself, but what waits for it must not see the old one.
rm -f /run/lab/docker.sock
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
  /usr/bin/tini -s -- dockerd \
  --host unix:///run/docker.sock --host unix:///run/lab/docker.sock \
  --storage-driver overlay2 --cgroup-parent "$NODE_CGROUP" --exec-opt native.cgroupdriver=cgroupfs "$@"
