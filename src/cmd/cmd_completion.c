#include <string.h>

#include "cli/options.h"
#include "cmd/command.h"
#include "cmd/common.h"

// clang-format off
static const struct option_row options[] = { { NULL } };

/* Values of options and plain words that a shell can know. */
enum known { KNOWN_NOTHING, KNOWN_UNITS, KNOWN_FILES, KNOWN_COMMANDS, KNOWN_SHELLS, KNOWN_CHOICE };

/* Value names of the tables that are files. */
static const char *const file_values[] = { "FILE", "PATH", "DIR", "DIRECTORY", "FOLDER" };
// clang-format on

static bool in_list(const char *const *list, size_t n, const char *word)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], word) == 0)
			return true;
	return false;
}

static bool takes_value(const struct option_row *row)
{
	return row->kind != ARG_NONE && row->kind != ARG_OPTIONAL && row->kind != ARG_REFUSED;
}

static enum known value_of(const struct option_row *row)
{
	if (row->kind == ARG_CHOICE)
		return KNOWN_CHOICE;
	if (!row->value)
		return KNOWN_NOTHING;
	if (strcmp(row->value, "UNIT") == 0 || strcmp(row->value, "SELECTOR") == 0)
		return KNOWN_UNITS;
	return in_list(file_values, sizeof file_values / sizeof *file_values, row->value)
		       ? KNOWN_FILES
		       : KNOWN_NOTHING;
}

static enum known words_of(const struct command *c)
{
	if (strcmp(c->name, "help") == 0)
		return KNOWN_COMMANDS;
	if (strcmp(c->name, "completion") == 0)
		return KNOWN_SHELLS;
	if (strcmp(c->name, "install") == 0 || c->words == ARGS_COMMAND || c->words == ARGS_DASHED)
		return KNOWN_FILES;
	return c->words == ARGS_UNIT || c->words == ARGS_UNITS ? KNOWN_UNITS : KNOWN_NOTHING;
}

/* Calls fn for each option that --help lists, the command's own first. */
typedef void each_fn(struct buf *out, const struct command *c, const struct option_row *row);

static void each_option(struct buf *out, const struct command *c, each_fn *fn)
{
	const struct option_row *tables[] = { c->options, options_everywhere };

	for (size_t t = 0; t < 2; t++)
		for (const struct option_row *row = option_at(tables[t]); row;
			row = option_at(row + 1))
			if (row->kind != ARG_REFUSED && row->help)
				fn(out, c, row);
}

static void each_command(struct buf *out, void (*fn)(struct buf *out, const struct command *c))
{
	const struct command *c;

	for (size_t i = 0; (c = command_at(i)); i++)
		fn(out, c);
}

/* "pid|id" -> "pid id" */
static void choices(struct buf *out, const char *value)
{
	for (; *value; value++)
		(void)buf_addc(out, (char)(*value == '|' ? ' ' : *value));
}

static void name_only(struct buf *out, const struct command *c)
{
	(void)buf_printf(out, " %s", c->name);
}

/* For single quotes of any of the shells, with a backslash before each of `special`. */
static void escaped(struct buf *out, const char *s, const char *special)
{
	for (; *s; s++) {
		if (*s == '\'') {
			(void)buf_adds(out, "'\\''");
			continue;
		}
		if (strchr(special, *s))
			(void)buf_addc(out, '\\');
		(void)buf_addc(out, *s);
	}
}

/* --- bash --- */

/* Units are the first words of the lines of `sysg status` that are neither its head nor indented,
 * nor a complaint below the table. */
// clang-format off
static const char bash_head[] =
	"_sysg_units() {\n"
	"local line name\n"
	"while IFS= read -r line; do\n"
	"name=${line%% *}\n"
	"case $name in '' | NAME | No | *:) ;; *) printf '%s\\n' \"$name\" ;; esac\n"
	"done < <(\"${COMP_WORDS[0]}\" status --plain 2>/dev/null </dev/null)\n"
	"}\n"
	"\n";

