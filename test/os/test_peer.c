#include <criterion/criterion.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#include "os/peer.h"
#include "os/proc.h"
#include "os/usock.h"
#include "procs.h"

/* --- a tree of one unit, and one of its checks ------------------------------------ */

static pid_t unit_pid, aux_pid, unit_session;
static int unit, aux; /* their addresses are the owners */

static void *main_of(void *arg, pid_t pid)
{
	return pid == unit_pid ? &unit : arg;
}

static void *aux_of(void *arg, pid_t pid)
{
	return pid == aux_pid ? &aux : arg;
}

static void *session_of(void *arg, pid_t session)
{
	return session == unit_session ? &unit : arg;
}

static const struct peer_tree tree = { NULL, main_of, aux_of, session_of };

/* --- a socket, and clients of any descent ------------------------------------------ */

static char path[64];
static int listener, orphaned[2];

static void serve(void)
{
	struct err e;

	if (!path[0])
		snprintf(path, sizeof path, "/tmp/peer.%d.%d", (int)getpid(),
			(int)(clock_mono_ns() & 0xffffff));
	MUST(usock_listen(path, NULL, 0666, (gid_t)-1, &listener, &e) == 0);
	MUST(pipe(orphaned) == 0);
}

/* Connects and stays until killed. */
static void client(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	strcpy(sa.sun_path, path);
	MUST(connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0);
	wait_for_ever();
}

static int taken(struct peer *p)
{
	int fd = -1;

	for (int i = 0; i < 400 && (fd = usock_accept(listener)) < 0; i++)
		ms_sleep(5);
	MUST(fd >= 0 && peer_take(p, fd) == 0);
	return fd;
}

static enum peer_class class_of_next(void)
{
	struct peer p;
	int fd = taken(&p);
	struct peer_who who = peer_classify(&p, &tree, getpid(), true);

	MUST((who.cls == PEER_UNIT) == (who.unit == &unit));
	MUST((who.cls == PEER_AUX) == (who.unit == &aux));
	peer_done(&p);
	close(fd);
	return who.cls;
}

/* The peer's end as a session leader: the unit's main process. */
static void start_unit(void (*fn)(void))
{
	unit_pid = unit_session = marked(0, fn);
}

static void grandchild(void)
{
	if (fork() == 0 && fork() == 0)
		client();
	wait_for_ever();
}

static void adopted(void)
{
	pid_t parent = fork();

	if (parent == 0) {
		if (fork() == 0)
			client();
		_exit(0);
	}
	MUST(waitpid(parent, NULL, 0) == parent && write(orphaned[1], "", 1) == 1);
	wait_for_ever();
}

static void wait_for_the_orphan(void)
{
	char c;

	MUST(read(orphaned[0], &c, 1) == 1);
}

static void adopted_in_a_session_of_its_own(void)
{
	if (fork() == 0) {
		setsid();
		adopted();
	}
	wait_for_ever();
}

