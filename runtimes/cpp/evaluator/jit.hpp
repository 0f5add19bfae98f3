// Turns the modules of cells into code in this process. A definition that the session has already, such as a template of the
// standard library, is not compiled again; a cell whose functions call what no cell has defined yet waits until one has.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "llvm/ADT/StringSet.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "llvm/ExecutionEngine/Orc/ThreadSafeModule.h"

namespace kgw
{

// A thread-local variable as cells have them: what libgcc's __emutls_get_address() takes, and gives each thread its own of.
struct emulated_tls {
    size_t size, align;
    uintptr_t place = 0; // libgcc's
    void *initial = nullptr; // or zeros
};

class jit
{
public:
    explicit jit(llvm::orc::ThreadSafeContext context);

    // Symbols that user code gets instead of this process's.
    void replace(const char *name, void *address);
    void replace_thread_local(const char *name, emulated_tls *variable);

    struct linked {
        void (*run)() = nullptr; // the cell's statements and initialisers; null when there are none
        std::string error;       // "undefined reference to ..."
    };
    linked add(std::unique_ptr<llvm::Module> module);

private:
    struct unit {
        std::unique_ptr<llvm::Module> module;
        std::vector<std::string> missing;
    };
    std::string make_entry(llvm::Module &module);
    void share_definitions(llvm::Module &module);
    void note_definitions(const llvm::Module &module);
    std::vector<std::string> missing_in(const llvm::Module &module);
    bool gather(std::vector<std::string> missing, std::vector<size_t> &needed, std::string &unresolved);
    std::string hand_over(std::unique_ptr<llvm::Module> module);

    llvm::orc::ThreadSafeContext context;
    std::unique_ptr<llvm::orc::LLJIT> engine;
    llvm::StringSet<> defined, outside;
    std::vector<unit> waiting;
    std::string reported; // what the engine said last
    unsigned count = 0;
};

} // namespace kgw
