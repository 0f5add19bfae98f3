printf '<%s>' "$0" "$@"
echo " $# $GREETING"
