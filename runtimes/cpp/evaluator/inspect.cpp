#include <cctype>
#include <cstring>

#include "clang/AST/ASTContext.h"
#include "clang/AST/DeclCXX.h"
#include "clang/AST/DeclTemplate.h"
#include "clang/AST/RawCommentList.h"
#include "clang/Basic/SourceManager.h"
#include "clang/Sema/Lookup.h"
#include "clang/Sema/Sema.h"

#include "guard.hpp"
#include "words.hpp"

using namespace clang;

namespace kgw::words
{

namespace
{

constexpr size_t shown_max = 12;

bool is_word(char c)
{
    return isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80);
}

struct step {
    std::string name;
    bool member = false; // reached by . or ->, rather than by ::
};

// a.b, a->b, a::b around the cursor, up to the word that it is in or behind.
std::vector<step> path_at(const std::string &code, size_t cursor)
{
    size_t end = std::min(cursor, code.size());
    // behind an opening parenthesis one asks for the function
    while (end > 0 && end == std::min(cursor, code.size()) && (code[end - 1] == '(' || code[end - 1] == ' '))
        cursor = --end;
    while (end < code.size() && is_word(code[end]))
        end++;
    std::vector<step> path;
    for (;;) {
        size_t begin = end;
        while (begin > 0 && is_word(code[begin - 1]))
            begin--;
        if (begin == end)
            return path;
        path.insert(path.begin(), {code.substr(begin, end - begin), false});
        if (begin >= 2 && code.compare(begin - 2, 2, "::") == 0)
            end = begin - 2;
        else if (begin >= 2 && code.compare(begin - 2, 2, "->") == 0) {
            path[0].member = true;
            end = begin - 2;
        } else if (begin >= 1 && code[begin - 1] == '.') {
            path[0].member = true;
            end = begin - 1;
        } else
            return path;
    }
}

DeclContext *inside_of(NamedDecl *d, bool member)
{
    if (auto alias = dyn_cast<NamespaceAliasDecl>(d))
        return alias->getNamespace();
    if (auto space = dyn_cast<NamespaceDecl>(d))
        return space;
    if (auto t = dyn_cast<ClassTemplateDecl>(d))
        return t->getTemplatedDecl()->getDefinition();
    QualType type;
    if (auto t = dyn_cast<TypeDecl>(d))
        type = d->getASTContext().getTypeDeclType(t);
    else if (auto v = dyn_cast<ValueDecl>(d); v && member)
        type = v->getType().getNonReferenceType();
    if (type.isNull())
        return nullptr;
    if (auto pointee = type->getPointeeType(); !pointee.isNull() && member)
        type = pointee;
    auto tag = type->getAsTagDecl();
    return tag ? tag->getDefinition() : nullptr;
}

void describe(NamedDecl *d, llvm::raw_ostream &out)
{
    auto policy = d->getASTContext().getPrintingPolicy();
    policy.TerseOutput = true;
    policy.PolishForDeclaration = true;
    policy.FullyQualifiedName = true;
    policy.SuppressUnwrittenScope = true;
    if (auto shadow = dyn_cast<UsingShadowDecl>(d))
        d = shadow->getTargetDecl();
    // the initialiser of a variable is not asked for, and its type is
    if (auto v = dyn_cast<VarDecl>(d)) {
        v->getType().print(out, policy, d->getName());
        out << "\n";
    } else {
        d->print(out, policy);
        out << "\n";
    }
    if (auto comment = d->getASTContext().getRawCommentForAnyRedecl(d))
        out << comment->getFormattedText(d->getASTContext().getSourceManager(), d->getASTContext().getDiagnostics())
            << "\n";
}

} // namespace

std::string inspect(compiler &c, const std::string &code, size_t cursor)
{
    auto &sema = c.instance().getSema();
    auto &ast = c.instance().getASTContext();
    auto path = path_at(code, cursor);
    DeclContext *where = ast.getTranslationUnitDecl();
    std::string text;
    llvm::raw_string_ostream out(text);
    for (size_t i = 0; i < path.size(); i++) {
        LookupResult found(sema, &ast.Idents.get(path[i].name), SourceLocation(), Sema::LookupOrdinaryName);
        found.suppressDiagnostics();
        if (!sema.LookupQualifiedName(found, where)) {
            found.clear(Sema::LookupTagName);
            if (!sema.LookupQualifiedName(found, where))
                return "";
        }
        if (i + 1 == path.size()) {
            size_t n = 0;
            for (auto d : found) {
                if (n++ == shown_max) {
                    out << "and more overloads\n";
                    break;
                }
                describe(d, out);
            }
            break;
        }
        where = inside_of((*found.begin())->getUnderlyingDecl(), path[i + 1].member);
        if (!where)
            return "";
    }
    out.flush();
    return guard::without_cell_namespaces(text);
}

} // namespace kgw::words
