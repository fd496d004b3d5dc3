/* health.h - which check is asked of a service. Layer: super. */
#ifndef SUPER_HEALTH_H
#define SUPER_HEALTH_H

#include "probe/probe.h"
#include "super/parts.h"

/* Of a service: says is told of this check from here on, instead of any before. -1: err. */
int health_watch(struct job *j, const struct health_check *check,
	void (*says)(void *job, enum probe_news news, const struct err *err), struct err *err);

#endif
