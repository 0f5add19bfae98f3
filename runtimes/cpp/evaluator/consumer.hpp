// Stands between clang's parser and its code generator, and holds back what the parser finds until the cell is known to be
// good: a cell with an error leaves nothing in the generator, and names can be moved (shadow.hpp) before they are mangled.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "clang/AST/ASTConsumer.h"
#include "clang/AST/ASTContext.h"
#include "clang/AST/ASTMutationListener.h"
#include "clang/AST/DeclGroup.h"
#include "clang/CodeGen/ModuleBuilder.h"

namespace kgw
{

class consumer final : public clang::ASTConsumer
{
public:
    consumer(std::unique_ptr<clang::CodeGenerator> g, clang::ASTMutationListener &m)
        : generator(std::move(g)), mutations(&m)
    {
    }

    clang::CodeGenerator &code() const
    {
        return *generator;
    }

    // The cell is good: the generator hears all of it, in order.
    void release(clang::ASTContext &context)
    {
        tell(lasting);
        // What is told brings more out of the precompiled header, which the generator needs at once.
        releasing = true;
        tell(held);
        generator->HandleTranslationUnit(context);
        releasing = false;
    }

    // The cell is not. What came out of the precompiled header meanwhile comes once, and is no part of the cell; nor is what
    // outlives() says of the other declarations.
    void drop(const std::function<bool(const clang::Decl *)> &outlives)
    {
        for (auto &h : held)
            if (h.about && outlives(h.about))
                lasting.push_back(std::move(h));
        held.clear();
    }

    void Initialize(clang::ASTContext &context) override
    {
        generator->Initialize(context);
    }
    bool HandleTopLevelDecl(clang::DeclGroupRef d) override
    {
        hold([this, d] { generator->HandleTopLevelDecl(d); }, d.isSingleDecl() ? d.getSingleDecl() : nullptr);
        return true;
    }
    void HandleInterestingDecl(clang::DeclGroupRef d) override
    {
        if (releasing)
            generator->HandleTopLevelDecl(d);
        else
            lasting.push_back({[this, d] { generator->HandleTopLevelDecl(d); }});
    }
    void HandleInlineFunctionDefinition(clang::FunctionDecl *d) override
    {
        hold([this, d] { generator->HandleInlineFunctionDefinition(d); }, d);
    }
    void HandleTagDeclDefinition(clang::TagDecl *d) override
    {
        hold([this, d] { generator->HandleTagDeclDefinition(d); }, d);
    }
    void HandleTagDeclRequiredDefinition(const clang::TagDecl *d) override
    {
        hold([this, d] { generator->HandleTagDeclRequiredDefinition(d); }, d);
    }
    void HandleCXXImplicitFunctionInstantiation(clang::FunctionDecl *d) override
    {
        hold([this, d] { generator->HandleCXXImplicitFunctionInstantiation(d); }, d);
    }
    void CompleteTentativeDefinition(clang::VarDecl *d) override
    {
        hold([this, d] { generator->CompleteTentativeDefinition(d); });
    }
    void CompleteExternalDeclaration(clang::DeclaratorDecl *d) override
    {
        hold([this, d] { generator->CompleteExternalDeclaration(d); });
    }
    void AssignInheritanceModel(clang::CXXRecordDecl *d) override
    {
        generator->AssignInheritanceModel(d);
    }
    void HandleCXXStaticMemberVarInstantiation(clang::VarDecl *d) override
    {
        hold([this, d] { generator->HandleCXXStaticMemberVarInstantiation(d); }, d);
    }
    void HandleVTable(clang::CXXRecordDecl *d) override
    {
        hold([this, d] { generator->HandleVTable(d); }, d);
    }
    clang::ASTMutationListener *GetASTMutationListener() override
    {
        return mutations;
    }
    bool shouldSkipFunctionBody(clang::Decl *) override
    {
        return false;
    }

private:
    struct call {
        std::function<void()> tell;
        const clang::Decl *about = nullptr;
    };
    using calls = std::vector<call>;

    void hold(std::function<void()> tell, const clang::Decl *about = nullptr)
    {
        held.push_back({std::move(tell), about});
    }

    static void tell(calls &what)
    {
        for (size_t i = 0; i < what.size(); i++) { // it may grow
            auto next = std::move(what[i]);
            next.tell();
        }
        what.clear();
    }

    std::unique_ptr<clang::CodeGenerator> generator;
    clang::ASTMutationListener *mutations;
    calls held, lasting;
    bool releasing = false;
};

} // namespace kgw
