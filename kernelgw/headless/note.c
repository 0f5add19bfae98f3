/*
 * What a document says of its own run: the kernel and the times of cells, as nbclient writes them, and, in a document that is a product
 * (it goes elsewhere than where it came from), papermill's metadata. A notebook that is run in its place gets no more, so that its next
 * version differs in little.
 * Source: papermill 2.7, execute.py and engines.py; nbclient 0.11, client.py.
 */
#include <string.h>

#include "jupyter/kernelspec.h"
#include "kernelgw/headless/inside.h"

bool kg_nb_is_product(const struct kg_nbrun *r)
{
    if (!r->spec.path)
        return !r->spec.in_place;
    return r->spec.output_path && strcmp(r->spec.path, r->spec.output_path) != 0;
}

/* The object of that name in object, made when there is none. */
static json_t *object_in(json_t *object, const char *key)
{
    if (!json_is_object(json_object_get(object, key)))
        json_object_set_new(object, key, json_object());
    return json_object_get(object, key);
}

static json_t *papermill_of(json_t *of)
{
    return object_in(object_in(of, "metadata"), "papermill");
}

static void set_times(json_t *note, int64_t began_us, int64_t ended_us)
{
    char iso[KG_ISO_SIZE];
    kg_clock_iso(iso, began_us);
    json_object_set_new(note, "start_time", began_us ? json_string(iso) : json_null());
    kg_clock_iso(iso, ended_us);
    json_object_set_new(note, "end_time", ended_us ? json_string(iso) : json_null());
    json_object_set_new(note, "duration",
                        began_us && ended_us ? json_real((double)(ended_us - began_us) / 1e6)
                                             : json_null());
}

void kg_nb_note_cell(struct kg_nbrun *r, json_t *cell, const char *status, bool failed)
{
    if (!kg_nb_is_product(r))
        return;
    json_t *note = papermill_of(cell);
    bool begun = strcmp(status, "pending") != 0;
    bool over = begun && strcmp(status, "running") != 0;
    json_object_set_new(note, "status", json_string(status));
    json_object_set_new(note, "exception", over ? json_boolean(failed) : json_null());
    set_times(note, begun ? r->cell_us : 0, over ? kg_clock_wall_us() : 0);
}

void kg_nb_note_times(const struct kg_nbrun *r, json_t *cell, const json_t *times)
{
    if (r->spec.record_timing)
        json_object_set_new(object_in(cell, "metadata"), "execution",
                            json_copy((json_t *)(uintptr_t)times));
}

void kg_nb_note_begin(struct kg_nbrun *r)
{
    size_t i;
    json_t *cell;
    if (!kg_nb_is_product(r))
        return;
    json_t *note = papermill_of(r->nb);
    const char *from = r->spec.path;
    const char *to = r->store.path;
    json_object_set_new(note, "default_parameters", json_object());
    json_object_set_new(note, "parameters",
                        r->spec.parameters ? json_deep_copy(r->spec.parameters) : json_object());
    json_object_set_new(note, "input_path", from ? json_string(from) : json_null());
    json_object_set_new(note, "output_path", to ? json_string(to) : json_null());
    json_object_set_new(note, "exception", json_null());
    set_times(note, r->started_us, 0);
    json_array_foreach(json_object_get(r->nb, "cells"), i, cell)
        kg_nb_note_cell(r, cell, "pending", false);
}

void kg_nb_note_end(struct kg_nbrun *r)
{
    if (!kg_nb_is_product(r))
        return;
    json_t *note = papermill_of(r->nb);
    json_object_set_new(note, "exception",
                        r->outcome && strcmp(r->outcome, "ok") != 0 ? json_true() : json_null());
    set_times(note, r->started_us, kg_clock_wall_us());
}

void kg_nb_note_kernel(struct kg_nbrun *r, const struct kg_kernel *k)
{
    json_t *metadata = object_in(r->nb, "metadata");
    const struct jy_kernelspec *spec =
        jy_kernelspecs_find(&r->all->core->runtimes.specs, r->runtime->name);
    if (spec) /* as a front-end that opens the document would write it: else it would have a change to save at once */
        json_object_set_new(metadata, "kernelspec",
                            json_pack("{s:s,s:O,s:O}", "name", spec->name, "display_name",
                                      json_object_get(spec->spec, "display_name"), "language",
                                      json_object_get(spec->spec, "language")));
    const json_t *language = json_object_get(k->info, "language_info");
    if (language)
        json_object_set_new(metadata, "language_info", json_deep_copy(language));
}