static void kinds(void)
{
	serve();
	if (getpid() != 1)
		MUST(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	start_unit(client);
	MUST(class_of_next() == PEER_UNIT);
	start_unit(grandchild);
	MUST(class_of_next() == PEER_UNIT);
	start_unit(adopted);
	wait_for_the_orphan();
	MUST(class_of_next() == PEER_UNIT);
	start_unit(adopted_in_a_session_of_its_own);
	wait_for_the_orphan();
	MUST(class_of_next() == PEER_NOBODY);
	unit_pid = unit_session = 0;
	aux_pid = marked(0, grandchild);
	MUST(class_of_next() == PEER_AUX);
	aux_pid = 0;
	marked(0, grandchild); /* below us, of no unit */
	MUST(class_of_next() == PEER_NOBODY);
	unlink(path);
}

Test(peer, descent_says_which_unit_calls)
{
	cr_expect_eq(run_forked(kinds), 0);
	cr_expect_eq(run_as_pid1(kinds, true), 0);
}

/* --- an ancestor that ends while it is looked at ------------------------------------- */

static pid_t doomed;
static bool seen_to_end;

/* The walk has come to it, and reads its parent next: that one is gone before it does. */
static void *main_of_that_ends_the_next(void *arg, pid_t pid)
{
	struct proc_stat st;

	if (doomed && proc_stat_read(pid, &st) == 0 && st.ppid == doomed) {
		pid_t gone = doomed;
		doomed = 0;
		MUST(kill(gone, SIGKILL) == 0);
		for (int i = 0; i < 2000 && proc_stat_read(pid, &st) == 0 && st.ppid == gone; i++)
			ms_sleep(1);
		seen_to_end = true;
	}
	return main_of(arg, pid);
}

/* The client's parent is told of by its number; the unit's main process takes the orphan over. */
static void subreaper_of_a_shell(void)
{
	MUST(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	pid_t shell = fork();
	if (shell == 0) {
		if (fork() == 0)
			client();
		wait_for_ever();
	}
	MUST(write(orphaned[1], &shell, sizeof shell) == sizeof shell);
	while (waitpid(shell, NULL, 0) != shell)
		;
	wait_for_ever();
}

static void ends_between(void)
{
	const struct peer_tree t = { NULL, main_of_that_ends_the_next, aux_of, session_of };
	struct peer p;

	serve();
	start_unit(subreaper_of_a_shell);
	MUST(read(orphaned[0], &doomed, sizeof doomed) == sizeof doomed);
	int fd = taken(&p);
	struct peer_who who = peer_classify(&p, &t, getpid(), true);
	MUST(seen_to_end && who.cls == PEER_UNIT && who.unit == &unit);
	peer_done(&p);
	close(fd);
	unlink(path);
}

Test(peer, of_an_ancestor_that_ends_meanwhile_the_walk_is_done_again)
{
	cr_expect_eq(run_forked(ends_between), 0);
	cr_expect_eq(run_as_pid1(ends_between, true), 0);
}

/* --- outsiders --------------------------------------------------------------------- */

static uid_t as_uid;

/* Forks below outer, which isn't among the init's children; the init is `fn` in a fork of its own.
 */
static enum peer_class seen_from_beside(uid_t uid, bool other_mounts)
{
	serve();
	pid_t init = fork();
	if (init == 0) {
		enum peer_class c = class_of_next();
		_exit((int)c);
	}
	pid_t out = fork();
	if (out == 0) {
		if (other_mounts)
			MUST(unshare(CLONE_NEWNS) == 0);
		MUST(setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
		client();
	}
	int status = -1;
	MUST(waitpid(init, &status, 0) == init && WIFEXITED(status));
	kill(out, SIGKILL);
	waitpid(out, NULL, 0);
	unlink(path);
	return (enum peer_class)WEXITSTATUS(status);
}

static void beside(void)
{
	MUST(seen_from_beside(0, false) == PEER_OPERATOR);
	MUST(seen_from_beside(54350, false) == PEER_NOBODY);
	MUST(seen_from_beside(65534, false) == PEER_NOBODY);
	MUST(seen_from_beside(0, true) == PEER_OPERATOR); /* the same cgroup is enough */
}

Test(peer, outside_of_our_children_root_and_our_own_uid_are_operators_and_others_nobody)
{
	cr_expect_eq(run_forked(beside), 0);
}

static void own_uid(void)
{
	MUST(setresgid(as_uid, as_uid, as_uid) == 0 && setresuid(as_uid, as_uid, as_uid) == 0);
	MUST(seen_from_beside(as_uid, false) == (as_uid == 65534 ? PEER_NOBODY : PEER_OPERATOR));
}

Test(peer, the_overflow_uid_is_never_an_operator)
{
	as_uid = 54351;
	cr_expect_eq(run_forked(own_uid), 0);
	as_uid = 65534;
	cr_expect_eq(run_forked(own_uid), 0);
}

/* Both of a pid namespace: PID 1 serves, then one comes in with parent 0, then one from outside. */
Test(peer, who_is_execd_in_is_an_operator_and_another_pid_namespace_is_nobody)
{
	int status = -1, up[2];
	char c;
	pid_t outer = fork();

	if (outer == 0) {
		snprintf(path, sizeof path, "/tmp/peer.ns.%d", (int)getpid());
		MUST(pipe(up) == 0 && unshare(CLONE_NEWPID | CLONE_NEWNS) == 0);
		pid_t init = fork();
		if (init == 0) {
			mount_proc();
			serve();
			MUST(write(up[1], "x", 1) == 1);
			MUST(class_of_next() == PEER_OPERATOR);
			MUST(class_of_next() == PEER_NOBODY);
			MUST(write(up[1], "x", 1) == 1);
			struct peer p;
			taken(&p);
			MUST(p.pid == 0 && !peer_alive(&p));
			MUST(peer_classify(&p, &tree, 1, true).cls == PEER_NOBODY);
			_exit(0);
		}
		MUST(read(up[0], &c, 1) == 1);
		if (fork() == 0)
			client();
		ms_sleep(100);
		if (fork() == 0) {
			MUST(setresuid(54352, 54352, 54352) == 0);
			client();
		}
		MUST(read(up[0], &c, 1) == 1);
		struct sockaddr_un sa = { .sun_family = AF_UNIX };
		int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
		strcpy(sa.sun_path, path);
		MUST(connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0);
		/* The two clients are reaped here too: a namespace's PID 1 doesn't end before its
		 * last process has gone. */
		while (wait(&status) != init)
			;
		unlink(path);
		_exit(status != 0);
	}
	waitpid(outer, &status, 0);
	cr_expect_eq(status, 0);
}

/* --- who has gone, and older kernels -------------------------------------------------- */

static void no_getsockopt(unsigned optname)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, optname, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOPROTOOPT),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = { sizeof f / sizeof *f, f };

	MUST(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) == 0);
}

