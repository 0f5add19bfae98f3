#include "jit.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>

#include "llvm/Demangle/Demangle.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/Function.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"

using namespace llvm;
using namespace llvm::orc;

namespace kgw
{

jit::jit(ThreadSafeContext c) : context(std::move(c))
{
    auto machine = JITTargetMachineBuilder::detectHost();
    Expected<std::unique_ptr<LLJIT>> made = machine ? LLJITBuilder().setJITTargetMachineBuilder(std::move(*machine)).create()
                                                    : Expected<std::unique_ptr<LLJIT>>(machine.takeError());
    if (!made) {
        fprintf(stderr, "the C++ evaluator can't make code: %s\n", toString(made.takeError()).c_str());
        exit(1);
    }
    engine = std::move(*made);
    engine->getExecutionSession().setErrorReporter([this](Error e) { reported += toString(std::move(e)); });
}

void jit::replace(const char *name, void *address)
{
    SymbolMap map;
    map[engine->mangleAndIntern(name)] = {ExecutorAddr::fromPtr(address), JITSymbolFlags::Exported};
    cantFail(engine->getMainJITDylib().define(absoluteSymbols(std::move(map))));
    outside.insert(name);
}

// Code of cells has its thread-local variables by way of functions ("emulated TLS"): one such variable that a library has
// in the processor's way is looked for under another name, and what is meant is provided here.
void jit::replace_thread_local(const char *name, emulated_tls *variable)
{
    replace((std::string("__emutls_v.") + name).c_str(), variable);
    outside.insert(name);
}

// One function that runs what the module would have run at its start, in place of the list that a loader reads: it is
// called where exceptions and signals are expected.
std::string jit::make_entry(Module &module)
{
    auto list = module.getGlobalVariable("llvm.global_ctors");
    auto entries = list ? dyn_cast<ConstantArray>(list->getInitializer()) : nullptr;
    if (!entries || entries->getNumOperands() == 0)
        return "";
    std::vector<std::pair<uint64_t, Function *>> calls;
    for (auto &operand : entries->operands()) {
        auto entry = cast<ConstantStruct>(operand.get());
        if (auto function = dyn_cast<Function>(entry->getOperand(1)->stripPointerCasts()))
            calls.emplace_back(cast<ConstantInt>(entry->getOperand(0))->getZExtValue(), function);
    }
    std::stable_sort(calls.begin(), calls.end(), [](auto &a, auto &b) { return a.first < b.first; });
    auto name = "__kgw_run_" + std::to_string(++count);
    auto &ctx = module.getContext();
    auto type = FunctionType::get(Type::getVoidTy(ctx), false);
    auto function = Function::Create(type, GlobalValue::ExternalLinkage, name, module);
    function->addFnAttr(Attribute::getWithUWTableKind(ctx, UWTableKind::Default));
    IRBuilder<> build(BasicBlock::Create(ctx, "", function));
    for (auto &[priority, callee] : calls)
        build.CreateCall(type, callee);
    build.CreateRetVoid();
    list->eraseFromParent();
    return name;
}

static bool is_mergeable(const GlobalValue &v)
{
    // What is internal to "the" translation unit is so to the session: later cells mean the same static variable.
    return v.hasLinkOnceLinkage() || v.hasWeakLinkage() || (v.hasInternalLinkage() && v.getName().starts_with("_Z"));
}

void jit::share_definitions(Module &module)
{
    for (auto &f : module.functions()) {
        // Meant for an optimiser, with the real one in a library; but what is always inlined is in none.
        if (f.hasAvailableExternallyLinkage()) {
            if (defined.contains(f.getName()) || dlsym(RTLD_DEFAULT, f.getName().str().c_str())) {
                f.deleteBody();
                f.setComdat(nullptr);
            } else
                f.setLinkage(GlobalValue::LinkOnceODRLinkage);
        }
        if (f.isDeclaration() || !is_mergeable(f))
            continue;
        if (defined.contains(f.getName())) {
            f.deleteBody();
            f.setComdat(nullptr);
        }
        if (f.isDeclaration() || f.hasInternalLinkage())
            f.setLinkage(GlobalValue::ExternalLinkage);
        f.setDSOLocal(false);
    }
    for (auto &v : module.globals()) {
        if (v.isDeclaration() || !is_mergeable(v))
            continue;
        if (defined.contains(v.getName())) {
            v.setInitializer(nullptr);
            v.setComdat(nullptr);
        }
        if (v.isDeclaration() || v.hasInternalLinkage())
            v.setLinkage(GlobalValue::ExternalLinkage);
        v.setDSOLocal(false);
    }
}

void jit::note_definitions(const Module &module)
{
    for (auto &v : module.global_values())
        if (!v.isDeclarationForLinker() && !v.hasLocalLinkage() && !v.getName().starts_with("llvm."))
            defined.insert(v.getName());
}

std::vector<std::string> jit::missing_in(const Module &module)
{
    std::vector<std::string> missing;
    for (auto &v : module.global_values()) {
        auto name = v.getName();
        if (!v.isDeclarationForLinker() || v.use_empty() || name.starts_with("llvm.") || v.hasExternalWeakLinkage() ||
            defined.contains(name) || outside.contains(name) || name == "__dso_handle")
            continue;
        if (!v.isThreadLocal() && dlsym(RTLD_DEFAULT, name.str().c_str()))
            outside.insert(name);
        else
            missing.push_back(name.str());
    }
    return missing;
}

// Which of the waiting units are needed for what is missing; false, with a name, when even they don't do.
bool jit::gather(std::vector<std::string> missing, std::vector<size_t> &needed, std::string &unresolved)
{
    while (!missing.empty()) {
        auto name = std::move(missing.back());
        missing.pop_back();
        if (defined.contains(name))
            continue;
        bool found = false;
        for (size_t i = 0; i < waiting.size() && !found; i++) {
            auto v = waiting[i].module->getNamedValue(name);
            if (!v || v->isDeclaration())
                continue;
            found = true;
            if (std::find(needed.begin(), needed.end(), i) == needed.end()) {
                needed.push_back(i);
                missing.insert(missing.end(), waiting[i].missing.begin(), waiting[i].missing.end());
            }
        }
        if (!found) {
            unresolved = name;
            return false;
        }
    }
    return true;
}

std::string jit::hand_over(std::unique_ptr<Module> module)
{
    note_definitions(*module);
    auto rc = engine->addIRModule(ThreadSafeModule(std::move(module), context));
    return rc ? toString(std::move(rc)) : "";
}

jit::linked jit::add(std::unique_ptr<Module> module)
{
    linked result;
    share_definitions(*module);
    auto entry = make_entry(*module);
    auto missing = missing_in(*module);
    if (!missing.empty()) {
        // What this module defines itself counts for those that it needs.
        std::vector<size_t> needed;
        std::string unresolved;
        std::vector<std::string> open;
        waiting.push_back({std::move(module), missing});
        needed.push_back(waiting.size() - 1);
        if (!gather(missing, needed, unresolved)) {
            if (!entry.empty()) {
                waiting.pop_back();
                result.error = "undefined reference to '" + demangle(unresolved) + "'";
            }
            return result;
        }
        std::sort(needed.begin(), needed.end());
        std::vector<std::unique_ptr<Module>> all;
        for (auto i = needed.rbegin(); i != needed.rend(); ++i) {
            all.push_back(std::move(waiting[*i].module));
            waiting.erase(waiting.begin() + static_cast<long>(*i));
        }
        for (auto &m : all)
            if (auto said = hand_over(std::move(m)); !said.empty() && result.error.empty())
                result.error = said;
    } else {
        result.error = hand_over(std::move(module));
    }
    if (entry.empty() || !result.error.empty())
        return result;
    reported.clear();
    auto address = engine->lookup(entry);
    if (!address) {
        auto said = toString(address.takeError());
        result.error = reported.empty() ? said : reported; // this says what is missing, that all which needs it
    } else {
        result.run = address->toPtr<void (*)()>();
    }
    return result;
}

} // namespace kgw
