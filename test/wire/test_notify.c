#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "wire/notify.h"

static struct notify_message m;

static const struct notify_message *of(const char *text)
{
	notify_parse(&m, text, strlen(text));
	return &m;
}

Test(notify, ready_is_said_by_that_very_line)
{
	cr_expect(of("READY=1")->ready);
	cr_expect(of("STATUS=x\nREADY=1\n")->ready);
	cr_expect(of("READY=1\nunknown\n=\n\n\n")->ready);
	cr_expect_not(of("READY=0")->ready);
	cr_expect_not(of("READY=11")->ready);
	cr_expect_not(of("READY=1 ")->ready);
	cr_expect_not(of(" READY=1")->ready);
	cr_expect_not(of("NOTREADY=1")->ready);
	cr_expect_not(of("RELOADING=1\nSTOPPING=1\nBARRIER=1\nWATCHDOG=1\nFDSTORE=1")->ready);
	cr_expect_not(of("")->ready);
}

Test(notify, a_status_is_cut_and_holds_nothing_that_cannot_be_shown)
{
	char text[200] = "STATUS=";

	cr_expect_str_eq(of("STATUS=a\x1b[1m\tb\x7f")->status, "a?[1m?b?");
	memset(text + 7, 'x', NOTIFY_STATUS_MAX);
	cr_expect_eq(strlen(of(text)->status), NOTIFY_STATUS_MAX);
	text[7 + NOTIFY_STATUS_MAX] = 'x';
	cr_expect_eq(strlen(of(text)->status), NOTIFY_STATUS_MAX);
	cr_expect_str_eq(of("READY=1")->status, "");
}

Test(notify, an_error_is_a_number_from_1_to_4095)
{
	cr_expect_eq(of("ERRNO=1")->error, 1);
	cr_expect_eq(of("ERRNO=4095")->error, 4095);
	cr_expect_eq(of("ERRNO=4096")->error, 0);
	cr_expect_eq(of("ERRNO=99999999999999999999")->error, 0);
	cr_expect_eq(of("ERRNO=-1")->error, 0);
	cr_expect_eq(of("ERRNO=")->error, 0);
}

Test(notify, bytes_that_are_no_text_are_passed_over)
{
	notify_parse(&m, "\0\0READY=1\n\xff\xfe\nREADY=1", 20);
	cr_expect(m.ready);
	notify_parse(&m, "READY=1\0", 8);
	cr_expect_not(m.ready);
}
