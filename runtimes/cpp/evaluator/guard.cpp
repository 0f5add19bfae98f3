#include "guard.hpp"

#include <array>
#include <atomic>
#include <csetjmp>
#include <csignal>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <cxxabi.h>
#include <dlfcn.h>
#include <exception>
#include <link.h>
#include <pthread.h>
#include <sys/resource.h>
#include <typeinfo>
#include <ucontext.h>
#include <unistd.h>

// glibc keeps here what it said before abort(), for debuggers.
extern "C" {
struct abort_msg_s {
    unsigned int size;
    char msg[];
};
}

namespace kgw::guard
{

namespace
{

enum class phase : int { idle, compiling, running, probing };
enum jump : int { jump_interrupt = 1, jump_signal, jump_exit, jump_terminate, jump_probe };

pthread_t cell_thread;
pid_t owner; // a cell may fork: its children end as processes do
sigjmp_buf back;
volatile sig_atomic_t now = static_cast<int>(phase::idle);
volatile sig_atomic_t pending, tries, exit_code, fatal_signal, was_outside;
void *volatile fatal_address, *volatile stack_pointer;
char terminate_text[1024];
timer_t again;
char *signal_stack;

constexpr int signal_stack_bytes = 64 * 1024;
constexpr int retry_ms = 2, give_up_tries = 250; // half a second
constexpr int compiler_tries = 2000;              // four seconds

// Executable ranges of what was loaded from files: all other code is the user's, fresh from the compiler.
struct range {
    uintptr_t begin, end;
};
std::array<range, 512> loaded;
size_t loaded_count;

int note_ranges(dl_phdr_info *info, size_t, void *)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        auto &p = info->dlpi_phdr[i];
        if (p.p_type == PT_LOAD && (p.p_flags & PF_X) && loaded_count < loaded.size())
            loaded[loaded_count++] = {info->dlpi_addr + p.p_vaddr, info->dlpi_addr + p.p_vaddr + p.p_memsz};
    }
    return 0;
}

bool is_users(uintptr_t pc)
{
    for (size_t i = 0; i < loaded_count; i++)
        if (pc >= loaded[i].begin && pc < loaded[i].end)
            return false;
    return true;
}

// In a system call that the signal has ended: libraries hold no half-made state there.
bool was_waiting(const ucontext_t *context)
{
    auto pc = static_cast<uintptr_t>(context->uc_mcontext.gregs[REG_RIP]);
    if (context->uc_mcontext.gregs[REG_RAX] != -EINTR || is_users(pc))
        return false;
    auto code = reinterpret_cast<const unsigned char *>(pc);
    return code[-2] == 0x0f && code[-1] == 0x05;
}

void set_timer(int ms)
{
    itimerspec when = {};
    when.it_value.tv_nsec = when.it_interval.tv_nsec = ms * 1000000L;
    timer_settime(again, 0, &when, nullptr);
}

[[noreturn]] void jump_back(jump why)
{
    now = static_cast<int>(phase::idle);
    siglongjmp(back, why);
}

void say(const char *text)
{
    (void)!write(STDERR_FILENO, text, strlen(text));
}

void on_interrupt(int, siginfo_t *, void *context)
{
    auto state = static_cast<phase>(static_cast<int>(now));
    if (getpid() != owner) {
        signal(SIGINT, SIG_DFL);
        raise(SIGINT);
        return;
    }
    if (state == phase::idle) {
        set_timer(0);
        return;
    }
    if (!pthread_equal(pthread_self(), cell_thread)) {
        pthread_kill(cell_thread, SIGINT);
        return;
    }
    tries = tries + 1;
    if (state == phase::compiling) {
        if (!pending) {
            pending = 1;
            tries = 0;
            set_timer(retry_ms);
        } else if (tries > compiler_tries) {
            say("The compiler did not stop when it was interrupted, and was ended.\n");
            _exit(1);
        }
        return;
    }
    auto at = static_cast<ucontext_t *>(context);
    bool inside = is_users(static_cast<uintptr_t>(at->uc_mcontext.gregs[REG_RIP]));
    // In the middle of a library, above all of malloc, it would leave locks and lists in pieces: a moment later it's elsewhere.
    if (!inside && !was_waiting(at) && tries < give_up_tries) {
        set_timer(retry_ms);
        return;
    }
    was_outside = !inside && tries >= give_up_tries;
    set_timer(0);
    jump_back(jump_interrupt);
}

