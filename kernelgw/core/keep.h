#ifndef KG_CORE_KEEP_H
#define KG_CORE_KEEP_H
/*
 * What must outlive the server so that the next one can take its kernels over: a file for each kernel (which box it has, how it
 * was started, what its clients are known to have), one for each run, and one for all Jupyter sessions. Files are written beside their place
 * and renamed into it, so that a kill at any moment leaves the old or the new one. They hold the kernels' environments, and
 * are for the server's user alone.
 */
#include "kernelgw/core/kernel.h"
#include "kernelgw/core/run.h"

/* Makes the folders below the state folder. Returns 0, or a negative code with *err. Nothing is kept without one. */
int kg_keep_open(struct kg_core *core, struct kg_err *err);
/* Sets core->owner: that of the servers before with this state folder, so that their boxes are ours; else made up. */
int kg_keep_owner(struct kg_core *core, struct kg_err *err);
/* Takes over what an earlier server kept: kernels are in the table at once, in state starting. */
void kg_keep_load(struct kg_core *core);

/* Writes the kernel's file when what stands in it has changed. */
void kg_keep_kernel(struct kg_kernel *k);
void kg_keep_forget(struct kg_kernel *k);
/* A run that has begun; a run's file goes with its end. */
void kg_keep_run(const struct kg_run *r);
void kg_keep_forget_run(const struct kg_run *r);
void kg_keep_sessions(struct kg_core *core);
/* Writes doc, which it takes, beside path, and renames it. Not synced to the disk: boxes don't outlive the machine either. */
void kg_keep_write(const char *path, json_t *doc);

#endif
