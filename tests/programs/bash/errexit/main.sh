set -e
trap 'echo "cleaning up after $?"' EXIT
echo before
cat /nowhere/to/be/found
echo never
