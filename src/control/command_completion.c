/* `completion bash`: from the same tables as everything else. */
#include <string.h>
#include <unistd.h>

#include "config/code.h"
#include "control/command.h"
#include "control/output.h"
#include "control/reason.h"
#include "control/vocabulary.h"

/* Directives of one name, in several places, are one word. */
static bool is_first_of_name(size_t table, size_t row)
{
    const char *name = vocabulary_tables[table]->rows[row].name;
    for (size_t i = 0; i <= table; i++)
        for (size_t j = 0; j < (i == table ? row : vocabulary_tables[i]->count); j++)
            if (strcmp(vocabulary_tables[i]->rows[j].name, name) == 0)
                return false;
    return true;
}

/* Every word that `help` explains, one a line: the kept copy of this is merged by lines. */
static void print_topics(void)
{
    for (size_t i = 0; vocabulary_tables[i]; i++)
        for (size_t j = 0; j < vocabulary_tables[i]->count; j++)
            if (is_first_of_name(i, j))
                output_format(STDOUT_FILENO, "\n%s", vocabulary_tables[i]->rows[j].name);
    for (size_t i = 0; i < code_description_count; i++)
        output_format(STDOUT_FILENO, "\n%s", code_descriptions[i].name);
    for (size_t i = 0; i < reason_description_count; i++)
        output_format(STDOUT_FILENO, "\n%s", reason_descriptions[i].name);
    for (size_t i = 0; i < command_count; i++)
        output_format(STDOUT_FILENO, "\n%s", commands[i].name);
}

static void print(const char *text)
{
    output_write(STDOUT_FILENO, slice_from(text));
}

/* What may stand behind an option. */
static void print_values(void)
{
    print("  case $previous in\n"
          "    -c|--config|--pid-file) _portcullis_files -f; return;;\n"
          "    --state) _portcullis_files -d; return;;\n"
          "    -s) words='reload quit stop';;\n"
          "    --log-level) words='error warn info debug';;\n"
          "    --method) words='GET HEAD POST PUT DELETE OPTIONS PATCH';;\n"
          "    --reference) words='directives codes reasons commands';;\n"
          "    --man) words='1 5';;\n"
          "    --to|--listen|--host|--from|--header|--on|--repeat|--load-seconds) return;;\n"
          "  esac\n"
          "  if [ -n \"$words\" ]; then\n"
          "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\")); return\n"
          "  fi\n");
}

/* The options of each command, and its words. */
static void print_commands(void)
{
    print("  case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < command_count; i++)
        output_format(STDOUT_FILENO, "    %s) options='%s%s--help';;\n", commands[i].name,
                      commands[i].options, commands[i].options[0] ? " " : "");
    print("    *) options='-c --config --state --to --listen --host --shadow --print-config';;\n"
          "  esac\n"
          "  case $word in\n"
          "    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")); return;;\n"
          "  esac\n"
          "  case ${COMP_WORDS[1]} in\n"
          "    check|fmt|-t|-T) _portcullis_files -f;;\n"
          "    show) COMPREPLY=($(compgen -W 'routes effective' -- \"$word\"));;\n"
          "    completion) COMPREPLY=($(compgen -W bash -- \"$word\"));;\n"
          "    help) COMPREPLY=($(compgen -W '");
    print_topics();
    print("' -- \"$word\"));;\n"
          "  esac\n");
}

int command_completion(int argc, char **argv)
{
    if (argc != 1 || strcmp(argv[0], "bash") != 0)
        return command_refuse("completion knows one shell: portcullis completion bash");
    print("# bash completion for portcullis: source it, or put it into\n"
          "# /usr/share/bash-completion/completions/portcullis\n"
          "_portcullis_files() {\n"
          "  compopt -o filenames 2>/dev/null\n"
          "  mapfile -t COMPREPLY < <(compgen \"$1\" -- \"$word\")\n"
          "}\n"
          "_portcullis() {\n"
          "  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
          "  local words= options=\n"
          "  COMPREPLY=()\n"
          "  if [ \"$word\" = = ]; then\n"
          "    word=\n"
          "  elif [ \"$previous\" = = ]; then\n"
          "    previous=${COMP_WORDS[COMP_CWORD-2]}\n"
          "  fi\n");
    print_values();
    print("  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
          "    COMPREPLY=($(compgen -W '");
    for (size_t i = 0; i < command_count; i++)
        output_format(STDOUT_FILENO, "%s ", commands[i].name);
    print("--to --listen --host --shadow --print-config --config --state --version --help -c -t -T "
          "-s -v "
          "-h' -- \"$word\")); return\n"
          "  fi\n");
    print_commands();
    print("}\n"
          "complete -F _portcullis portcullis\n");
    return EXIT_OK;
}
