#include "kernelgw/core/spill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "kernelgw/core/limits.h"

/* The first entry of a stretch of a file: what is fetched at once ends where the next one begins. */
struct mark {
    uint64_t ord, cum, seq, offset;
};

struct segment {
    struct segment *next;
    unsigned refs; /* the spill's, and one for each job that reads or writes it */
    int fd;
    uint64_t number, size, last_seq;
    struct mark *marks;
    size_t count, cap;
};

/* One stretch in memory, for one reader. */
struct chunk {
    struct chunk *next;
    const struct kg_reader *reader;
    bool fetching;
    struct kg_blob *blob; /* NULL: being fetched, or it could not be */
    struct mark mark;
    struct kg_entry entry; /* the one parsed last */
    size_t offset;         /* in the blob, of the one behind it */
};

struct kg_spill {
    struct kg_spills *all;
    char *name;
    void (*ready)(void *user);
    void *user;
    bool freed, writing;
    struct segment *segments; /* oldest first */
    uint64_t next_number, bytes;
    uint64_t dropped_seq;
    struct kg_entry *pending; /* not written yet; entries hold references */
    size_t pending_count, pending_cap;
    uint64_t pending_bytes;
    struct chunk *chunks;
    unsigned jobs;
};

struct write_job {
    uv_work_t work;
    struct kg_spill *spill;
    struct segment *segment;
    struct kg_entry *entries; /* holds references */
    size_t count;
    uint8_t (*heads)[KG_REC_HEAD];
    int error;
};

struct read_job {
    uv_work_t work;
    struct kg_spill *spill;
    const struct kg_reader *reader; /* compared, never looked into */
    struct segment *segment;
    struct mark mark;
    struct kg_blob *blob;
    int error;
};

int kg_spills_open(struct kg_spills *s, struct kg_err *err)
{
    if (!s->dir)
        return 0;
    if (mkdir(s->dir, 0700) < 0 && errno != EEXIST)
        return kg_err_errno(err, errno, "make the folder %s", s->dir);
    DIR *dir = opendir(s->dir);
    if (!dir)
        return kg_err_errno(err, errno, "open the folder %s", s->dir);
    struct dirent *e;
    while ((e = readdir(dir))) /* NOLINT(concurrency-mt-unsafe): one thread */
        if (strstr(e->d_name, ".spill"))
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    return 0;
}

struct kg_spill *kg_spill_new(struct kg_spills *all, const char *name, void (*ready)(void *user),
                              void *user)
{
    if (!all || !all->dir)
        return NULL;
    struct kg_spill *s = kg_calloc(1, sizeof *s);
    *s = (struct kg_spill){.all = all, .name = kg_strdup(name), .ready = ready, .user = user};
    return s;
}

static void segment_unref(struct segment *g)
{
    if (--g->refs > 0)
        return;
    close(g->fd);
    free(g->marks);
    free(g);
}

static char *segment_path(const struct kg_spill *s, uint64_t number)
{
    return kg_asprintf("%s/%s-%llu.spill", s->all->dir, s->name, (unsigned long long)number);
}

static struct segment *segment_open(struct kg_spill *s, int *error)
{
    kg_autofree char *path = segment_path(s, s->next_number);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        *error = errno;
        return NULL;
    }
    struct segment *g = kg_calloc(1, sizeof *g);
    g->refs = 1;
    g->fd = fd;
    g->number = s->next_number++;
    LL_APPEND(s->segments, g);
    return g;
}

static void drop_segment(struct kg_spill *s)
{
    struct segment *g = s->segments;
    kg_autofree char *path = segment_path(s, g->number);
    if (g->last_seq > s->dropped_seq)
        s->dropped_seq = g->last_seq;
    LL_DELETE(s->segments, g);
    s->bytes -= g->size;
    s->all->total_bytes -= g->size;
    unlink(path);
    segment_unref(g);
}

/* Of what is not written, the oldest go until no more than so much is left. */
static void drop_pending(struct kg_spill *s, uint64_t bytes)
{
    size_t n = 0;
    for (; n < s->pending_count && s->pending_bytes > bytes; n++) {
        s->dropped_seq = s->pending[n].seq;
        s->pending_bytes -= s->pending[n].frame.len;
        kg_slice_release(&s->pending[n].frame);
    }
    if (n == 0)
        return; /* there may be no list at all */
    s->pending_count -= n;
    memmove(s->pending, s->pending + n, s->pending_count * sizeof *s->pending);
}

