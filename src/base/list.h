/* Intrusive doubly linked list; the head is a node too. A node outside any list is zeroed. */
#ifndef SIPCGID_BASE_LIST_H
#define SIPCGID_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct list {
	struct list *next;
	struct list *prev;
};

/* clang-format off */
#define LIST_INIT(name) { &(name), &(name) }
/* clang-format on */
#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Is this node in a list? */
static inline bool list_linked(const struct list *n)
{
	return n->next != NULL;
}

static inline void list_insert_(struct list *n, struct list *prev, struct list *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}

static inline void list_push_back(struct list *head, struct list *n)
{
	list_insert_(n, head->prev, head);
}

static inline void list_push_front(struct list *head, struct list *n)
{
	list_insert_(n, head, head->next);
}

/* Takes @n out of its list; nothing happens if it is in none. */
static inline void list_del(struct list *n)
{
	if (!n->next)
		return;
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = n->prev = NULL;
}

/* The first node, taken out, or NULL. */
static inline struct list *list_pop(struct list *head)
{
	struct list *n = head->next;

	if (n == head)
		return NULL;
	list_del(n);
	return n;
}

/* Moves all nodes of @from to the end of @to. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

#define LIST_EACH(head, it) for (struct list *it = (head)->next; it != (head); it = it->next)
/* The body may remove @it, and nothing else. */
#define LIST_EACH_SAFE(head, it)                                                                   \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
	     it = it##_next, it##_next = it->next)

#endif
