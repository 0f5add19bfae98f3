trap 'echo "got INT"; exit 9' INT
echo waiting
while :; do sleep 0.1; done
