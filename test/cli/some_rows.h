/* some_rows.h - what the tests of tables share: rows as a supervisor sends them. Layer: test. */
#ifndef TEST_CLI_SOME_ROWS_H
#define TEST_CLI_SOME_ROWS_H

#include <criterion/criterion.h>

#include "cli/rows.h"

static struct rows rows;
static struct buf out;
static struct err err;

static void add(const char *bytes, size_t n)
{
	struct packet p;

	cr_assert_eq(packet_parse(&p, bytes, n), 0);
	cr_assert_eq(rows_add(&rows, &p, &err), 0);
}

#define row(text) add(text, sizeof(text))

#endif
