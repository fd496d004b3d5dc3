/* nsrun_opts - the options of nsrun, and what they put on the process. */
#include "nsrun.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct {
	const char *name;
	int n;
} cap_names[] = { { "chown", 0 }, { "dac_override", 1 }, { "fowner", 3 }, { "fsetid", 4 },
	{ "kill", 5 }, { "setgid", 6 }, { "setuid", 7 }, { "setpcap", 8 },
	{ "net_bind_service", 10 }, { "net_raw", 13 }, { "sys_chroot", 18 }, { "sys_ptrace", 19 },
	{ "sys_admin", 21 }, { "sys_nice", 23 }, { "sys_resource", 24 }, { "mknod", 27 },
	{ "audit_write", 29 }, { "setfcap", 31 }, { "dac_read_search", 2 } };

static const struct {
	const char *name;
	int n;
} rlimit_names[] = { { "cpu", RLIMIT_CPU }, { "fsize", RLIMIT_FSIZE }, { "core", RLIMIT_CORE },
	{ "nproc", RLIMIT_NPROC }, { "nofile", RLIMIT_NOFILE }, { "memlock", RLIMIT_MEMLOCK },
	{ "locks", RLIMIT_LOCKS }, { "stack", RLIMIT_STACK }, { "data", RLIMIT_DATA },
	{ "as", RLIMIT_AS }, { "nice", RLIMIT_NICE } };

enum {
	O_ENTER = 1,
	O_NET,
	O_IPC,
	O_UTS,
	O_CGROUPNS,
	O_USER,
	O_OLD_PROC,
	O_RO,
	O_CLOSE_STD,
	O_IGN_CHLD,
	O_NNP,
	O_CTTY,
	O_TMPFS,
	O_HIDE,
	O_BIND,
	O_UID,
	O_GID,
	O_GROUPS,
	O_KEEP,
	O_RLIMIT,
	O_FILTER,
	O_CGROUP,
	O_CWD,
	O_REPORT,
	O_TIMEOUT,
	O_INHERIT
};

static const struct option table[] = { { "enter", 1, NULL, O_ENTER }, { "net", 0, NULL, O_NET },
	{ "ipc", 0, NULL, O_IPC }, { "uts", 0, NULL, O_UTS }, { "user", 1, NULL, O_USER },
	{ "old-proc", 0, NULL, O_OLD_PROC }, { "read-only", 0, NULL, O_RO },
	{ "close-std", 0, NULL, O_CLOSE_STD }, { "inherit", 0, NULL, O_INHERIT },
	{ "ignore-chld", 0, NULL, O_IGN_CHLD }, { "no-new-privs", 0, NULL, O_NNP },
	{ "ctty", 0, NULL, O_CTTY }, { "tmpfs", 1, NULL, O_TMPFS }, { "hide", 1, NULL, O_HIDE },
	{ "bind", 1, NULL, O_BIND }, { "uid", 1, NULL, O_UID }, { "gid", 1, NULL, O_GID },
	{ "groups", 1, NULL, O_GROUPS }, { "keep", 1, NULL, O_KEEP },
	{ "rlimit", 1, NULL, O_RLIMIT }, { "filter", 1, NULL, O_FILTER },
	{ "cgroup", 1, NULL, O_CGROUP }, { "cwd", 1, NULL, O_CWD }, { "report", 1, NULL, O_REPORT },
	{ "timeout", 1, NULL, O_TIMEOUT }, { NULL, 0, NULL, 0 } };

static void usage(const char *why)
{
	fprintf(stderr, "nsrun: %s\n", why);
	_exit(125);
}

static uint64_t cap_set(char *list)
{
	uint64_t set = 0;
	for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		size_t i = 0;
		while (i < sizeof(cap_names) / sizeof(cap_names[0]) &&
			strcmp(cap_names[i].name, name))
			i++;
		if (i == sizeof(cap_names) / sizeof(cap_names[0]))
			usage(name);
		set |= 1ULL << cap_names[i].n;
	}
	return set;
}

static void add_mount(struct opts *o, const char *path, bool read_only)
{
	if (o->n_mounts == MAX_ITEMS)
		usage("too many mounts");
	o->mounts[o->n_mounts++] = (struct mnt){ .path = path, .read_only = read_only };
}

static void add_bind(struct opts *o, char *pair)
{
	char *colon = strchr(pair, ':');
	if (!colon || o->n_binds == MAX_ITEMS)
		usage("--bind FROM:TO");
	*colon = '\0';
	o->binds[o->n_binds].from = pair;
	o->binds[o->n_binds++].to = colon + 1;
}

static void set_number(struct opts *o, int c, const char *value)
{
	if (c == O_ENTER)
		o->enter = atoi(value);
	else if (c == O_UID)
		o->uid = atol(value);
	else if (c == O_GID)
		o->gid = atol(value);
	else if (c == O_REPORT)
		o->report = atoi(value);
	else
		o->timeout = atof(value);
}

