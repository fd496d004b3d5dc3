/* A command line, its words split by NUL: what is taken is printed and read again as the same; what
 * isn't is refused with a status of its own. */
#include <unistd.h>

#include "cmd/command.h"
#include "fuzz.h"

enum { PRINTED_MAX = 256 };

/* What was read, in one spelling: --name=value, "--", the plain words or the command. */
struct printed {
	char *v[PRINTED_MAX];
	int n;
};

static void put(struct printed *out, const char *a, const char *b, const char *c)
{
	size_t room = strlen(a) + strlen(b) + strlen(c) + 1;

	HOLDS(out->n < PRINTED_MAX - 1, "more than was written");
	HOLDS(out->v[out->n] = malloc(room), "no memory");
	snprintf(out->v[out->n++], room, "%s%s%s", a, b, c);
	out->v[out->n] = NULL;
}

static void put_value(struct printed *out, const struct args_value *v)
{
	char name[64];

	snprintf(name, sizeof name, "--%s", v->row->name);
	put(out, name, v->text ? "=" : "", v->text ? v->text : "");
}

static void print(struct printed *out, const struct args *args, const struct args_spec *spec)
{
	/* a single plain word would be read as the WORD, so a unit without one is left to -s */
	bool alone = spec->words == ARGS_UNIT_WORD && !args->word;
	bool units = spec->words == ARGS_UNIT || spec->words == ARGS_UNITS ||
		     (spec->words == ARGS_UNIT_WORD && !alone);

	out->n = 0;
	out->v[0] = NULL;
	bool text = spec->words == ARGS_UNIT_TEXT; /* its words stand before the dashes */
	alone |= text && args_has(args, "service");
	/* -p has made paths of the units, which say as much without it; what stands for all of it is no word */
	bool paths = ((units || text) && !alone) ||
		     (spec->words == ARGS_COMMAND && args_has(args, "service"));
	alone |= args_has(args, "project") && !units && !text;
	for (size_t i = 0; i < args->nvalues; i++)
		if ((!units || strcmp(args->values[i].row->name, "service") != 0) &&
			(!paths || strcmp(args->values[i].row->name, "project") != 0))
			put_value(out, &args->values[i]);
	if (!text && ((args->nunits && !alone) || args->word || args->argv))
		put(out, "--", "", "");
	for (size_t i = 0; i < args->nunits && !alone; i++)
		put(out, args->units[i], "", "");
	if (args->word)
		put(out, args->word, "", "");
	if (text && args->argv)
		put(out, "--", "", "");
	for (size_t i = 0; i < args->argc; i++)
		put(out, args->argv[i], "", "");
}

static void same(const struct args *a, const struct args *b)
{
	HOLDS(a->nunits == b->nunits && a->argc == b->argc && !a->argv == !b->argv, "words");
	HOLDS(!a->word == !b->word && (!a->word || strcmp(a->word, b->word) == 0), "the word");
	HOLDS(a->json == b->json && a->help == b->help, "flags");
	for (size_t i = 0; i < a->nunits; i++)
		HOLDS(strcmp(a->units[i], b->units[i]) == 0, "%s", a->units[i]);
	for (size_t i = 0; i < a->argc; i++)
		HOLDS(strcmp(a->argv[i], b->argv[i]) == 0, "%s", a->argv[i]);
	for (size_t i = 0; i < b->nvalues; i++) {
		const char *name = b->values[i].row->name;
		HOLDS(args_has(a, name) && args_number(a, name, 0) == args_number(b, name, 0),
			"--%s", name);
	}
}

static void printed_is_the_same(const struct args *args, const struct args_spec *spec)
{
	struct printed out;
	struct args again;
	struct err err = { 0 };

	print(&out, args, spec);
	HOLDS(args_parse(&again, spec, out.v, &err) == 0, "sysg %s: %s", spec->name, err.msg);
	same(args, &again);
	args_done(&again);
	for (int i = 0; i < out.n; i++)
		free(out.v[i]);
}

static void rows_hold(const struct args *args)
{
	for (size_t i = 0; i < args->nvalues; i++) {
		const struct option_row *row = args->values[i].row;
		HOLDS(row->kind != ARG_REFUSED, "--%s was taken", row->name);
		HOLDS(row->kind != ARG_INT || !row->max || args->values[i].number <= row->max,
			"--%s", row->name);
		HOLDS(args_has(args, row->name), "--%s", row->name);
	}
}

static void parse(const struct command *command, char **words)
{
	struct args_spec spec = { command->name, command->usage, command->summary, command->options,
		command->words };
	struct args args;
	struct err err = { 0 };

	(void)args_want_json(words);
	if (args_parse(&args, &spec, words, &err) < 0) {
		err_holds(&err);
		HOLDS(err_exit_status(err.code) == 2, "SG%04d: %s", (int)err.code, err.msg);
		HOLDS(err.help[0], "no help: %s", err.msg);
	} else {
		rows_hold(&args);
		if (!args.help)
			printed_is_the_same(&args, &spec);
	}
	args_done(&args);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct words w;
	struct err err = { 0 };

	words_split(&w, data, size);
	int n = args_leading(w.v, &err);
	if (n < 0)
		err_holds(&err);
	HOLDS(n <= w.n, "%d of %d words", n, w.n);
	if (w.n) {
		const struct command *command = command_find(w.v[0]);
		(void)command_nearest(w.v[0]);
		for (size_t i = 0; !command && command_at(i); i++)
			parse(command_at(i), w.v);
		if (command)
			parse(command, w.v + 1);
	}
	free(w.bytes);
	return 0;
}
