#include <criterion/criterion.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"

Test(err, set_returns_minus_one_and_keeps_code)
{
	struct err e = { 0 };

	cr_expect_eq(err_set(&e, ERR_BAD_VALUE, 0, "bad %s", "backoff"), -1);
	cr_expect_eq(err_wrap(&e, "services.%s", "db"), -1);
	cr_expect_eq(e.code, ERR_BAD_VALUE);
	cr_expect_str_eq(e.msg, "services.db: bad backoff");
	cr_expect_eq(err_exit_status(e.code), 2);
}

Test(err, wrap_truncates_instead_of_overflowing)
{
	struct err e = { 0 };
	char big[600];

	memset(big, 'a', sizeof big - 1);
	big[sizeof big - 1] = '\0';
	err_set(&e, ERR_UNKNOWN, 0, "%s", big);
	err_wrap(&e, "%s", big);
	cr_expect(strlen(e.msg) < sizeof e.msg);
}

Test(err, name_is_the_row_in_lower_case_with_dashes)
{
	cr_expect_str_eq(err_name(ERR_NAME_TAKEN), "name-taken");
	cr_expect_str_eq(err_name((enum err_code)9999), "unknown");
	cr_expect_str_eq(err_name(ERR_CHILDREN), "limit");
	cr_expect_str_eq(err_name(ERR_PARENT_STOPPING), "parent-stopping");
}

Test(cleanup, steal_ptr_empties_the_source)
{
	autofree char *a = strdup("x");
	char *b = steal_ptr(a);

	cr_expect_null(a);
	free(b);
}

/* The exit statuses of the specification's page of codes; a code that isn't listed there is 1. */
static int status_of_the_page(int code)
{
	static const struct {
		int status, codes[20];
	} page[] = {
		{ 2, { 6, 201, 203, 204, 207, 208, 209, 210, 211, 212, 213, 301, 705, 832 } },
		{ 3, { 205, 206 } },
		{ 4, { 801, 811, 812, 101 } },
		{ 5, { 202 } },
		{ 6, { 807 } },
		{ 7, { 802, 803, 804, 805, 806, 808, 809, 815 } },
		{ 8, { 821, 833 } },
		{ 9, { 111, 822 } },
		{ 10, { 823 } },
		{ 11, { 810 } },
		{ 12, { 813 } },
		{ 13, { 831 } },
		{ 14, { 814 } },
		{ 15, { 824 } },
		{ 16, { 825, 826 } },
	};

	for (size_t i = 0; code && i < sizeof page / sizeof *page; i++)
		for (int k = 0; k < 20; k++)
			if (page[i].codes[k] == code)
				return page[i].status;
	return code ? 1 : 0;
}

Test(err, every_code_has_a_title_and_the_exit_status_of_the_page_of_codes)
{
	static const int all[] = {
#define ERR(num, name, status, title) num,
#include "base/errcodes.def"
#undef ERR
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		enum err_code code = (enum err_code)all[i];
		cr_expect(err_known(all[i]));
		cr_expect(strlen(err_title(code)) > 3, "%d", all[i]);
		cr_expect_eq(err_exit_status(code), status_of_the_page(all[i]), "%d: %d", all[i],
			err_exit_status(code));
		for (size_t k = 0; k < i; k++)
			cr_expect_neq(all[i], all[k]);
	}
}
