#!/bin/sh
# Linx @VERSION@ for @SYSTEM@: one address for every local and remote language model.
#
# Behind this text is a folder, packed by tar and gzip. The first start unpacks it into the user's cache folder; that and
# every later start run the program in it, in this same process. A folder that is deleted is unpacked again.
trap 'rm -rf "${part-}"; exit 0' INT TERM
id=@ID@
case $0 in
/*) _LINX_BINARY=$0 ;;
*) _LINX_BINARY=$PWD/$0 ;;
esac
export _LINX_BINARY
given=$PATH
PATH=/usr/bin:/bin:/usr/sbin:/sbin:/run/current-system/sw/bin:$PATH

# Set program to what is run in this folder; fail where nothing can be written or run there. The folder must be the user's
# own, since whoever may change what is in it decides what is run.
ready() {
    if [ ! -d "$1" ] || [ ! -O "$1" ]; then return 1; fi
    [ -d "$1/$id" ] || unpack "$1"
    program=$1/$id/linx
    [ -x "$program" ]
}

# The new folder gets its name when it is whole, since another start may look for it meanwhile.
unpack() {
    part=$1/.$id.$$
    mkdir -m 700 "$part" || return
    LC_ALL=C tail -n +@LINES@ "$_LINX_BINARY" | gzip -dc | tar -xf - -C "$part"
    if [ -f "$part/complete" ]; then
        mv "$part" "$1/$id"
        export _LINX_UNPACKED=1 # so Linx removes what older versions have left
        part=$1/$id/.$id.$$ # where it is if another start was the first
    fi
    rm -rf "$part"
}

in_cache() {
    cache=${XDG_CACHE_HOME-}
    case $cache in
    /*) ;;
    *) cache=${HOME:+$HOME/.cache} ;;
    esac
    if [ -z "$cache" ]; then return 1; fi
    [ -d "$cache/linx" ] || mkdir -p "$cache/linx"
    ready "$cache/linx"
}

in_temporary() {
    folder=${TMPDIR:-/tmp}/linx-$(id -u)
    [ -d "$folder" ] || mkdir -m 700 "$folder"
    [ ! -L "$folder" ] && ready "$folder"
}

if ! { in_cache || in_temporary; } 2>/dev/null; then
    echo "linx: $0 is damaged, or cannot be unpacked: a program must be allowed to run in ~/.cache or ${TMPDIR:-/tmp}" >&2
    exit 1
fi
env=$(command -v env)
case $program in
*=*) env= ;; # env would take it for a variable
esac
# Linx hears signals from its first lines on. Where env can hold them back until then, they do not end Python's own start.
block="--block-signal=INT --block-signal=TERM"
if [ -z "$env" ] || ! "$env" $block true 2>/dev/null; then block= env=; fi
PATH=$given
exec $env $block "$program" "$@"
