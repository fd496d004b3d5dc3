#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "cli/look.h"
#include "cli/screen.h"
#include "cli/top.h"
#include "cmd/command.h"
#include "cmd/common.h"

// clang-format off
static const struct option_row options[] = {
	{ "interval", 0, ARG_DURATION, .value = "DURATION", .help = "how often it is drawn (2s)" },
	{ "sort", 0, ARG_CHOICE, .value = "cpu|memory", .help = "what is greatest comes first (cpu)" },
	OPTS_UNIT,
};
// clang-format on

static const char notes[] =
	"c sorts by CPU, m by memory, q quits. Where stdout is no terminal it is one picture.\n";

/* The other screen and no cursor; and back. */
#define BEGIN "\033[?1049h\033[?25l"
#define END   "\033[?25h\033[?1049l"

enum { FASTEST_MS = 100 };
#define APART_NS (500 * NS_PER_MS) /* of the first two looks */

/* --- the terminal --- */

static struct termios before;
static bool keys; /* stdin is a terminal, whose mode was changed */

static void give_back(void)
{
	if (keys)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
	(void)!write(STDOUT_FILENO, END, sizeof END - 1);
}

/* All of it may be done in a handler, so that it works while a write to the terminal waits. The second one ends us at once. */
static void end_by(int sig)
{
	give_back();
	(void)raise(sig);
}

static void wake(int sig)
{
	(void)sig; /* poll() ends */
}

static void take_terminal(void)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction end = { .sa_handler = end_by, .sa_flags = SA_RESETHAND },
			 resized = { .sa_handler = wake };

	keys = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		(void)sigaction(ends[i], &end, NULL);
	(void)sigaction(SIGWINCH, &resized, NULL);
	if (keys) {
		struct termios t = before;
		t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
		t.c_iflag &= ~(tcflag_t)IXON;
		t.c_cc[VSUSP] = _POSIX_VDISABLE; /* the shell would be left with our screen */
		t.c_cc[VMIN] = 0;
		t.c_cc[VTIME] = 0;
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &t);
	}
	(void)!write(STDOUT_FILENO, BEGIN, sizeof BEGIN - 1);
}

/* --- pictures --- */

struct view {
	struct look look;
	struct top top;
	bool begun; /* a look; its rows are no longer those of the one before */
	bool any;   /* the rows of a look are there */
	char note[512];
	int64_t every_ns, next_ns;
};

/* False: nobody takes it any more. */
static bool draw(struct view *v)
{
	struct progress_screen screen = screen_now();
	static const struct rows none;
	struct buf out, picture;

	buf_init(&picture, OUT_MAX);
	buf_init(&out, OUT_MAX);
	if (!v->any)
		v->top.n = 0;
	int rc = top_draw(&picture, &v->top, v->any ? &v->look.rows : &none, &screen,
		*v->note ? v->note : NULL);
	(void)buf_adds(&out, "\033[H");
	for (size_t i = 1; rc == 0 && i < picture.len; i++)
		if (picture.p[i] == '\n')
			(void)buf_adds(&out, "\033[K\n");
		else
			(void)buf_addc(&out, picture.p[i]);
	(void)buf_adds(&out, "\033[K\033[J");
	buf_done(&picture);
	rc = out_flush(&out);
	buf_done(&out);
	return rc == 0;
}

/* The last picture's rows are gone where it went wrong. */
static void looked(struct view *v)
{
	bool well = v->look.err.code == ERR_OK;

	*v->note = '\0';
	if (!well)
		(void)snprintf(v->note, sizeof v->note, "SG%04d: %s", (int)v->look.err.code,
			v->look.err.msg);
	v->any = well && top_take(&v->top, &v->look.rows, clock_mono_ns()) == 0;
}

/* False: it is to end. */
static bool take_keys(struct view *v, short events)
{
	char c;

	while (read(STDIN_FILENO, &c, 1) == 1) {
		if (c == 'q' || c == 'Q')
			return false;
		if (c == 'c' || c == 'm')
			v->top.by_memory = c == 'm';
		if (c == ' ')
			v->next_ns = 0;
	}
	return !(events & (POLLHUP | POLLERR | POLLNVAL));
}

/* How long it may be waited, at most an hour, as poll() takes no more than some weeks. */
static int wait_ms(const struct view *v, int64_t now)
{
	int64_t ns = (v->look.busy ? v->look.until_ns : v->next_ns) - now;

	if (ns <= 0)
		return 0;
	return ns > 3600 * NS_PER_SEC ? 3600 * 1000 : (int)((ns + NS_PER_MS - 1) / NS_PER_MS);
}

static void watch(struct view *v)
{
	for (bool drawn = true; drawn;) {
		int64_t now = clock_mono_ns();
		if (!v->begun && now >= v->next_ns) {
			/* the second look follows soon: what is used is known by two */
			v->next_ns = now + (v->top.seen_ns ? v->every_ns : APART_NS);
			v->begun = true;
			look_begin(&v->look, LOOK_STATUS, LOOK_STATUS);
		}
		struct pollfd p[] = { { .fd = keys ? STDIN_FILENO : -1, .events = POLLIN },
			{ .fd = look_fd(&v->look), .events = POLLIN }, { .fd = STDOUT_FILENO } };
		(void)poll(p, 3, v->begun && !v->look.busy ? 0 : wait_ms(v, now));
		if ((p[2].revents & (POLLERR | POLLHUP)) ||
			(p[0].revents && !take_keys(v, p[0].revents)))
			break;
		if (v->begun && look_go_on(&v->look)) {
			v->begun = false;
			looked(v);
		}
		if (!v->begun)
			drawn = draw(v);
	}
}

/* One picture of two looks, so that it is known what is used now. */
static struct top one;

static int draw_once(struct buf *out, const struct args *args, const struct rows *rows)
{
	struct progress_screen screen = screen_now();
	int rc = top_take(&one, rows, clock_mono_ns());

	(void)args;
	if (rc < 0 || !one.passed_ns)
		return rc < 0 ? -1 : 1;
	screen.lines = screen.columns = 0;
	rc = top_draw(out, &one, rows, &screen, NULL);
	buf_drop(out, out->len ? 1 : 0); /* the newline before the first line */
	(void)buf_addc(out, '\n');
	top_done(&one);
	return rc;
}

static int run(const struct args *args)
{
	const char *sort = args_str(args, "sort");
	struct view v = { .top = { .by_memory = sort && strcmp(sort, "memory") == 0 },
		.every_ns = args_number(args, "interval", 2 * NS_PER_SEC) };
	struct err err;
	int status = 0;

	if (v.every_ns < FASTEST_MS * NS_PER_MS) {
		(void)err_set(&err, ERR_BAD_VALUE, 0, "--interval: at least %d ms", FASTEST_MS);
		return cmd_fail(args, NULL, &err);
	}
	look_init(&v.look, args_str(args, "socket"), args->units);
	if (args->json || !out_live(STDOUT_FILENO)) {
		one.by_memory = v.top.by_memory;
		status = cmd_list(
			args, &(struct cmd_listing){
				      .measured = true, .draw = draw_once, .failed = cmd_fail });
	} else {
		take_terminal();
		watch(&v);
		give_back();
	}
	look_done(&v.look);
	top_done(&v.top);
	return status;
}

extern const struct command cmd_top;
const struct command cmd_top = {
	.name = "top",
	.summary = "the spawn tree live, with what each unit uses, the greatest first",
	.usage = "[OPTIONS] [UNIT...]",
	.options = options,
	.words = ARGS_UNITS,
	.notes = notes,
	.run = run,
};
