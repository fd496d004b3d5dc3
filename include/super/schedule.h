/* schedule.h - cron units: when they run. Layer: super. */
#ifndef SUPER_SCHEDULE_H
#define SUPER_SCHEDULE_H

#include "super/bundle.h"
#include "super/parts.h"

/* What the times of a cron unit are reckoned with: one for all definitions whose zone's file says the same. */
struct schedule {
	struct schedule *next;
	size_t n, refs;
	struct zone zone; /* of the n bytes */
	char bytes[];     /* of the zone's file; none: UTC */
};

/* *ret stays as it is for a service that is no cron unit, and after -1: there is no such zone. */
int schedule_of_service(const struct service *svc, const struct bundle *files,
	struct schedule **ret, struct err *err);
void schedule_unref(struct schedule *sc); /* NULL: nothing */
/* Of a cron unit SG0101: it is not started, restarted or stopped by its name. */
int schedule_refuses(const struct service *svc, struct err *err);

/* Its times are reckoned anew from now on; of what is no cron unit (any more) there are none. */
void schedule_begin(struct super *s, struct job *j);
/* The order to start, for a cron unit: from now on it waits for its time. False: it is none. */
bool schedule_start(struct super *s, struct job *j);
/* It is at rest: the run that waited behind the one that ended. */
void schedule_rest(struct super *s, struct job *j);
/* Once a turn: what is due runs, and the timer is set to what comes next. */
void schedules_step(struct super *s);

#endif
