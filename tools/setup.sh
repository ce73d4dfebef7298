#!/usr/bin/env bash
# Installs what Hotline's build and tests need and this machine lacks. Debian 12 with Rust is enough to begin with.
set -euo pipefail

say() { printf 'setup: %s\n' "$*"; }

command -v cargo >/dev/null || {
    say "there is no cargo here: install Rust from https://rustup.rs, then run this again"
    exit 1
}

missing=()
have() { command -v "$1" >/dev/null || missing+=("$2"); }
have cc build-essential
have pkg-config pkg-config
have espeak-ng espeak-ng
have flac flac
have lame lame
have sipp sip-tester
have tcpdump tcpdump
have valgrind valgrind
[ -x /usr/sbin/kamailio ] || missing+=(kamailio)
have ip iproute2
[ -x /usr/sbin/nft ] || missing+=(nftables)
[ -x /usr/sbin/dnsmasq ] || missing+=(dnsmasq-base)
ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || missing+=(postgresql)
have setpriv util-linux
pkg-config --exists opus 2>/dev/null || missing+=(libopus-dev)
pkg-config --exists alsa 2>/dev/null || missing+=(libasound2-dev)

if [ "${#missing[@]}" -gt 0 ]; then
    say "installing ${missing[*]}"
    command -v apt-get >/dev/null || {
        say "this is no Debian: install these by your system's own means, then run this again"
        exit 1
    }
    sudo=""
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    export DEBIAN_FRONTEND=noninteractive
    # The tests start servers of their own: Debian's package is not to make and start one.
    case " ${missing[*]} " in *" postgresql "*)
        if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
            $sudo mkdir -p /etc/postgresql-common
            echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
        fi
        ;;
    esac
    # The package lists may be old, or not be there at all.
    $sudo apt-get update -q >/dev/null
    $sudo apt-get install -y -q --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}" >/dev/null
fi

if ! cargo nextest --version >/dev/null 2>&1; then
    say "installing cargo-nextest (some minutes, once)"
    cargo install --locked --quiet cargo-nextest
fi