void on_fatal(int number, siginfo_t *info, void *context)
{
    auto state = static_cast<phase>(static_cast<int>(now));
    if (state == phase::probing)
        jump_back(jump_probe);
    if (state != phase::running || !pthread_equal(pthread_self(), cell_thread) || getpid() != owner) {
        if (getpid() == owner)
            say(state == phase::compiling ? "The compiler itself failed.\n" : "A thread failed.\n");
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    auto at = static_cast<ucontext_t *>(context);
    fatal_signal = number;
    fatal_address = info->si_addr;
    stack_pointer = reinterpret_cast<void *>(at->uc_mcontext.gregs[REG_RSP]);
    was_outside = !is_users(static_cast<uintptr_t>(at->uc_mcontext.gregs[REG_RIP]));
    jump_back(jump_signal);
}

void on_terminate()
{
    auto type = abi::__cxa_current_exception_type();
    if (static_cast<phase>(static_cast<int>(now)) != phase::running || !pthread_equal(pthread_self(), cell_thread) || getpid() != owner) {
        if (type)
            fprintf(stderr, "uncaught exception: %s\n", readable_type(type->name()).c_str());
        abort();
    }
    if (type)
        snprintf(terminate_text, sizeof terminate_text, "std::terminate was called for an exception of type %s that nothing could catch",
                 readable_type(type->name()).c_str());
    else
        snprintf(terminate_text, sizeof terminate_text, "std::terminate was called (a thread that was neither joined nor detached?)");
    jump_back(jump_terminate);
}

void install(int number, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action = {};
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | flags;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, nullptr);
}

void install_all()
{
    // User code may have put its own in their place.
    stack_t stack = {};
    stack.ss_sp = signal_stack;
    stack.ss_size = signal_stack_bytes;
    sigaltstack(&stack, nullptr);
    install(SIGINT, on_interrupt, 0);
    for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS})
        install(number, on_fatal, SA_NODEFER);
    std::set_terminate(on_terminate);
}

const char *glibc_message()
{
    static auto where = static_cast<abort_msg_s **>(dlsym(RTLD_DEFAULT, "__abort_msg"));
    return where && *where ? (*where)->msg : "";
}

void describe_signal(outcome &o)
{
    o.how = ending::signal;
    auto name = sigabbrev_np(fatal_signal);
    o.name = std::string("SIG") + (name ? name : "?");
    auto distance = static_cast<char *>(fatal_address) - static_cast<char *>(stack_pointer);
    char address[64];
    snprintf(address, sizeof address, "%p", fatal_address);
    switch (fatal_signal) {
    case SIGSEGV:
    case SIGBUS:
        if (fatal_address && distance > -65536 && distance < 65536)
            o.text = "stack overflow: the recursion is too deep, or a local variable too large";
        else if (!fatal_address)
            o.text = "segmentation fault: a null pointer was followed";
        else
            o.text = std::string("segmentation fault: there is no memory for this use at ") + address;
        break;
    case SIGFPE: o.text = "arithmetic error: an integer was divided by zero, or the result does not fit"; break;
    case SIGABRT:
        o.text = "abort() was called";
        if (*glibc_message())
            o.text += std::string(": ") + glibc_message();
        while (!o.text.empty() && o.text.back() == '\n')
            o.text.pop_back();
        break;
    case SIGILL: o.text = "illegal instruction: a function with a result ended without return, or code was overwritten"; break;
    default: o.text = strsignal(fatal_signal); break;
    }
}

