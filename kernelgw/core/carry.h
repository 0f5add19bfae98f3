#ifndef KG_CORE_CARRY_H
#define KG_CORE_CARRY_H
/*
 * Files between a workspace and one box: there before a program or a kernel starts, and back when it has ended, or a cell has.
 * What has been changed on both sides in the meantime is not overwritten: the box's version is kept beside, under a name that
 * says so.
 */
#include <jansson.h>

#include "kernelgw/core/workspace.h"

struct kg_given; /* what the box was given, by path */
struct kg_gather;

struct kg_carry {
    struct kg_workspace *workspace; /* NULL: nothing is carried */
    struct pl_box *box;
    char id[KG_UUID_SIZE]; /* of the run or kernel: for the names of what is kept beside */
    struct kg_given *given;
    struct kg_gather *gather; /* under way */
};

/* Begins with an empty box; w is kept by a reference. */
void kg_carry_begin(struct kg_carry *c, struct kg_workspace *w, struct pl_box *box, const char *id);
/* A box of an earlier server's: what it was given is not known. */
void kg_carry_adopt(struct kg_carry *c, struct kg_workspace *w, struct pl_box *box, const char *id);
/* from's box and all that is known of it is to's from now on; what is being gathered is told to done. */
void kg_carry_move(struct kg_carry *to, struct kg_carry *from, void (*done)(void *, json_t *),
                   void *user);
/* Calm when nothing was begun. What is being gathered is no longer told. */
void kg_carry_end(struct kg_carry *c);
/* The request itself gives the box this file, in place of the workspace's. */
void kg_carry_note(struct kg_carry *c, const char *path);
/*
 * Sends the workspace's files that have not been noted (files false: none of them), and marks what the box now has: the last to be called before its program
 * starts. done comes for each of the requests made, whose number is returned.
 */
size_t kg_carry_send(struct kg_carry *c, bool files, pl_reply *done, void *user);
/*
 * Fetches what is new and stores it. done comes once, later, unless the carry has ended: result {"changed":[{"path","size","hash"}],"deleted":[path],
 * "conflicts":[{"path","kept_as"}],"left_out":[{"path","why"}],"more":true,"error":why}, members only where there is something (error: nothing
 * could be fetched), and NULL when there is
 * nothing at all; borrowed. Not while one is under way.
 */
typedef void kg_carry_done(void *user, json_t *result);
void kg_carry_gather(struct kg_carry *c, kg_carry_done *done, void *user);

#endif
