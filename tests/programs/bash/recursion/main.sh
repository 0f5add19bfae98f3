hanoi() {
    local n=$1 from=$2 to=$3 by=$4
    ((n == 0)) && return
    hanoi $((n - 1)) "$from" "$by" "$to"
    ((moves += 1))
    hanoi $((n - 1)) "$by" "$to" "$from"
}
moves=0
hanoi 8 a c b
echo "$moves moves"
