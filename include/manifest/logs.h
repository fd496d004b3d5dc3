/* logs.h - what becomes of what a service prints. Layer: manifest. */
#ifndef MANIFEST_LOGS_H
#define MANIFEST_LOGS_H

#include <stdint.h>

enum log_sink { SINK_STDOUT = 1, SINK_FILE = 2, SINK_INHERIT = 4, SINK_NONE = 8 };
enum log_format { LOG_FORMAT_UNSET, LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum log_prefix { LOG_PREFIX_UNSET, LOG_PREFIX_YES, LOG_PREFIX_NO };
enum log_full { LOG_FULL_UNSET, LOG_FULL_BLOCK, LOG_FULL_DROP };

/* 0 in any field: not written. Of a service, what isn't is taken from the top level; what isn't
 * there either is the default: both sinks, text, a prefix, block, and what include/logger/file.h
 * says of sizes. */
struct log_spec {
	unsigned sinks; /* enum log_sink bits */
	enum log_format format;
	enum log_prefix prefix;
	enum log_full when_full;
	int64_t max_bytes; /* of one file before it is rotated */
	int64_t max_files; /* of one log, the current one among them */
	int64_t max_total; /* bytes of all files; at the top level only */
};

#endif
