/* args.h - one table of options makes the parser and --help. Layer: cli. */
#ifndef CLI_ARGS_H
#define CLI_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

enum args_kind {
	ARG_NONE,     /* --name */
	ARG_STRING,   /* --name VALUE, --name=VALUE */
	ARG_CHOICE,   /* a string that is one of the words in `value`, "pid|id|name" */
	ARG_DURATION, /* read with base/units: "90", "2h"; ns */
	ARG_INT,      /* whole number, 0..max (0: no bound) */
	ARG_LIST,     /* a string, may be given again */
	ARG_OPTIONAL, /* --name or --name=VALUE, never the next word */
	ARG_REFUSED,  /* known to the specification, not to this version: exit 2, not in --help */
};

enum args_words {
	ARGS_NONE,      /* a plain word is a mistake */
	ARGS_UNIT,      /* at most one UNIT, or -s UNIT */
	ARGS_UNITS,     /* UNIT..., or -s UNIT as often */
	ARGS_UNIT_WORD, /* UNIT WORD, or -s UNIT WORD */
	ARGS_UNIT_TEXT, /* UNIT, or -s UNIT; then - or a text behind -- */
	ARGS_TOPIC,     /* at most one word */
	ARGS_DASHED,    /* a command behind --, and no plain word */
	ARGS_COMMAND,   /* a command behind --, or from the first plain word on */
};

struct option_row {
	const char *name; /* without the dashes; NULL: the table ends, or goes on at `more` */
	char letter;      /* short form, 0: none */
	enum args_kind kind : 8;
	unsigned char group; /* not 0: excludes the other options of this group (SG0204) */
	bool childs_status;  /* with it sysg's own failures exit with 125 */
	int max;             /* ARG_INT */
	union {
		const char *value; /* its name in --help; ARG_CHOICE: the words, '|' between */
		const struct option_row *more;
	};
	const char *help; /* one line; ARG_REFUSED: the advice, or NULL */
};

/* The row itself, or where its table goes on; NULL: past the last. The row behind it is option_at(row + 1). */
const struct option_row *option_at(const struct option_row *row);

/* Rows that many commands have: -p, -s, --socket, the two of --format, the two of --log-level. */
extern const struct option_row options_shared[];

/* Rows that a command adds to its table where they do something. */
// clang-format off
#define OPT_SERVICE { "service", 's', ARG_LIST, .value = "UNIT", .help = "a unit; the same as a plain word" }
#define OPT_PROJECT { "project", 'p', ARG_STRING, .value = "ID", .help = "a project; with units: those of it" }
#define OPT_CONFIG { "config", 'c', ARG_STRING, .value = "FILE", .help = "the manifest" }
#define OPT_JSON \
	{ "format", 0, ARG_CHOICE, .value = "json", .help = "machine-readable on stdout" }, \
	{ "json", 0, ARG_NONE, .help = "the same as --format json" }
#define OPT_SOCKET { "socket", 0, ARG_STRING, .value = "PATH", .help = "the supervisor's control socket" }
/* The last row of a table: what it goes on in. */
#define OPTS_UNIT    { NULL, .more = options_shared }
#define OPTS_CLIENT  { NULL, .more = options_shared + 2 }
#define OPTS_OUTPUT  { NULL, .more = options_shared + 3 }
#define OPTS_VERBOSE { NULL, .more = options_shared + 5 }
// clang-format on

struct args_value {
	const struct option_row *row;
	const char *text; /* NULL: given without a value */
	int64_t number;   /* ARG_DURATION, ARG_INT */
};

/* What was given. Every pointer is into argv or the tables. */
struct args {
	struct args_value *values; /* in the order given */
	size_t nvalues;
	char **units; /* plain words or -s; ARGS_TOPIC: the word; ARGS_COMMAND: none. With -p ID: "/ID/UNIT" each, or "ID/" */
	size_t nunits;
	char *word; /* the word behind the unit: of ARGS_UNIT_WORD, "-" of ARGS_UNIT_TEXT; NULL: not given */
	char **argv; /* the command, NULL-terminated; NULL: none was given */
	size_t argc;
	char *paths; /* owned: what -p made of units */
	bool help;   /* -h: nothing else was looked at */
	bool json;
};

/* What a command takes. */
struct args_spec {
	const char *name;
	const char *usage;
	const char *summary;
	const struct option_row *options; /* its own; those that every command has are added */
	enum args_words words;
	const char *notes; /* lines behind the options, or NULL */
};

/* words: what follows the command's name, NULL-terminated. 0, or -1 with an error whose exit status
 * is 2: SG0832, SG0210, SG0204, SG0705, and help. args is to be released by args_done() in both
 * cases. */
int args_parse(struct args *args, const struct args_spec *spec, char **words, struct err *err);
void args_done(struct args *args);

/* An option that the command's table does not have is not given. */
bool args_has(const struct args *args, const char *name);
const char *args_str(const struct args *args, const char *name); /* the last one; NULL: not given */
int64_t args_number(
	const struct args *args, const char *name, int64_t fallback); /* ARG_DURATION: ns */
const char *args_list(
	const struct args *args, const char *name, size_t i); /* NULL: past the last */

/* The exit status of a failure: err_exit_status(), or 125 where the status is to be the child's. */
int args_status(const struct args *args, int status);

/* Looks for --json or --format json in words up to "--", for errors of the parser itself. */
bool args_want_json(char *const *words);

/* `sysg --sys start ...`: how many of words are options (of those that every command has) before
 * the command. -1: one of them is no such option. */
int args_leading(char *const *words, struct err *err);

/* The text of --help. */
void args_help(struct buf *out, const struct args_spec *spec);

#endif
