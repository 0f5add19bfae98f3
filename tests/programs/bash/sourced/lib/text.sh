text::box() {
    local line=${1//?/-}
    printf '%s\n' "+-$line-+" "| $1 |" "+-$line-+"
}
