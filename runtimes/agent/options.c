#include "runtimes/agent/options.h"

#include <sys/fsuid.h>
#include <unistd.h>

void kk_user_begin(const struct kk_options *o)
{
    if (!o->drop)
        return;
    setfsgid(o->gid);
    setfsuid(o->uid);
}

void kk_service_begin(const struct kk_options *o)
{
    if (!o->drop)
        return;
    setfsgid(kk_service_gid(o));
    setfsuid(kk_service_uid(o));
}

void kk_user_end(const struct kk_options *o)
{
    if (!o->drop)
        return;
    setfsuid(geteuid());
    setfsgid(getegid());
}
