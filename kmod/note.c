// SPDX-License-Identifier: GPL-2.0
/*
 * Results of non-blocking writes and notifications, for each open file, until
 * LLP_IOC_RESULT fetches them. A result has its memory from the write on;
 * notifications are bounded, and what does not fit is counted.
 */
#include <linux/slab.h>

#include "line.h"

/**
 * llp_note_add() - a note joins those that the file will fetch
 * @f: file
 * @n: note, which becomes the file's; its time is set
 */
void llp_note_add(struct llp_file *f, struct llp_note *n)
{
	n->result.time = llp_glue_now();
	list_add_tail(&n->node, &f->notes);
	f->line->changed = true;
}

/**
 * llp_note_file() - notes something for a file
 * @f: file
 * @r: what
 *
 * Where there is no room, or no memory, it is counted as missed.
 */
void llp_note_file(struct llp_file *f, const struct llp_ioc_result *r)
{
	struct llp_note *n = NULL;

	if (f->n_notes < LLP_NOTES_MAX)
		n = kmalloc(sizeof(*n), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!n) {
		f->missed++;
		return;
	}
	n->counted = true;
	n->result = *r;
	n->result.missed = f->missed;
	f->missed = 0;
	f->n_notes++;
	llp_note_add(f, n);
}

/**
 * llp_note_all() - notes something for every file that wants this type
 * @l: the line
 * @r: what
 */
void llp_note_all(struct llp_line *l, const struct llp_ioc_result *r)
{
	struct llp_file *f;

	lockdep_assert_held(&l->lock);
	list_for_each_entry(f, &l->files, node)
		if (f->events & BIT(r->type))
			llp_note_file(f, r);
}

/**
 * llp_note_fetch() - LLP_IOC_RESULT
 * @f: file
 * @r: the oldest note, which is gone then
 *
 * Return: 0, or -EAGAIN: there is none.
 */
int llp_note_fetch(struct llp_file *f, struct llp_ioc_result *r)
{
	struct llp_note *n = list_first_entry_or_null(&f->notes, struct llp_note, node);

	if (!n)
		return -EAGAIN;
	*r = n->result;
	f->n_notes -= n->counted;
	list_del(&n->node);
	kfree(n);
	return 0;
}

/**
 * llp_note_count() - notes that wait
 * @f: file
 *
 * Return: how many.
 */
u32 llp_note_count(struct llp_file *f)
{
	return list_count_nodes(&f->notes);
}

/**
 * llp_note_close() - the file goes: nobody fetches its notes
 * @f: file
 */
void llp_note_close(struct llp_file *f)
{
	struct llp_note *n, *next;

	list_for_each_entry_safe(n, next, &f->notes, node)
		kfree(n);
	INIT_LIST_HEAD(&f->notes);
	f->n_notes = 0;
}
