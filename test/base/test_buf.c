#include <criterion/criterion.h>
#include <string.h>

#include "base/buf.h"

Test(buf, an_append_past_the_cap_is_refused_whole_and_said)
{
	struct buf b;

	buf_init(&b, 8);
	cr_expect_eq(buf_adds(&b, "12345678"), 0);
	cr_expect_eq(buf_addc(&b, '9'), -1);
	cr_expect_eq(buf_printf(&b, "%d", 1), -1);
	cr_expect_eq(b.failed, 1);
	cr_expect_str_eq(b.p, "12345678");
	buf_drop(&b, 3);
	cr_expect_str_eq(b.p, "45678");
	buf_done(&b);
}
