#include "compiler.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "clang/AST/DeclContextInternals.h"
#include "clang/Frontend/FrontendActions.h"
#include "clang/Frontend/TextDiagnosticPrinter.h"
#include "clang/Interpreter/Interpreter.h"
#include "clang/Lex/Preprocessor.h"
#include "clang/Lex/PreprocessorOptions.h"
#include "clang/Sema/CodeCompleteConsumer.h"
#include "clang/Sema/Lookup.h"
#include "clang/Sema/Sema.h"
#include "clang/Sema/SemaCodeCompletion.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/TargetSelect.h"

#include "consumer.hpp"
#include "outlives.hpp"
#include "shadow.hpp"

using namespace clang;

namespace kgw
{

// A front-end action whose source file never ends: its preprocessor and Sema stay for the cells to come.
struct compiler::action : ASTFrontendAction {
    explicit action(compiler &c) : owner(c)
    {
    }
    std::unique_ptr<ASTConsumer> CreateASTConsumer(CompilerInstance &ci, StringRef) override
    {
        std::unique_ptr<CodeGenerator> generator(CreateLLVMCodeGen(
            ci.getDiagnostics(), "cell", &ci.getVirtualFileSystem(), ci.getHeaderSearchOpts(), ci.getPreprocessorOpts(),
            ci.getCodeGenOpts(), *owner.context.getContext()));
        auto made = std::make_unique<consumer>(std::move(generator), *owner.shadow);
        owner.sink = made.get();
        return made;
    }
    TranslationUnitKind getTranslationUnitKind() override
    {
        return TU_Incremental;
    }
    void ExecuteAction() override
    {
        auto &ci = getCompilerInstance();
        ci.getPreprocessor().enableIncrementalProcessing();
        ci.getPreprocessor().EnterMainSourceFile();
        if (!ci.hasSema())
            ci.createSema(getTranslationUnitKind(), nullptr);
    }
    void EndSourceFile() override
    {
    }
    compiler &owner;
};

// Collects messages as the user is shown them.
struct compiler::diagnostics : DiagnosticConsumer {
    std::string text, first_error;
    llvm::raw_string_ostream out{text};
    IntrusiveRefCntPtr<DiagnosticOptions> options = new DiagnosticOptions;
    std::unique_ptr<TextDiagnosticPrinter> printer;

