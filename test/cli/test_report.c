#include <criterion/criterion.h>
#include <string.h>

#include "cli/out.h"
#include "cli/report.h"
#include "some_rows.h"

static void start(void)
{
	rows_init(&rows);
	buf_init(&out, OUT_MAX);
}

static void stop(void)
{
	rows_done(&rows);
	buf_done(&out);
}

/* The grandchild comes first: the order of coming does not matter. */
static void a_tree(void)
{
	row("ok=1\0row=supervisor\0captured_at=T\0pid=1\0mode=init\0version=0.1.0\0uptime_ns="
	    "61000000000\0own_reaped=3\0"
	    "adopted_reaped=4\0turns=9\0longest_turn_ns=7500\0longest_turn_cpu_ns=6500\0overall="
	    "healthy\0project_id=p1\0");
	row("ok=1\0row=unit\0id=@4\0parent=@3\0path=web/a/"
	    "b\0name=b\0kind=spawned\0depth=2\0state=done\0exit_signal=15\0"
	    "exit_reason=stopped\0");
	row("ok=1\0row=unit\0id=@1\0path=web\0name=web\0kind=service\0depth=0\0state="
	    "running\0intent=serve\0health=healthy\0"
	    "pid=10\0pstate=S\0user=root\0uptime_ns=60000000000\0started_at=T0\0restarts="
	    "0\0command=sleep 1\0children=1\0"
	    "descendants=1\0ever=2\0limit_children=100\0limit_depth=3\0limit_ttl_ns="
	    "1500000000\0rss_bytes=4096\0");
	row("ok=1\0row=unit\0id=@2\0path=db\0name=db\0kind=service\0depth=0\0state=failed\0exit_"
	    "code=3\0error=SG0110\0"
	    "why=gave up\0");
	row("ok=1\0row=unit\0id=@3\0parent=@1\0path=web/"
	    "a\0name=a\0kind=spawned\0depth=1\0state=running\0pid=11\0"
	    "ttl_ns=60000000000\0ttl_left_ns=30000000000\0");
	cr_assert_eq(rows_link(&rows, &err), 0);
}

Test(report, json_has_the_documented_shape_and_leaves_the_unknown_out, .init = start, .fini = stop)
{
	a_tree();
	report_json(&out, &rows);
	cr_expect_str_eq(out.p,
		"{\"schema_version\":1,\"captured_at\":\"T\",\"overall_health\":\"healthy\","
		"\"supervisor\":{\"pid\":1,"
		"\"mode\":\"init\",\"version\":\"0.1.0\",\"uptime_seconds\":61,\"reaped\":{\"own\":"
		"3,\"adopted\":4},"
		"\"loop\":{\"turns\":9,\"longest_turn_us\":7,\"longest_turn_cpu_us\":6}},\"units\":"
		"["
		"{\"name\":\"web\",\"path\":\"web\",\"id\":\"@1\",\"project\":{\"id\":\"p1\","
		"\"name\":\"p1\","
		"\"loose\":true},"
		"\"kind\":\"service\",\"state\":\"running\",\"intent\":\"serve\",\"health\":"
		"\"healthy\","
		"\"process\":{\"pid\":10,\"state\":\"S\",\"user\":\"root\"},\"uptime\":{"
		"\"seconds\":60,\"human\":\"1m00s\","
		"\"started_at\":\"T0\"},\"metrics\":{\"latest_rss_bytes\":4096},\"restarts\":0,"
		"\"command\":\"sleep 1\","
		"\"limits\":{\"children\":100,\"depth\":3,\"ttl\":1.5},\"counts\":{\"children\":1,"
		"\"descendants\":1,\"ever\":2},"
		"\"spawned_children\":[{\"child\":{\"name\":\"a\",\"path\":\"web/"
		"a\",\"id\":\"@3\",\"pid\":11,"
		"\"parent_pid\":10,\"ttl\":60,\"ttl_left\":30,\"depth\":1,\"state\":\"running\","
		"\"kind\":\"spawned\"},"
		"\"children\":[{\"child\":{\"name\":\"b\",\"path\":\"web/a/"
		"b\",\"id\":\"@4\",\"parent_pid\":11,\"depth\":2,"
		"\"state\":\"done\",\"last_exit\":{\"signal\":15,\"reason\":\"stopped\"},\"kind\":"
		"\"spawned\"},"
		"\"children\":[]}]}]},"
		"{\"name\":\"db\",\"path\":\"db\",\"id\":\"@2\",\"project\":{\"id\":\"p1\","
		"\"name\":\"p1\","
		"\"loose\":true},"
		"\"kind\":\"service\",\"state\":\"failed\",\"last_exit\":{\"exit_code\":3},"
		"\"error\":{\"code\":\"SG0110\",\"name\":\"gave-up\",\"message\":\"gave "
		"up\"},\"spawned_children\":[]}]}\n");
}

