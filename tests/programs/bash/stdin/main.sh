total=0
while read -r name number; do
    total=$((total + number))
    printf '%-6s%4d\n' "$name" "$number"
done
echo "total $total"