/* Taken while alive, dead afterwards; and one that had ended before it was taken. */
static void comes_and_goes(bool pidfd, bool proc_fd)
{
	struct peer p;

	serve();
	start_unit(client);
	int fd = taken(&p);
	MUST((p.pidfd >= 0) == pidfd && (p.proc_fd >= 0) == proc_fd);
	MUST(p.pid == unit_pid && p.uid == geteuid() && p.start > 0);
	MUST(!pidfd || fcntl(p.pidfd, F_GETFD) == FD_CLOEXEC);
	MUST(peer_alive(&p));
	MUST(peer_classify(&p, &tree, getpid(), true).cls == PEER_UNIT);
	MUST(peer_classify(&p, &tree, getpid(), false).cls == PEER_UNIT);
	struct peer other = p;
	other.start++; /* as if the number had a new owner */
	MUST(peer_classify(&other, &tree, getpid(), true).cls == PEER_NOBODY);
	kill(unit_pid, SIGKILL);
	siginfo_t si;
	waitid(P_PID, (id_t)unit_pid, &si, WEXITED | WNOWAIT);
	MUST(!peer_alive(&p));
	MUST(peer_classify(&p, &tree, getpid(), true).cls == PEER_NOBODY);
	waitpid(unit_pid, NULL, 0);
	MUST(!peer_alive(&p));
	close(fd);
	peer_done(&p);

	start_unit(client);
	ms_sleep(50);
	kill(unit_pid, SIGKILL);
	waitpid(unit_pid, NULL, 0);
	fd = taken(&p);
	MUST(p.start == 0 && !peer_alive(&p));
	MUST(peer_classify(&p, &tree, getpid(), true).cls == PEER_NOBODY);
	MUST(peer_classify(&p, &tree, getpid(), false).cls == PEER_NOBODY);
	peer_done(&p);
	unlink(path);
}

static void with_peerpidfd(void)
{
	comes_and_goes(true, false);
}

static void with_pidfd_open(void)
{
	no_getsockopt(77);
	comes_and_goes(true, false);
}

static void with_proc_alone(void)
{
	no_getsockopt(77);
	no_syscall(434);
	comes_and_goes(false, true);
}

