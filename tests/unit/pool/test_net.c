/* Session networks: who brings one, who joins it, and when the engine is told to forget it. */
#include "tests/unit/pool/fake.h"

static void open_with_stock(struct fake *f, uint32_t boxes)
{
    f->runtimes[0].stock_boxes = boxes;
    f->config.max_boxes = 16;
    fake_open(f);
    until(f, fake_stock(f, PL_PROGRAM)->idle == boxes && f->op_count == 0);
}

static void claim_in(struct got *g, struct fake *f, struct pl_net *net)
{
    struct pl_claim claim = {.runtime = "python3", .kind = PL_PROGRAM, .net = net};
    claim_it(g, f, &claim);
}

static void a_box_from_stock_brings_its_network_and_others_are_made_in_it(void **state)
{
    struct fake *f = *state;
    struct got first, second;
    open_with_stock(f, 2);
    int creates = f->creates;
    struct pl_net *net = pl_net_new(f->pool, NULL);
    claim_in(&first, f, net);
    until(f, first.calls);
    assert_non_null(first.box);
    assert_string_equal(fake_net(f, pl_net_id(net))->brought_by, pl_box_id(first.box));
    assert_int_equal(fake_stock(f, PL_PROGRAM)->hits, 1);
    claim_in(&second, f, net);
    until(f, second.calls);
    assert_true(f->creates > creates);
    assert_string_equal(fake_find(f, pl_box_id(second.box))->net, pl_net_id(net));
    assert_int_equal(f->net_creates, 1);
    pl_net_free(net, false);
}

static void who_comes_while_it_is_being_made_waits_and_joins(void **state)
{
    struct fake *f = *state;
    struct got a, b;
    open_with_stock(f, 3);
    struct pl_net *net = pl_net_new(f->pool, NULL);
    f->hold_net = true;
    claim_in(&a, f, net);
    claim_in(&b, f, net);
    fake_steps(f, 50);
    assert_int_equal(a.calls + b.calls, 0);
    f->hold_net = false;
    until(f, a.calls && b.calls);
    const char *id = pl_net_id(net);
    assert_string_equal(fake_find(f, pl_box_id(a.box))->net, id);
    assert_string_equal(fake_find(f, pl_box_id(b.box))->net, id);
    assert_string_equal(fake_net(f, id)->brought_by, pl_box_id(a.box));
    pl_net_free(net, false);
}

static void it_is_forgotten_when_its_owner_and_its_last_box_are_gone(void **state)
{
    struct fake *f = *state;
    struct got g;
    char id[PL_BOX_ID_SIZE];
    open_with_stock(f, 1);
    struct pl_net *net = pl_net_new(f->pool, NULL);
    snprintf(id, sizeof id, "%s", pl_net_id(net));
    claim_in(&g, f, net);
    until(f, g.calls);
    pl_net_free(net, false);
    fake_steps(f, 20);
    assert_non_null(fake_net(f, id)); /* the box still has it */
    pl_box_destroy(g.box);
    until(f, !fake_net(f, id));
}

static void an_empty_one_is_taken_over_by_the_next_box_from_stock(void **state)
{
    struct fake *f = *state;
    struct got a, b;
    open_with_stock(f, 2);
    struct pl_net *net = pl_net_new(f->pool, NULL);
    claim_in(&a, f, net);
    until(f, a.calls);
    pl_box_destroy(a.box);
    until(f, net->boxes == 0);
    claim_in(&b, f, net);
    until(f, b.calls);
    assert_string_equal(fake_net(f, pl_net_id(net))->brought_by, pl_box_id(b.box));
    assert_int_equal(fake_stock(f, PL_PROGRAM)->hits, 2);
    pl_net_free(net, false);
}

