// The compiler that stays: one clang instance that takes cell after cell into one ever longer translation unit.
//
// It differs from clang::Interpreter, whose parser it follows, in what a notebook needs: nothing of a cell reaches code
// generation before the whole cell is known to be good; a definition may be made again (shadow.hpp); and the standard
// library comes from a precompiled header, so that a session with all of it starts in a fifth of a second.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "clang/Frontend/CompilerInstance.h"
#include "clang/Parse/Parser.h"
#include "llvm/ExecutionEngine/Orc/ThreadSafeModule.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"

namespace kgw
{

class consumer;
class shadower;

struct compiled {
    bool ok = false;
    std::string diagnostics; // coloured; warnings when ok
    std::string first_error; // "3:5: use of undeclared identifier 'x'"
    std::unique_ptr<llvm::Module> module;
};

class compiler
{
public:
    // Where the precompiled header lies in the image.
    static constexpr const char *pch_path = "/usr/local/lib/kernelgw/cpp/std.pch";

    // Ends the process, with a sentence, when there is no compiler to be had: the image is broken then.
    compiler();
    ~compiler();

    // Writes the precompiled header that the constructor reads. Done once, inside the image.
    static int make_pch(const std::string &header, const std::string &out);

    // name: what messages call the cell; show: whether an expression at its end is shown.
    compiled compile(const std::string &code, const std::string &name, bool show);

    // Cells may bring other ways to write values of a type that was shown before. What has to be compiled (and run, if it can be)
    // before the next cell's value is shown; empty most of the time.
    std::string renew_show();

    // The parser runs into `code` at byte `offset` and tells `done` what could stand there. Leaves the compiler useless: for a
    // forked process.
    void complete_at(const std::string &code, size_t offset, clang::CodeCompleteConsumer &done);

    // Parses without keeping or generating anything, and hands over what was declared, for inspection. As above.
    void look_at(const std::string &code, const std::function<void(clang::Decl *)> &each);

    // The last cell's definitions are as if they had not been made.
    void forget_unit();

    clang::CompilerInstance &instance()
    {
        return *ci;
    }
    llvm::orc::ThreadSafeContext &llvm_context()
    {
        return context;
    }

private:
    struct action;
    struct diagnostics;

    clang::FileID enter(const std::string &code, const std::string &name);
    void parse(clang::FileID cell, bool show);
    void begin_unit();
    void allow_sign();
    void show_value(clang::TopLevelStmtDecl *statement);
    bool adds_a_way_to_show(const clang::Decl *d) const;
    std::unique_ptr<llvm::Module> take_module();

    std::unique_ptr<clang::CompilerInstance> ci;
    llvm::orc::ThreadSafeContext context{std::make_unique<llvm::LLVMContext>()};
    std::unique_ptr<action> act;
    std::unique_ptr<clang::Parser> parser;
    std::unique_ptr<shadower> shadow;
    consumer *sink = nullptr;         // owned by ci
    diagnostics *messages = nullptr; // owned by ci
    unsigned units = 0, shows = 0;
    bool show_is_old = false;
};

} // namespace kgw
