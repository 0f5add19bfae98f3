// Lets a notebook define a thing again. What a cell defines is put, once the cell is known to be good, into an inline
// namespace of that cell: its names stay visible as they were, but a later definition of the same name is another entity, for
// the compiler and for the linker, and takes the earlier one's place. Code compiled before keeps what it had.
//
// The idea is cling's "definition shadowing" (J. Lopez-Gomez and others, 2020).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "clang/AST/ASTMutationListener.h"
#include "clang/AST/Decl.h"
#include "clang/AST/GlobalDecl.h"
#include "clang/Sema/Sema.h"

namespace kgw
{

// What the namespaces are called, with a number; taken out of what users see.
inline constexpr const char *cell_namespace = "__kgw_cell_";

class shadower final : public clang::ASTMutationListener
{
public:
    // mangle: the name by which the linker knows a function or variable.
    void set_up(clang::Sema &s, std::function<std::string(clang::GlobalDecl)> mangle);

    void begin(clang::FileID cell);

    // A top-level declaration has been read to its end.
    void read(clang::Decl *d);

    // The cell is good; decls: its top-level ones, in order, before code is generated for them.
    void commit(const std::vector<clang::Decl *> &decls);

    // It is not: what it would have replaced is there again.
    void roll_back();

    // A name has become visible: earlier cells' definitions of it stop being so, before a body that may use it is read.
    void AddedVisibleDecl(const clang::DeclContext *where, const clang::Decl *d) override;

private:
    struct hidden {
        clang::DeclContext *from;
        clang::NamedDecl *what;
        const clang::Decl *by;
    };

    bool is_in_cell(const clang::Decl *d) const;
    bool is_earlier(const clang::Decl *d) const;
    bool may_move(clang::DeclContext *parent, clang::Decl *d) const;
    void move_into(clang::DeclContext *parent, const std::vector<clang::Decl *> &decls);
    void house(clang::TopLevelStmtDecl *statement);
    clang::NamespaceDecl *new_namespace(clang::DeclContext *parent);
    void put(clang::Decl *d, clang::NamespaceDecl *into);
    void pin_name(clang::Decl *d);
    void hide(clang::DeclContext *from, clang::NamedDecl *d, const clang::Decl *by);
    static void remove(clang::DeclContext *from, clang::NamedDecl *d);

    clang::Sema *sema = nullptr;
    std::function<std::string(clang::GlobalDecl)> mangled_name;
    clang::FileID cell;
    bool active = false;
    std::vector<hidden> gone; // by the cell being read
    unsigned count = 0;
};

} // namespace kgw
