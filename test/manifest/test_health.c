#include <criterion/criterion.h>
#include <stdio.h>
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
	line_refused("health_check: {tcp: '1.2.3:80'}", ERR_BAD_VALUE, 25, "neither an address");
	line_refused("health_check: {file: ''}", ERR_BAD_VALUE, 26, "empty");
	line_refused("health_check: {command: []}", ERR_BAD_VALUE, 29, "0 words");
	line_refused("health_check: {command: {}}", ERR_BAD_VALUE, 29, "is a map");
}

Test(health_check, a_url_is_taken_apart)
{
	const struct health_check *c =
		check("health_check: {url: 'http://localhost:${PORT}/up?x=1'}");

	cr_expect_eq(c->kind, CHECK_URL);
	cr_expect_str_eq(c->host, "localhost");
	cr_expect_eq(c->port, 8080);
	cr_expect_str_eq(c->authority, "localhost:8080");
	cr_expect_str_eq(c->path, "/up?x=1");
	cr_expect_not(c->named);
	c = check("health_check: {url: 'HTTP://[::1]'}");
	cr_expect_str_eq(c->host, "::1");
	cr_expect_str_eq(c->authority, "[::1]");
	cr_expect_eq(c->port, 80);
	cr_expect_str_eq(c->path, "/");
	c = check("health_check: {url: 'http://[::1]:81?a'}");
	cr_expect_eq(c->port, 81);
	cr_expect_str_eq(c->path, "/?a");
	c = check("health_check: {url: 'http://api.internal/a:b@c'}");
	cr_expect_str_eq(c->host, "api.internal");
	cr_expect_str_eq(c->path, "/a:b@c");
	cr_expect(c->named);
	c = check("health_check: {tcp: 'db:5432'}");
	cr_expect(c->named);
	kept = manifest_free(kept);
}

Test(health_check, a_url_that_cannot_be_asked_for_is_refused_with_its_place_and_a_remedy)
{
	static const struct {
		const char *url, *words;
	} bad[] = {
		{ "https://localhost/", "write command: [curl" },
		{ "ftp://localhost/", "no scheme but http" },
		{ "localhost:80", "http:// is missing" },
		{ "/health", "http:// is missing" },
		{ "http://", "no host" },
		{ "http:///x", "no host" },
		{ "http://:80/", "host:port is expected" },
		{ "http://a:b@localhost/", "write command: [curl" },
		{ "http://a@localhost/", "user or password" },
		{ "http://localhost:0/", "too small" },
		{ "http://localhost:65536/", "too large" },
		{ "http://localhost:/", "" },
		{ "http://localhost:8x/", "" },
		{ "http://::1/", "brackets" },
		{ "http://[::1/", "" },
		{ "http://[::1%eth0]/", "not an IPv6 address" },
		{ "http://[127.0.0.1]/", "not an IPv6 address" },
		{ "http://256.1.1.1/", "neither an address" },
		{ "http://localhost/a b", "write it as %20" },
		{ "http://localhost/a\tb", "write it as %20" },
		{ "http://localhost/\xc3\xa4", "beyond ASCII" },
		{ "http://localhost/#top", "never sent" },
	};
	char line[200];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(line, sizeof line, "health_check: {url: \"%s\"}", bad[i].url);
		line_refused(line, ERR_BAD_VALUE, 25, bad[i].words);
	}
	check("health_check: {url: 'http://localhost:65535/'}");
	check("health_check: {url: 'http://localhost:1/'}");
	kept = manifest_free(kept);
}

static const char *url_of(size_t bytes)
{
	static char line[3000];
	size_t n = (size_t)snprintf(line, sizeof line, "health_check: {url: 'http://localhost/");

	memset(line + n, 'x', bytes - strlen("http://localhost/"));
	strcpy(line + n + bytes - strlen("http://localhost/"), "'}");
	return line;
}

Test(health_check, a_url_has_at_most_2048_bytes)
{
	cr_expect_eq(strlen(check(url_of(2048))->target), 2048);
	kept = manifest_free(kept);
	line_refused(url_of(2049), ERR_BAD_VALUE, 25, "more than 2048");
}

static const char *unix_of(size_t bytes)
{
	static char line[300];
	size_t n = (size_t)snprintf(line, sizeof line, "health_check: {unix: ");

	memset(line + n, 'x', bytes);
	strcpy(line + n + bytes, "}");
	return line;
}

Test(health_check, the_path_of_a_socket_has_at_most_107_bytes_with_its_directory)
{
	const struct health_check *c = check("health_check: {unix: /run/x.sock}");
	size_t dir = strlen("/app/");

	cr_expect_eq(c->kind, CHECK_UNIX);
	cr_expect_str_eq(c->target, "/run/x.sock");
	cr_expect_eq(strlen(check(unix_of(107 - dir))->target), 107 - dir);
	kept = manifest_free(kept);
	line_refused(unix_of(108 - dir), ERR_BAD_VALUE, 26, "108 bytes");
	line_refused("health_check: {unix: ''}", ERR_BAD_VALUE, 26, "empty");
}

Test(health_check, a_service_that_tells_does_so_by_a_socket_or_a_descriptor_from_3_to_1023)
{
	const struct health_check *c = check("health_check: {notify: true}");

	cr_expect_eq(c->kind, CHECK_NOTIFY);
	cr_expect_eq(c->notify_fd, -1);
	cr_expect_eq(check("health_check: {notify: 'fd:3'}")->notify_fd, 3);
	cr_expect_eq(check("health_check: {notify: fd:1023}")->notify_fd, 1023);
	kept = manifest_free(kept);
	line_refused("health_check: {notify: fd:2}", ERR_BAD_VALUE, 28, "N from 3 to 1023");
	line_refused("health_check: {notify: fd:1024}", ERR_BAD_VALUE, 28, "N from 3 to 1023");
	line_refused("health_check: {notify: 'fd:'}", ERR_BAD_VALUE, 28, "N from 3");
	line_refused("health_check: {notify: 3}", ERR_BAD_VALUE, 28, "true or fd:N");
	line_refused("health_check: {notify: false}", ERR_BAD_VALUE, 28, "leave it out");
}

Test(health_check, one_that_was_ready_and_fails_is_restarted_or_left_alone)
{
	cr_expect_not(check("health_check: {file: x}")->ignore);
	cr_expect_not(check("health_check: {file: x, on_unhealthy: restart}")->ignore);
	cr_expect(check("health_check: {file: x, on_unhealthy: ignore}")->ignore);
	kept = manifest_free(kept);
	line_refused(
		"health_check: {file: x, on_unhealthy: none}", ERR_BAD_VALUE, 43, "write ignore");
	line_refused(
		"health_check: {file: x, on_unhealthy: kill}", ERR_BAD_VALUE, 43, "write restart");
	line_refused(
		"health_check: {file: x, on_unhealthy: stop}", ERR_BAD_VALUE, 43, "write restart");
}
