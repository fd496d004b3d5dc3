/* logger.h - the log process: pipes of the units to files and to stdout. Layer: logger. */
#ifndef LOGGER_LOGGER_H
#define LOGGER_LOGGER_H

#include <stdint.h>

#include "logger/file.h"

/*
 * One process, forked by PID 1 without exec, so that PID 1 touches no log byte. PID 1 keeps a
 * duplicate of every read end that it hands over: when this process dies, a new one gets the same
 * pipes and no service sees SIGPIPE.
 *
 * ctl_fd is a SOCK_SEQPACKET socket; each message is one packet (wire/packet.h).
 *
 * PID 1 -> logger
 *   op=add id=N path=a/b label=NAME stream=1|2 sinks=BITS max_bytes=N max_files=N
 *       with one descriptor by SCM_RIGHTS: the read end of the pipe of that stream. BITS:
 *       LOGGER_STDOUT, LOGGER_FILE; none of them: read and discarded; and how. label: before each
 *       line on stdout, or the service of a JSON object; none: lines as they are.
 *   op=tail number=N id=N path=a/b since=WALL_NS
 *       the last lines of that launch, after what is in its pipes by now was read
 *   op=reopen
 *       each file is opened anew with its next line
 *   op=finish
 *       what is in the pipes now is read (writers are not waited for) and written, then ok=1
 *       done=1 comes and the process ends with 0; after LOGGER_FINISH_MS at the latest, however
 *       stuck stdout is.
 *
 * logger -> PID 1
 *   op=eof id=N stream=N
 *       the last writer is gone, all is handed on; PID 1 closes its duplicate
 *   op=full why=TEXT dropped=N
 *       a file can't be written, lines are lost; at most once a minute. dropped: in all
 *   op=lost id=N stream=N
 *       an op=add could not be taken (no descriptor or memory left); may be sent again
 *   op=plain why=TEXT
 *       the journal can't be used; what a killed logger had taken in is lost from now on. Once.
 *   op=total removed=N dir=LOGDIR
 *       max_total was passed, so many files were removed; or (removed=0) none could be. Once.
 *   op=tail number=N, body
 *       the answer; of the body, at most 4096 bytes, each line ends with a newline
 *   ok=1 done=1
 *       the answer to op=finish
 *
 * When ctl_fd is closed by the other side the process does as for op=finish, without the answer.
 */
enum {
	LOGGER_STDOUT = 1, /* the bits of enum log_sink (manifest.h) that concern this process */
	LOGGER_FILE = 2,
	LOGGER_JSON = 4,   /* stdout gets objects */
	LOGGER_DROP = 8,   /* lines are lost where stdout is stuck */
	LOGGER_MERGE = 16, /* descriptor 2 goes to 1 */
	LOGGER_FINISH_MS = 800,
};

struct logger_config {
	int ctl_fd;
	int own_fd; /* read end of the pipe of PID 1's own lines: to descriptor 2 as they are, and
		       to LOGDIR/sysg.log as stream "supervisor". -1: none */
	const char *log_dir;  /* LOGDIR, made where it is missing; NULL: no files */
	struct log_keep keep; /* of PID 1's own lines */
	int64_t max_total;    /* bytes of all files below LOGDIR; 0: 64 MiB */
	int journal_fd;       /* a memfd, the same for each logger; -1: none */
	int picture_fd; /* pictures for the terminal that descriptors 1 and 2 are (picture.h); -1: none */
};

/* Runs until told to finish. Descriptors 1 and 2 are the init's own and shared with services:
 * O_NONBLOCK is never set on them. All other descriptors but ctl_fd, own_fd,
 * journal_fd and picture_fd are closed, privileges are dropped. Returns the exit status of the process: 0, or 70 when there was no memory
 * to begin with. */
int logger_main(const struct logger_config *cfg);

#endif