Test(report, no_supervisor_is_an_empty_list_and_the_error, .init = start, .fini = stop)
{
	err_set(&err, ERR_NO_SUPERVISOR, 0, "no supervisor is running");
	report_json_error(&out, &err);
	cr_expect_str_eq(out.p, "{\"units\":[],\"error\":{\"code\":\"SG0206\",\"name\":\"no-"
				"supervisor\",\"message\":"
				"\"no supervisor is running\"}}\n");
}

Test(report, no_rows_are_still_json, .init = start, .fini = stop)
{
	cr_assert_eq(rows_link(&rows, &err), 0);
	report_json(&out, &rows);
	cr_expect_str_eq(out.p, "{\"schema_version\":1,\"units\":[]}\n");
}

Test(report, the_table_indents_children_below_their_parent, .init = start, .fini = stop)
{
	a_tree();
	cr_assert_eq(report_table(&out, &rows, true, false), 0);
	cr_expect_str_eq(out.p,
		"NAME   STATE    HEALTH   PID  UPTIME  RESTARTS  LAST EXIT              SPAWNED\n"
		"web    running  healthy  10   1m00s   0         -                      1 live, 2 "
		"ever\n"
		"  a    running  -        11   -       -         -                      -\n"
		"    b  done     -        -    -       -         signal TERM (stopped)  -\n"
		"db     failed   -        -    -       -         exit 3                 -\n"
		"db: SG0110 gave up\n");
}

Test(report, the_tree_has_counts_against_limits_and_the_ttl_left, .init = start, .fini = stop)
{
	a_tree();
	cr_assert_eq(report_tree(&out, &rows, true, false), 0);
	cr_expect_str_eq(out.p, "web  running  pid 10  age 1m00s  4.0 KiB  [children 1/100, depth "
				"2/3, descendants 1, ttl at "
				"most 1s]\n"
				"`- a  running  pid 11  ttl 30s left\n"
				"   `- b  done  signal TERM (stopped)\n"
				"db  failed  exit 3\n");
}

Test(report, a_unit_shown_without_its_parent_is_a_root, .init = start, .fini = stop)
{
	row("ok=1\0row=unit\0id=@4\0parent=@3\0path=web/a/"
	    "b\0name=b\0kind=spawned\0depth=2\0state=running\0");
	cr_assert_eq(rows_link(&rows, &err), 0);
	report_json(&out, &rows);
	cr_expect(strstr(out.p, "\"units\":[{\"name\":\"b\",\"path\":\"web/a/b\""));
}

Test(report, a_name_from_outside_cannot_steer_the_terminal, .init = start, .fini = stop)
{
	row("ok=1\0row=unit\0id=@4\0path=a\033[2J\0name=b\0state=running\0error=SG0001\0why="
	    "\033c\0");
	cr_assert_eq(rows_link(&rows, &err), 0);
	cr_assert_eq(report_table(&out, &rows, true, false), 0);
	cr_assert_eq(report_tree(&out, &rows, false, false), 0);
	cr_expect_null(strchr(out.p, '\033'));
}
