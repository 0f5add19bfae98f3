/* Multipart messages and their signatures. */
#include "unit.h"

#include <stdio.h>

#include "jupyter/wire.h"

#define SIGNATURE "0123456789012345678901234567890123456789012345678901234567890123"

static struct kg_span frames_ok[] = {
    {(const uint8_t *)"id-1", 4},      {(const uint8_t *)"id-2", 4},
    {(const uint8_t *)"<IDS|MSG>", 9}, {(const uint8_t *)SIGNATURE, 64},
    {(const uint8_t *)"{1}", 3},       {(const uint8_t *)"{22}", 4},
    {(const uint8_t *)"{333}", 5},     {(const uint8_t *)"{4}", 3},
    {(const uint8_t *)"buf", 3},       {(const uint8_t *)"<IDS|MSG>", 9},
};

static void a_message_is_taken_apart(void **state)
{
    (void)state;
    struct jy_wire w;
    assert_int_equal(jy_wire_parse(&w, KG_CH_SHELL, frames_ok, KG_COUNT(frames_ok), NULL), 0);
    assert_int_equal(w.identity_count, 2);
    assert_span(w.identities[1], "id-2");
    assert_span(w.signature, SIGNATURE);
    assert_int_equal(w.msg.channel, KG_CH_SHELL);
    assert_span(w.msg.header, "{1}");
    assert_span(w.msg.parent_header, "{22}");
    assert_span(w.msg.metadata, "{333}");
    assert_span(w.msg.content, "{4}");
    /* the first delimiter counts; a buffer may look like one */
    assert_int_equal(w.msg.buffer_count, 2);
    assert_span(jy_msg_buffer(&w.msg, 0), "buf");
    assert_span(jy_msg_buffer(&w.msg, 1), "<IDS|MSG>");
}

static void every_shorter_message_is_refused(void **state)
{
    (void)state;
    struct jy_wire w;
    for (size_t n = 0; n < 8; n++) {
        struct kg_err err = {0};
        assert_int_equal(jy_wire_parse(&w, KG_CH_SHELL, frames_ok, n, &err), -EPROTO);
        assert_non_null(strstr(err.text, "<IDS|MSG>"));
    }
    assert_int_equal(jy_wire_parse(&w, KG_CH_SHELL, frames_ok, 8, NULL), 0);
    assert_int_equal(w.msg.buffer_count, 0);
    /* without identities, as DEALER sockets see it */
    assert_int_equal(jy_wire_parse(&w, KG_CH_SHELL, frames_ok + 2, 6, NULL), 0);
    assert_int_equal(w.identity_count, 0);
    /* without a delimiter */
    assert_int_equal(jy_wire_parse(&w, KG_CH_SHELL, frames_ok + 3, 6, NULL), -EPROTO);
}

static void counts_have_limits(void **state)
{
    (void)state;
    struct kg_span *f = kg_calloc(JY_FRAMES_MAX + 1, sizeof *f);
    struct jy_wire w;
    f[0] = sp("<IDS|MSG>");
    assert_int_equal(jy_wire_parse(&w, 0, f, 6 + JY_BUFFERS_MAX, NULL), 0);
    assert_int_equal(jy_wire_parse(&w, 0, f, 7 + JY_BUFFERS_MAX, NULL), -EMSGSIZE);
    assert_int_equal(jy_wire_parse(&w, 0, f, JY_FRAMES_MAX + 1, NULL), -EMSGSIZE);
    f[0] = (struct kg_span){0};
    f[JY_IDENTITIES_MAX] = sp("<IDS|MSG>");
    assert_int_equal(jy_wire_parse(&w, 0, f, JY_IDENTITIES_MAX + 6, NULL), 0);
    f[JY_IDENTITIES_MAX] = (struct kg_span){0};
    f[JY_IDENTITIES_MAX + 1] = sp("<IDS|MSG>");
    assert_int_equal(jy_wire_parse(&w, 0, f, JY_IDENTITIES_MAX + 7, NULL), -EMSGSIZE);
    free(f);
}

