/* Scripts by which shells complete heaptop's command line. All that they know of commands and options is out of the
 * tables, so what is completed is what is understood. */
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "heaptop/attach.h"

static bool knows(int command, int option)
{
    return (option_infos[option].commands >> command & 1) != 0;
}

static void append_words(struct text *text, const char *(*word)(unsigned index))
{
    for (unsigned i = 0; word && word(i); i++)
        text_printf(text, "%s%s", i > 0 ? " " : "", word(i));
}

static void append_command_names(struct text *text, const char *between)
{
    for (int command = 0; command < COMMAND_COUNT; command++)
        text_printf(text, "%s%s", command > 0 ? between : "", command_infos[command].name);
}

/* "processes files", as the scripts' functions read it. */
static void append_kinds(struct text *text, unsigned values)
{
    static const char *const kinds[] = {"processes", "files", "program"};
    for (unsigned i = 0; i < ARRAY_SIZE(kinds); i++)
        if (values & 1u << i)
            text_printf(text, " %s", kinds[i]);
}

/* ---- bash ---- */

static const char bash_functions[] =
    "# Completion of heaptop's command line for bash: source <(heaptop completion bash)\n"
    "# Made from heaptop's table of options.\n"
    "\n"
    "# WORD CANDIDATE...: those that begin with the word. (compgen -W would expand what is in a name.)\n"
    "_heaptop_words()\n"
    "{\n"
    "    local word=$1 candidate\n"
    "    shift\n"
    "    for candidate in \"$@\"; do\n"
    "        [[ $candidate != \"$word\"* ]] || COMPREPLY+=(\"$candidate\")\n"
    "    done\n"
    "}\n"
    "\n"
    "# WORD KIND...: what begins with the word, of these kinds.\n"
    "_heaptop_kinds()\n"
    "{\n"
    "    local word=$1 kind pid name line\n"
    "    shift\n"
    "    for kind in \"$@\"; do\n"
    "        case $kind in\n"
    "        processes)\n"
    "            # Names are easier to choose from; pids come when one was begun.\n"
    "            while IFS=$'\\t' read -r pid name; do\n"
    "                [[ $word != [0-9]* ]] || name=$pid\n"
    "                [ -z \"$name\" ] || _heaptop_words \"$word\" \"$name\"\n"
    "            done < <(\"${COMP_WORDS[0]/#\\~/$HOME}\" completion processes 2>/dev/null) ;;\n"
    "        files | program)\n"
    "            local how=-f\n"
    "            [ $kind = files ] || how=-c\n"
    "            compopt -o filenames 2>/dev/null\n"
    "            while IFS= read -r line; do COMPREPLY+=(\"$line\"); done < <(compgen $how -- \"$word\") ;;\n"
    "        esac\n"
    "    done\n"
    "}\n"
    "\n";

