/* What units used: for who asks now, and by samples over the last minutes where the manifest wants them. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "os/proc.h"
#include "super/meter.h"
#include "super/ops.h"

#define FRESH_NS    (100 * NS_PER_MS)  /* a look as young as that serves the next who asks */
#define SHOWN_NS    (10 * NS_PER_SEC)  /* and so old its figures may be told */
#define PATIENCE_NS (2500 * NS_PER_MS) /* then they are told what is known */
enum { INTERVAL_S = 5, RETENTION_MIN = 60 };

/* --- who asks now --- */

static void go_on(struct super *s, struct timer *t)
{
	(void)t;
	list_each(it, &s->conns)
	{
		struct conn *c = list_entry(it, struct conn, link);
		if (c->gone || !c->measuring)
			continue;
		c->measuring = false;
		if (conn_room(c))
			op_status_more(c);
	}
}

bool sampling_wait(struct conn *c)
{
	struct super *s = c->s;
	struct meter *m = s->meter;
	int64_t now = clock_mono_ns(), least = 4 * m->cost_ns;

	if (m->looked_ns && now - m->looked_ns < (least > FRESH_NS ? least : FRESH_NS))
		return false;
	meter_look(s);
	if (!m->ids) /* nobody runs, or it can't be looked */
		return false;
	if (!m->patience.node.at)
		timer_set(s, &m->patience, now + PATIENCE_NS, go_on);
	return true;
}

/* --- samples --- */

static size_t bytes_of(unsigned room)
{
	return sizeof(struct samples) + room * sizeof(struct sample);
}

static void resize_all(struct super *s, unsigned room)
{
	s->meter->room = room;
	list_each(it, &s->tree.all)
	{
		struct job *j = job_of(list_entry(it, struct unit, all));
		struct samples *other = j && j->samples ? samples_resize(j->samples, room) : NULL;
		if (other)
			j->samples = other;
	}
}

/* Where all of them would be too much, each has less. */
static struct samples *samples_of(struct super *s, struct job *j)
{
	struct meter *m = s->meter;
	unsigned room = m->room;

	if (j->samples)
		return j->samples;
	while (room >= 2 * SAMPLES_LEAST && (m->nsamples + 1) * bytes_of(room) > CAP_SAMPLES)
		room /= 2;
	if ((m->nsamples + 1) * bytes_of(room) > CAP_SAMPLES)
		return NULL;
	if (room != m->room)
		resize_all(s, room);
	j->samples = samples_new(room);
	m->nsamples += j->samples != NULL;
	return j->samples;
}

static void take_samples(struct super *s)
{
	struct meter *m = s->meter;

	list_each(it, &s->tree.all)
	{
		const struct unit *u = list_entry(it, struct unit, all);
		struct job *j = job_of(u);
		bool runs = j && (u->main_alive || u->own_left);
		struct samples *v = runs ? samples_of(s, j) : j ? j->samples : NULL;
		if (v)
			samples_add(v, &m->pace, m->asked_ns, u->cpu_before_ns + u->cpu_ns,
				runs ? u->rss_bytes : 0);
	}
}

void sampling_looked(struct super *s, bool known)
{
	struct meter *m = s->meter;

	if (known)
		m->looked_ns = m->asked_ns;
	if (known && m->sample_due)
		take_samples(s);
	m->sample_due = false;
	if (m->want_full) /* those who asked since the look began wait for the next */
		return;
	timer_del(s, &m->patience);
	go_on(s, NULL);
}

static void due(struct super *s, struct timer *t)
{
	struct meter *m = s->meter;
	int64_t now = clock_mono_ns();

	if (s->phase != PHASE_RUN)
		return;
	m->sample_ns += m->pace.interval_ns;
	if (m->sample_ns <= now) /* it was held up */
		m->sample_ns = now + m->pace.interval_ns;
	timer_set(s, t, m->sample_ns, due);
	m->sample_due = true;
	meter_look(s);
}

void sampling_forget(struct super *s, struct job *j)
{
	if (j->samples)
		s->meter->nsamples--;
	free(j->samples);
	j->samples = NULL;
}

static void forget_all(struct super *s)
{
	list_each(it, &s->tree.all)
	{
		struct job *j = job_of(list_entry(it, struct unit, all));
		if (j)
			sampling_forget(s, j);
	}
}

void sampling_set(struct super *s)
{
	const struct manifest *man = s->m;
	struct meter *m = s->meter;
	struct pace p = { 0 };
	int64_t every_s = man->sample_interval_s, kept_min = man->retention_min;

	if ((every_s > 0 || kept_min > 0) && kept_min != 0) {
		p.interval_ns = (every_s > 0 ? every_s : INTERVAL_S) * NS_PER_SEC;
		p.retention_ns = (kept_min > 0 ? kept_min : RETENTION_MIN) * 60 * NS_PER_SEC;
	}
	if (p.interval_ns == m->pace.interval_ns && p.retention_ns == m->pace.retention_ns)
		return;
	if (p.interval_ns != m->pace.interval_ns)
		forget_all(s);
	m->pace = p;
	timer_del(s, &m->sample);
	if (!p.interval_ns)
		return;
	int64_t looks = (p.retention_ns + p.interval_ns - 1) / p.interval_ns;
	resize_all(s, looks < SAMPLES_MOST ? (unsigned)looks : SAMPLES_MOST);
	m->sample_ns = clock_mono_ns() + p.interval_ns;
	timer_set(s, &m->sample, m->sample_ns, due);
}

/* --- the row --- */

void sampling_put(struct super *s, struct buf *b, const struct unit *u)
{
	const struct meter *m = s->meter;
	const struct job *j = job_of(u);
	int64_t cpu = u->cpu_ns, ns = 2 * m->pace.interval_ns;
	uint32_t last, average, most;
	struct proc_stat stat;

	if (!u->cpu_before_ns && !u->pid)
		return;
	if (u->main_alive && proc_stat_read(u->pid, &stat) == 0 && proc_ticks_ns(stat.ticks) > cpu)
		cpu = proc_ticks_ns(stat.ticks);
	packet_put_int(b, "cpu_ns", u->cpu_before_ns + cpu);
	if (u->rss_bytes && m->looked_ns &&
		clock_mono_ns() - m->looked_ns < (ns > SHOWN_NS ? ns : SHOWN_NS))
		packet_put_int(b, "tree_rss_bytes", u->rss_bytes);
	unsigned n = j && j->samples ? samples_sum(j->samples, &last, &average, &most) : 0;
	if (!n)
		return;
	packet_put_int(b, "samples", n);
	packet_put_int(b, "cpu_last", last);
	packet_put_int(b, "cpu_average", average);
	packet_put_int(b, "cpu_most", most);
}
