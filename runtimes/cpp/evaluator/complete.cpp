#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <poll.h>
#include <set>
#include <sys/wait.h>
#include <unistd.h>

#include "clang/AST/DeclCXX.h"
#include "clang/Lex/Preprocessor.h"
#include "clang/Sema/CodeCompleteConsumer.h"
#include "clang/Sema/Sema.h"

#include "agent.hpp"
#include "words.hpp"

using namespace clang;

namespace kgw::words
{

namespace
{

constexpr int patience_ms = 3000;
constexpr size_t matches_max = 1000;

bool is_word(char c)
{
    return isalnum(static_cast<unsigned char>(c)) || c == '_' || (c & 0x80);
}

// Writes every name that fits to a descriptor, one a line.
class names final : public CodeCompleteConsumer
{
public:
    names(std::string start, bool all)
        : CodeCompleteConsumer(everything()), prefix(std::move(start)), with_library(all),
          info(std::make_shared<GlobalCodeCompletionAllocator>())
    {
    }

    void ProcessCodeCompleteResults(Sema &, CodeCompletionContext, CodeCompletionResult *results, unsigned n) override
    {
        for (unsigned i = 0; i < n; i++)
            add(results[i]);
    }

    void add(const CodeCompletionResult &r)
    {
        std::string name;
        // a type's own name within it is of no use behind a dot
        auto type = r.Kind == CodeCompletionResult::RK_Declaration ? dyn_cast<CXXRecordDecl>(r.Declaration) : nullptr;
        if (type && type->isInjectedClassName())
            return;
        if (r.Kind == CodeCompletionResult::RK_Declaration) {
            if (!r.Declaration->getDeclName().isIdentifier() || (!with_library && r.Declaration->isFromASTFile()))
                return;
            name = r.Declaration->getName().str();
        } else if (r.Kind == CodeCompletionResult::RK_Keyword) {
            name = r.Keyword;
        } else if (r.Kind == CodeCompletionResult::RK_Macro && with_library) {
            name = r.Macro->getName().str();
        } else if (r.Kind == CodeCompletionResult::RK_Pattern && r.Pattern->getTypedText()) {
            name = r.Pattern->getTypedText();
        }
        // patterns such as "static_cast<"
        name.resize(std::find_if_not(name.begin(), name.end(), is_word) - name.begin());
        // Names that the language keeps for its own are shown to those who ask for them.
        bool internal = name[0] == '_' && (name[1] == '_' || isupper(static_cast<unsigned char>(name[1])));
        if (!name.empty() && name.compare(0, prefix.size(), prefix) == 0 && (!internal || prefix[0] == '_'))
            found.insert(name);
    }

    CodeCompletionAllocator &getAllocator() override
    {
        return info.getAllocator();
    }
    CodeCompletionTUInfo &getCodeCompletionTUInfo() override
    {
        return info;
    }

    std::set<std::string> found;

private:
    static CodeCompleteOptions everything()
    {
        CodeCompleteOptions options;
        options.IncludeMacros = options.IncludeCodePatterns = options.IncludeGlobals = true;
        return options;
    }

    std::string prefix;
    bool with_library;
    CodeCompletionTUInfo info;
};

[[noreturn]] void work(compiler &c, const std::string &code, size_t cursor, const std::string &prefix, bool all, int to)
{
    agent::cut_off();
    for (int number : {SIGSEGV, SIGABRT, SIGBUS, SIGINT})
        signal(number, SIG_DFL);
    names found(prefix, all);
    c.complete_at(code, cursor, found);
    std::string text;
    for (auto &name : found.found)
        text += name + "\n";
    for (size_t at = 0; at < text.size();) {
        auto n = write(to, text.data() + at, text.size() - at);
        if (n <= 0)
            break;
        at += static_cast<size_t>(n);
    }
    _exit(0);
}

// In a process of its own: the parser is not to be used after it ran into the cursor, and may take as long as it likes.
std::vector<std::string> ask(compiler &c, const std::string &code, size_t cursor, const std::string &prefix, bool all)
{
    std::vector<std::string> lines;
    int ends[2];
    if (pipe(ends) != 0)
        return lines;
    auto child = fork();
    if (child == 0)
        work(c, code, cursor, prefix, all, ends[1]);
    close(ends[1]);
    std::string text;
    char chunk[16384];
    pollfd ready{ends[0], POLLIN, 0};
    while (child > 0 && poll(&ready, 1, patience_ms) > 0) {
        auto n = read(ends[0], chunk, sizeof chunk);
        if (n <= 0)
            break;
        text.append(chunk, static_cast<size_t>(n));
    }
    close(ends[0]);
    if (child > 0) {
        kill(child, SIGKILL);
        while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    for (size_t at = 0, end; (end = text.find('\n', at)) != text.npos && lines.size() < matches_max; at = end + 1)
        lines.push_back(text.substr(at, end - at));
    return lines;
}

} // namespace

completion complete(compiler &c, const std::string &code, size_t cursor)
{
    completion result;
    result.end = result.start = std::min(cursor, code.size());
    while (result.start > 0 && is_word(code[result.start - 1]))
        result.start--;
    auto prefix = code.substr(result.start, result.end - result.start);
    if (!prefix.empty() && isdigit(static_cast<unsigned char>(prefix[0]))) {
        result.start = result.end;
        return result;
    }
    // Without anything typed the whole library would answer; behind `.`, `->` and `::` what is asked for is clear.
    bool all = !prefix.empty() || (result.start > 0 && strchr(".>:", code[result.start - 1]));
    result.matches = ask(c, code, result.start, prefix, all);
    if (result.matches.empty()) {
        // a statement is sooner understood inside a function
        const std::string opening = "void __kgw_here() {\n";
        result.matches = ask(c, opening + code, opening.size() + result.start, prefix, all);
    }
    return result;
}

} // namespace kgw::words
