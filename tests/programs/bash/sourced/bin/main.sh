set -euo pipefail
source "$(dirname "$0")/../lib/text.sh"
source "${BASH_SOURCE%/*}/../lib/numbers.sh"
text::box "sum is $(numbers::sum 1 2 3)"