    diagnostics()
    {
        options->ShowColors = true;
        options->ShowOptionNames = false;
        options->MessageLength = 0;
        out.enable_colors(true);
        printer = std::make_unique<TextDiagnosticPrinter>(out, options.get());
    }
    void BeginSourceFile(const LangOptions &lang, const Preprocessor *pp) override
    {
        printer->BeginSourceFile(lang, pp);
    }
    void HandleDiagnostic(DiagnosticsEngine::Level level, const Diagnostic &d) override
    {
        DiagnosticConsumer::HandleDiagnostic(level, d);
        if (level >= DiagnosticsEngine::Error && first_error.empty()) {
            SmallString<200> said;
            d.FormatDiagnostic(said);
            if (d.hasSourceManager() && d.getLocation().isValid()) {
                auto at = d.getSourceManager().getPresumedLoc(d.getLocation());
                if (at.isValid())
                    first_error = std::string(at.getFilename()) + ":" + std::to_string(at.getLine()) + ":" +
                                  std::to_string(at.getColumn()) + ": ";
            }
            first_error += said.str();
        }
        printer->HandleDiagnostic(level, d);
    }
    std::string take()
    {
        out.flush();
        auto was = std::move(text);
        text.clear();
        first_error.clear();
        // cells are included from nowhere
        static const std::string nowhere = "In file included from <<< inputs >>>:1:\n";
        for (size_t at; (at = was.find(nowhere)) != was.npos;)
            was.erase(at, nowhere.size());
        return was;
    }
};

static std::unique_ptr<CompilerInstance> make_instance(std::vector<const char *> more)
{
    llvm::InitializeNativeTarget();
    llvm::InitializeNativeTargetAsmPrinter();
    std::vector<const char *> arguments = {
        "-std=c++20", "-O0", "-Wall", "-Wno-unused-value", "-Wno-unused-variable", "-Wno-unused-function",
        "-Wno-unused-but-set-variable",
        // "using namespace std; ... move(x)" is what people write, and g++ says nothing of it either
        "-Wno-unqualified-std-cast-call", "-I/usr/local/include"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    IncrementalCompilerBuilder builder;
    builder.SetCompilerArgs(arguments);
    auto made = builder.CreateCpp();
    if (!made) {
        fprintf(stderr, "the C++ evaluator has no compiler: %s\n", llvm::toString(made.takeError()).c_str());
        exit(1);
    }
    return std::move(*made);
}

int compiler::make_pch(const std::string &header, const std::string &out)
{
    auto ci = make_instance({});
    ci->getFrontendOpts().Inputs.clear();
    ci->getFrontendOpts().Inputs.push_back(FrontendInputFile(header, InputKind(Language::CXX).getHeader()));
    ci->getFrontendOpts().OutputFile = out;
    ci->getFrontendOpts().ProgramAction = frontend::GeneratePCH;
    GeneratePCHAction action;
    return ci->ExecuteAction(action) && !ci->getDiagnostics().hasErrorOccurred() ? 0 : 1;
}

compiler::compiler()
{
    ci = make_instance({"-include-pch", pch_path});
    // The image doesn't change; looking at some 300 headers at every start would only take time.
    ci->getPreprocessorOpts().DisablePCHOrModuleValidation = DisableValidationForModuleKind::PCH;
    shadow = std::make_unique<shadower>();
    act = std::make_unique<action>(*this);
    auto said = new diagnostics;
    messages = said;
    ci->getDiagnostics().setClient(said, /*ShouldOwnClient=*/true);
    if (!ci->ExecuteAction(*act) || !sink || !ci->hasSema()) {
        fprintf(stderr, "the C++ evaluator can't start: %s\n", messages->take().c_str());
        exit(1);
    }
    messages->BeginSourceFile(ci->getLangOpts(), &ci->getPreprocessor());
    parser = std::make_unique<Parser>(ci->getPreprocessor(), ci->getSema(), /*SkipFunctionBodies=*/false);
    parser->Initialize();
    // From now on the inline functions of the precompiled header are told to the generator when they are first met.
    if (auto header = ci->getASTContext().getExternalSource())
        header->StartTranslationUnit(sink);
    shadow->set_up(ci->getSema(), [this](GlobalDecl d) { return sink->code().GetMangledName(d).str(); });
}

// Parts of clang that die in an order of their own are left to the end of the process.
compiler::~compiler()
{
    (void)parser.release();
    (void)act.release();
    (void)ci.release();
}

FileID compiler::enter(const std::string &code, const std::string &name)
{
    auto &sources = ci->getSourceManager();
    auto place = sources.getLocForStartOfFile(sources.getMainFileID());
    auto id = sources.createFileID(llvm::MemoryBuffer::getMemBufferCopy(code + "\n", name), SrcMgr::C_User, 0, 0, place);
    ci->getPreprocessor().EnterSourceFile(id, nullptr, place);
    return id;
}

void compiler::begin_unit()
{
    auto &sema = ci->getSema();
    auto &ast = ci->getASTContext();
    ast.addTranslationUnitDecl();
    if (parser->getCurToken().is(tok::annot_repl_input_end)) {
        parser->ConsumeAnyToken();
        parser->ExitScope();
        sema.CurContext = nullptr;
        parser->EnterScope(Scope::DeclScope);
        sema.ActOnTranslationUnitScope(parser->getCurScope());
    }
}

bool compiler::adds_a_way_to_show(const Decl *d) const
{
    auto function = d->getAsFunction();
    if (!function || !isa<NamedDecl>(d))
        return false;
    return function->getOverloadedOperator() == OO_LessLess ||
           (function->getDeclName().isIdentifier() && function->getName() == "mime_bundle_repr");
}

std::string compiler::renew_show()
{
    if (!show_is_old)
        return "";
    show_is_old = false;
    auto number = std::to_string(++shows);
    return "template <class T> void __kgw_show" + number + "(T &&v) { kgw::detail::show<std::integral_constant<int, " + number +
           ">>(static_cast<const std::remove_reference_t<T> &>(v)); }";
}

// At the outermost level clang takes a sign for the beginning of an Objective-C method: `-x` becomes `(void)nullptr, -x`.
void compiler::allow_sign()
{
    auto sign = parser->getCurToken();
    if (!sign.isOneOf(tok::minus, tok::plus))
        return;
    auto &pp = ci->getPreprocessor();
    auto kinds = {tok::l_paren, tok::kw_void, tok::r_paren, tok::kw_nullptr, tok::comma};
    auto tokens = std::make_unique<Token[]>(kinds.size() + 1);
    size_t n = 0;
    for (auto kind : kinds) {
        auto &t = tokens[n++];
        t.startToken();
        t.setKind(kind);
        t.setLocation(sign.getLocation());
        t.setLength(1);
        if (kind == tok::kw_void || kind == tok::kw_nullptr)
            t.setIdentifierInfo(&pp.getIdentifierTable().get(tok::getKeywordSpelling(kind)));
    }
    tokens[n] = sign;
    pp.EnterTokenStream(std::move(tokens), n + 1, /*DisableMacroExpansion=*/true, /*IsReinject=*/false);
    parser->ConsumeAnyToken();
}

// Calls the runtime's show() with the expression (kgw/show.hpp), in its stead.
void compiler::show_value(TopLevelStmtDecl *statement)
{
    auto &sema = ci->getSema();
    auto expression = dyn_cast_or_null<Expr>(statement->getStmt());
    if (!expression || expression->getType()->isVoidType() || expression->containsErrors())
        return;
    if (auto cleanups = dyn_cast<ExprWithCleanups>(expression))
        expression = cleanups->getSubExpr();
    // a bit-field can't be referred to
    if (expression->refersToBitField() && expression->isGLValue())
        expression = sema.DefaultLvalueConversion(expression).get();
    auto at = expression->getBeginLoc();
    auto name = "__kgw_show" + (shows ? std::to_string(shows) : "");
    LookupResult found(sema, &ci->getASTContext().Idents.get(name), at, Sema::LookupOrdinaryName);
    if (!expression || !sema.LookupQualifiedName(found, ci->getASTContext().getTranslationUnitDecl()))
        return;
    CXXScopeSpec none;
    auto function = sema.BuildDeclarationNameExpr(none, found, /*NeedsADL=*/false);
    auto call = function.isInvalid() ? ExprError()
                                     : sema.ActOnCallExpr(sema.TUScope, function.get(), at, expression, at);
    if (!call.isInvalid())
        call = sema.ActOnFinishFullExpr(call.get(), /*DiscardedValue=*/false);
    if (!call.isInvalid())
        statement->setStmt(call.get());
}

void compiler::parse(FileID cell, bool show)
{
    auto &sema = ci->getSema();
    Sema::GlobalEagerInstantiationScope global(sema, /*Enabled=*/true);
    Sema::LocalEagerInstantiationScope local(sema);
    auto &diags = ci->getDiagnostics();
    std::vector<Decl *> decls;
    Parser::DeclGroupPtrTy group;
    Sema::ModuleImportState state;
    begin_unit();
    shadow->begin(cell);
    allow_sign();
    for (bool end = parser->ParseFirstTopLevelDecl(group, state); !end; end = parser->ParseTopLevelDecl(group, state)) {
        for (auto d : group ? group.get() : DeclGroupRef()) {
            auto statement = dyn_cast<TopLevelStmtDecl>(d);
            if (statement && statement->isSemiMissing() && show)
                show_value(statement);
            shadow->read(d);
            decls.push_back(d);
        }
        if (group)
            sink->HandleTopLevelDecl(group.get());
        allow_sign();
    }
    local.perform();
    global.perform();
    if (diags.hasErrorOccurred()) {
        shadow->roll_back();
        return;
    }
    shadow->commit(decls);
    for (auto d : decls)
        show_is_old = show_is_old || adds_a_way_to_show(d);
}

void compiler::forget_unit()
{
    auto unit = ci->getASTContext().getTranslationUnitDecl();
    auto map = unit->getPrimaryContext()->getLookupPtr();
    if (!map)
        return;
    for (auto &entry : *map) {
        std::vector<NamedDecl *> gone;
        for (auto d : entry.second.getLookupResult())
            if (!d->isFromASTFile() && d->getTranslationUnitDecl() == unit)
                gone.push_back(d);
        for (auto d : gone)
            entry.second.remove(d);
    }
}

std::unique_ptr<llvm::Module> compiler::take_module()
{
    std::unique_ptr<llvm::Module> module(sink->code().ReleaseModule());
    sink->code().StartModule("cell_" + std::to_string(++units), *context.getContext());
    return module;
}

compiled compiler::compile(const std::string &code, const std::string &name, bool show)
{
    compiled result;
    auto &diags = ci->getDiagnostics();
    auto cell = enter(code, name);
    parse(cell, show);
    if (!diags.hasErrorOccurred()) {
        sink->release(ci->getASTContext());
        result.module = take_module();
        result.ok = !diags.hasErrorOccurred() && result.module;
    } else {
        auto is_in_cell = [&](const Decl *d) {
            auto &sources = ci->getSourceManager();
            return !d->isFromASTFile() && sources.getFileID(sources.getFileLoc(d->getLocation())) == cell;
        };
        sink->drop([&](const Decl *d) { return outlives(d, is_in_cell); });
        forget_unit();
    }
    result.first_error = messages->first_error;
    result.diagnostics = messages->take();
    // Where a cell ends too early, clang points at the file that cells are read into.
    auto lines = std::count(code.begin(), code.end(), '\n') + 1;
    auto columns = code.size() - (code.find_last_of('\n') + 1) + 1;
    auto end = name + ":" + std::to_string(lines) + ":" + std::to_string(columns);
    for (auto text : {&result.first_error, &result.diagnostics})
        for (size_t at; (at = text->find("<<< inputs >>>:1:1")) != text->npos;)
            text->replace(at, strlen("<<< inputs >>>:1:1"), end);
    diags.Reset(/*soft=*/true);
    diags.getClient()->clear();
    return result;
}

void compiler::complete_at(const std::string &code, size_t offset, CodeCompleteConsumer &done)
{
    auto &files = ci->getFileManager();
    auto &sources = ci->getSourceManager();
    auto &pp = ci->getPreprocessor();
    auto file = files.getVirtualFileRef("completion", static_cast<off_t>(code.size() + 1), 0);
    sources.overrideFileContents(file, llvm::MemoryBuffer::getMemBufferCopy(code + "\n", "completion"));
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < offset && i < code.size(); i++) {
        column++;
        if (code[i] == '\n') {
            line++;
            column = 1;
        }
    }
    ci->getSema().CodeCompletion().CodeCompleter = &done;
    pp.SetCodeCompletionPoint(file, line, column);
    auto id = sources.createFileID(file, SourceLocation(), SrcMgr::C_User);
    pp.EnterSourceFile(id, nullptr, SourceLocation());
    begin_unit();
    Parser::DeclGroupPtrTy group;
    Sema::ModuleImportState state;
    for (bool end = parser->ParseFirstTopLevelDecl(group, state); !end; end = parser->ParseTopLevelDecl(group, state)) {
    }
}

void compiler::look_at(const std::string &code, const std::function<void(Decl *)> &each)
{
    enter(code, "inspection");
    begin_unit();
    Parser::DeclGroupPtrTy group;
    Sema::ModuleImportState state;
    for (bool end = parser->ParseFirstTopLevelDecl(group, state); !end; end = parser->ParseTopLevelDecl(group, state))
        if (group)
            for (auto d : group.get())
                each(d);
}

} // namespace kgw