static void names_are_told_when_there_is_somebody_to_tell(void **state)
{
    struct fake *f = *state;
    struct got g;
    open_with_stock(f, 1);
    struct pl_net *net = pl_net_new(f->pool, NULL);
    pl_net_set_names(net, json_pack("[s]", "server"), NULL, NULL);
    fake_steps(f, 5);
    assert_null(fake_net(f, pl_net_id(net)));
    claim_in(&g, f, net);
    until(f, g.calls);
    const struct fake_net *made = fake_net(f, pl_net_id(net));
    assert_string_equal(json_string_value(json_array_get(made->names, 0)), "server");
    pl_net_set_names(net, json_array(), NULL, NULL);
    until(f, json_array_size(made->names) == 0);
    fake_steps(f, 5);
    pl_net_free(net, false);
}

static void a_box_that_cannot_bring_it_is_replaced(void **state)
{
    struct fake *f = *state;
    struct got g;
    open_with_stock(f, 1);
    struct pl_net *net = pl_net_new(f->pool, NULL);
    f->net_refused = true;
    claim_in(&g, f, net);
    until(f, g.calls);
    assert_non_null(g.box);
    assert_string_equal(fake_find(f, pl_box_id(g.box))->net, pl_net_id(net));
    assert_string_equal(fake_net(f, pl_net_id(net))->brought_by, "");
    pl_net_free(net, false);
}

static void a_claim_that_is_cancelled_meanwhile_leaves_nothing(void **state)
{
    struct fake *f = *state;
    struct got g;
    char id[PL_BOX_ID_SIZE];
    open_with_stock(f, 1);
    struct pl_net *net = pl_net_new(f->pool, NULL);
    snprintf(id, sizeof id, "%s", pl_net_id(net));
    f->hold_net = true;
    claim_in(&g, f, net);
    fake_steps(f, 20);
    pl_claim_cancel(f->pool, g.id);
    until(f, g.calls);
    assert_int_equal(g.err.code, -ECANCELED);
    pl_net_free(net, false);
    f->hold_net = false;
    until(f, f->net_creates == 1 && !fake_net(f, id) && LIST_EMPTY(&f->pool->nets));
}

static void strays_are_swept_and_known_ones_are_not(void **state)
{
    struct fake *f = *state;
    snprintf(f->nets[0].id, sizeof f->nets[0].id, "%032x", 1);
    snprintf(f->nets[1].id, sizeof f->nets[1].id, "%032x", 2);
    snprintf(f->nets[0].owner, sizeof f->nets[0].owner, "an earlier gateway");
    snprintf(f->nets[1].owner, sizeof f->nets[1].owner, "an earlier gateway");
    struct kg_err err = {0};
    assert_int_equal(pl_pool_open_on(&f->pool, &f->config, &f->base, &f->tuning, &err), 0);
    struct pl_net *known = pl_net_new(f->pool, f->nets[1].id);
    fake_up(f);
    until(f, f->nets[0].id[0] == 0);
    assert_int_not_equal(f->nets[1].id[0], 0);
    pl_net_free(known, false);
    until(f, f->nets[1].id[0] == 0);
}

static void an_engine_without_networks_says_so(void **state)
{
    struct fake *f = *state;
    struct got g;
    fake_ops.nets = NULL;
    fake_open(f);
    assert_false(pl_pool_has_nets(f->pool));
    struct pl_net *net = pl_net_new(f->pool, NULL);
    claim_in(&g, f, net);
    until(f, g.calls);
    assert_int_equal(g.err.code, -ENOTSUP);
    pl_net_free(net, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        pool_test(a_box_from_stock_brings_its_network_and_others_are_made_in_it),
        pool_test(who_comes_while_it_is_being_made_waits_and_joins),
        pool_test(it_is_forgotten_when_its_owner_and_its_last_box_are_gone),
        pool_test(an_empty_one_is_taken_over_by_the_next_box_from_stock),
        pool_test(names_are_told_when_there_is_somebody_to_tell),
        pool_test(a_box_that_cannot_bring_it_is_replaced),
        pool_test(a_claim_that_is_cancelled_meanwhile_leaves_nothing),
        pool_test(strays_are_swept_and_known_ones_are_not),
        pool_test(an_engine_without_networks_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
