# What cells find in a Bash kernel beside bash itself: display, clear, and a read that asks the reader of the notebook.
# shellcheck shell=bash disable=SC2154,SC2162

display() {
    local kgw_type='' kgw_id='' kgw_update=false kgw_text kgw_file='' kgw_data
    while [ $# -gt 0 ]; do
        case $1 in
        --html) kgw_type=text/html ;;
        --markdown) kgw_type=text/markdown ;;
        --latex) kgw_type=text/latex ;;
        --svg) kgw_type=image/svg+xml ;;
        --png) kgw_type=image/png ;;
        --jpeg) kgw_type=image/jpeg ;;
        --json) kgw_type=application/json ;;
        --text) kgw_type=text/plain ;;
        --mime | --id | --update)
            [ $# -ge 2 ] || { echo "display: $1 needs a value" >&2; return 2; }
            case $1 in
            --mime) kgw_type=$2 ;;
            --id) kgw_id=$2 ;;
            --update) kgw_id=$2 kgw_update=true ;;
            esac
            shift
            ;;
        --help)
            echo 'display [--html|--markdown|--latex|--svg|--png|--jpeg|--json|--text|--mime TYPE] [--id NAME|--update NAME] [FILE]'
            echo 'Shows a file, or what comes from the pipe: some-command | display --html'
            return 0
            ;;
        --) shift; break ;;
        -?*) echo "display: no such option: $1 (display --help)" >&2; return 2 ;;
        *) break ;;
        esac
        shift
    done
    if [ $# -gt 0 ]; then
        kgw_file=$1
        if [ ! -r "$1" ] || [ -d "$1" ]; then
            echo "display: $1: no such file" >&2
            return 1
        fi
        case ${kgw_type:-${1,,}} in
        */*.html | *.html | *.htm) kgw_type=text/html ;;
        *.md) kgw_type=text/markdown ;;
        *.svg) kgw_type=image/svg+xml ;;
        *.png) kgw_type=image/png ;;
        *.jpg | *.jpeg) kgw_type=image/jpeg ;;
        *.gif) kgw_type=image/gif ;;
        *.json) kgw_type=application/json ;;
        esac
    elif [ /dev/fd/0 -ef "/dev/fd/$kgw_stdin" ]; then
        echo 'display: nothing to show: name a file, or pipe something in (display --help)' >&2
        return 2
    fi
    case ${kgw_type:=text/plain} in
    image/svg+xml) kgw_text=$(cat -- ${kgw_file:+"$kgw_file"}) ;;
    image/* | application/pdf) kgw_text=$(base64 -w 0 -- ${kgw_file:+"$kgw_file"}) ;;
    *) kgw_text=$(cat -- ${kgw_file:+"$kgw_file"}) ;;
    esac || return
    if [ "$kgw_type" = application/json ]; then
        kgw make kgw_data "$kgw_type:j" "$kgw_text" text/plain "$kgw_text" || return
    elif [ "$kgw_type" = text/plain ]; then
        kgw make kgw_data "$kgw_type" "$kgw_text"
    else
        kgw make kgw_data "$kgw_type" "$kgw_text" text/plain "<$kgw_type>"
    fi
    kgw say event display data:j "$kgw_data" metadata:j '{}' ${kgw_id:+display_id "$kgw_id"} update:j $kgw_update
    kgw_acknowledged
}

clear() {
    kgw say event clear wait:j false
    kgw_acknowledged
}

# What is written after a picture must not come before it.
kgw_acknowledged() {
    local -A kgw_line
    while kgw next kgw_line; do
        [ "${kgw_line[op]:-}" != ack ] || return 0
    done
}

# As the builtin, which has nothing to read from in a cell: who reads the notebook is asked instead. With a pipe, a file or
# -u it is the builtin.
read() {
    local kgw_prompt='' kgw_secret=false kgw_option kgw_end=$'\n' OPTIND=1 OPTARG
    local -a kgw_words=()
    if ! [ /dev/fd/0 -ef "/dev/fd/$kgw_stdin" ]; then
        builtin read "$@"
        return
    fi
    while getopts ':ersa:d:i:n:N:p:t:u:' kgw_option; do
        case $kgw_option in
        u) builtin read "$@"; return ;;
        p) kgw_prompt=$OPTARG ;;
        s) kgw_secret=true ;;
        r) kgw_words+=(-r) ;;
        a | n | N) kgw_words+=("-$kgw_option" "$OPTARG") ;;
        d) kgw_end=$OPTARG kgw_words+=(-d "$OPTARG") ;;
        e | i | t) ;; # there is no line to edit, and who reads is waited for
        *) builtin read "$@"; return ;; # it says what is wrong
        esac
    done
    shift $((OPTIND - 1))
    local -A kgw_line
    kgw say event input prompt "$kgw_prompt" password:j $kgw_secret
    while kgw next kgw_line; do
        [ "${kgw_line[op]:-}" = input ] || continue
        [ -n "${kgw_line[value]+there}" ] || return 1
        builtin read "${kgw_words[@]}" "$@" < <(printf '%s%s' "${kgw_line[value]}" "${kgw_end:0:1}")
        return
    done
    return 1
}
