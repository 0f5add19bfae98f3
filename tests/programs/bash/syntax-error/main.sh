echo begun
if true; then
    echo "no end"
