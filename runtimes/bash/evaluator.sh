#!/bin/bash
# The evaluator of Bash kernels (docs/EVALUATORS.md): a bash in which cells are evaluated as if they were typed.
#
# Cells run at the shell's top level, not in a function, so that `declare` makes what it makes in a terminal, and in an
# interactive shell, since that alone gets over SIGINT with all that was defined. Such a shell reads commands and
# has no loop of ours. So it reads them from a pipe into which we write the next command before each cell: when an
# interrupt drops what runs, that command is what comes then.
#
# What begins with kgw is ours; the builtin `kgw` (kgw.c) speaks with the agent and sets some of these variables.
# shellcheck disable=SC2016,SC2034,SC2154

# One command of the shell's: a request is fetched, the cell is run, its end is told. kgw_next has put the same command into
# the pipe again before it returns. It is neither an alias nor a function: `unalias -a` is the user's.
kgw_cell='{ kgw_next; eval -- "$kgw_options${kgw_request[code]}" <&"$kgw_stdin"; { kgw_done; } 2> /dev/null; }'
if [ "${1:-}" != inside ]; then
    exec 5<> <(:)
    printf 'source %q inside\n%s\n' "$0" "$kgw_cell" >&5
    # it complains that there is no terminal: into the void
    exec 6>&2 2> /dev/null
    exec bash --norc --noprofile --noediting -i +m +H -s <&5
fi

exec 2>&6 6>&-
PS1='' PS2=''
set +o history
shopt -u checkwinsize
unset HISTFILE MAILCHECK
enable -f "${BASH_SOURCE[0]%/*}/kgw.so" kgw && kgw init || exit 1

readonly kgw_cell
kgw_running=   # the id of the request whose cell runs
kgw_status=0   # $? of the last cell
kgw_options=   # a command that sets what the user has set of those options that would disturb us
declare -A kgw_request

# As long as our own code runs it is not to be interrupted.
trap '' INT

kgw_next() {
    trap '' INT
    if [ -n "$kgw_running" ]; then # an interrupt has brought us here
        kgw_set_aside
        kgw say reply:j "$kgw_running" status error ename KeyboardInterrupt evalue '' \
            traceback:j '["\u001b[31mKeyboardInterrupt\u001b[0m"]'
        kgw_running=
    fi
    kgw again "$kgw_cell"$'\n'
    while kgw next kgw_request; do
        case ${kgw_request[op]} in
        execute) break ;;
        complete) kgw_complete "${kgw_request[code]}" "${kgw_request[cursor_pos]}" ;;
        inspect) kgw_inspect "${kgw_request[code]}" "${kgw_request[cursor_pos]}" ;;
        is_complete) kgw_is_complete "${kgw_request[code]}" ;;
        configure) kgw_configure ;;
        ack | input) ;; # somebody waited for it who was interrupted
        *) kgw say reply:j "${kgw_request[id]:-0}" status error ename Unknown evalue "no op ${kgw_request[op]}" traceback:j '[]' ;;
        esac
    done
    [ "${kgw_request[op]}" = execute ] || exit 0
    kgw_running=${kgw_request[id]}
    trap - INT
    # $? is what the last cell left, as at a prompt
    return $kgw_status
}

