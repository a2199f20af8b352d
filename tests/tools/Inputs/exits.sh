# usage: exits.sh STATUS COMMAND...
# Runs the command and succeeds if it ends with exactly that status.
expected=$1
shift
"$@"
status=$?
[ "$status" -eq "$expected" ] && exit 0
echo "expected exit status $expected, got $status: $*" >&2
exit 1
