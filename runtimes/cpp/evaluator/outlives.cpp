#include "outlives.hpp"

#include "clang/AST/DeclTemplate.h"
#include "clang/AST/RecursiveASTVisitor.h"
#include "llvm/ADT/SmallPtrSet.h"

using namespace clang;

namespace
{

bool is_instantiation(const Decl *d)
{
    if (auto function = dyn_cast<FunctionDecl>(d))
        return function->isTemplateInstantiation();
    if (auto variable = dyn_cast<VarDecl>(d))
        return isTemplateInstantiation(variable->getTemplateSpecializationKind());
    auto record = dyn_cast<CXXRecordDecl>(d);
    return record && isTemplateInstantiation(record->getTemplateSpecializationKind());
}

// Looks for what goes with the cell: in what a declaration is made from and lies in; and for errors in code.
class search : public RecursiveASTVisitor<search>
{
public:
    explicit search(const std::function<bool(const Decl *)> &in_cell) : is_in_cell(in_cell)
    {
    }

    bool found = false;

    void look_at(const Decl *d)
    {
        for (; d && !found && !isa<TranslationUnitDecl>(d); d = cast<Decl>(d->getDeclContext())) {
            if (!seen.insert(d).second)
                return;
            found = d->isInvalidDecl() || is_in_cell(d);
            if (auto type = dyn_cast<ClassTemplateSpecializationDecl>(d))
                look_at(type->getTemplateArgs().asArray());
            else if (auto function = dyn_cast<FunctionDecl>(d); function && function->getTemplateSpecializationArgs())
                look_at(function->getTemplateSpecializationArgs()->asArray());
            else if (auto variable = dyn_cast<VarTemplateSpecializationDecl>(d))
                look_at(variable->getTemplateArgs().asArray());
        }
    }

    bool VisitTagType(TagType *type)
    {
        look_at(type->getDecl());
        return !found;
    }

    bool VisitExpr(Expr *e)
    {
        found = found || e->containsErrors();
        return !found;
    }

private:
    void look_at(ArrayRef<TemplateArgument> arguments)
    {
        for (auto &a : arguments) {
            if (a.getKind() == TemplateArgument::Type)
                TraverseType(a.getAsType().getCanonicalType());
            else if (a.getKind() == TemplateArgument::Declaration)
                look_at(a.getAsDecl());
            else if (a.getKind() == TemplateArgument::Template)
                look_at(a.getAsTemplate().getAsTemplateDecl());
            else if (a.getKind() == TemplateArgument::Pack)
                look_at(a.getPackAsArray());
        }
    }

    const std::function<bool(const Decl *)> &is_in_cell;
    llvm::SmallPtrSet<const Decl *, 16> seen;
};

} // namespace

bool kgw::outlives(const Decl *d, const std::function<bool(const Decl *)> &is_in_cell)
{
    if (!is_instantiation(d))
        return false;
    search s(is_in_cell);
    s.look_at(d);
    if (auto function = dyn_cast<FunctionDecl>(d); function && !s.found && function->doesThisDeclarationHaveABody())
        s.TraverseStmt(function->getBody());
    return !s.found;
}
