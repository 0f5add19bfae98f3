// The C++ evaluator: takes cells from the agent (docs/EVALUATORS.md), compiles them with the clang in this process, and runs them
// in it.
//
// usage: kernelgw-cpp                          the evaluator
//        kernelgw-cpp --make-pch HEADER OUT    the precompiled header that it starts from
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "agent.hpp"
#include "compiler.hpp"
#include "guard.hpp"
#include "jit.hpp"
#include "once.hpp"
#include "runtime.hpp"
#include "words.hpp"

#include "llvm/Support/raw_ostream.h"

using llvm::json::Array;
using llvm::json::Object;

namespace kgw
{

namespace
{

const char *const bold_red = "\033[1;31m", *const plain = "\033[0m";

Object problem(const std::string &name, const std::string &value, const std::vector<std::string> &lines)
{
    Array traceback;
    for (auto &line : lines)
        traceback.push_back(llvm::json::fixUTF8(line));
    return Object{{"status", "error"},
            {"ename", llvm::json::fixUTF8(name)},
            {"evalue", llvm::json::fixUTF8(value)},
            {"traceback", std::move(traceback)}};
}

std::vector<std::string> lines_of(const std::string &text)
{
    std::vector<std::string> lines;
    for (size_t at = 0, end; at < text.size(); at = end + 1) {
        end = std::min(text.find('\n', at), text.size());
        lines.push_back(text.substr(at, end - at));
    }
    return lines;
}

// Bytes of the first n code points, and back.
size_t bytes_of(const std::string &text, int64_t n)
{
    size_t at = 0;
    for (; at < text.size() && n > 0; n--)
        do
            at++;
        while (at < text.size() && (text[at] & 0xc0) == 0x80);
    return at;
}

int64_t points_of(const std::string &text, size_t bytes)
{
    int64_t n = 0;
    for (size_t i = 0; i < bytes && i < text.size(); i++)
        n += (text[i] & 0xc0) != 0x80;
    return n;
}

// What stands in a function in a program stands alone in a cell: there a lambda has nothing to capture, and may not say that it
// would. True when the error was that, and text has no such [&] there any more.
bool drop_capture_default(std::string &text, const std::string &error)
{
    auto what = error.find(": non-local lambda expression cannot have a capture-default");
    if (what == error.npos)
        return false;
    auto column = error.rfind(':', what - 1), line = error.rfind(':', column - 1);
    size_t at = 0;
    for (auto left = strtoul(error.c_str() + line + 1, nullptr, 10); left > 1 && at != text.npos; left--)
        at = text.find('\n', at) + 1;
    at += strtoul(error.c_str() + column + 1, nullptr, 10) - 1;
    if (at >= text.size() || (text[at] != '&' && text[at] != '='))
        return false;
    text[at] = ' ';
    auto next = text.find_first_not_of(" \t\n", at);
    if (next != text.npos && text[next] == ',')
        text[next] = ' ';
    return true;
}

class evaluator
{
public:
    evaluator() : code(cpp.llvm_context())
    {
        code.replace("exit", reinterpret_cast<void *>(&guard::exit_cell));
        code.replace("_ZNSt8ios_base15sync_with_stdioEb", reinterpret_cast<void *>(&agent::keep_synchronised));
        code.replace("read", reinterpret_cast<void *>(&agent::read_as_user));
        provide_call_once(code);
    }

    void work()
    {
        while (auto request = agent::next()) {
            auto op = request->getString("op").value_or("");
            auto reply = op == "execute"       ? execute(*request)
                         : op == "complete"    ? complete(*request)
                         : op == "inspect"     ? inspect(*request)
                         : op == "is_complete" ? is_complete(*request)
                         : op == "configure"   ? configure(*request)
                                               : problem("UnknownRequest", "no such op: " + op.str(), {});
            reply["reply"] = request->getInteger("id").value_or(0);
            agent::send(std::move(reply));
            if (!guard::is_heap_whole()) {
                fprintf(stderr, "The program's memory was left in pieces: the kernel begins anew.\n");
                fflush(stderr);
                _exit(1);
            }
        }
    }

private:
    struct ran {
        bool ok = false;
        Object error;
    };

    ran run(std::string text, const std::string &name, bool show)
    {
        ran r;
        runtime::take_shown();
        guard::compiling();
        if (auto more = show ? cpp.renew_show() : ""; !more.empty()) {
            auto made = cpp.compile(more, "show", false);
            if (made.ok)
                code.add(std::move(made.module));
        }
        auto made = cpp.compile(text, name, show);
        while (!made.ok && drop_capture_default(text, made.first_error))
            made = cpp.compile(text, name, show);
        jit::linked linked;
        if (made.ok && !guard::interrupt_pending())
            linked = code.add(std::move(made.module));
        guard::compiled();
        made.diagnostics = guard::without_cell_namespaces(made.diagnostics);
        made.first_error = guard::without_cell_namespaces(made.first_error);
        if (guard::interrupt_pending()) {
            cpp.forget_unit();
            r.error = problem("KeyboardInterrupt", "", {std::string(bold_red) + "KeyboardInterrupt" + plain + " while compiling"});
            return r;
        }
        if (!made.ok) {
            r.error = problem("CompileError", made.first_error, lines_of(made.diagnostics));
            return r;
        }
        if (!made.diagnostics.empty())
            fputs(made.diagnostics.c_str(), stderr);
        if (!linked.error.empty()) {
            cpp.forget_unit();
            auto said = guard::without_cell_namespaces(linked.error);
            r.error = problem("LinkError", said, {name + ": " + bold_red + "error: " + plain + said});
            return r;
        }
        r.ok = true;
        if (!linked.run)
            return r;
        auto outcome = guard::run(linked.run);
        r.ok = outcome.how == guard::ending::done;
        if (!r.ok)
            agent::restore_streams();
        r.error = describe(outcome, name);
        return r;
    }

