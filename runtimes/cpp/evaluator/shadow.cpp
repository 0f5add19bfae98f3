#include "shadow.hpp"

#include <set>

#include "clang/AST/ASTContext.h"
#include "clang/AST/Attr.h"
#include "clang/AST/DeclCXX.h"
#include "clang/AST/DeclContextInternals.h"
#include "clang/AST/DeclTemplate.h"
#include "clang/Basic/SourceManager.h"

using namespace clang;

namespace kgw
{

static bool is_definition(const Decl *d)
{
    if (auto f = dyn_cast<FunctionDecl>(d))
        return f->isThisDeclarationADefinition();
    if (auto t = dyn_cast<TagDecl>(d))
        return t->isThisDeclarationADefinition();
    if (auto v = dyn_cast<VarDecl>(d))
        return v->isThisDeclarationADefinition() != VarDecl::DeclarationOnly;
    if (auto t = dyn_cast<TemplateDecl>(d))
        return !t->getTemplatedDecl() || is_definition(t->getTemplatedDecl());
    return true;
}

static bool is_specialization(const Decl *d)
{
    if (auto f = dyn_cast<FunctionDecl>(d))
        return f->isTemplateInstantiation() || f->isFunctionTemplateSpecialization();
    if (auto c = dyn_cast<ClassTemplateSpecializationDecl>(d))
        return c->getSpecializationKind() != TSK_Undeclared;
    if (auto v = dyn_cast<VarTemplateSpecializationDecl>(d))
        return v->getSpecializationKind() != TSK_Undeclared;
    return false;
}

static bool same_context(const DeclContext *a, const DeclContext *b)
{
    return a->getPrimaryContext() == b->getPrimaryContext();
}

void shadower::set_up(Sema &s, std::function<std::string(GlobalDecl)> mangle)
{
    sema = &s;
    mangled_name = std::move(mangle);
}

void shadower::begin(FileID id)
{
    cell = id;
    active = true;
    gone.clear();
}

bool shadower::is_in_cell(const Decl *d) const
{
    auto &sources = sema->getSourceManager();
    return !d->isFromASTFile() && sources.getFileID(sources.getFileLoc(d->getLocation())) == cell;
}

// Defined by an earlier cell, and so in its namespace.
bool shadower::is_earlier(const Decl *d) const
{
    auto space = dyn_cast<NamespaceDecl>(d->getDeclContext()->getRedeclContext());
    return space && space->isInline() && space->getName().starts_with(cell_namespace);
}

void shadower::AddedVisibleDecl(const DeclContext *where, const Decl *added)
{
    auto d = dyn_cast<NamedDecl>(added);
    if (!active || !d || d->getDeclName().isEmpty() || !where->isFileContext() || !is_in_cell(d) || isa<NamespaceDecl>(d) ||
        isa<UsingShadowDecl>(d) || d->getFriendObjectKind() != Decl::FOK_None || is_earlier(d))
        return;
    auto from = const_cast<DeclContext *>(where->getPrimaryContext());
    auto map = from->getLookupPtr();
    auto at = map ? map->find(d->getDeclName()) : StoredDeclsMap::iterator();
    if (!map || at == map->end())
        return;
    auto found = at->second.getLookupResult();
    for (auto other : std::vector<NamedDecl *>(found.begin(), found.end())) {
        if (other == d || !is_earlier(other) || other->getCanonicalDecl() == d->getCanonicalDecl())
            continue;
        auto f = other->getAsFunction(), g = const_cast<NamedDecl *>(d)->getAsFunction();
        if (f && g && sema->IsOverload(g, f, /*UseMemberUsingDeclRules=*/false))
            continue;
        hide(from, other, d);
        if (auto e = dyn_cast<EnumDecl>(other); e && !e->isScoped())
            for (auto c : e->enumerators())
                hide(from, c, d);
    }
}

// Declaring what an earlier cell has defined is no new thing: the definition is there again, and the declaration is not.
void shadower::read(Decl *d)
{
    auto name = dyn_cast<NamedDecl>(d);
    if (!name || is_definition(d))
        return;
    bool known = false;
    for (auto i = gone.begin(); i != gone.end();) {
        if (i->by != d) {
            ++i;
            continue;
        }
        i->from->makeDeclVisibleInContext(i->what);
        i = gone.erase(i);
        known = true;
    }
    if (known)
        remove(d->getDeclContext(), name);
    auto scope = sema->TUScope;
    if (known && scope && scope->isDeclScope(d)) {
        scope->RemoveDecl(d);
        sema->IdResolver.RemoveDecl(name);
    }
}

void shadower::commit(const std::vector<Decl *> &decls)
{
    active = false;
    gone.clear();
    move_into(sema->getASTContext().getTranslationUnitDecl(), decls);
    for (auto d : decls)
        if (auto statement = dyn_cast<TopLevelStmtDecl>(d))
            house(statement);
}

NamespaceDecl *shadower::new_namespace(DeclContext *parent)
{
    auto &context = sema->getASTContext();
    auto name = cell_namespace + std::to_string(++count);
    auto space = NamespaceDecl::Create(context, parent, /*Inline=*/true, SourceLocation(), SourceLocation(),
                                       &context.Idents.get(name), nullptr, /*Nested=*/false);
    space->setImplicit();
    parent->addDecl(space);
    return space;
}

// What a statement at the outermost level declares within itself (lambdas, static variables, local types) has no function
// around it that clang 19 could name it after; the mangler takes the statement for one, and reads what isn't there.
void shadower::house(TopLevelStmtDecl *statement)
{
    NamespaceDecl *space = nullptr;
    for (auto d : statement->decls()) {
        auto variable = dyn_cast<VarDecl>(d);
        if (d->getDeclContext() != statement || (!isa<TypeDecl>(d) && !(variable && variable->hasGlobalStorage())))
            continue;
        if (!space)
            space = new_namespace(sema->getASTContext().getTranslationUnitDecl());
        d->setDeclContext(space);
        d->setLexicalDeclContext(statement);
    }
}

void shadower::roll_back()
{
    active = false;
    for (auto &h : gone)
        h.from->makeDeclVisibleInContext(h.what);
    gone.clear();
}

// A declaration without a definition stays where it is, so that a later cell can define it. Of what an earlier cell has
// declared, types and templates stay there, too: names that were made from theirs are in use.
bool shadower::may_move(DeclContext *parent, Decl *d) const
{
    if (d->isInvalidDecl() || d->isImplicit() || !isa<NamedDecl>(d) || isa<UsingDirectiveDecl, UsingDecl, UsingShadowDecl>(d) ||
        isa<NamespaceDecl>(d) || is_specialization(d) || !same_context(d->getLexicalDeclContext(), parent) || !is_in_cell(d))
        return false;
    if (d->getDeclContext()->isRecord())
        return true; // a member defined outside its class
    if (!isa<FunctionDecl>(d) && !isa<VarDecl>(d) && d->getPreviousDecl() && !is_in_cell(d->getCanonicalDecl()))
        return false;
    return same_context(d->getDeclContext(), parent);
}

void shadower::move_into(DeclContext *parent, const std::vector<Decl *> &decls)
{
    // What has its definition here moves with all its declarations, whatever their order.
    std::set<const Decl *> defined;
    for (auto d : decls)
        if (may_move(parent, d) && is_definition(d))
            defined.insert(d->getCanonicalDecl());
    if (!defined.empty()) {
        auto space = new_namespace(parent);
        for (auto d : decls) {
            if (!defined.count(d->getCanonicalDecl()) || !may_move(parent, d))
                continue;
            if (!is_in_cell(d->getCanonicalDecl()))
                pin_name(d);
            for (auto earlier = d->getPreviousDecl(); earlier; earlier = earlier->getPreviousDecl())
                if (same_context(earlier->getDeclContext(), parent))
                    put(earlier, space);
            put(d, space);
            // auto [a, b]: the names are declarations of their own
            if (auto whole = dyn_cast<DecompositionDecl>(d))
                for (auto part : whole->bindings()) {
                    if (auto variable = part->getHoldingVar())
                        variable->setDeclContext(space);
                    put(part, space);
                }
        }
    }
    // Namespaces that a notebook opens are treated like its outermost level; those of headers, std above all, are left alone.
    for (auto d : decls)
        if (auto inner = dyn_cast<NamespaceDecl>(d); inner && !inner->isInvalidDecl() && is_in_cell(inner) &&
            sema->getSourceManager().getFilename(sema->getSourceManager().getFileLoc(inner->getFirstDecl()->getLocation())).empty() &&
            !inner->getFirstDecl()->isFromASTFile())
            move_into(inner, {inner->decls_begin(), inner->decls_end()});
}

// Other cells' code knows it by the name that it had.
void shadower::pin_name(Decl *d)
{
    auto function = dyn_cast<FunctionDecl>(d);
    auto variable = dyn_cast<VarDecl>(d);
    if (d->hasAttr<AsmLabelAttr>() || d->getDeclContext()->isRecord() || (!function && !variable))
        return;
    auto &context = sema->getASTContext();
    auto name = mangled_name(function ? GlobalDecl(function) : GlobalDecl(variable));
    for (auto each : d->redecls())
        each->addAttr(AsmLabelAttr::CreateImplicit(context, name, /*IsLiteralLabel=*/true));
}

void shadower::put(Decl *d, NamespaceDecl *into)
{
    d->getLexicalDeclContext()->removeDecl(d);
    if (d->getDeclContext()->isRecord())
        d->setLexicalDeclContext(into);
    else
        d->setDeclContext(into);
    // What a template brought forth so far lies where the template lay; names are made from that.
    if (auto t = dyn_cast<TemplateDecl>(d))
        if (auto inner = t->getTemplatedDecl())
            inner->setDeclContext(into);
    if (auto t = dyn_cast<FunctionTemplateDecl>(d))
        for (auto s : t->specializations())
            s->setDeclContext(into);
    if (auto t = dyn_cast<ClassTemplateDecl>(d))
        for (auto s : t->specializations())
            s->setDeclContext(into);
    if (auto t = dyn_cast<VarTemplateDecl>(d))
        for (auto s : t->specializations())
            s->setDeclContext(into);
    into->addDecl(d);
}

void shadower::hide(DeclContext *from, NamedDecl *d, const Decl *by)
{
    gone.push_back({from, d, by});
    remove(from, d);
}

void shadower::remove(DeclContext *from, NamedDecl *d)
{
    auto map = from->getPrimaryContext()->getLookupPtr();
    auto at = map ? map->find(d->getDeclName()) : StoredDeclsMap::iterator();
    if (!map || at == map->end())
        return;
    for (auto other : at->second.getLookupResult())
        if (other == d) {
            at->second.remove(d);
            return;
        }
}

} // namespace kgw
