/* caps.h - one number for everything that a user can make grow. Layer: base. */
#ifndef BASE_CAPS_H
#define BASE_CAPS_H

enum {
	CAP_PACKET = 64 * 1024,          /* bytes of one control packet */
	CAP_REQUEST = 2 * 1024 * 1024,   /* bytes of one request, all its packets */
	CAP_ASSEMBLY = 16 * 1024 * 1024, /* bytes of unfinished requests, all connections */
	CAP_CONNS = 256,                 /* connections that wait for nothing */
	CAP_CONNS_FOR_OPERATOR = 16,     /* of these, kept for operators */
	CAP_CONNS_UNIT = 32,
	CAP_CONNS_NOBODY = 8,
	CAP_REQUESTS_A_TURN = 8,        /* of one connection */
	CAP_MANIFEST = 8 * 1024 * 1024, /* bytes of a manifest */
	CAP_ENV_FILE = 1024 * 1024,
	CAP_SERVICES = 4096,
	CAP_MANIFESTS = 32,  /* files under one supervisor */
	CAP_REPLICAS = 1000, /* of one service */
	CAP_YAML_DEPTH = 64,
	CAP_YAML_NODES = 200000,             /* nodes visited, aliases expanded */
	CAP_NAME = 63,                       /* bytes of a unit's name */
	CAP_SERVICE_NAME = 2 * CAP_NAME + 1, /* of a service's with its project */
	CAP_PATH_DEPTH = 64,                 /* levels of a spawn tree, whatever depth says */
	CAP_RIGHTS = 32,                     /* rights that one unit holds */
	CAP_HOOKS_UNIT = 16,                 /* hooks of one unit that run at a time */
	CAP_RESULTS_MIN = 1024, /* results of ended children that a parent keeps at least */
	CAP_QUEUED = 1000,      /* spawns of one tree that wait for room */
	CAP_TAGGED = 32,        /* spawns that one connection asks for at once */
	CAP_LINE = 16 * 1024,   /* bytes of one log line before it is cut */
	CAP_WILLS = 4,          /* messages that a unit leaves for its end */
	CAP_WILL = 64 * 1024,   /* bytes of one */
	CAP_ARGS = 4096,        /* words of a spawned command */
	CAP_ENV_VARS = 8192,
	CAP_UNITS_NAMED = 1024,  /* units that one request may name */
	CAP_LOOKS = 1000 * 1000, /* at units, to find all that one request names by path */
	CAP_WAITS_UNIT = 1024,   /* connections of one unit that wait for something */
	CAP_ASSEMBLY_UNIT = CAP_ASSEMBLY / 4, /* of CAP_ASSEMBLY, for one unit's connections */
	CAP_MAILBOX = 1024,                   /* messages in one mailbox */
	CAP_MAILBOX_BYTES = 4 * 1024 * 1024,  /* of their bodies */
	CAP_BODY = 1024 * 1024,               /* bytes of a message */
	CAP_KEPT = 16 * 1024 * 1024,          /* bytes that one spawn tree makes the init keep */
	CAP_DESCRIPTORS_KEPT = 64,            /* of RLIMIT_NOFILE, for anything but connections */
	CAP_SAMPLES = 1024 * 1024, /* bytes of what all units used over the last minutes */
	CAP_EVENTS = 64 * 1024, /* bytes of the records that `sysg events` shows; a power of two */
};

#endif
