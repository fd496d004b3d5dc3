"""Programs in C that use libsysg, built with either libc and run as (part of) a service."""
import os
import re
import shutil
import subprocess

import pytest

from harness import ROOT

CCS = ['gcc', 'musl-gcc']
CLIENT = r'''
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sysg.h>

static const char *errno_name(int e)
{
	NAMES
	return "?";
}

static const char *const one[] = { "true", NULL };
static const char *const long_one[] = { "sleep", "1000", NULL };

static void say(const char *what, int rc)
{
	int e = errno, code = 0;
	const char *msg = sysg_error(&code);
	if (rc < 0)
		printf("%s: %s SG%04d %s\n", what, errno_name(e), code, msg);
	else
		printf("%s: ok\n", what);
	fflush(stdout);
}
'''
ERRNOS = ('EACCES ESRCH EEXIST EDQUOT ETIMEDOUT ECONNREFUSED EMSGSIZE EPERM ENOTCONN ENOENT EINVAL EDEADLK ENOBUFS EPIPE ESTALE '
          'ECONNRESET').split()


made = {}  # compiler -> its archive


@pytest.fixture(scope='session')
def archive(tmp_path_factory):
    """The archive as each compiler makes it, from the sources that src/lib/meson.build lists."""
    def make(cc):
        if cc not in made:
            assert shutil.which(cc), f'no {cc}: name the test in test/unable'
            d = tmp_path_factory.mktemp(cc)
            lib = ROOT / 'src/lib'
            sources = re.findall(r"'([\w./]+\.c)'", (lib / 'meson.build').read_text())
            objects = []
            for s in sources:
                objects.append(d / (os.path.basename(s) + '.o'))
                subprocess.run([cc, '-std=gnu17', '-O1', '-D_GNU_SOURCE', f'-I{ROOT}/include', '-c', lib / s, '-o', objects[-1]], check=True)
            subprocess.run([ROOT / 'tools/libsysg.sh', d / 'libsysg.a', cc, *objects], check=True)
            made[cc] = d / 'libsysg.a'
        return made[cc]
    return make


def program(cc, archive, source, out, *more):
    (out.parent / 'inc').mkdir(exist_ok=True)
    shutil.copy(ROOT / 'include/sysg.h', out.parent / 'inc')  # nothing else of ours is to be had
    subprocess.run([cc, '-static', '-O1', '-Wall', '-Werror', f'-I{out.parent}/inc', source, '-o', out, archive, *more], check=True)
    out.chmod(0o755)
    return out


def build(home, archive, body, cc):
    """The program `c` in that folder."""
    names = ''.join(f'if (e == {n}) return "{n}";\n\t' for n in ERRNOS)
    (home / 'c.c').write_text(CLIENT.replace('NAMES', names) + body)
    return program(cc, archive(cc), home / 'c.c', home / 'c', '-pthread', '-Wno-unused')


def client(box, archive, body, cc='gcc', extra='', up=True, **kw):
    """A box whose service runs a program that was written for it; what it prints is in the file out."""
    b = box(None, argv=['true'])
    build(b.home, archive, body, cc)
    b = box(f'services: {{root: {{command: "./c >out.new 2>&1; mv out.new out; exec sleep 1000", spawn: {{mode: dynamic{extra}}}}}}}',
            home=b.home, **kw)
    return b.up() if up else b
