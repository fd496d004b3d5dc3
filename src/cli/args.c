#include "cli/args.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"
#include "cli/nearest.h"
#include "cli/options.h"

enum { CHILDS_STATUS_FAILURE = 125 };

/* --- tables --- */

// clang-format off
const struct option_row options_everywhere[] = {
	{ "plain",    0,   ARG_NONE, .help = "no colour, no drawing" },
	{ "no-color", 0,   ARG_NONE, .help = "no colour" },
	{ "sys",      0,   ARG_NONE, .help = "refuse to run as anyone but root" },
	{ "help",     'h', ARG_NONE, .help = "this text" },
	{ NULL },
};

/* Looked at last: a command may have its own row of the same name. */
static const struct option_row refused_everywhere[] = {
	{ "project",  'p', ARG_REFUSED },
	{ "config",   'c', ARG_REFUSED },
	{ "drop-privileges", 0, ARG_REFUSED, .help = "give the service a `user:` in the manifest instead" },
	{ NULL },
};

const struct option_row options_shared[] = {
	OPT_PROJECT, OPT_SERVICE, OPT_SOCKET, OPT_JSON,
	{ "log-level", 0, ARG_CHOICE, .value = LOG_LEVEL_WORDS, .help = "how much is told on stderr" },
	{ "verbose", 'v', ARG_NONE, .help = "the same as --log-level debug" },
	{ NULL },
};

/* These stand before a command too; whether it takes one is then seen by its own table. */
const struct option_row options_leading[] = {
	OPT_CONFIG,
	{ "drop-privileges", 0, ARG_NONE },
	{ "version",  0, ARG_NONE, .help = "the version of this program" },
	OPTS_UNIT,
};
// clang-format on

const struct option_row *option_at(const struct option_row *row)
{
	return row && !row->name ? option_at(row->more) : row;
}

static const struct option_row *in_table(
	const struct option_row *table, const char *name, size_t n, char letter)
{
	for (const struct option_row *row = option_at(table); row; row = option_at(row + 1))
		if (letter ? row->letter == letter
			   : strlen(row->name) == n && memcmp(row->name, name, n) == 0)
			return row;
	return NULL;
}

static const struct option_row *find(
	const struct option_row *own, const char *name, size_t n, char letter)
{
	const struct option_row *row = in_table(own, name, n, letter);

	if (!row)
		row = in_table(options_everywhere, name, n, letter);
	return row ? row : in_table(refused_everywhere, name, n, letter);
}

static int usage_help(struct err *err, const char *command)
{
	return err->help[0] ? -1 : err_help(err, "sysg %s --help lists what it takes", command);
}

static int unknown_option(const char *word, const struct option_row *own, struct err *err)
{
	const char *name = word + strspn(word, "-");
	char bare[64];
	size_t n = strcspn(name, "=");
	const struct option_row *tables[] = { own, options_everywhere };
	struct nearest near = { .word = bare };

	if (n >= sizeof bare)
		n = sizeof bare - 1;
	memcpy(bare, name, n);
	bare[n] = '\0';
	for (size_t t = 0; n > 1 && t < 2; t++)
		for (const struct option_row *row = option_at(tables[t]); row;
			row = option_at(row + 1))
			if (row->kind != ARG_REFUSED)
				nearest_offer(&near, row->name);
	(void)err_set(err, ERR_BAD_REQUEST, 0, "unknown option %.*s",
		(int)(name - word + (ptrdiff_t)n), word);
	return near.best ? err_help(err, "did you mean --%s?", near.best) : -1;
}

/* --- values --- */

static bool is_choice(const char *words, const char *text)
{
	size_t want = strlen(text);

	while (*words) {
		size_t n = strcspn(words, "|");

		if (n == want && memcmp(words, text, n) == 0)
			return true;
		words += n + (words[n] == '|');
	}
	return false;
}

static int bad_value(
	const struct option_row *row, const char *text, const char *why, struct err *err)
{
	return err_set(err, ERR_BAD_VALUE, 0, "--%s %.100s: %s", row->name, text, why);
}

static int read_value(struct args_value *v, struct err *err)
{
	const char *why = NULL;

	switch (v->row->kind) {
	case ARG_DURATION:
		if (duration_parse(v->text, &v->number, &why) < 0)
			return bad_value(v->row, v->text, why, err);
		return 0;
	case ARG_INT:
		if (whole_parse(v->text, 0, v->row->max ? v->row->max : INT64_MAX, &v->number,
			    &why) < 0)
			return bad_value(v->row, v->text, why, err);
		return 0;
	case ARG_CHOICE:
		if (!is_choice(v->row->value, v->text)) {
			(void)bad_value(v->row, v->text, "no such choice", err);
			return err_help(err, "one of: %s", v->row->value);
		}
		return 0;
	default:
		return 0;
	}
}

static bool takes_value(enum args_kind kind)
{
	return kind == ARG_STRING || kind == ARG_CHOICE || kind == ARG_DURATION ||
	       kind == ARG_INT || kind == ARG_LIST;
}