static const char bash_tail[] =
	"esac\n}\n"
	"_sysg() {\n"
	"local cur=${COMP_WORDS[COMP_CWORD]} prev= command= word kind choices options words i\n"
	"COMPREPLY=()\n"
	"for ((i = 1; i < COMP_CWORD; i++)); do\n"
	"word=${COMP_WORDS[i]}\n"
	"case $word in\n"
	"--) compopt -o default; return ;;\n"
	"-*)\n"
	"_sysg_option \"$command\" \"$word\"\n"
	"if [ \"${COMP_WORDS[i + 1]}\" = = ]; then ((i += 2)); elif [ -n \"$kind\" ]; then ((i++)); fi\n"
	";;\n"
	"*) [ -z \"$command\" ] && command=$word ;;\n"
	"esac\n"
	"done\n"
	"[ $COMP_CWORD -gt 0 ] && prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
	"if [ \"$cur\" = = ]; then cur=\n"
	"elif [ \"$prev\" = = ]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi\n"
	"_sysg_option \"$command\" \"$prev\"\n"
	"if [ -z \"$kind\" ]; then\n"
	"_sysg_command \"$command\"\n"
	"case $cur in -*) kind=choice choices=$options ;; *) kind=$words ;; esac\n"
	"fi\n"
	"case $kind in\n"
	"choice) mapfile -t COMPREPLY < <(compgen -W \"$choices\" -- \"$cur\") ;;\n"
	"units) mapfile -t COMPREPLY < <(compgen -W \"$(_sysg_units)\" -- \"$cur\") ;;\n"
	"commands) mapfile -t COMPREPLY < <(compgen -W \"$_sysg_commands\" -- \"$cur\") ;;\n"
	"files) compopt -o default ;;\n"
	"esac\n"
	"}\n"
	"complete -F _sysg sysg\n";

// clang-format on

static const char *const kind_words[] = {
	[KNOWN_NOTHING] = "none",
	[KNOWN_UNITS] = "units",
	[KNOWN_FILES] = "files",
	[KNOWN_COMMANDS] = "commands",
	[KNOWN_SHELLS] = "choice choices='bash zsh fish'",
	[KNOWN_CHOICE] = "choice",
};

static void bash_value(struct buf *out, const struct command *c, const struct option_row *row)
{
	if (!takes_value(row))
		return;
	(void)buf_printf(out, "%s' --%s'", c->name, row->name);
	if (row->letter)
		(void)buf_printf(out, " | %s' -%c'", c->name, row->letter);
	(void)buf_printf(out, ") kind=%s", kind_words[value_of(row)]);
	if (row->kind == ARG_CHOICE) {
		(void)buf_adds(out, " choices='");
		choices(out, row->value);
		(void)buf_addc(out, '\'');
	}
	(void)buf_adds(out, " ;;\n");
}

static void bash_values(struct buf *out, const struct command *c)
{
	each_option(out, c, bash_value);
}

static void bash_name(struct buf *out, const struct command *c, const struct option_row *row)
{
	(void)c;
	(void)buf_printf(out, " --%s", row->name);
	if (row->letter)
		(void)buf_printf(out, " -%c", row->letter);
}

static void bash_command(struct buf *out, const struct command *c)
{
	(void)buf_printf(out, "%s) words=%s options='", c->name, kind_words[words_of(c)]);
	each_option(out, c, bash_name);
	(void)buf_adds(out, "' ;;\n");
}

static const struct command before = { .name = "", .options = options_leading };

static void bash(struct buf *out)
{
	(void)buf_adds(out, bash_head);
	(void)buf_adds(out, "_sysg_commands='");
	each_command(out, name_only);
	(void)buf_adds(out, "'\n_sysg_option() {\nkind= choices=\ncase \"$1 $2\" in\n");
	bash_values(out, &before);
	each_command(out, bash_values);
	(void)buf_adds(out, "esac\n}\n"
			    "_sysg_command() {\noptions= words=none\ncase $1 in\n"
			    "'') words=commands options='");
	each_option(out, &before, bash_name);
	(void)buf_adds(out, "' ;;\n");
	each_command(out, bash_command);
	(void)buf_adds(out, bash_tail);
}

