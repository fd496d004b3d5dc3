#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/account.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "web:x:100:200:Web,,,:/srv/web:/bin/false\n"
			     "+::::::\n"
			     "broken:x:12\n"
			     "worse:x:many:1::/:/\n"
			     "4000:x:7:8:a name of digits:/seven:/bin/sh\n"
			     "last:x:300:300::/home/last:/bin/bash";
static const char groups[] = "root:x:0:\n"
			     "www:x:200:\n"
			     "disk:x:6:webmaster,myweb\n"
			     "adm:x:4:syslog,web\n"
			     "log:x:5:web,last\n"
			     "last:x:300:";

static struct account a;
static struct err err;

static void expect_groups(const gid_t *want, size_t n)
{
	cr_expect_eq(a.ngroups, n, "%d groups", (int)a.ngroups);
	for (size_t i = 0; i < n && i < a.ngroups; i++)
		cr_expect_eq(a.groups[i], want[i]);
}

Test(os_account, a_user_s_ids_groups_and_home_come_from_the_files)
{
	cr_assert_eq(account_find("web", NULL, passwd, groups, &a, &err), 0, "%s", err.msg);
	cr_expect_eq(a.uid, 100);
	cr_expect_eq(a.gid, 200);
	cr_expect_str_eq(a.name, "web");
	cr_expect_str_eq(a.home, "/srv/web");
	cr_expect_str_eq(a.shell, "/bin/false");
	expect_groups((const gid_t[]){ 200, 4, 5 }, 3);
}

Test(os_account, the_last_line_needs_no_end)
{
	cr_assert_eq(account_find("last", NULL, passwd, groups, &a, &err), 0);
	cr_expect_eq(a.uid, 300);
	cr_expect_str_eq(a.shell, "/bin/bash");
	expect_groups((const gid_t[]){ 300, 5 }, 2);
}

Test(os_account, a_group_given_replaces_the_primary_one)
{
	cr_assert_eq(account_find("web", "disk", passwd, groups, &a, &err), 0);
	cr_expect_eq(a.gid, 6);
	expect_groups((const gid_t[]){ 6, 4, 5 }, 3);
}

Test(os_account, numbers_need_not_be_listed)
{
	cr_assert_eq(account_find("1234", NULL, passwd, groups, &a, &err), 0);
	cr_expect_eq(a.uid, 1234);
	cr_expect_eq(a.gid, 1234);
	cr_expect_str_eq(a.name, "");
	expect_groups((const gid_t[]){ 1234 }, 1);
	cr_assert_eq(account_find("1234", "77", "", "", &a, &err), 0);
	cr_expect_eq(a.gid, 77);
}

Test(os_account, a_number_that_is_listed_has_that_user_s_groups)
{
	cr_assert_eq(account_find("100", NULL, passwd, groups, &a, &err), 0);
	cr_expect_eq(a.gid, 200);
	expect_groups((const gid_t[]){ 200, 4, 5 }, 3);
}

Test(os_account, who_is_not_there_is_refused_with_the_code_of_what_is_missing)
{
	cr_expect_lt(account_find("nosuch", NULL, passwd, groups, &a, &err), 0);
	cr_expect_eq(err.code, ERR_UID);
	cr_expect_lt(account_find("web", "nosuch", passwd, groups, &a, &err), 0);
	cr_expect_eq(err.code, ERR_GID);
	cr_expect_lt(account_find("we", NULL, passwd, groups, &a, &err), 0);
	cr_expect_lt(account_find("worse", NULL, passwd, groups, &a, &err), 0);
	cr_expect_lt(account_find("broken", NULL, passwd, groups, &a, &err), 0);
	cr_expect_lt(account_find("", NULL, passwd, groups, &a, &err), 0);
}

Test(os_account, the_number_that_means_no_change_to_the_kernel_is_no_user)
{
	cr_expect_lt(account_find("4294967295", NULL, passwd, groups, &a, &err), 0);
	cr_expect_lt(account_find("-1", NULL, passwd, groups, &a, &err), 0);
	cr_expect_lt(account_find(NULL, "4294967295", passwd, groups, &a, &err), 0);
	cr_expect_eq(account_find("4294967294", NULL, passwd, groups, &a, &err), 0);
}

Test(os_account, a_name_too_long_to_be_kept_is_not_taken_for_a_shorter_one)
{
	char name[100], lines[400];

	memset(name, 'w', 64);
	name[64] = '\0';
	snprintf(lines, sizeof lines, "%s:x:1:1::/:/\n", name);
	char member[200];
	snprintf(member, sizeof member, "wheel:x:10:%.63s\n", name);
	cr_assert_eq(account_find(name, NULL, lines, member, &a, &err), 0);
	expect_groups((const gid_t[]){ 1 }, 1);
	snprintf(lines, sizeof lines, "%.63s:x:1:1::/:/\n", name);
	cr_assert_eq(account_find("1", NULL, lines, member, &a, &err), 0);
	expect_groups((const gid_t[]){ 1, 10 }, 2);
}

Test(os_account, a_line_that_is_too_long_is_passed_over_and_not_read_in_halves)
{
	static char lines[5000];
	size_t n = 0;

	memset(lines, 'x', 2048);
	n = 2048;
	strcpy(lines + n, "web:x:0:0::/:/\nweb:x:100:100::/:/\n");
	cr_assert_eq(account_find("web", NULL, lines, "", &a, &err), 0);
	cr_expect_eq(a.uid, 100);
}

Test(os_account, no_more_groups_are_kept_than_there_is_room_for)
{
	static char lines[100 * 20];

	for (int i = 0; i < 100; i++)
		sprintf(lines + strlen(lines), "g%d:x:%d:web\n", i, 1000 + i);
	cr_assert_eq(account_find("web", NULL, passwd, lines, &a, &err), 0);
	cr_expect_eq(a.ngroups, ACCOUNT_GROUPS);
	cr_expect_eq(a.groups[0], 200);
}

Test(os_account, the_machine_s_own_root_is_found)
{
	cr_assert_eq(account_load("root", NULL, &a, &err), 0, "%s", err.msg);
	cr_expect_eq(a.uid, 0);
}