/* What is in the files is older than what is not written, so it goes first. */
static void shrink(struct kg_spill *s, uint64_t pending_bytes)
{
    while (s->segments) /* one that is being written goes when that is done */
        drop_segment(s);
    drop_pending(s, pending_bytes);
}

static void free_chunk(struct kg_spill *s, struct chunk *c)
{
    LL_DELETE(s->chunks, c);
    kg_slice_release(&c->entry.frame);
    kg_blob_unref(c->blob);
    free(c);
}

void kg_spill_clear(struct kg_spill *s)
{
    shrink(s, 0);
}

static void free_when_idle(struct kg_spill *s)
{
    if (!s->freed || s->jobs)
        return;
    free(s->pending);
    free(s->name);
    free(s);
}

void kg_spill_free(struct kg_spill *s)
{
    if (!s)
        return;
    kg_spill_clear(s);
    while (s->chunks)
        free_chunk(s, s->chunks);
    s->freed = true;
    free_when_idle(s);
}

/* --- writing --- */

static void write_all(uv_work_t *work)
{
    struct write_job *job = kg_container_of(work, struct write_job, work);
    struct iovec iov[2 * 64];
    for (size_t i = 0; i < job->count;) {
        int n = 0;
        size_t bytes = 0;
        for (; i < job->count && n < 2 * 64; i++) {
            const struct kg_entry *e = &job->entries[i];
            iov[n++] = (struct iovec){job->heads[i], KG_REC_HEAD};
            iov[n++] = (struct iovec){(void *)(uintptr_t)e->frame.data, e->frame.len};
            bytes += KG_REC_HEAD + e->frame.len;
        }
        for (struct iovec *at = iov; bytes > 0;) {
            ssize_t done = writev(job->segment->fd, at, n);
            if (done < 0 && errno == EINTR)
                continue;
            if (done <= 0) {
                job->error = done < 0 ? errno : EIO;
                return;
            }
            bytes -= (size_t)done;
            for (; n > 0 && (size_t)done >= at->iov_len; at++, n--)
                done -= (ssize_t)at->iov_len;
            if (n > 0) {
                at->iov_base = (uint8_t *)at->iov_base + done;
                at->iov_len -= (size_t)done;
            }
        }
    }
}

static void mark_at(struct segment *g, const struct kg_entry *e)
{
    const struct mark *last = g->count ? &g->marks[g->count - 1] : NULL;
    if (last && g->size - last->offset < KG_SPILL_STRETCH_BYTES)
        return;
    if (g->count == g->cap) {
        g->cap = g->cap ? g->cap * 2 : 16;
        g->marks = kg_realloc(g->marks, g->cap * sizeof *g->marks);
    }
    g->marks[g->count++] = (struct mark){e->ord, e->cum, e->seq, g->size};
}

static void start_writing(struct kg_spill *s);

static void written(uv_work_t *work, int status)
{
    struct write_job *job = kg_container_of(work, struct write_job, work);
    struct kg_spill *s = job->spill;
    struct segment *g = job->segment;
    bool gone = g->refs == 1; /* dropped meanwhile */
    s->writing = false;
    s->jobs--;
    if (status < 0 || job->error) {
        kg_log(KG_ERROR, "spill", "output could not be kept", "name=%s error=\"%s\"", s->name,
               strerror(job->error)); /* NOLINT(concurrency-mt-unsafe): one thread */
        if (!s->freed)
            kg_spill_clear(s);
    } else if (!gone) {
        for (size_t i = 0; i < job->count; i++) {
            mark_at(g, &job->entries[i]);
            g->size += KG_REC_HEAD + job->entries[i].frame.len;
            g->last_seq = job->entries[i].seq;
        }
        /* they stood first among the pending ones all the while */
        for (size_t i = 0; i < job->count; i++) {
            s->pending_bytes -= s->pending[i].frame.len;
            s->bytes += KG_REC_HEAD + s->pending[i].frame.len;
            s->all->total_bytes += KG_REC_HEAD + s->pending[i].frame.len;
            kg_slice_release(&s->pending[i].frame);
        }
        s->pending_count -= job->count;
        memmove(s->pending, s->pending + job->count, s->pending_count * sizeof *s->pending);
        while (s->segments && s->segments->next &&
               (s->bytes > s->all->max_bytes || s->all->total_bytes > s->all->total_max_bytes))
            drop_segment(s);
    }
    for (size_t i = 0; i < job->count; i++)
        kg_slice_release(&job->entries[i].frame);
    segment_unref(g);
    free(job->entries);
    free(job->heads);
    free(job);
    if (!s->freed)
        start_writing(s);
    free_when_idle(s);
}