static const char bash_main[] =
    "# The words before the one that is completed: sets where the operands begin.\n"
    "_heaptop_operands()    # COMMAND\n"
    "{\n"
    "    for ((; first < COMP_CWORD; first++)); do\n"
    "        case ${COMP_WORDS[first]} in\n"
    "        --) first=$((first + 1)); return ;;\n"
    "        =) first=$((first + 1)) ;;\n"
    "        -*) ! _heaptop_takes \"${COMP_WORDS[first]}\" || [ \"${COMP_WORDS[first + 1]}\" = = ] ||\n"
    "            first=$((first + 1)) ;;\n"
    "        *) return ;;\n"
    "        esac\n"
    "    done\n"
    "}\n"
    "\n"
    "_heaptop()\n"
    "{\n"
    "    local word=${COMP_WORDS[COMP_CWORD]} previous= joined= command=attach first=1 options= words= kinds=\n"
    "    COMPREPLY=()\n"
    "    if ((COMP_CWORD > 1)); then\n"
    "        previous=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "        [[ \" $_heaptop_commands \" != *\" ${COMP_WORDS[1]} \"* ]] || { command=${COMP_WORDS[1]}; first=2; }\n"
    "        # bash breaks \"--format=pp\" and \"night.heaptop@03:00\" into words.\n"
    "        [ \"$previous\" != = ] || { previous=${COMP_WORDS[COMP_CWORD - 2]}; joined=yes; }\n"
    "        [ \"$word\" != = ] || { word=; joined=yes; }\n"
    "        [[ $previous != @ && $word != @ ]] || return\n"
    "    fi\n"
    "    if [ \"$command\" = run ]; then\n"
    "        _heaptop_operands run\n"
    "        if ((COMP_CWORD > first)); then\n"
    "            _heaptop_kinds \"$word\" files\n"
    "            return\n"
    "        fi\n"
    "    fi\n"
    "    if ((COMP_CWORD > 1)) && _heaptop_takes \"$previous\"; then\n"
    "        _heaptop_words \"$word\" $words\n"
    "        _heaptop_kinds \"$word\" $kinds\n"
    "        return\n"
    "    fi\n"
    "    [ -z \"$joined\" ] || return\n"
    "    _heaptop_of \"$command\"\n"
    "    if [[ $word == -* ]]; then\n"
    "        _heaptop_words \"$word\" $options\n"
    "        return\n"
    "    fi\n"
    "    ((COMP_CWORD > 1)) || words=$_heaptop_commands\n"
    "    _heaptop_words \"$word\" $words\n"
    "    _heaptop_kinds \"$word\" $kinds\n"
    "}\n"
    "complete -F _heaptop heaptop\n";

static void write_bash(struct text *text)
{
    text_append(text, bash_functions);
    text_append(text, "_heaptop_commands='");
    append_command_names(text, " ");
    text_append(text, "'\n\n"
                      "# OPTION: whether the next word is the option's; sets words and kinds.\n"
                      "_heaptop_takes()\n{\n    case $1 in\n");
    for (int id = 0; id < OPTION_COUNT; id++) {
        const struct value_info *value = option_value(&option_infos[id]);
        if (!value || option_value_is_optional(&option_infos[id]))
            continue;
        text_printf(text, "    --%s", option_infos[id].name);
        if (option_infos[id].letter)
            text_printf(text, " | -%c", option_infos[id].letter);
        text_append(text, ") words='");
        append_words(text, value->word);
        text_append(text, "' kinds='");
        append_kinds(text, value->values);
        text_append(text, "' ;;\n");
    }
    text_append(text, "    *) return 1 ;;\n    esac\n}\n\n"
                      "# COMMAND: sets its options, and the words and kinds of its operands.\n"
                      "_heaptop_of()\n{\n    case $1 in\n");
    for (int command = 0; command < COMMAND_COUNT; command++) {
        text_printf(text, "    %s) words='", command_infos[command].name);
        append_words(text, command_infos[command].word);
        text_append(text, "' kinds='");
        append_kinds(text, command_infos[command].operands);
        text_append(text, "' options='");
        for (int id = 0; id < OPTION_COUNT; id++)
            if (knows(command, id))
                text_printf(text, " --%s", option_infos[id].name);
        text_append(text, "' ;;\n");
    }
    text_append(text, "    esac\n}\n\n");
    text_append(text, bash_main);
}

/* ---- zsh ---- */

/* Within single quotes and a specification of _arguments or _describe. */
static void append_zsh(struct text *text, const char *help)
{
    for (; *help; help++) {
        if (*help == '\'')
            text_append(text, "'\\''");
        else
            text_printf(text, strchr("[]:\\", *help) ? "\\%c" : "%c", *help);
    }
}

static void append_zsh_action(struct text *text, unsigned values, const char *(*word)(unsigned index))
{
    if (values & VALUE_WORD) {
        text_append(text, "(");
        append_words(text, word);
        text_append(text, ")");
    } else if (values & VALUE_PROCESS) {
        text_append(text, values & VALUE_FILE ? "_heaptop_processes_and_files" : "_heaptop_processes");
    } else {
        text_append(text, values & VALUE_FILE ? "_files" : values & VALUE_PROGRAM ? "_normal" : " ");
    }
}

static void append_zsh_option(struct text *text, const struct option_info *option)
{
    const struct value_info *value = option_value(option);
    bool is_optional = option_value_is_optional(option);
    /* "--name=-": its value in the same word; "--name=": there or in the next one. */
    const char *sign = is_optional ? "=-" : value ? "=" : "";
    text_append(text, "            ");
    if (option->letter)
        text_printf(text, "'(-%c --%s)'{-%c%s,--%s%s}'[", option->letter, option->name, option->letter,
                    value ? "+" : "", option->name, sign);
    else
        text_printf(text, "'--%s%s[", option->name, sign);
    append_zsh(text, option->help);
    text_append(text, "]");
    if (value) {
        text_printf(text, "%s%s:", is_optional ? "::" : ":", value->name);
        append_zsh_action(text, value->values, value->word);
    }
    text_append(text, "' \\\n");
}

static void write_zsh(struct text *text)
{
    text_append(text,
                "#compdef heaptop\n"
                "# Completion of heaptop's command line for zsh: source <(heaptop completion zsh)\n"
                "# Made from heaptop's table of options.\n"
                "\n"
                "_heaptop_processes()\n"
                "{\n"
                "    local -a pids names\n"
                "    local pid name\n"
                "    while IFS=$'\\t' read -r pid name; do\n"
                "        pids+=(\"$pid:$name\")\n"
                "        [[ -z $name ]] || names+=(\"$name\")\n"
                "    done < <(heaptop completion processes 2>/dev/null)\n"
                "    _describe -t names 'name of a process' names\n"
                "    _describe -t pids 'pid' pids\n"
                "}\n"
                "\n"
                "_heaptop_processes_and_files()\n"
                "{\n"
                "    _alternative 'processes:process:_heaptop_processes' 'files:recording:_files'\n"
                "}\n"
                "\n"
                "_heaptop()\n"
                "{\n"
                "    local command=attach\n"
                "    local -a subcommands     # \"commands\" is zsh's own\n"
                "    subcommands=(\n");
    for (int command = 0; command < COMMAND_COUNT; command++) {
        text_printf(text, "        '%s:", command_infos[command].name);
        append_zsh(text, command_infos[command].help);
        text_append(text, "'\n");
    }
    text_append(text, "    )\n"
                      "    if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then\n"
                      "        _describe -t commands 'command' subcommands\n"
                      "        _heaptop_processes\n"
                      "        return\n"
                      "    fi\n"
                      "    if ((CURRENT > 2)) && [[ -n ${(M)subcommands:#$words[2]:*} ]]; then\n"
                      "        command=$words[2]\n"
                      "        shift words\n"
                      "        ((CURRENT--))\n"
                      "    fi\n"
                      "    case $command in\n");
    for (int command = 0; command < COMMAND_COUNT; command++) {
        const struct command_info *info = &command_infos[command];
        text_printf(text, "    %s)\n        _arguments -s -S \\\n", info->name);
        for (int id = 0; id < OPTION_COUNT; id++)
            if (knows(command, id))
                append_zsh_option(text, &option_infos[id]);
        if (info->operands & VALUE_PROGRAM)
            text_append(text, "            '(-)1:command: _command_names -e' '*::arguments:_normal' ;;\n");
        else if (info->operands) {
            text_append(text, "            '*:operand:");
            append_zsh_action(text, info->operands, info->word);
            text_append(text, "' ;;\n");
        } else
            text_append(text, "            ;;\n");
    }
    text_append(text, "    esac\n"
                      "}\n"
                      "\n"
                      "# Loaded from a folder of fpath it is the function; sourced, it is told of here.\n"
                      "if [[ $funcstack[1] == _heaptop ]]; then _heaptop \"$@\"; else compdef _heaptop heaptop; fi\n");
}

/* ---- fish ---- */

/* Within single quotes. */
static void append_fish(struct text *text, const char *help)
{
    for (; *help; help++)
        text_printf(text, *help == '\'' || *help == '\\' ? "\\%c" : "%c", *help);
}

/* " -x -a 'WORD...'": what follows an option or a command. */
static void append_fish_values(struct text *text, unsigned values, const char *(*word)(unsigned index))
{
    if (values & VALUE_WORD) {
        text_append(text, " -x -a '");
        append_words(text, word);
        text_append(text, "'");
        return;
    }
    text_append(text, values & VALUE_FILE ? " -r -F" : " -x");
    if (values & VALUE_PROCESS)
        text_append(text, " -a '(__heaptop_processes)'");
    if (values & VALUE_PROGRAM)
        text_append(text, " -a '(__fish_complete_subcommand)'");
}

static void write_fish(struct text *text)
{
    text_append(text, "# Completion of heaptop's command line for fish: heaptop completion fish | source\n"
                      "# Made from heaptop's table of options.\n"
                      "\n"
                      "function __heaptop_is --description 'Whether one of these is the command'\n"
                      "    set -l words (commandline -opc)\n"
                      "    set -l command attach\n"
                      "    if set -q words[2]; and contains -- $words[2] ");
    append_command_names(text, " ");
    text_append(text, "\n"
                      "        set command $words[2]\n"
                      "    end\n"
                      "    contains -- $command $argv\n"
                      "end\n"
                      "\n"
                      "function __heaptop_is_first --description 'Whether no word stands before this one'\n"
                      "    set -l words (commandline -opc)\n"
                      "    test (count $words) -eq 1\n"
                      "end\n"
                      "\n"
                      "function __heaptop_processes --description 'Names and pids'\n"
                      "    heaptop completion processes 2>/dev/null | while read -l -d \\t pid name\n"
                      "        printf '%s\\t%s\\n' $pid \"$name\"\n"
                      "        test -n \"$name\"; and printf '%s\\tprocess %s\\n' $name $pid\n"
                      "    end\n"
                      "end\n"
                      "\n"
                      "complete -c heaptop -f\n");
    for (int command = 0; command < COMMAND_COUNT; command++) {
        const struct command_info *info = &command_infos[command];
        text_printf(text, "complete -c heaptop -n __heaptop_is_first -a %s -d '", info->name);
        append_fish(text, info->help);
        text_append(text, "'\n");
        if (!info->operands)
            continue;
        text_printf(text, "complete -c heaptop -n '__heaptop_is %s'", info->name);
        append_fish_values(text, info->operands, info->word);
        text_append(text, "\n");
    }
    for (int id = 0; id < OPTION_COUNT; id++) {
        const struct option_info *option = &option_infos[id];
        const struct value_info *value = option_value(option);
        text_append(text, "complete -c heaptop -n '__heaptop_is");
        for (int command = 0; command < COMMAND_COUNT; command++)
            if (knows(command, id))
                text_printf(text, " %s", command_infos[command].name);
        text_append(text, "'");
        if (option->letter)
            text_printf(text, " -s %c", option->letter);
        text_printf(text, " -l %s", option->name);
        if (value && !option_value_is_optional(option))
            append_fish_values(text, value->values, value->word);
        text_append(text, " -d '");
        append_fish(text, option->help);
        text_append(text, "'\n");
    }
}

/* ---- processes ---- */

/* A name goes to a shell: one that would have to be quoted is left out, the process's pid stands for it. */
static bool is_plain(const char *name)
{
    return name[0] && name[0] != '-' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-") == strlen(name);
}

static struct error *write_processes(struct text *text)
{
    struct process_list list;
    struct error *error = process_list_read(NULL, &list);
    if (error)
        return error;
    for (size_t i = 0; i < list.count; i++)
        text_printf(text, "%d\t%s\n", (int)list.rows[i].pid, is_plain(list.rows[i].comm) ? list.rows[i].comm : "");
    process_list_deinit(&list);
    return NULL;
}

enum exit_status completion_command(const struct options *options)
{
    _cleanup_(text_deinit) struct text text = {0};
    struct error *error = NULL;
    if (strcmp(options->target, "processes") == 0)
        error = write_processes(&text);
    else if (strcmp(options->target, "bash") == 0)
        write_bash(&text);
    else if (strcmp(options->target, "zsh") == 0)
        write_zsh(&text);
    else
        write_fish(&text);
    if (!error)
        error = text.failed ? error_no_memory() : export_write_file("-", text.data, text.length);
    return error ? error_print(error) : STATUS_DONE;
}
