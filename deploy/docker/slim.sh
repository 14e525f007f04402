#!/bin/sh
# Makes a Debian base small and settles what every image of ours has: python3, certificates, the user. Run in a build stage.
# Licences (/usr/share/doc/*/copyright) stay: they have to travel with what they are about.
set -eu
cat >/etc/dpkg/dpkg.cfg.d/slim <<'RULES'
path-exclude /usr/share/doc/*
path-include /usr/share/doc/*/copyright
path-exclude /usr/share/man/*
path-exclude /usr/share/info/*
path-exclude /usr/share/lintian/*
path-exclude /usr/share/locale/*
path-include /usr/share/locale/locale.alias
path-exclude /usr/share/gtk-doc/*
path-exclude /usr/share/help/*
RULES
printf "APT::Install-Recommends \"false\";\nAPT::AutoRemove::RecommendsImportant \"false\";\nAPT::AutoRemove::SuggestsImportant \"false\";\nAcquire::Languages \"none\";\n" >/etc/apt/apt.conf.d/90slim
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
# An unpacked base may call packages wanted that are only parts of others: perl, for one.
# shellcheck disable=SC2046
apt-mark -q auto $(apt-mark showmanual | grep -E '^(lib|perl|gcc-|usrmerge$)') >/dev/null || :
apt-get -qy install ca-certificates python3 usr-is-merged usrmerge-
# What an unpacked base brought before the rules held, and what nothing of ours needs.
find /usr/share/doc -depth -type f ! -name copyright -delete
find /usr/share/doc -depth -empty -delete
rm -rf /usr/share/man/* /usr/share/info/* /usr/share/lintian/* /usr/share/locale/*_* /usr/share/locale/[a-k]* /usr/share/locale/[m-z]*
apt-get -qy autoremove --purge
apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/* /tmp/* /root/.cache
groupadd --gid 1000 "$1"
useradd --uid 1000 --gid 1000 --home-dir "$2" --create-home --shell /bin/sh "$1"