    static Object describe(const guard::outcome &o, const std::string &name)
    {
        auto line = [&](const std::string &kind, const std::string &text) {
            return std::vector<std::string>{std::string(bold_red) + kind + plain + " in " + name +
                                            (text.empty() ? "" : ": " + text)};
        };
        switch (o.how) {
        case guard::ending::done: return {};
        case guard::ending::interrupted: return problem("KeyboardInterrupt", "", line("KeyboardInterrupt", ""));
        case guard::ending::exception: return problem(o.name, o.text, line(o.name, o.text));
        case guard::ending::signal: return problem(o.name, o.text, line(o.name, o.text));
        case guard::ending::exit: {
            auto said = "exit(" + std::to_string(o.code) + ") ended the cell; the session goes on";
            return problem("SystemExit", std::to_string(o.code), line("SystemExit", said));
        }
        }
        return {};
    }

    Object execute(const Object &request)
    {
        auto text = request.getString("code").value_or("").str();
        bool silent = request.getBoolean("silent").value_or(false);
        auto count = request.getInteger("execution_count").value_or(0);
        agent::begin_cell(request.getBoolean("allow_stdin").value_or(false));
        auto r = run(text, "Cell [" + std::to_string(count) + "]", !silent);
        agent::flush();
        if (!r.ok)
            return std::move(r.error);
        if (auto shown = runtime::take_shown(); shown && !silent)
            agent::send(Object{{"event", "result"}, {"data", std::move(*shown)}, {"metadata", Object{}}});
        Object values;
        if (auto expressions = request.getObject("user_expressions"))
            for (auto &[key, expression] : *expressions)
                values[key] = value_of(expression.getAsString().value_or("").str());
        return Object{{"status", "ok"}, {"user_expressions", std::move(values)}, {"payload", Array{}}};
    }

    Object value_of(const std::string &expression)
    {
        auto r = run(expression, "expression", true);
        if (!r.ok)
            return std::move(r.error);
        auto shown = runtime::take_shown();
        return Object{{"status", "ok"}, {"data", shown ? std::move(*shown) : Object{}}, {"metadata", Object{}}};
    }

    Object complete(const Object &request)
    {
        auto text = request.getString("code").value_or("").str();
        auto cursor = bytes_of(text, request.getInteger("cursor_pos").value_or(0));
        auto found = words::complete(cpp, text, cursor);
        Array matches;
        for (auto &match : found.matches)
            matches.push_back(match);
        return Object{{"status", "ok"},
                {"matches", std::move(matches)},
                {"cursor_start", points_of(text, found.start)},
                {"cursor_end", points_of(text, found.end)},
                {"metadata", Object{}}};
    }

    Object inspect(const Object &request)
    {
        auto text = request.getString("code").value_or("").str();
        auto cursor = bytes_of(text, request.getInteger("cursor_pos").value_or(0));
        auto said = words::inspect(cpp, text, cursor);
        Object data;
        if (!said.empty())
            data["text/plain"] = llvm::json::fixUTF8(said);
        return Object{{"status", "ok"}, {"found", !said.empty()}, {"data", std::move(data)}, {"metadata", Object{}}};
    }

    static Object is_complete(const Object &request)
    {
        auto whole = words::is_complete(request.getString("code").value_or("").str());
        Object reply{{"status", whole.status}};
        if (strcmp(whole.status, "incomplete") == 0)
            reply["indent"] = whole.indent;
        return reply;
    }

    static Object configure(const Object &request)
    {
        if (auto env = request.getObject("env"))
            for (auto &[key, value] : *env)
                if (auto text = value.getAsString())
                    setenv(key.str().c_str(), text->str().c_str(), 1);
        auto cwd = request.getString("cwd");
        if (cwd && chdir(cwd->str().c_str()) != 0)
            return problem("OSError", "can't enter " + cwd->str() + ": " + strerror(errno), {});
        return Object{{"status", "ok"}};
    }

    compiler cpp;
    jit code;
};

} // namespace

} // namespace kgw

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "--make-pch") == 0)
        return kgw::compiler::make_pch(argv[2], argv[3]);
    if (argc != 1) {
        fprintf(stderr, "usage: kernelgw-cpp [--make-pch HEADER OUT]\n");
        return 2;
    }
    kgw::agent::set_up();
    kgw::guard::set_up();
    kgw::evaluator e;
    kgw::agent::send(Object{
        {"event", "ready"},
        {"implementation", "kernelgw-cpp"},
        {"implementation_version", "1.0"},
        {"banner", "C++20 (clang 19, libstdc++ 12); the standard library is included"},
        {"language_info", Object{{"name", "C++"},
                                 {"version", "20"},
                                 {"mimetype", "text/x-c++src"},
                                 {"file_extension", ".cpp"},
                                 {"pygments_lexer", "cpp"},
                                 {"codemirror_mode", "text/x-c++src"},
                                 {"nbconvert_exporter", "script"}}},
        {"help", true},
        {"help_links", Array{}}});
    e.work();
    fflush(nullptr);
    _exit(0); // what cells left running is not waited for
}
