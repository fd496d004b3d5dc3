#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/fsm.h"

#define BEGIN "<!-- state graph -->\n```\n"
#define END   "```\n<!-- end of the state graph -->"

/* Of ARCHITECTURE.md; the build says where it is. */
static char *document(void)
{
	char *text = NULL;
	size_t len = 0;
	FILE *in = fopen(ARCHITECTURE, "r"), *out = open_memstream(&text, &len);
	char part[4096];

	cr_assert(in && out, "no " ARCHITECTURE);
	for (size_t n; (n = fread(part, 1, sizeof part, in)) > 0;)
		fwrite(part, 1, n, out);
	fclose(in);
	fclose(out);
	return text;
}

Test(node_graph, the_graph_in_the_architecture_page_is_the_table)
{
	char *page = document(), *graph = strstr(page, BEGIN), *printed = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&printed, &len);

	cr_assert(out);
	node_fsm_print(out);
	fclose(out);
	cr_assert(graph, "no marker of the graph's beginning");
	graph += strlen(BEGIN);
	char *end = strstr(graph, END);
	cr_assert(end, "no marker of the graph's end");
	*end = '\0';
	cr_expect_str_eq(graph, printed,
		"put what node_fsm_print() prints into ARCHITECTURE.md:\n%s", printed);
	free(printed);
	free(page);
}
