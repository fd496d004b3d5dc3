#!/bin/sh
# base.sh TAR: makes a minimal Debian root with this machine's own package sources, as the image that a registry would have.
# Needs debootstrap and root.
set -eu
tar=$1
[ -s "$tar" ] && exit
# the archive that this machine installs from; no host is named here
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Codename: bookworm' 'Component: main' | head -n 1)
root=$(mktemp -d /var/tmp/sysg-base-XXXXXX)
trap 'rm -rf "$root"' EXIT
debootstrap --variant=minbase bookworm "$root" "$mirror"
rm -rf "$root/etc/apt/sources.list" "$root/etc/apt/sources.list.d"
for f in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/auth.conf.d; do
	if [ -e "$f" ]; then cp -a "$f" "$root/etc/apt/"; fi
done
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
tar -C "$root" -c . >"$tar.new"
mv "$tar.new" "$tar"
