/* What a service is confined to: "capabilities", numbers of "limits", "isolation". */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "base/caps.h"
#include "base/units.h"
#include "manifest/keys.h"
#include "manifest/types.h"

void fence_none(struct child_fence *f)
{
	for (int i = 0; i < FENCE_NUMBERS; i++)
		f->v[i] = FENCE_UNSET;
}

/* By number: capabilities(7). */
static const char cap_names[] =
	"chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap "
	"linux_immutable net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner "
	"sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin sys_boot sys_nice "
	"sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap "
	"mac_override mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf "
	"checkpoint_restore ";

/* -1: none; ret_near is then the name most like it. */
static int cap_number(const char *word, char ret_near[32])
{
	unsigned least = ~0u;
	char name[32];
	int i = 0;

	if (strncasecmp(word, "cap_", 4) == 0)
		word += 4;
	for (const char *p = cap_names; *p; p = strchr(p, ' ') + 1, i++) {
		size_t n = strcspn(p, " ");
		memcpy(name, p, n);
		name[n] = '\0';
		if (strcasecmp(name, word) == 0)
			return i;
		unsigned d = word_distance(word, name);
		if (d < least) {
			least = d;
			memcpy(ret_near, name, sizeof name);
		}
	}
	return -1;
}

/* Each item of a list as the value of its own. */
static bool each(
	struct load *l, const struct key_row *row, const struct ynode *v, void *base, key_fn *one)
{
	if (load_kind(l, v, YNODE_LIST, row->name, "write a list: [A, B]") < 0)
		return false;
	for (size_t i = 0; i < v->n; i++)
		one(l, row, v->item[i], base);
	return true;
}

static void one_cap(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct child_fence *f = base;
	const char *s = load_typed(l, v, row->name);
	char near[32];
	int cap = s ? cap_number(s, near) : 0;

	if (cap < 0)
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"%.64s\" is no capability", s),
			"the nearest is \"%s\"", near);
	else if (s)
		f->caps |= UINT64_C(1) << cap;
}

void key_caps(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct child_fence *f = &((struct service *)base)->fence;

	f->has_caps = each(l, row, v, f, one_cap);
}

static void one_cpu(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct child_fence *f = base;
	int64_t n = -1;

	key_int64(l, row, v, &n);
	if (n >= 0) {
		f->cpus[n / 8] |= (unsigned char)(1u << (n % 8));
		f->has_cpus = true;
	}
}

void key_cpus(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	if (each(l, row, v, &((struct service *)base)->fence, one_cpu) && !v->n)
		load_error(l, v, ERR_BAD_VALUE, "\"%s\" is empty", row->name);
}

/* A whole number in the row's range, bytes where it has none; or "unlimited". */
void key_rlimit(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	int64_t *at = (int64_t *)(void *)((char *)base + row->offset);
	static const struct key_range any = { 0, INT64_MAX / 2 };
	struct key_row bytes = *row;
	const char *s = load_typed(l, v, row->name);

	bytes.range = &any;
	if (s && strcmp(s, "unlimited") == 0)
		*at = -1;
	else if (row->range)
		key_int64(l, row, v, base);
	else
		key_log_bytes(l, &bytes, v, base);
}

/* Paths where the row has a range, else names of groups. */
void key_list(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct key_row here = { .name = row->name };
	char **list, **at;

	if (load_kind(l, v, YNODE_LIST, row->name, "write a list: [A, B]") < 0)
		return;
	at = list = load_array(l, v->n + 1, sizeof *list);
	for (size_t i = 0; list && i < v->n; i++) {
		(row->range ? key_path : key_account)(l, &here, v->item[i], at);
		at += *at != NULL;
	}
	*(char ***)(void *)((char *)base + row->offset) = list;
}

void key_space(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	struct key_row here = { .name = row->name };
	bool on = false;

	key_bool(l, &here, v, &on);
	((struct service *)base)->fence.spaces |= on ? row->offset : 0;
}

void key_landlock(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	key_map(l, SCOPE_LANDLOCK, v, base);
	if (!v->n)
		find_help(load_error(l, v, ERR_BAD_VALUE, "\"%s\" without a path", row->name),
			"write {ro_paths: [/usr, /lib], rw_paths: [/data]}");
}

void key_seccomp(struct load *l, const struct key_row *row, const struct ynode *v, void *base)
{
	const char *s = load_typed(l, v, row->name);

	if (s && strcmp(s, "baseline-v1") != 0)
		find_help(load_error(l, v, ERR_PROFILE, "\"%.64s\" is no list of system calls", s),
			"write baseline-v1");
	((struct service *)base)->fence.seccomp = true;
}