static void start_writing(struct kg_spill *s)
{
    if (s->writing || s->pending_bytes < KG_SPILL_BATCH_BYTES)
        return;
    struct segment *g = s->segments;
    while (g && g->next)
        g = g->next;
    int error = 0;
    if (!g || g->size >= KG_SPILL_SEGMENT_BYTES)
        g = segment_open(s, &error);
    if (!g) {
        kg_log(KG_ERROR, "spill", "output could not be kept", "name=%s error=\"%s\"", s->name,
               strerror(error)); /* NOLINT(concurrency-mt-unsafe): one thread */
        kg_spill_clear(s);
        return;
    }
    struct write_job *job = kg_calloc(1, sizeof *job);
    job->spill = s;
    job->segment = g;
    job->count = s->pending_count;
    job->entries = kg_malloc(job->count * sizeof *job->entries);
    job->heads = kg_malloc(job->count * sizeof *job->heads);
    for (size_t i = 0; i < job->count; i++) {
        const struct kg_entry *e = &s->pending[i];
        struct kg_rec rec = {.body_len = (uint32_t)e->frame.len,
                             .type = KG_REC_MSG,
                             .channel = e->channel,
                             .kind = e->kind,
                             .seq = e->seq};
        kg_rec_encode(job->heads[i], &rec);
        job->entries[i] = *e;
        job->entries[i].frame = kg_slice_of(e->frame.blob, e->frame.data, e->frame.len);
    }
    g->refs++;
    s->jobs++;
    s->writing = true;
    uv_queue_work(s->all->loop, &job->work, write_all, written);
}

void kg_spill_add(struct kg_spill *s, const struct kg_entry *e)
{
    if (s->pending_bytes > KG_SPILL_PENDING_BYTES) {
        kg_log(KG_WARN, "spill", "the disk is too slow for the output", "name=%s", s->name);
        shrink(s, KG_SPILL_PENDING_BYTES / 2);
    }
    if (s->pending_count == s->pending_cap) {
        s->pending_cap = s->pending_cap ? s->pending_cap * 2 : 64;
        s->pending = kg_realloc(s->pending, s->pending_cap * sizeof *s->pending);
    }
    struct kg_entry *own = &s->pending[s->pending_count++];
    *own = *e;
    own->frame = kg_slice_of(e->frame.blob, e->frame.data, e->frame.len);
    s->pending_bytes += e->frame.len;
    start_writing(s);
}

/* --- reading --- */

void kg_spill_begin(const struct kg_spill *s, uint64_t *ord, uint64_t *cum)
{
    if (s->segments && s->segments->count) {
        *ord = s->segments->marks[0].ord;
        *cum = s->segments->marks[0].cum;
    } else if (s->pending_count) {
        *ord = s->pending[0].ord;
        *cum = s->pending[0].cum;
    }
}

/* The last mark that is not above a number or a place; NULL when all are. */
static const struct mark *find_mark(const struct kg_spill *s, uint64_t seq, uint64_t ord,
                                    struct segment **of, uint64_t *end)
{
    const struct mark *found = NULL;
    for (struct segment *g = s->segments; g; g = g->next) {
        for (size_t i = 0; i < g->count; i++) {
            if (g->marks[i].seq > seq || g->marks[i].ord > ord)
                return found;
            found = &g->marks[i];
            *of = g;
            *end = i + 1 < g->count ? g->marks[i + 1].offset : g->size;
        }
    }
    return found;
}

void kg_spill_seek(const struct kg_spill *s, uint64_t since, uint64_t *ord, uint64_t *cum)
{
    struct segment *g;
    uint64_t end;
    bool above = s->pending_count && s->pending[s->pending_count - 1].seq > since;
    const struct mark *m = find_mark(s, since, UINT64_MAX, &g, &end);
    if (s->pending_count && s->pending[0].seq <= since) {
        if (!above)
            return; /* all in here is older */
        *ord = s->pending[0].ord;
        *cum = s->pending[0].cum;
    } else if (m) {
        *ord = m->ord;
        *cum = m->cum;
    } else {
        kg_spill_begin(s, ord, cum);
    }
}

uint64_t kg_spill_room(const struct kg_spill *s)
{
    return s->all->max_bytes;
}

uint64_t kg_spill_pending(const struct kg_spill *s)
{
    return s->pending_bytes;
}

uint64_t kg_spill_dropped_seq(const struct kg_spill *s)
{
    return s->dropped_seq;
}