static int excluded(const struct args *args, const struct option_row *row, struct err *err)
{
	for (size_t i = 0; i < args->nvalues; i++) {
		const struct option_row *other = args->values[i].row;

		if (other != row && other->group == row->group)
			return err_set(err, ERR_EXCLUSIVE, 0, "--%s and --%s exclude each other",
				other->name, row->name);
	}
	return 0;
}

static int refuse(const struct option_row *row, struct err *err)
{
	(void)err_set(err, ERR_BAD_REQUEST, 0,
		"option --%s is not supported by this version of sysg", row->name);
	return row->help ? err_help(err, "%s", row->help) : -1;
}

static int add_value(
	struct args *args, const struct option_row *row, const char *text, struct err *err)
{
	struct args_value v = { .row = row, .text = text };

	if (row->group && excluded(args, row, err) < 0)
		return -1;
	if (read_value(&v, err) < 0)
		return -1;
	args->values[args->nvalues++] = v;
	if (strcmp(row->name, "json") == 0)
		args->json = true;
	if (strcmp(row->name, "format") == 0)
		args->json = text && strcmp(text, "json") == 0;
	if (strcmp(row->name, "help") == 0)
		args->help = true;
	return 0;
}

/* --- words --- */

struct walk {
	struct args *args;
	const struct args_spec *spec;
	char **at;
	struct err *err;
};

/* text: what is attached to the option, or NULL. */
static int take(struct walk *w, const struct option_row *row, const char *text)
{
	if (row->kind == ARG_REFUSED)
		return refuse(row, w->err);
	if (!takes_value(row->kind)) {
		if (text && row->kind != ARG_OPTIONAL)
			return err_set(w->err, ERR_BAD_REQUEST, 0, "option --%s takes no value",
				row->name);
		return add_value(w->args, row, text, w->err);
	}
	if (!text) {
		text = *w->at;
		if (!text || strcmp(text, "--") == 0)
			return err_set(
				w->err, ERR_BAD_REQUEST, 0, "option --%s needs a value", row->name);
		w->at++;
	}
	return add_value(w->args, row, text, w->err);
}

static int long_option(struct walk *w, const char *word)
{
	size_t n = strcspn(word + 2, "=");
	const struct option_row *row = find(w->spec->options, word + 2, n, 0);

	if (!row)
		return unknown_option(word, w->spec->options, w->err);
	return take(w, row, word[2 + n] == '=' ? word + 3 + n : NULL);
}

static int short_options(struct walk *w, const char *word)
{
	for (const char *p = word + 1; *p; p++) {
		const struct option_row *row = find(w->spec->options, NULL, 0, *p);
		char one[] = { '-', *p, '\0' };

		if (!row)
			return unknown_option(one, w->spec->options, w->err);
		if (takes_value(row->kind))
			return take(w, row, !p[1] ? NULL : p[1] == '=' ? p + 2 : p + 1);
		if (take(w, row, NULL) < 0)
			return -1;
	}
	return 0;
}

static void begin_command(struct walk *w)
{
	w->args->argv = w->at;
	while (*w->at)
		w->at++;
	w->args->argc = (size_t)(w->at - w->args->argv);
}

static int stray(struct walk *w, const char *word)
{
	(void)err_set(w->err, ERR_BAD_REQUEST, 0, "sysg %s takes no word here: %.100s",
		w->spec->name, word);
	return w->spec->words == ARGS_DASHED      ? err_help(w->err, "put -- before the command")
	       : w->spec->words == ARGS_UNIT_TEXT ? err_help(w->err, "put -- before the text")
						  : -1;
}

static int plain_word(struct walk *w, char *word)
{
	bool one = w->spec->words == ARGS_UNIT || w->spec->words == ARGS_TOPIC;
	bool text = w->spec->words == ARGS_UNIT_TEXT, dash = strcmp(word, "-") == 0;
	bool two = (w->spec->words == ARGS_UNIT_WORD || (text && (dash || !w->args->nunits))) &&
		   w->args->nunits < 2;

	if (w->spec->words == ARGS_COMMAND) {
		w->at--;
		begin_command(w);
		return 0;
	}
	if ((!one && !two && w->spec->words != ARGS_UNITS) || (one && w->args->nunits))
		return stray(w, word);
	w->args->units[w->args->nunits++] = word;
	return 0;
}

static int dashes(struct walk *w)
{
	if (w->spec->words == ARGS_DASHED || w->spec->words == ARGS_COMMAND ||
		w->spec->words == ARGS_UNIT_TEXT) {
		begin_command(w);
		return 0;
	}
	while (*w->at) {
		char *word = *w->at++;

		if (plain_word(w, word) < 0)
			return -1;
	}
	return 0;
}

static int walk_words(struct walk *w)
{
	while (*w->at && !w->args->help) {
		char *word = *w->at++;
		int rc;

		if (strcmp(word, "--") == 0)
			rc = dashes(w);
		else if (word[0] != '-' || !word[1])
			rc = plain_word(w, word);
		else
			rc = word[1] == '-' ? long_option(w, word) : short_options(w, word);
		if (rc < 0)
			return -1;
	}
	return 0;
}

