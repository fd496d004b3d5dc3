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