static void read_stretch(uv_work_t *work)
{
    struct read_job *job = kg_container_of(work, struct read_job, work);
    for (size_t at = 0; at < job->blob->len;) {
        ssize_t n = pread(job->segment->fd, job->blob->data + at, job->blob->len - at,
                          (off_t)(job->mark.offset + at));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            job->error = n < 0 ? errno : EIO;
            return;
        }
        at += (size_t)n;
    }
}

static struct chunk *chunk_of(struct kg_spill *s, const struct kg_reader *r)
{
    struct chunk *c;
    LL_FOREACH(s->chunks, c)
    if (c->reader == r)
        return c;
    return NULL;
}

static void fetched(uv_work_t *work, int status)
{
    struct read_job *job = kg_container_of(work, struct read_job, work);
    struct kg_spill *s = job->spill;
    struct chunk *c = s->freed ? NULL : chunk_of(s, job->reader);
    s->jobs--;
    if (c && c->fetching && c->mark.offset == job->mark.offset && c->mark.ord == job->mark.ord) {
        c->fetching = false;
        if (status < 0 || job->error) {
            kg_log(KG_ERROR, "spill", "kept output can't be read", "name=%s error=\"%s\"", s->name,
                   strerror(job->error)); /* NOLINT(concurrency-mt-unsafe): one thread */
            kg_spill_clear(s);
        } else {
            c->blob = kg_blob_ref(job->blob);
        }
        s->ready(s->user);
    }
    kg_blob_unref(job->blob);
    segment_unref(job->segment);
    free(job);
    free_when_idle(s);
}

static void fetch(struct kg_spill *s, struct chunk *c, struct segment *g, const struct mark *m,
                  uint64_t end)
{
    struct read_job *job = kg_calloc(1, sizeof *job);
    job->spill = s;
    job->reader = c->reader;
    job->segment = g;
    job->mark = *m;
    job->blob = kg_blob_new((size_t)(end - m->offset));
    g->refs++;
    s->jobs++;
    kg_slice_release(&c->entry.frame);
    kg_blob_unref(c->blob);
    c->blob = NULL;
    c->mark = *m;
    c->offset = 0;
    c->fetching = true;
    uv_queue_work(s->all->loop, &job->work, read_stretch, fetched);
}

/* Parses on, or from the stretch's start, to the entry at ord; false when it is not in the stretch. */
static bool parse_to(struct chunk *c, uint64_t ord)
{
    if (c->offset == 0 || c->entry.ord > ord) {
        c->offset = 0;
        kg_slice_release(&c->entry.frame);
        c->entry = (struct kg_entry){.ord = c->mark.ord - 1, .cum = c->mark.cum};
    }
    while (c->offset == 0 || c->entry.ord != ord) {
        struct kg_rec rec;
        const uint8_t *at = c->blob->data + c->offset;
        size_t left = c->blob->len - c->offset;
        if (kg_rec_decode(&rec, at, left, NULL) <= 0 || rec.body_len > left - KG_REC_HEAD)
            return false;
        uint64_t cum = c->entry.cum + c->entry.frame.len;
        kg_slice_release(&c->entry.frame);
        c->entry = (struct kg_entry){.seq = rec.seq,
                                     .ord = c->entry.ord + 1,
                                     .cum = cum,
                                     .channel = rec.channel,
                                     .kind = rec.kind};
        c->entry.frame = kg_slice_of(c->blob, at + KG_REC_HEAD, rec.body_len);
        c->offset += KG_REC_HEAD + rec.body_len;
    }
    return true;
}

const struct kg_entry *kg_spill_get(struct kg_spill *s, const struct kg_reader *r, uint64_t ord)
{
    if (s->pending_count && ord >= s->pending[0].ord)
        return &s->pending[ord - s->pending[0].ord];
    struct chunk *c = chunk_of(s, r);
    if (c && c->fetching)
        return NULL;
    if (c && c->blob && ord >= c->mark.ord && parse_to(c, ord))
        return &c->entry;
    if (!c) {
        c = kg_calloc(1, sizeof *c);
        c->reader = r;
        LL_PREPEND(s->chunks, c);
    }
    struct segment *g = NULL;
    uint64_t end = 0;
    const struct mark *m = find_mark(s, UINT64_MAX, ord, &g, &end);
    if (m)
        fetch(s, c, g, m, end);
    return NULL;
}

void kg_spill_forget_reader(struct kg_spill *s, const struct kg_reader *r)
{
    struct chunk *c = chunk_of(s, r);
    if (c)
        free_chunk(s, c);
}
