#include "base/caps.h"
#include "loading.h"

#define SHOP                                                                                       \
	"projects:\n"                                                                              \
	"  shop: {name: Shop, services: {db: {command: x}, web: {command: x, depends_on: "         \
	"[db]}}}\n"                                                                                \
	"  blog:\n    services:\n      db: {command: x}\n      only: {command: x, replicas: 2}\n"  \
	"services:\n  plain: {command: x, depends_on: [shop/web]}\n"

static struct err err;

/* Which services a selector means, as indices. */
static void means(const struct manifest *m, const char *selector, const char *wanted)
{
	char got[64] = "";
	ssize_t i = -1;

	err.code = ERR_OK;
	while ((i = manifest_select(m, selector, i, &err)) >= 0)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%zd", i);
	cr_expect_str_eq(got, wanted, "%s: %s", selector, err.msg);
	cr_expect_eq(err.code, ERR_OK, "%s: %s", selector, err.msg);
}

static void is_ambiguous(const struct manifest *m, const char *selector, const char *list)
{
	cr_expect_eq(manifest_select(m, selector, -1, &err), -1);
	cr_expect_eq(err.code, ERR_AMBIGUOUS);
	cr_expect(strstr(err.msg, list), "%s", err.msg);
}

Test(project, services_have_their_project_s_id_in_front_and_loose_ones_none)
{
	struct manifest *m = good(SHOP);
	static const char *const names[] = { "shop/db", "shop/web", "blog/db", "blog/only.1",
		"blog/only.2", "plain" };

	cr_assert_eq(m->nservices, 6);
	for (size_t i = 0; i < 6; i++)
		cr_expect_str_eq(m->services[i].name, names[i]);
	cr_expect_str_eq(service_plain(&m->services[3]), "only.1");
	cr_expect_str_eq(service_plain(&m->services[5]), "plain");
	cr_expect_str_eq(service_project(&m->services[1]), "shop");
	cr_expect_str_eq(service_project(&m->services[5]), PROJECT_LOOSE);
	cr_expect_str_eq(m->services[1].project->name, "Shop");
	cr_expect_str_eq(m->services[2].project->name, "blog");
	cr_expect_eq(m->services[1].deps[0].index, 0);
	cr_expect_eq(m->services[5].deps[0].index, 1);
	cr_expect_str_eq(m->services[1].deps[0].name, "shop/db");
	manifest_free(m);
}

Test(project, a_selector_means_a_service_its_copies_or_a_whole_project)
{
	struct manifest *m = good(SHOP);

	means(m, "web", "1");
	means(m, "shop/web", "1");
	means(m, "/shop/web", "1");
	means(m, "/web", "");
	means(m, "/plain", "5");
	means(m, "only", "34");
	means(m, "blog/only", "34");
	means(m, "only.2", "4");
	means(m, "shop/", "01");
	means(m, "/blog/", "234");
	means(m, "loose/", "5");
	means(m, "none/", "");
	means(m, "plain/", "");
	means(m, "shop", "");
	means(m, "/", "");
	means(m, "", "");
	means(m, "shop/web/", "");
	is_ambiguous(m, "db", "shop/db, blog/db");
	manifest_free(m);
}

Test(project, a_loose_service_and_one_of_a_project_with_its_name_are_told_apart_by_a_slash)
{
	struct manifest *m = good("projects: {p: {services: {a: {command: x}}}}\n"
				  "services: {a: {command: x}}\n");

	is_ambiguous(m, "a", "p/a, a");
	means(m, "/a", "1");
	means(m, "p/a", "0");
	manifest_free(m);
}

Test(project, copies_of_two_projects_are_not_one_service)
{
	struct manifest *m = good("projects:\n  p: {services: {a: {command: x, replicas: 2}}}\n"
				  "  q: {services: {a: {command: x, replicas: 2}}}\n");

	is_ambiguous(m, "a", "p/a.1, p/a.2, q/a.1, q/a.2");
	means(m, "q/a", "23");
	manifest_free(m);
}

