/* list.h - intrusive doubly linked list. Layer: base. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stddef.h>

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

/* A head and a member are the same thing; an unlinked member points at itself. */
struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}
static inline int list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_add_tail(struct list *head, struct list *m)
{
	m->prev = head->prev;
	m->next = head;
	head->prev->next = m;
	head->prev = m;
}
/* Safe on an unlinked member; leaves it unlinked. */
static inline void list_del(struct list *m)
{
	m->prev->next = m->next;
	m->next->prev = m->prev;
	list_init(m);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
/* The body may delete the current member, and nothing else. */
#define list_each(it, head)                                                                        \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
		it = it##_next, it##_next = it->next)

#endif
