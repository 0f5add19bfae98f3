for n in 3 1 2; do
    (sleep "0.$n"; exit "$n") &
    pids+=($!)
done
for pid in "${pids[@]}"; do
    wait "$pid"
    echo "ended with $?"
done
mkfifo pipe
seq 5 > pipe &
paste -sd+ pipe | tee >(cat > kept) | bc
wait
cat kept