/* -s UNIT is a plain word by another name. */
static int join_units(struct args *args, const struct args_spec *spec, struct err *err)
{
	bool text = spec->words == ARGS_UNIT_TEXT;
	if (args->nunits && (spec->words == ARGS_UNIT_WORD ||
				    (text && strcmp(args->units[args->nunits - 1], "-") == 0))) {
		args->word = args->units[--args->nunits];
		args->units[args->nunits] = NULL;
	}
	size_t words = args->nunits, named = 0;

	if (spec->words != ARGS_UNIT && spec->words != ARGS_UNITS &&
		spec->words != ARGS_UNIT_WORD && !text)
		return 0;
	for (size_t i = 0; i < args->nvalues; i++)
		/* Each of the nvalues has its row. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		if (strcmp(args->values[i].row->name, "service") == 0) {
			args->units[args->nunits++] = (char *)args->values[i].text;
			named++;
		}
	if (words && named)
		return err_set(
			err, ERR_EXCLUSIVE, 0, "name units by -s or by plain words, not by both");
	if (spec->words != ARGS_UNITS && named > 1)
		return err_set(err, ERR_BAD_REQUEST, 0, "sysg %s takes one unit", spec->name);
	return 0;
}

static void set_level(const struct args *args)
{
	const char *word = args_has(args, "verbose") ? "debug" : args_str(args, "log-level");
	enum log_level level;

	if (word && log_level_parse(word, &level) == 0)
		log_level_set(level);
}

/* A word of letters holds as many options as letters; behind "--" there are none. */
static int allocate(struct args *args, char **words, struct err *err)
{
	size_t options = 1, all = 1;
	bool open = true;

	for (char **w = words; *w; w++, all++) {
		open = open && strcmp(*w, "--") != 0;
		options += open && **w == '-' ? strlen(*w) : 0;
	}
	args->values = calloc(options, sizeof *args->values);
	args->units = calloc(all + options, sizeof *args->units);
	if (!args->values || !args->units)
		return err_no_memory(err);
	return 0;
}

int args_parse(struct args *args, const struct args_spec *spec, char **words, struct err *err)
{
	struct walk w = { .args = args, .spec = spec, .at = words, .err = err };

	*args = (struct args){ 0 };
	if (allocate(args, words, err) < 0)
		return -1;
	if (walk_words(&w) < 0)
		return usage_help(err, spec->name);
	if (args->help)
		return 0;
	if (join_units(args, spec, err) < 0 || args_join_project(args, spec, err) < 0)
		return usage_help(err, spec->name);
	if (args_has(args, "sys") && geteuid() != 0) {
		(void)err_set(err, ERR_NEEDS_ROOT, 0, "--sys needs root");
		return err_help(err, "run it as root, or leave --sys out");
	}
	set_level(args);
	return 0;
}

void args_done(struct args *args)
{
	free(args->values);
	free(args->units);
	free(args->paths);
	*args = (struct args){ 0 };
}

/* --- reading --- */

static const struct args_value *last(const struct args *args, const char *name)
{
	for (size_t i = args->nvalues; i-- > 0;)
		if (strcmp(args->values[i].row->name, name) == 0)
			return &args->values[i];
	return NULL;
}

bool args_has(const struct args *args, const char *name)
{
	return last(args, name) != NULL;
}

const char *args_str(const struct args *args, const char *name)
{
	const struct args_value *v = last(args, name);

	return v ? v->text : NULL;
}

int64_t args_number(const struct args *args, const char *name, int64_t fallback)
{
	const struct args_value *v = last(args, name);

	return v ? v->number : fallback;
}

const char *args_list(const struct args *args, const char *name, size_t i)
{
	for (size_t k = 0; k < args->nvalues; k++)
		if (strcmp(args->values[k].row->name, name) == 0 && i-- == 0)
			return args->values[k].text;
	return NULL;
}

int args_status(const struct args *args, int status)
{
	for (size_t i = 0; status && i < args->nvalues; i++)
		if (args->values[i].row->childs_status)
			return CHILDS_STATUS_FAILURE;
	return status;
}

bool args_want_json(char *const *words)
{
	for (; *words && strcmp(*words, "--") != 0; words++) {
		if (strcmp(*words, "--json") == 0 || strcmp(*words, "--format=json") == 0)
			return true;
		if (strcmp(*words, "--format") == 0 && words[1] && strcmp(words[1], "json") == 0)
			return true;
	}
	return false;
}

int args_leading(char *const *words, struct err *err)
{
	int n = 0;

	while (words[n] && words[n][0] == '-' && strcmp(words[n], "--") != 0) {
		const char *word = words[n++];
		size_t len = word[1] == '-' ? strcspn(word + 2, "=") : 0;
		char letter = (char)(word[1] == '-' ? '\0' : word[1]);
		const struct option_row *row = in_table(options_leading, word + 2, len, letter);

		if (!row)
			row = in_table(options_everywhere, word + 2, len, letter);
		if (!row)
			return unknown_option(word, options_leading, err);
		bool attached = letter ? word[2] != '\0' : word[2 + len] == '=';
		if (takes_value(row->kind) && !attached && words[n])
			n++;
	}
	return n;
}
