// Runs user code so that whatever it does comes back as an outcome: an exception, a signal such as a segmentation fault, exit(),
// or SIGINT from outside.
#pragma once

#include <cstddef>
#include <string>

namespace kgw::guard
{

enum class ending { done, interrupted, exception, signal, exit };

struct outcome {
    ending how = ending::done;
    std::string name; // of the exception's type or the signal
    std::string text; // what() or a sentence
    int code = 0;     // of exit()
};

// Once, before anything else of this file. The calling thread is the one that runs cells.
void set_up();

outcome run(void (*code)());

// Between these two SIGINT is kept for the next run(), which then ends at once. A compiler that goes on for seconds after it
// is ended with the process: its work can't be stopped in another way.
void compiling();
void compiled();
bool interrupt_pending();

// exit() as user code sees it.
[[noreturn]] void exit_cell(int code);

// Whether the last run may have left the heap in pieces: then the process should end.
bool is_heap_whole();

// The demangled name without what the evaluator added to it.
std::string readable_type(const char *mangled);
std::string without_cell_namespaces(std::string text);

} // namespace kgw::guard