std::string what_of_current()
{
    try {
        throw;
    } catch (const std::exception &e) {
        return e.what();
    } catch (const char *text) {
        return text ? text : "";
    } catch (const std::string &text) {
        return text;
    } catch (int number) {
        return std::to_string(number);
    } catch (...) {
        return "";
    }
}

} // namespace

void set_up()
{
    cell_thread = pthread_self();
    owner = getpid();
    signal_stack = static_cast<char *>(malloc(signal_stack_bytes));
    sigevent event = {};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGINT;
    timer_create(CLOCK_MONOTONIC, &event, &again);
    install_all();
}

void compiling()
{
    pending = 0;
    now = static_cast<int>(phase::compiling);
}

void compiled()
{
    now = static_cast<int>(phase::idle);
    set_timer(0);
}

bool interrupt_pending()
{
    return pending;
}

outcome run(void (*code)())
{
    outcome o;
    loaded_count = 0;
    dl_iterate_phdr(note_ranges, nullptr);
    install_all();
    tries = was_outside = 0;
    switch (sigsetjmp(back, 1)) {
    case 0:
        try {
            now = static_cast<int>(phase::running);
            code();
            now = static_cast<int>(phase::idle);
        } catch (...) {
            now = static_cast<int>(phase::idle);
            o.how = ending::exception;
            auto type = abi::__cxa_current_exception_type();
            o.name = type ? readable_type(type->name()) : "exception";
            o.text = what_of_current();
        }
        break;
    case jump_interrupt: o.how = ending::interrupted; break;
    case jump_exit:
        o.how = ending::exit;
        o.code = exit_code;
        break;
    case jump_terminate:
        o.how = ending::exception;
        o.name = "std::terminate";
        o.text = terminate_text;
        break;
    default: describe_signal(o); break;
    }
    if (getpid() != owner) {
        fflush(nullptr);
        if (o.how == ending::exception)
            fprintf(stderr, "uncaught exception: %s %s\n", o.name.c_str(), o.text.c_str());
        _exit(o.how == ending::done ? 0 : 1);
    }
    set_timer(0);
    if (o.how != ending::done)
        install_all();
    return o;
}

void exit_cell(int code)
{
    if (static_cast<phase>(static_cast<int>(now)) != phase::running || !pthread_equal(pthread_self(), cell_thread) || getpid() != owner) {
        fflush(nullptr);
        _exit(code);
    }
    exit_code = code;
    jump_back(jump_exit);
}

bool is_heap_whole()
{
    if (!was_outside)
        return true;
    for (auto sign : {"free", "malloc", "realloc", "corrupted", "double free", "munmap_chunk", "invalid", "*** stack"})
        if (fatal_signal == SIGABRT && strncmp(glibc_message(), sign, strlen(sign)) == 0)
            return false;
    if (sigsetjmp(back, 1) != 0) {
        alarm(0);
        return false;
    }
    // A lock that nobody will give back shows as waiting without end.
    install(SIGALRM, on_fatal, 0);
    now = static_cast<int>(phase::probing);
    alarm(2);
    for (size_t n = 16; n <= 1 << 18; n *= 2) {
        void *volatile p = malloc(n);
        free(p);
    }
    fflush(nullptr);
    alarm(0);
    now = static_cast<int>(phase::idle);
    return true;
}

std::string readable_type(const char *mangled)
{
    int status = 0;
    char *plain = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
    std::string text = status == 0 && plain ? plain : mangled;
    free(plain);
    return without_cell_namespaces(std::move(text));
}

std::string without_cell_namespaces(std::string text)
{
    static const std::string mark = "__kgw_cell_";
    for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at)) {
        size_t end = text.find_first_not_of("0123456789", at + mark.size());
        if (end != std::string::npos && text.compare(end, 2, "::") == 0)
            end += 2;
        text.erase(at, end == std::string::npos ? end : end - at);
    }
    return text;
}

} // namespace kgw::guard
