jq -r '.[] | "\(.name) \(.age)"' people.json | sort -k2 -n | awk '{ print NR, $1 }'
grep -c ä <<< $'ä\nb\nää'
tar czf - people.json | tar tzf -
echo 'scale=5; 4*a(1)' | bc -l