# Puts away what a cell may have done to options and to standard output.
kgw_set_aside() {
    local kgw_set=$-
    set +euxvfn
    kgw_set=${kgw_set//[^euxvf]/}
    kgw_options=${kgw_set:+set -$kgw_set; }
    kgw restore
}

kgw_done() {
    kgw_status=$?
    trap '' INT
    kgw_set_aside
    if [ $kgw_status = 0 ]; then
        local kgw_values='{}'
        kgw_expressions
        kgw say reply:j "$kgw_running" status ok user_expressions:j "$kgw_values"
    else
        local kgw_why="exit status $kgw_status"
        [ $kgw_status -le 128 ] || kgw_why+=" (SIG$(kill -l $kgw_status 2> /dev/null))"
        kgw say reply:j "$kgw_running" status error ename ExitStatus evalue "$kgw_status" \
            traceback:j '["\u001b[31m'"$kgw_why"'\u001b[0m"]'
    fi
    kgw_running=
    return $kgw_status
}

# The value of an expression is what it prints.
kgw_expressions() {
    local kgw_key kgw_text kgw_data kgw_one
    local -a kgw_pairs=()
    for kgw_key in "${!kgw_request[@]}"; do
        [[ $kgw_key = user_expressions/* ]] || continue
        if kgw_text=$(trap - INT; eval -- "${kgw_request[$kgw_key]}" 2>&1 < /dev/null); then
            kgw make kgw_data text/plain "$kgw_text"
            kgw make kgw_one status ok data:j "$kgw_data" metadata:j '{}'
        else
            kgw make kgw_one status error ename ExitStatus evalue "$kgw_text" traceback:j '[]'
        fi
        kgw_pairs+=("${kgw_key#*/}:j" "$kgw_one")
    done
    kgw make kgw_values "${kgw_pairs[@]}"
}

kgw_configure() {
    local key status=ok
    for key in "${!kgw_request[@]}"; do
        [[ $key =~ ^env/([A-Za-z_][A-Za-z0-9_]*)$ ]] || continue
        export "${BASH_REMATCH[1]}=${kgw_request[$key]}" 2> /dev/null || status=error
    done
    [ -z "${kgw_request[cwd]:-}" ] || cd -- "${kgw_request[cwd]}" 2> /dev/null || status=error
    if [ $status = ok ]; then
        kgw say reply:j "${kgw_request[id]}" status ok
    else
        kgw say reply:j "${kgw_request[id]}" status error ename ConfigureFailed evalue "can't be set" traceback:j '[]'
    fi
}

# What stands before the cursor, from the last blank or operator on.
kgw_word() {
    local before=${1:0:$2}
    [[ $before =~ [^][:space:]\;\|\&\(\)\<\>\"\'\`=:]*$ ]]
    printf '%s' "${BASH_REMATCH[0]}"
}

kgw_complete() {
    local word before prefix='' action='file'
    local -a matches=() found=()
    word=$(kgw_word "$1" "$2")
    before=${1:0:$(($2 - ${#word}))}
    case $word in
    \$\{*) prefix=\$\{ action=variable ;;
    \$*) prefix=\$ action=variable ;;
    */* | '~'*) ;;
    *) [[ ! $before =~ (^|[$'\n;|&(`'])[[:blank:]]*$ ]] || action='command' ;;
    esac
    mapfile -t found < <(compgen -A "$action" -- "${word#"$prefix"}" 2> /dev/null | sort -u)
    # after a command's name come files and, for those that take them, names
    [ ${#found[@]} -gt 0 ] || [ -z "$word" ] || mapfile -t found < <(compgen -A function -A variable -- "$word" 2> /dev/null | sort -u)
    for word in "${found[@]}"; do
        [[ $word != kgw && $word != kgw_* ]] || continue
        if [ $action = file ]; then
            [ ! -d "$word" ] || word=${word%/}/
            [[ $word != *[[:space:]]* ]] || word=${word@Q}
        fi
        matches+=("$prefix$word")
    done
    kgw say reply:j "${kgw_request[id]}" status ok matches:l matches cursor_start:j ${#before} cursor_end:j "$2" metadata:j '{}'
}

kgw_inspect() {
    local before word text path data='{}' known=false
    # the word that the cursor stands in or behind
    before=$(kgw_word "$1" "$2")
    [[ ${1:$2} =~ ^[^][:space:]\;\|\&\(\)\<\>\"\'\`=:]* ]]
    word=$before${BASH_REMATCH[0]}
    word=${word#'$'} word=${word#'{'} word=${word%'}'}
    case $(type -t -- "$word") in
    builtin | keyword | function | alias) text=$(help -- "$word" 2> /dev/null) || text=$(type -- "$word") ;;
    file)
        # a program of the system says what it does; one of the user's might do it
        path=$(type -p -- "$word")
        text="$word is $path"
        [[ $path != /usr/* && $path != /bin/* ]] ||
            text+=$'\n\n'$(timeout 2 "$path" --help < /dev/null 2> /dev/null | head -n 200)
        ;;
    *) text=$(declare -p -- "$word" 2> /dev/null) ;;
    esac
    if [ -n "$word" ] && [ -n "$text" ]; then
        known=true
        kgw make data text/plain "$text"
    fi
    kgw say reply:j "${kgw_request[id]}" status ok found:j $known data:j "$data" metadata:j '{}'
}

kgw_is_complete() {
    local said status
    said=$(LC_ALL=C bash -O expand_aliases -n 2>&1 <<< "$1")
    status=$?
    case $said in
    *'unexpected end of file'* | *'unexpected EOF'* | *'delimited by end-of-file'*) kgw say reply:j "${kgw_request[id]}" status incomplete indent '    ' ;;
    *)
        if [ $status != 0 ]; then
            kgw say reply:j "${kgw_request[id]}" status invalid
        elif [[ $1 =~ (^|[^\\])(\\\\)*\\$ ]]; then # the next line belongs to it
            kgw say reply:j "${kgw_request[id]}" status incomplete indent '    '
        else
            kgw say reply:j "${kgw_request[id]}" status complete
        fi
        ;;
    esac
}

source "${BASH_SOURCE[0]%/*}/library.sh"

kgw make kgw_language name bash version "${BASH_VERSION%%(*}" mimetype text/x-sh file_extension .sh \
    pygments_lexer bash codemirror_mode shell nbconvert_exporter script
kgw say event ready implementation kernelgw-bash implementation_version 1.0 banner "GNU bash $BASH_VERSION" \
    language_info:j "$kgw_language" help_links:j '[]'