Test(project, a_name_is_first_that_of_the_own_project_and_then_of_a_loose_service)
{
	struct manifest *m = good(
		"projects:\n"
		"  p: {services: {a: {command: x, depends_on: [b, c, q/b]}, b: {command: x}}}\n"
		"  q: {services: {b: {command: x}}}\n"
		"services: {b: {command: x}, c: {command: x}}\n");
	const struct dep *d = m->services[0].deps;

	cr_assert_eq(m->services[0].ndeps, 3);
	cr_expect_str_eq(d[0].name, "p/b");
	cr_expect_str_eq(d[1].name, "c");
	cr_expect_str_eq(d[2].name, "q/b");
	manifest_free(m);
	refused_at("projects: {p: {services: {b: {command: x}}}}\n"
		   "services: {a: {command: x, depends_on: [b]}}\n",
		ERR_BAD_DEPENDENCY, 2, 41, "the nearest is \"p/b\"");
	refused_at("projects: {p: {services: {b: {command: x, depends_on: [p/b]}}}}\n",
		ERR_BAD_DEPENDENCY, 1, 56, "itself");
	refused_at("projects: {p: {services: {b: {command: x}, a: {command: x, depends_on: [b, "
		   "p/b]}}}}\n",
		ERR_BAD_VALUE, 1, 76, "twice");
}

Test(project, rights_and_the_exit_code_go_by_the_same_names)
{
	struct manifest *m = good("projects:\n  p:\n    services:\n      b: {command: x}\n"
				  "      a: {command: x, request_capabilities: [\"stop:b\", "
				  "\"stop:c\"], grant_capabilities: [c]}\n"
				  "services: {c: {command: x}}\nexit_code_from: a\n");
	const struct service *a = &m->services[1];

	cr_expect_eq(a->requests.v[0].index, 0);
	cr_expect_str_eq(a->requests.v[0].name, "p/b");
	cr_expect_eq(a->requests.v[1].index, 2);
	cr_expect_eq(a->grants.v[0].index, 2);
	cr_expect_str_eq(m->exit_code_from, "p/a");
	manifest_free(m);
	refused_at(
		"projects: {p: {services: {a: {command: x}}}, q: {services: {a: {command: x}}}}\n"
		"exit_code_from: a\n",
		ERR_BAD_VALUE, 2, 17, "several projects");
	refused_at("projects: {p: {services: {a: {command: x}}}}\nexit_code_from: p/\n",
		ERR_BAD_VALUE, 2, 17, "is no service");
}

Test(project, project_takes_the_services_of_the_file_wherever_it_stands)
{
	static const char *const forms[] = {
		"project: p\nservices: {a: {command: x}, b: {command: x, depends_on: [a]}}\n",
		"services: {a: {command: x}, b: {command: x, depends_on: [a]}}\nproject: {id: p}\n",
	};

	for (size_t i = 0; i < 2; i++) {
		struct manifest *m = good(forms[i]);
		cr_expect_str_eq(m->services[1].name, "p/b");
		cr_expect_str_eq(m->services[1].deps[0].name, "p/a");
		cr_expect_str_eq(m->services[0].project->name, "p");
		manifest_free(m);
	}
}

Test(project, environment_and_logs_of_a_project_lie_between)
{
	struct manifest *m = good("logs: {max_files: 7, max_bytes: 1K}\n"
				  "projects:\n  p:\n    logs: {max_files: 3}\n    env: {A: b}\n"
				  "    services: {a: {command: x, logs: {prefix: false}}}\n");
	const struct service *a = m->services;

	cr_expect_eq(a->logs.max_files, 3);
	cr_expect_eq(a->logs.max_bytes, 1024);
	cr_expect_eq(a->logs.prefix, LOG_PREFIX_NO);
	cr_expect_eq(a->project->env.nvars, 1);
	struct manifest *other = good("logs: {max_files: 7, max_bytes: 1K}\n"
				      "projects:\n  p:\n    logs: {max_files: 3}\n    env: {A: c}\n"
				      "    services: {a: {command: x, logs: {prefix: false}}}\n");
	cr_expect_str_neq(a->hash, other->services->hash, "a change of it is one of its services");
	manifest_free(m);
	manifest_free(other);
	refused_at("projects: {p: {logs: {max_total: 1M}, services: {a: {command: x}}}}\n",
		ERR_BAD_VALUE, 1, 34, "at the top level");
}