/* Made with Python: hmac.new(b"a0436f6c-1916-498b-8eb9-e81ab9368e84", digestmod=sha256) over the parts. */
static void signatures_are_those_of_jupyter_client(void **state)
{
    (void)state;
    struct jy_key *key;
    char signature[JY_SIGNATURE_SIZE];
    const struct jy_msg m = {.header = sp("{\"msg_id\":\"a\"}"),
                             .parent_header = sp("{}"),
                             .metadata = sp("{}"),
                             .content = sp("{\"code\":\"1\"}")};
    assert_int_equal(
        jy_key_new(&key, "hmac-sha256", sp("a0436f6c-1916-498b-8eb9-e81ab9368e84"), NULL), 0);
    jy_key_sign(key, &m, signature);
    assert_string_equal(signature,
                        "d539f5ef701e1d2c4c097abbb0c639541f5ec9f69165244b086e51c8296c3480");
    /* the prepared state is not used up */
    jy_key_sign(key, &m, signature);
    assert_string_equal(signature,
                        "d539f5ef701e1d2c4c097abbb0c639541f5ec9f69165244b086e51c8296c3480");
    jy_key_free(key);
}

static struct jy_wire signed_message(const struct jy_key *key, const char *content,
                                     char signature[JY_SIGNATURE_SIZE])
{
    struct jy_wire w = {.msg = sample_message(NULL, 0)};
    w.msg.content = sp(content);
    jy_key_sign(key, &w.msg, signature);
    w.signature = sp(signature);
    return w;
}

static struct jy_key *new_key(const char *secret)
{
    struct jy_key *key = NULL;
    assert_int_equal(jy_key_new(&key, "hmac-sha256", sp(secret), NULL), 0);
    return key;
}

static void a_good_signature_is_taken_once(void **state)
{
    (void)state;
    struct jy_key *key = new_key("secret");
    char signature[JY_SIGNATURE_SIZE];
    struct jy_wire w = signed_message(key, "{}", signature);
    struct kg_err err = {0};
    assert_int_equal(jy_key_verify(key, &w, &err), 0);
    assert_int_equal(jy_key_verify(key, &w, &err), -EALREADY);
    assert_non_null(strstr(err.text, "replay"));
    w = signed_message(key, "{ }", signature);
    assert_int_equal(jy_key_verify(key, &w, NULL), 0);
    jy_key_free(key);
}

static void every_changed_byte_is_noticed(void **state)
{
    (void)state;
    struct jy_key *key = new_key("secret");
    char signature[JY_SIGNATURE_SIZE];
    struct jy_wire w = signed_message(key, "{}", signature);
    for (size_t i = 0; i < JY_SIGNATURE_LEN; i++) {
        char was = signature[i];
        signature[i] = was == 'f' ? 'e' : 'f';
        assert_int_equal(jy_key_verify(key, &w, NULL), -EBADMSG);
        signature[i] = was;
    }
    struct kg_span *parts[] = {&w.msg.header, &w.msg.parent_header, &w.msg.metadata,
                               &w.msg.content};
    for (size_t i = 0; i < KG_COUNT(parts); i++) {
        struct kg_span was = *parts[i];
        *parts[i] = sp("{\"other\":1}");
        assert_int_equal(jy_key_verify(key, &w, NULL), -EBADMSG);
        *parts[i] = was;
    }
    /* none of the bad ones was remembered in the place of the good one */
    assert_int_equal(jy_key_verify(key, &w, NULL), 0);
    jy_key_free(key);
}

static void missing_and_short_signatures_are_bad(void **state)
{
    (void)state;
    struct jy_key *key = new_key("secret");
    struct jy_key *other = new_key("Secret");
    char signature[JY_SIGNATURE_SIZE];
    struct kg_err err = {0};
    struct jy_wire w = signed_message(key, "{}", signature);
    for (size_t n = 0; n < JY_SIGNATURE_LEN; n++) {
        uint8_t *copy = exact_copy(signature, n);
        w.signature = kg_span_of(copy, n);
        assert_int_equal(jy_key_verify(key, &w, &err), -EBADMSG);
        free(copy);
    }
    w = signed_message(other, "{}", signature);
    assert_int_equal(jy_key_verify(key, &w, &err), -EBADMSG);
    jy_key_free(key);
    jy_key_free(other);
}

