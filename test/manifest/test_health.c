#include <criterion/criterion.h>
#include <string.h>

#include "base/clock.h"
#include "loading.h"

#define S NS_PER_SEC

static struct manifest *kept;

static const struct health_check *check(const char *line)
{
	manifest_free(kept);
	kept = line_good(line);
	return &kept->services[0].check;
}

Test(health_check, without_a_kind_is_the_process_being_alive_with_the_defaults)
{
	const struct health_check *c = check("health_check: {}");

	cr_expect_eq(c->kind, CHECK_ALIVE);
	cr_expect(c->interval_ns == 10 * S && c->attempt_timeout_ns == 30 * S);
	cr_expect(c->total_timeout_ns == 60 * S && c->start_interval_ns == 100 * NS_PER_MS);
	cr_expect_eq(c->retries, 3);
	kept = manifest_free(kept);
}

Test(health_check, is_a_command_an_address_or_a_file)
{
	const struct health_check *c = check("health_check: {command: 'test -f ${X}'}");
	cr_expect_eq(c->kind, CHECK_COMMAND);
	cr_expect_str_eq(c->argv[0], "/bin/sh");
	cr_expect_str_eq(c->argv[2], "test -f ${X}");
	c = check("health_check: {command: [check, '${PORT}']}");
	cr_expect_str_eq(c->argv[1], "8080");
	cr_expect_null(c->argv[2]);
	c = check("health_check: {tcp: 'localhost:${PORT}'}");
	cr_expect_eq(c->kind, CHECK_TCP);
	cr_expect_str_eq(c->target, "localhost:8080");
	cr_expect_str_eq(c->host, "localhost");
	cr_expect_eq(c->port, 8080);
	c = check("health_check: {tcp: '[::1]:80'}");
	cr_expect_str_eq(c->host, "::1");
	c = check("health_check: {file: ready}");
	cr_expect_eq(c->kind, CHECK_FILE);
	cr_expect_str_eq(c->target, "ready");
	kept = manifest_free(kept);
}

Test(health_check, under_deployment_is_the_same)
{
	const struct health_check *c = check("deployment: {health_check: {file: x, retries: 5}}");

	cr_expect_eq(c->kind, CHECK_FILE);
	cr_expect_eq(c->retries, 5);
	kept = manifest_free(kept);
	refused_at(SVC("    health_check: {}\n    deployment: {health_check: {}}\n"), ERR_BAD_VALUE,
		5, 32, "both");
}

Test(health_check, timeout_is_of_one_attempt_beside_interval_or_retries_and_else_of_all)
{
	const struct health_check *c = check("health_check: {interval: 30s, timeout: 5s}");
	cr_expect(c->interval_ns == 30 * S && c->attempt_timeout_ns == 5 * S &&
		  c->total_timeout_ns == 60 * S);
	c = check("health_check: {timeout: 45s, retries: 4}");
	cr_expect(c->attempt_timeout_ns == 45 * S && c->total_timeout_ns == 60 * S);
	c = check("health_check: {timeout: 45s}");
	cr_expect(c->attempt_timeout_ns == 30 * S && c->total_timeout_ns == 45 * S);
	c = check("health_check: {timeout: 5s, interval: 1s, total_timeout: 9s}");
	cr_expect(c->attempt_timeout_ns == 5 * S && c->total_timeout_ns == 9 * S);
	kept = manifest_free(kept);
	line_refused("health_check: {timeout: 5s, interval: 1s, attempt_timeout: 5s}",
		ERR_BAD_VALUE, 29, "keep \"attempt_timeout\"");
	line_refused("health_check: {timeout: 5s, total_timeout: 5s}", ERR_BAD_VALUE, 29,
		"keep \"total_timeout\"");
	line_refused("health_check: {timeout: soon}", ERR_BAD_VALUE, 29, "\"timeout\": \"soon\"");
}

Test(health_check, has_one_kind_alone)
{
	line_refused("health_check: {tcp: 'localhost:1', file: x}", ERR_BAD_VALUE, 40, "keep one");
	line_refused(
		"health_check: {command: x, tcp: 'localhost:1'}", ERR_BAD_VALUE, 32, "keep one");
}

Test(health_check, numbers_have_their_edges)
{
	cr_expect_eq(check("health_check: {retries: 1}")->retries, 1);
	cr_expect_eq(check("health_check: {interval: 1ms}")->interval_ns, NS_PER_MS);
	kept = manifest_free(kept);
	line_refused("health_check: {retries: 0}", ERR_BAD_VALUE, 29, "from 1");
	line_refused("health_check: {interval: 0}", ERR_BAD_VALUE, 30, "too short");
	line_refused("health_check: {start_interval: 0}", ERR_BAD_VALUE, 36, "too short");
	line_refused("health_check: {attempt_timeout: 0}", ERR_BAD_VALUE, 37, "too short");
}

Test(health_check, an_address_or_file_that_cannot_be_is_refused)
{
	line_refused(
		"health_check: {tcp: 8080}", ERR_BAD_VALUE, 25, "write for example localhost:8080");
	line_refused("health_check: {tcp: 'localhost:65536'}", ERR_BAD_VALUE, 25, "too large");
	line_refused("health_check: {tcp: 'db:80'}", ERR_UNKNOWN_KEY, 25,
		"not supported by this version of sysg");
	line_refused("health_check: {file: ''}", ERR_BAD_VALUE, 26, "empty");
	line_refused("health_check: {command: []}", ERR_BAD_VALUE, 29, "0 words");
	line_refused("health_check: {command: {}}", ERR_BAD_VALUE, 29, "is a map");
}