/* --- zsh --- */

static const char zsh_head[] =
	"#compdef sysg\n"
	"_sysg_units() {\n"
	"local -a units\n"
	"units=(${${(f)\"$(_call_program units sysg status --plain 2>/dev/null)\"}%% *})\n"
	"units=(${units:#(NAME|No|*:)})\n"
	"compadd -a units\n"
	"}\n"
	"_sysg() {\n"
	"local curcontext=$curcontext state line\n"
	"local -a commands\n"
	"typeset -A opt_args\n"
	"commands=(\n";

static const char zsh_tail[] =
	"esac\n"
	";;\n"
	"esac\n"
	"}\n"
	"if [ \"$funcstack[1]\" = _sysg ]; then _sysg \"$@\"; else compdef _sysg sysg; fi\n";

static void zsh_summary(struct buf *out, const struct command *c)
{
	(void)buf_printf(out, "'%s:", c->name);
	escaped(out, c->summary, ":\\");
	(void)buf_adds(out, "'\n");
}

static void zsh_action(struct buf *out, const struct option_row *row)
{
	static const char *const actions[] = {
		[KNOWN_NOTHING] = " ",
		[KNOWN_UNITS] = "_sysg_units",
		[KNOWN_FILES] = "_files",
	};
	enum known known = value_of(row);

	(void)buf_addc(out, ':');
	escaped(out, row->value ? row->value : "VALUE", "[]:\\");
	(void)buf_addc(out, ':');
	if (known == KNOWN_CHOICE) {
		(void)buf_addc(out, '(');
		choices(out, row->value);
		(void)buf_addc(out, ')');
	} else {
		(void)buf_adds(out, actions[known]);
	}
}

static void zsh_spec(struct buf *out, const struct option_row *row, bool letter)
{
	bool value = takes_value(row);

	(void)buf_adds(out, " '*");
	if (letter)
		(void)buf_printf(out, "-%c%s", row->letter, value ? "+" : "");
	else
		(void)buf_printf(out, "--%s%s", row->name, value ? "=" : "");
	(void)buf_addc(out, '[');
	escaped(out, row->help, "[]:\\");
	(void)buf_addc(out, ']');
	if (value)
		zsh_action(out, row);
	(void)buf_addc(out, '\'');
}

static void zsh_option(struct buf *out, const struct command *c, const struct option_row *row)
{
	(void)c;
	if (row->letter)
		zsh_spec(out, row, true);
	zsh_spec(out, row, false);
}

static void zsh_command(struct buf *out, const struct command *c)
{
	static const char *const words[] = {
		[KNOWN_NOTHING] = "",
		[KNOWN_UNITS] = " '*:unit:_sysg_units'",
		[KNOWN_FILES] = " '*:file:_files'",
		[KNOWN_COMMANDS] = " '1: :{_describe command commands}'",
		[KNOWN_SHELLS] = " '1:shell:(bash zsh fish)'",
	};

	(void)buf_printf(out, "%s) _arguments -s", c->name);
	each_option(out, c, zsh_option);
	(void)buf_printf(out, "%s ;;\n", words[words_of(c)]);
}

static void zsh(struct buf *out)
{
	(void)buf_adds(out, zsh_head);
	each_command(out, zsh_summary);
	(void)buf_adds(out, ")\n_arguments -s -C -A \"-*\"");
	each_option(out, &before, zsh_option);
	(void)buf_adds(out, " '1: :{_describe command commands}' '(-)*:: :->words'\n"
			    "case $state in\nwords)\ncase $line[1] in\n");
	each_command(out, zsh_command);
	(void)buf_adds(out, zsh_tail);
}

