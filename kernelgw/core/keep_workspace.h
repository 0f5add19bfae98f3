#ifndef KG_CORE_KEEP_WORKSPACE_H
#define KG_CORE_KEEP_WORKSPACE_H
/*
 * Workspaces that have a name outlive the server: their files, and what they have used of their quotas. A folder for each below the
 * state folder, with session.json and the files' contents by their hashes. Contents are there before session.json names them,
 * and both are put in place by renames, so that a kill at any moment leaves what was or what is. It is written by a thread, a
 * workspace at a time and some milliseconds after the change; at the server's end, before it has ended.
 */
#include "kernelgw/core/keep_wait.h"
#include "kernelgw/core/workspace.h"

/* Something of it may have changed: writes it if so. Nothing is kept of a passing one, or without a state folder. */
void kg_keep_workspace(struct kg_workspace *w);
/* Calls done(user), once and not from within, when what there is of it now has been written, or the folder could not be, or has gone. False:
 * there is nothing to wait for. */
bool kg_keep_workspace_wait(struct kg_workspace *w, struct kg_keep_wait *wait,
                            void (*done)(void *user), void *user);
/* It has ended, and its folder goes. */
void kg_keep_forget_workspace(struct kg_workspace *w);
/* Those of an earlier server. One that can't be taken over now is left on the disk, and the log says why. */
void kg_keep_load_workspaces(struct kg_core *core);
/* Writes what is not written yet, at once. */
void kg_keep_flush_workspaces(struct kg_core *core);

/* Users' use of their quotas in this period: a file for all of them, written every few seconds when something has changed. */
void kg_keep_accounts(struct kg_core *core);
void kg_keep_load_accounts(struct kg_core *core);

#endif