Test(peer, a_peer_that_has_gone_is_nobody_with_any_kernel)
{
	cr_expect_eq(run_forked(with_peerpidfd), 0);
	cr_expect_eq(run_forked(with_pidfd_open), 0);
	cr_expect_eq(run_forked(with_proc_alone), 0);
}

/* --- confinement ----------------------------------------------------------------------- */

static void confined_client(void)
{
	gid_t g[100];

	for (int i = 0; i < 100; i++)
		g[i] = 7000 + (gid_t)i;
	umask(0135);
	MUST(setpriority(PRIO_PROCESS, 0, 7) == 0);
	MUST(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 77, 88 }) == 0);
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	MUST(sched_setaffinity(0, sizeof one, &one) == 0);
	MUST(sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 }) == 0);
	MUST(prctl(PR_CAPBSET_DROP, 21) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	MUST(setgroups(100, g) == 0);
	MUST(setresgid(54361, 54361, 54361) == 0 && setresuid(54360, 54360, 54360) == 0);
	client();
}

static void is_confined(const struct child_cred *cred, const struct child_confine *c)
{
	MUST(cred->uid == 54360 && cred->gid == 54361 && cred->ngroups == 100);
	MUST(cred->groups[0] == 7000 && cred->groups[99] == 7099);
	MUST(c->umask == 0135 && c->nice == 7 && c->no_new_privs);
	MUST(c->rlim_soft[RLIMIT_NOFILE] == 77 && c->rlim_hard[RLIMIT_NOFILE] == 88);
	MUST(c->sched_policy == SCHED_BATCH && c->sched_priority == 0);
	MUST(c->affinity_bytes >= 1 && c->affinity[0] == 1);
	for (size_t i = 1; i < c->affinity_bytes; i++)
		MUST(c->affinity[i] == 0);
	MUST(c->cap_permitted == 0 && !(c->cap_bounding & 1 << 21) && c->cap_bounding & 1);
}

static void all_of_it(void)
{
	struct child_cred cred;
	struct child_confine c = { 0 };
	struct err e;
	struct peer p;
	gid_t *groups = NULL;

	serve();
	start_unit(confined_client);
	int fd = taken(&p);
	MUST(peer_confinement(&p, fd, &cred, &groups, &c, &e) == 0);
	is_confined(&cred, &c);
	MUST(groups == cred.groups);
	free(groups);
	MUST(peer_confinement_of(unit_pid, &cred, &groups, &c, &e) == 0);
	is_confined(&cred, &c);
	free(groups);
	kill(unit_pid, SIGKILL);
	siginfo_t si;
	waitid(P_PID, (id_t)unit_pid, &si, WEXITED | WNOWAIT);
	MUST(peer_confinement(&p, fd, &cred, &groups, &c, &e) < 0 && e.code == ERR_CONFINED);
	MUST(peer_confinement_of(unit_pid, &cred, &groups, &c, &e) < 0 && e.code == ERR_CONFINED);
	unlink(path);
}

Test(peer, all_that_confines_a_caller_is_read)
{
	cr_expect_eq(run_forked(all_of_it), 0);
}

/* Connects as one, then becomes another, as a set-uid program does. */
static void turncoat(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	strcpy(sa.sun_path, path);
	MUST(setresuid(54360, 54360, 0) == 0);
	MUST(connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0);
	wait_for_ever();
}

static void other_ids(void)
{
	struct child_cred cred;
	struct child_confine c = { 0 };
	struct err e;
	struct peer p;
	gid_t *groups = NULL;

	serve();
	start_unit(turncoat);
	int fd = taken(&p);
	MUST(p.uid == 54360);
	MUST(peer_confinement(&p, fd, &cred, &groups, &c, &e) < 0);
	MUST(e.code == ERR_CONFINED && !groups);
	MUST(peer_confinement_of(unit_pid, &cred, &groups, &c, &e) < 0 && e.code == ERR_CONFINED);
	kill(unit_pid, SIGKILL);
	unlink(path);
}

Test(peer, a_caller_with_any_other_id_than_its_connections_is_refused)
{
	cr_expect_eq(run_forked(other_ids), 0);
}
