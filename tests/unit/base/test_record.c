#include "unit.h"

#include "base/record.h"

static void a_record_goes_there_and_back(void **state)
{
    (void)state;
    kg_autobuf out = {0};
    struct kg_rec rec = {.type = KG_REC_MSG,
                         .channel = KG_CH_IOPUB,
                         .kind = KG_KIND_OUTPUT,
                         .flags = 1,
                         .seq = 0x0102030405060708};
    struct kg_rec back = {0};
    kg_rec_append(&out, &rec, "body", 4);
    static const uint8_t want[] = {4, 0, 0, 0, 2, 3, 6,   1,   8,   7,
                                   6, 5, 4, 3, 2, 1, 'b', 'o', 'd', 'y'};
    assert_int_equal(out.len, sizeof want);
    assert_memory_equal(out.data, want, sizeof want);
    assert_int_equal(kg_rec_decode(&back, out.data, out.len, NULL), KG_REC_HEAD);
    assert_int_equal(back.body_len, 4);
    assert_int_equal(back.type, KG_REC_MSG);
    assert_int_equal(back.channel, KG_CH_IOPUB);
    assert_int_equal(back.kind, KG_KIND_OUTPUT);
    assert_int_equal(back.flags, 1);
    assert_true(back.seq == rec.seq);
}

static void an_unfinished_head_asks_for_more(void **state)
{
    (void)state;
    uint8_t head[KG_REC_HEAD];
    const struct kg_rec rec = {.type = KG_REC_ACK, .channel = KG_CH_NONE};
    kg_rec_encode(head, &rec);
    for (size_t n = 0; n < KG_REC_HEAD; n++) {
        struct kg_rec back;
        uint8_t *copy = kg_malloc(n);
        memcpy(copy, head, n);
        assert_int_equal(kg_rec_decode(&back, copy, n, NULL), 0);
        free(copy);
    }
}

static void types_channels_and_lengths_are_checked(void **state)
{
    (void)state;
    uint8_t head[KG_REC_HEAD];
    for (int type = 0; type < 256; type++) {
        struct kg_rec rec = {.type = (uint8_t)type, .channel = KG_CH_NONE};
        struct kg_rec back;
        struct kg_err err = {0};
        kg_rec_encode(head, &rec);
        bool known = (type >= 1 && type <= 4) || (type >= 16 && type <= 19);
        int want = known && type != KG_REC_MSG ? KG_REC_HEAD : -EPROTO;
        assert_int_equal(kg_rec_decode(&back, head, sizeof head, &err), want);
        assert_int_equal(err.text[0] != 0, want < 0);
    }
    for (int channel = 0; channel < 256; channel++) {
        struct kg_rec rec = {.type = KG_REC_MSG, .channel = (uint8_t)channel};
        kg_rec_encode(head, &rec);
        assert_int_equal(kg_rec_decode(&rec, head, sizeof head, NULL),
                         channel < KG_CH_COUNT ? KG_REC_HEAD : -EPROTO);
    }
    struct kg_rec rec = {.type = KG_REC_DATA, .channel = KG_CH_NONE, .body_len = KG_REC_BODY_MAX};
    kg_rec_encode(head, &rec);
    assert_int_equal(kg_rec_decode(&rec, head, sizeof head, NULL), KG_REC_HEAD);
    rec.body_len++;
    kg_rec_encode(head, &rec);
    assert_int_equal(kg_rec_decode(&rec, head, sizeof head, NULL), -EMSGSIZE);
    rec.body_len = UINT32_MAX;
    kg_rec_encode(head, &rec);
    assert_int_equal(kg_rec_decode(&rec, head, sizeof head, NULL), -EMSGSIZE);
}

static void channels_have_names(void **state)
{
    (void)state;
    for (int i = 0; i < KG_CH_COUNT; i++) {
        const char *name = kg_channel_name((uint8_t)i);
        assert_int_equal(kg_channel_parse(name, strlen(name)), i);
        assert_int_equal(kg_channel_parse(name, strlen(name) - 1), -ENOENT);
        assert_int_equal(kg_channel_parse(name, strlen(name) + 1), -ENOENT);
    }
    assert_null(kg_channel_name(KG_CH_COUNT));
    assert_null(kg_channel_name(KG_CH_NONE));
    assert_int_equal(kg_channel_parse("", 0), -ENOENT);
    assert_int_equal(kg_channel_parse("Shell", 5), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_goes_there_and_back),
        cmocka_unit_test(an_unfinished_head_asks_for_more),
        cmocka_unit_test(types_channels_and_lengths_are_checked),
        cmocka_unit_test(channels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