Test(project, what_can_not_be_a_project_is_refused_with_what_to_write)
{
	refused_at("project: p\nprojects: {q: {services: {a: {command: x}}}}\n"
		   "services: {a: {command: x}}\n",
		ERR_BAD_VALUE, 2, 11, "leave \"project\" out");
	refused_at("projects: {q: {services: {a: {command: x}}}}\nproject: p\n"
		   "services: {a: {command: x}}\n",
		ERR_BAD_VALUE, 2, 10, "leave \"project\" out");
	refused_at("projects: {loose: {services: {a: {command: x}}}}\n", ERR_BAD_VALUE, 1, 12,
		"write another name");
	refused_at("project: loose\nservices: {a: {command: x}}\n", ERR_BAD_VALUE, 1, 10,
		"write another name");
	refused_at("projects: {a/b: {services: {a: {command: x}}}}\n", ERR_BAD_VALUE, 1, 12,
		"another character");
	refused_at("projects: {17: {services: {a: {command: x}}}}\n", ERR_BAD_VALUE, 1, 12,
		"taken for a pid");
	refused_at("projects: {a: {services: {b: {command: x}}}}\nservices: {a: {command: x}}\n",
		ERR_BAD_VALUE, 2, 12, "a service and a project");
	refused_at("projects: {p: {name: x}}\n", ERR_BAD_VALUE, 1, 12, "no \"services\"");
	refused_at("projects: {p: {services: {}}}\n", ERR_BAD_VALUE, 1, 12, "no \"services\"");
	refused_at("projects: {p: }\n", ERR_BAD_VALUE, 1, 12, "no \"services\"");
	refused_at("projects: {p: [a]}\n", ERR_BAD_VALUE, 1, 15, "a map is expected");
	refused_at("projects: {}\n", ERR_BAD_VALUE, 1, 1, "no \"services\"");
	refused_at("project: p\n", ERR_BAD_VALUE, 1, 1, "no \"services\"");
	refused_at("project: {name: p}\nservices: {a: {command: x}}\n", ERR_BAD_VALUE, 1, 10,
		"no \"id\"");
	refused_at("projects: {p: {service: {a: {command: x}}, services: {a: {command: x}}}}\n",
		ERR_UNKNOWN_KEY, 1, 16, "services");
}

/* A replica's name counts, too. */
Test(project, its_id_is_no_copy_s_name_either)
{
	refused_at("projects: {a.2: {services: {b: {command: x}}}}\n"
		   "services: {a: {command: x, replicas: 2}}\n",
		ERR_BAD_VALUE, 2, 12, "a service and a project");
}

Test(project, there_are_as_many_services_in_all_projects_as_in_one_and_no_more)
{
	for (size_t more = 0; more < 2; more++) {
		size_t size = (size_t)(CAP_SERVICES + 2) * 64, n = CAP_SERVICES + more;
		char *text = malloc(size), *at = text + sprintf(text, "projects:\n");
		for (size_t i = 0; i < n; i++)
			at += sprintf(at, "  p%zu: {services: {a: {command: x}}}\n", i);
		struct manifest *m = load(text);
		cr_expect_eq(m != NULL, !more, "%s", found.n ? found.v[0].err.msg : "");
		if (more)
			cr_expect(found.n && strstr(found.v[0].err.msg, "4097 services"));
		manifest_free(m);
		free(text);
	}
}

Test(project, without_an_environment_its_id_may_be_open)
{
	struct manifest_source before = loading_source;

	loading_source.environ = NULL;
	struct manifest *m = good("project: ${WHICH}\nservices: {a: {command: x}}\n");
	manifest_free(m);
	loading_source = before;
	refused_at(
		"project: ${WHICH}\nservices: {a: {command: x}}\n", ERR_BAD_VALUE, 1, 10, "WHICH");
}
