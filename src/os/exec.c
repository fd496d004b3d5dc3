/* The last step of a child: its program, by its path, by PATH, or behind a sysg of its own. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "os/fence.h"
#include "os/spawn.h"

static const char *path_of(char *const *envp)
{
	for (; *envp; envp++)
		if (strncmp(*envp, "PATH=", 5) == 0)
			return *envp + 5;
	return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

static void exec_in_path(const struct child_spec *spec)
{
	char full[4096];
	const char *name = spec->argv[0], *dir = path_of(spec->envp);
	size_t n = strlen(name);
	int worst = ENOENT;

	for (const char *end; dir; dir = *end ? end + 1 : NULL) {
		end = strchrnul(dir, ':');
		size_t m = (size_t)(end - dir);
		if (m + n + 2 > sizeof full)
			continue;
		memcpy(full, dir, m);
		if (m)
			full[m++] = '/';
		memcpy(full + m, name, n + 1);
		execve(full, spec->argv, spec->envp);
		if (errno != ENOENT && errno != ENOTDIR)
			worst = errno;
		if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
			break;
	}
	errno = worst;
}

/* A pid namespace begins with a sysg for this one command: it reaps, and passes signals on. */
static void exec_in_front(const struct child_spec *spec)
{
	static char *v[CAP_ARGS + 4];

	v[0] = "sysg";
	v[1] = "start";
	v[2] = "--";
	errno = E2BIG;
	for (size_t i = 0; i <= CAP_ARGS; i++)
		if (!(v[i + 3] = spec->argv[i])) {
			execve("/proc/self/exe", v, spec->envp);
			return;
		}
}

void exec_program(const struct child_spec *spec)
{
	if (fence_new_pid(spec))
		exec_in_front(spec);
	else if (!spec->argv[0][0])
		errno = ENOENT;
	else if (strchr(spec->argv[0], '/'))
		execve(spec->argv[0], spec->argv, spec->envp);
	else
		exec_in_path(spec);
}
