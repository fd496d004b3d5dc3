/* usock.h - AF_UNIX SEQPACKET sockets that can't be used to hold us up. Layer: os. */
#ifndef OS_USOCK_H
#define OS_USOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

/* A listening socket at path (NULL: the abstract name, of abstract_len bytes, without the leading
 * NUL), non-blocking, close-on-exec, SO_PASSCRED on, SO_PASSRIGHTS off where the kernel has it.
 * Bound under another name in the same directory, mode and gid (-1: leave) set, then renamed over.
 * A socket that is there already: refused with ERR_UNKNOWN and sys EADDRINUSE when a connect to it
 * is accepted (another supervisor lives), replaced when refused. */
int usock_listen(const char *path, const char *abstract, mode_t mode, gid_t gid, int *ret_fd,
	struct err *err);
/* accept4, non-blocking, close-on-exec. -1 with errno. */
int usock_accept(int listener);
/* True when descriptors can't arrive at all on this kernel (6.16+: SO_PASSRIGHTS). */
bool usock_passrights_off(int fd);

enum usock_got { USOCK_PACKET, USOCK_AGAIN, USOCK_CLOSED, USOCK_POISON };

/* Reads one packet of at most cap bytes (a longer one: USOCK_CLOSED with errno EMSGSIZE). *ret_pid:
 * the sender by SCM_CREDENTIALS, 0 if unknown. trusted: usock_passrights_off() was true; otherwise
 * the packet is looked at with MSG_PEEK first, and one that carries descriptors gives USOCK_POISON
 * with nothing taken: call usock_discard(). */
enum usock_got usock_recv(
	int fd, bool trusted, void *bytes, size_t cap, size_t *ret_n, pid_t *ret_pid);
/* In a fork alone, as it may wait for ever: asks over a connection with go=1 for one packet of the process `from` with its
 * 0, 1, 2, and takes them, close-on-exec. -1 with errno: ECONNRESET it hung up, EPERM another sent it, EBADMSG it was
 * something else. */
int usock_streams(int fd, pid_t from, int ret[3]);
/* Leaves a socket with descriptors in its queue to a throwaway fork that exits; ours is closed.
 * Also the way to close ANY connection on a kernel without SO_PASSRIGHTS, as unread packets may
 * carry descriptors. */
void usock_discard(int fd, bool trusted);
/* A bound socket of datagrams at path, or with an abstract name where it begins with @; what is there
 * already goes. For everyone to write to; non-blocking, close-on-exec, SO_PASSCRED on, SO_PASSRIGHTS
 * off where the kernel has it. 0; -1 with ERR_EXEC_FAILED and errno. */
int usock_datagrams(const char *name, int *ret_fd, struct err *err);

enum { USOCK_BACKLOG = 512 }; /* connections that wait to be accepted */
enum { USOCK_TAKEN_TEXT = 2048 };
struct usock_taken {
	pid_t pid;
	unsigned n;
	char text[USOCK_TAKEN_TEXT]; /* cut */
};
/* An ask_fn, arg the address of such a socket that usock_recv() called USOCK_POISON: takes a few
 * messages off it with whatever they carry, and writes a struct usock_taken for each. */
void usock_take(const void *arg, int fd);

/* Does somebody listen at path (at most 107 bytes)? A stream socket, else one of packets or
 * datagrams. Connects, and takes nothing that is sent. 0 yes; > 0 the errno of the connect (EAGAIN:
 * its backlog is full); -1 with errno: we have no descriptor or memory to ask with. */
int usock_knock(const char *path);
/* Non-blocking whole packet. 0; -1 with errno EAGAIN or the connection's end. Never raises SIGPIPE.
 */
int usock_send(int fd, const void *bytes, size_t n);

#endif
