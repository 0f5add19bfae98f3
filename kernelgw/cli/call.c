#include "kernelgw/cli/call.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { CONNECT_S = 10, ANSWER_MAX_BYTES = 512 << 20 };

int kg_server_init(struct kg_server *out, const char *url, const char *token, const char *socket,
                   struct kg_err *err)
{
    *out = (struct kg_server){0};
    size_t n = strcspn(url, "?#");
    const char *shown = strstr(url + n, "token=");
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return kg_err_set(err, -EINVAL,
                          "the server's URL must begin with http:// or https://: %.100s", url);
    while (n > 0 && url[n - 1] == '/')
        n--;
    out->url = kg_strndup(url, n);
    if (token && token[0])
        out->token = kg_strdup(token);
    else if (shown)
        out->token = kg_strndup(shown + 6, strcspn(shown + 6, "&#"));
    out->socket = socket ? kg_strdup(socket) : NULL;
    out->curl = curl_easy_init();
    return out->curl ? 0 : kg_err_set(err, -EIO, "libcurl can't be initialised");
}

void kg_server_release(struct kg_server *s)
{
    if (s->curl)
        curl_easy_cleanup(s->curl);
    free(s->url);
    free(s->token);
    free(s->socket);
    *s = (struct kg_server){0};
}

static size_t take(char *data, size_t size, size_t count, void *user)
{
    struct kg_answer *a = user;
    if (a->body.len + size * count > ANSWER_MAX_BYTES)
        return 0;
    kg_buf_add(&a->body, data, size * count);
    return size * count;
}

static struct curl_slist *headers_of(const struct kg_server *s)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    list = curl_slist_append(list, "Expect:"); /* no round trip before a large body */
    if (s->token) {
        kg_autofree char *line = kg_asprintf("Authorization: token %s", s->token);
        list = curl_slist_append(list, line);
    }
    return list;
}

int kg_call(struct kg_answer *out, struct kg_server *s, const char *method, const char *path,
            const json_t *body, struct kg_err *err)
{
    CURL *curl = s->curl;
    kg_autofree char *url = kg_asprintf("%s%s", s->url, path);
    kg_autofree char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct curl_slist *headers = headers_of(s);
    *out = (struct kg_answer){0};
    curl_easy_reset(curl); /* keeps the connection */
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    if (s->socket)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, s->socket);
    if (text) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(text));
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, text);
    } else if (strcmp(method, "POST") == 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, 0L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
    }
    CURLcode rc = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    if (rc != CURLE_OK)
        return kg_err_set(err, rc == CURLE_COULDNT_CONNECT ? -ECONNREFUSED : -EIO,
                          "no answer from %.150s: %s", s->url, curl_easy_strerror(rc));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
    return 0;
}

void kg_answer_release(struct kg_answer *a)
{
    kg_buf_release(&a->body);
}

int kg_answer_err(const struct kg_answer *a, struct kg_err *err)
{
    json_t *said = json_loadb((const char *)a->body.data, a->body.len, JSON_ALLOW_NUL, NULL);
    const char *message = json_string_value(json_object_get(said, "message"));
    int code = a->status == 404                       ? -ENOENT
               : a->status == 401 || a->status == 403 ? -EACCES
               : a->status == 429 || a->status == 503 ? -EAGAIN
               : a->status >= 400 && a->status < 500  ? -EINVAL
                                                      : -EIO;
    int rc = message ? kg_err_set(err, code, "%s", message)
                     : kg_err_set(err, code, "the server answered with status %ld", a->status);
    json_decref(said);
    return rc;
}

json_t *kg_call_json(struct kg_server *s, const char *method, const char *path, const json_t *body,
                     struct kg_err *err)
{
    struct kg_answer a;
    json_t *out = NULL;
    if (kg_call(&a, s, method, path, body, err) == 0) {
        if (a.status >= 200 && a.status < 300)
            out = json_loadb((const char *)a.body.data, a.body.len, JSON_ALLOW_NUL, NULL);
        if (a.status < 200 || a.status >= 300)
            kg_answer_err(&a, err);
        else if (!out)
            kg_err_set(err, -EIO, "the server's answer is no JSON: is %.150s a kernelgw?", s->url);
    }
    kg_answer_release(&a);
    return out;
}