static bool set_flag(struct opts *o, int c)
{
	switch (c) {
	case O_NET:
		o->flags |= CLONE_NEWNET;
		return true;
	case O_IPC:
		o->flags |= CLONE_NEWIPC;
		return true;
	case O_UTS:
		o->flags |= CLONE_NEWUTS;
		return true;
	case O_OLD_PROC:
		o->old_proc = true;
		return true;
	case O_RO:
		o->read_only = true;
		return true;
	case O_CLOSE_STD:
		o->close_std = true;
		return true;
	case O_IGN_CHLD:
		o->ignore_chld = true;
		return true;
	case O_NNP:
		o->no_new_privs = true;
		return true;
	case O_INHERIT:
		o->inherit = true;
		return true;
	case O_CTTY:
		o->ctty = true;
		return true;
	default:
		return false;
	}
}

static void set_value(struct opts *o, int c, char *value)
{
	switch (c) {
	case O_USER:
		o->user_map = value;
		o->flags |= CLONE_NEWUSER;
		break;
	case O_CGROUP:
		o->cgroup = value;
		o->flags |= CLONE_NEWCGROUP;
		break;
	case O_TMPFS:
		add_mount(o, value, false);
		break;
	case O_HIDE:
		add_mount(o, value, true);
		break;
	case O_BIND:
		add_bind(o, value);
		break;
	case O_GROUPS:
		o->groups = value;
		break;
	case O_KEEP:
		o->keep = cap_set(value);
		break;
	case O_FILTER:
		o->filter = value;
		break;
	case O_CWD:
		o->cwd = value;
		break;
	case O_RLIMIT:
		if (o->n_rlimits == MAX_ITEMS)
			usage("too many limits");
		o->rlimits[o->n_rlimits++] = value;
		break;
	default:
		set_number(o, c, value);
	}
}

void parse(struct opts *o, int argc, char **argv)
{
	*o = (struct opts){ .uid = -1, .gid = -1, .keep = ~0ULL, .report = -1, .timeout = 60 };
	int c;
	while ((c = getopt_long(argc, argv, "+", table, NULL)) != -1) {
		if (c == '?')
			usage("unknown option");
		if (!set_flag(o, c))
			set_value(o, c, optarg);
	}
	o->argv = argv + optind;
	if (!o->argv[0])
		usage("no command");
}

void set_rlimits(const struct opts *o)
{
	for (int i = 0; i < o->n_rlimits; i++) {
		const char *eq = strchr(o->rlimits[i], '=');
		size_t k = 0;
		while (k < sizeof(rlimit_names) / sizeof(rlimit_names[0]) &&
			(!eq || strncmp(rlimit_names[k].name, o->rlimits[i],
					(size_t)(eq - o->rlimits[i]))))
			k++;
		if (k == sizeof(rlimit_names) / sizeof(rlimit_names[0]))
			usage(o->rlimits[i]);
		char *rest;
		struct rlimit rl;
		rl.rlim_cur = rl.rlim_max = strtoull(eq + 1, &rest, 10);
		if (*rest == ':')
			rl.rlim_max = strtoull(rest + 1, NULL, 10);
		must(setrlimit((__rlimit_resource_t)rlimit_names[k].n, &rl), o->rlimits[i]);
	}
}

static void set_groups(const char *list)
{
	gid_t gids[MAX_ITEMS];
	size_t n = 0;
	char copy[256];
	snprintf(copy, sizeof(copy), "%s", list);
	for (char *w = strtok(copy, ","); w && n < MAX_ITEMS; w = strtok(NULL, ","))
		gids[n++] = (gid_t)atol(w);
	must(setgroups(n, gids), "setgroups");
}

static void drop_caps(uint64_t keep)
{
	for (int c = 0; prctl(PR_CAPBSET_READ, c, 0, 0, 0) >= 0; c++) {
		if (!(keep & (1ULL << c)))
			must(prctl(PR_CAPBSET_DROP, c, 0, 0, 0), "bounding set");
	}
}

static void lower_caps(uint64_t keep, bool inherit)
{
	struct __user_cap_header_struct h = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct d[2];
	must((int)syscall(SYS_capget, &h, d), "capget");
	for (int i = 0; i < 2; i++) {
		d[i].permitted &= (uint32_t)(keep >> (32 * i));
		d[i].effective &= d[i].permitted;
		d[i].inheritable = inherit ? d[i].permitted : 0;
	}
	must((int)syscall(SYS_capset, &h, d), "capset");
}

void set_identity(const struct opts *o)
{
	if (o->keep != ~0ULL)
		drop_caps(o->keep);
	if (o->groups)
		set_groups(o->groups);
	if (o->gid >= 0)
		must(setresgid((gid_t)o->gid, (gid_t)o->gid, (gid_t)o->gid), "setgid");
	if (o->uid >= 0)
		must(setresuid((uid_t)o->uid, (uid_t)o->uid, (uid_t)o->uid), "setuid");
	if (o->keep != ~0ULL || o->inherit)
		lower_caps(o->keep, o->inherit);
}
