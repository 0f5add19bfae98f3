#include "once.hpp"

#include <dlfcn.h>

namespace
{

kgw::emulated_tls callable{sizeof(void *), alignof(void *)}; // std::__once_callable, the headers' own
kgw::emulated_tls call{sizeof(void *), alignof(void *)};     // std::__once_call, a void (*)()

// What pthread_once() is told to run. libgcc's function is looked up as it is for cells: two copies of it would give each
// its own variables.
void proxy()
{
    static auto address_of = reinterpret_cast<void *(*)(void *)>(dlsym(RTLD_DEFAULT, "__emutls_get_address"));
    (*static_cast<void (**)()>(address_of(&call)))();
}

} // namespace

void kgw::provide_call_once(jit &code)
{
    code.replace_thread_local("_ZSt15__once_callable", &callable);
    code.replace_thread_local("_ZSt11__once_call", &call);
    code.replace("__once_proxy", reinterpret_cast<void *>(&proxy));
}
