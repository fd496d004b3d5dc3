#include "os/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/fence.h"
#include "os/proc.h"

int spawn_start(const struct child_spec *spec, struct spawned *ret, struct err *err)
{
	int p[2];

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_sys(err, ERR_EXEC_FAILED, errno, "no pipe for the set-up of a child");
	if (spec->confine)
		(void)stages_prepare();
	bool inner = fence_new_pid(spec); /* whose parent is 0 */
	pid_t self = inner ? 0 : getpid();
	pid_t pid = inner ? (pid_t)syscall(SYS_clone, CLONE_NEWPID | SIGCHLD, 0, 0, 0, 0) : fork();
	if (pid == 0)
		stages_run(spec, p[1], self);
	int sys = errno;
	close(p[1]);
	if (pid < 0) {
		close(p[0]);
		return err_sys(err, inner ? ERR_NAMESPACE : ERR_EXEC_FAILED, sys, "%s",
			inner ? "a pid namespace" : "fork");
	}
	(void)fcntl(p[0], F_SETFL, O_NONBLOCK);
	*ret = (struct spawned){ .pid = pid, .status_fd = p[0] };
	return 0;
}

static const char *exec_words(const char *program, int sys)
{
	switch (sys) {
	case ENOENT:
		if (strcmp(program, "/bin/sh") == 0)
			return "no shell in this image: write the command as a list";
		return strchr(program, '/') ? "no such file, or its interpreter is missing"
					    : "no such program in PATH";
	case EACCES:
		return "not executable";
	case ENOEXEC:
		return "not a program: no #! line, or built for another machine";
	default:
		return strerror(sys);
	}
}

/* The kernel takes the flag away before it closes what is not for the program. */
static bool was_executed(pid_t pid)
{
	struct proc_stat st;

	return !proc_is_ours() || proc_stat_read(pid, &st) < 0 || !st.forked;
}

int spawn_result(pid_t pid, int status_fd, const char *program, struct err *err)
{
	struct stage_report r;
	ssize_t n;

	do
		n = read(status_fd, &r, sizeof r);
	while (n < 0 && errno == EINTR);
	if (n == 0 && was_executed(pid))
		return 1;
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n != (ssize_t)sizeof r)
		return err_set(err, ERR_EXEC_FAILED, EIO, "the set-up of %s was cut off", program);
	if (stage_is_exec(r.stage))
		return err_set(
			err, ERR_EXEC_FAILED, r.sys, "%s: %s", program, exec_words(program, r.sys));
	if (r.place) {
		err_set(err, err_of_want(r.sys) ? ERR_UNKNOWN : stage_code(r.stage), r.sys,
			"the caller's %s %s%s", stage_place(r.place),
			r.sys ? "can't be read: " : "is not the one that its child would have",
			r.sys ? strerror(r.sys) : "");
		return err_help(err, "let a process outside of it spawn, or another service");
	}
	return err_sys(err, stage_code(r.stage), r.sys, "could not %s for %s", stage_name(r.stage),
		program);
}