static void without_a_key_nothing_is_signed_and_all_is_taken(void **state)
{
    (void)state;
    struct jy_key *key = new_key("");
    char signature[JY_SIGNATURE_SIZE];
    struct jy_wire w = signed_message(key, "{}", signature);
    assert_string_equal(signature, "");
    assert_int_equal(jy_key_verify(key, &w, NULL), 0);
    assert_int_equal(jy_key_verify(key, &w, NULL), 0);
    jy_key_free(key);
}

static void other_schemes_are_refused(void **state)
{
    (void)state;
    static const char *const schemes[] = {"", "hmac-md5", "hmac-sha1", "HMAC-SHA256",
                                          "hmac-sha256 "};
    for (size_t i = 0; i < KG_COUNT(schemes); i++) {
        struct jy_key *key = NULL;
        struct kg_err err = {0};
        assert_int_equal(jy_key_new(&key, schemes[i], sp("k"), &err), -ENOTSUP);
        assert_null(key);
    }
}

/* Signs a message of its own for every number. */
static int offer(struct jy_key *key, unsigned number)
{
    char content[32];
    char signature[JY_SIGNATURE_SIZE];
    snprintf(content, sizeof content, "{\"n\":%u}", number);
    struct jy_wire w = {.msg = {.header = sp("{}"), .content = sp(content)}};
    jy_key_sign(key, &w.msg, signature);
    w.signature = sp(signature);
    return jy_key_verify(key, &w, NULL);
}

static void the_history_is_bounded_and_forgets_the_oldest(void **state)
{
    (void)state;
    struct jy_key *key = new_key("secret");
    const unsigned extra = 1000;
    for (unsigned i = 0; i < JY_DIGEST_HISTORY; i++)
        assert_int_equal(offer(key, i), 0);
    for (unsigned i = 0; i < JY_DIGEST_HISTORY; i += 997)
        assert_int_equal(offer(key, i), -EALREADY);
    for (unsigned i = 0; i < extra; i++)
        assert_int_equal(offer(key, JY_DIGEST_HISTORY + i), 0);
    /* the newest 65536 are all known */
    for (unsigned i = extra; i < JY_DIGEST_HISTORY + extra; i += 101)
        assert_int_equal(offer(key, i), -EALREADY);
    assert_int_equal(offer(key, JY_DIGEST_HISTORY + extra - 1), -EALREADY);
    assert_int_equal(offer(key, extra), -EALREADY);
    assert_int_equal(offer(key, 0), 0);
    jy_key_free(key);
}

static void frames_are_built_in_order(void **state)
{
    (void)state;
    struct kg_span b[2] = {sp("b1"), sp("b2")};
    struct jy_msg m = sample_message(b, 2);
    struct kg_span frames[8];
    struct jy_wire w;
    assert_int_equal(jy_wire_frames(frames, &m, SIGNATURE), 8);
    assert_int_equal(jy_wire_parse(&w, KG_CH_IOPUB, frames, 8, NULL), 0);
    assert_int_equal(w.identity_count, 0);
    assert_span(w.signature, SIGNATURE);
    assert_same_message(&m, &w.msg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_taken_apart),
        cmocka_unit_test(every_shorter_message_is_refused),
        cmocka_unit_test(counts_have_limits),
        cmocka_unit_test(signatures_are_those_of_jupyter_client),
        cmocka_unit_test(a_good_signature_is_taken_once),
        cmocka_unit_test(every_changed_byte_is_noticed),
        cmocka_unit_test(missing_and_short_signatures_are_bad),
        cmocka_unit_test(without_a_key_nothing_is_signed_and_all_is_taken),
        cmocka_unit_test(other_schemes_are_refused),
        cmocka_unit_test(the_history_is_bounded_and_forgets_the_oldest),
        cmocka_unit_test(frames_are_built_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