/* --- fish --- */

static const char fish_head[] = "function __sysg_units\n"
				"sysg status --plain 2>/dev/null </dev/null | string match "
				"-rv '^( |NAME|No |[^ ]+: |$)' | string replace -r ' .*' ''\n"
				"end\n"
				"complete -c sysg -f\n";

static void fish_summary(struct buf *out, const struct command *c)
{
	(void)buf_printf(out, "complete -c sysg -n __fish_use_subcommand -a %s -d '", c->name);
	escaped(out, c->summary, "\\");
	(void)buf_adds(out, "'\n");
}

static void fish_condition(struct buf *out, const struct command *c)
{
	(void)buf_printf(out, "complete -c sysg -n %s%s%s",
		*c->name ? "'__fish_seen_subcommand_from " : "__fish_use_subcommand", c->name,
		*c->name ? "'" : "");
}

static void fish_option(struct buf *out, const struct command *c, const struct option_row *row)
{
	fish_condition(out, c);
	(void)buf_printf(out, " -l %s", row->name);
	if (row->letter)
		(void)buf_printf(out, " -s %c", row->letter);
	if (takes_value(row)) {
		static const char *const values[] = {
			[KNOWN_NOTHING] = " -x",
			[KNOWN_UNITS] = " -x -a '(__sysg_units)'",
			[KNOWN_FILES] = " -r -F",
			[KNOWN_CHOICE] = " -x -a '",
		};
		enum known known = value_of(row);

		(void)buf_adds(out, values[known]);
		if (known == KNOWN_CHOICE) {
			choices(out, row->value);
			(void)buf_addc(out, '\'');
		}
	}
	(void)buf_adds(out, " -d '");
	escaped(out, row->help, "\\");
	(void)buf_adds(out, "'\n");
}

static void fish_command(struct buf *out, const struct command *c)
{
	static const char *const words[] = {
		[KNOWN_UNITS] = " -a '(__sysg_units)'",
		[KNOWN_FILES] = " -F",
		[KNOWN_SHELLS] = " -a 'bash zsh fish'",
	};
	enum known known = words_of(c);

	each_option(out, c, fish_option);
	if (known == KNOWN_NOTHING)
		return;
	fish_condition(out, c);
	if (known == KNOWN_COMMANDS) {
		(void)buf_adds(out, " -a '");
		each_command(out, name_only);
		(void)buf_addc(out, '\'');
	} else {
		(void)buf_adds(out, words[known]);
	}
	(void)buf_addc(out, '\n');
}

static void fish(struct buf *out)
{
	(void)buf_adds(out, fish_head);
	each_command(out, fish_summary);
	each_option(out, &before, fish_option);
	each_command(out, fish_command);
}

/* --- the command --- */

static int run(const struct args *args)
{
	static const struct {
		const char *name;
		void (*write)(struct buf *out);
	} shells[] = { { "bash", bash }, { "zsh", zsh }, { "fish", fish } };
	struct err err;
	struct buf out;

	for (size_t i = 0; args->nunits && i < sizeof shells / sizeof *shells; i++)
		if (strcmp(args->units[0], shells[i].name) == 0) {
			buf_init(&out, OUT_MAX);
			shells[i].write(&out);
			return cmd_print(&out, 0);
		}
	(void)err_set(&err, ERR_BAD_REQUEST, 0,
		args->nunits ? "no completion for a shell of that name: %.100s"
			     : "sysg completion needs a shell's name%.0s",
		args->nunits ? args->units[0] : "");
	(void)err_help(&err, "one of: bash|zsh|fish");
	return cmd_fail(args, NULL, &err);
}

extern const struct command cmd_completion;
const struct command cmd_completion = {
	.name = "completion",
	.summary = "what a shell needs to complete this program's words",
	.usage = "bash|zsh|fish",
	.options = options,
	.words = ARGS_TOPIC,
	.run = run,
};
