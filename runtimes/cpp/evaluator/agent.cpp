#include "agent.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ext/stdio_sync_filebuf.h>
#include <fcntl.h>
#include <iostream>
#include <stdio_ext.h>
#include <unistd.h>

#include "llvm/Support/raw_ostream.h"

namespace kgw::agent
{

namespace
{

int to_agent = -1, from_agent = -1;
std::string received;   // not yet a whole line
std::string typed;      // lines of input that user code has not read yet
bool typed_end, may_ask;
pid_t owner;

struct attached {
    std::ios *stream;
    std::streambuf *buffer;
} streams[4];

// A process that a cell has forked is nobody to the agent.
bool is_child()
{
    return getpid() != owner;
}

void write_all(const char *data, size_t n)
{
    while (n > 0) {
        auto done = write(to_agent, data, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            _exit(0); // nobody is left to work for
        data += done;
        n -= static_cast<size_t>(done);
    }
}

std::optional<std::string> next_line()
{
    for (size_t looked = 0;;) {
        auto end = received.find('\n', looked);
        if (end != std::string::npos) {
            auto line = received.substr(0, end);
            received.erase(0, end + 1);
            return line;
        }
        looked = received.size();
        char chunk[16384];
        auto n = read(from_agent, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return std::nullopt;
        received.append(chunk, static_cast<size_t>(n));
    }
}

std::optional<llvm::json::Object> next_object()
{
    for (;;) {
        auto line = next_line();
        if (!line)
            return std::nullopt;
        auto value = llvm::json::parse(*line);
        if (!value) {
            llvm::consumeError(value.takeError());
            continue;
        }
        if (auto object = value->getAsObject())
            return std::move(*object);
    }
}

// Waits for the answer to something that was just sent; others are not due and dropped.
llvm::json::Object wait_for(llvm::StringRef op)
{
    for (;;) {
        auto object = next_object();
        if (!object)
            _exit(0);
        if (object->getString("op").value_or("") == op)
            return std::move(*object);
    }
}

// One line of input into `typed`, or the end.
void ask()
{
    if (!may_ask || is_child()) {
        typed_end = true;
        return;
    }
    send(llvm::json::Object{{"event", "input"}, {"prompt", ""}, {"password", false}});
    auto answer = wait_for("input");
    if (auto value = answer.getString("value"))
        typed += value->str() + "\n";
    else
        typed_end = true;
}

ssize_t read_typed(void *, char *into, size_t n)
{
    if (typed.empty() && !typed_end)
        ask();
    // a line at a time, as from a terminal
    n = std::min(n, typed.size());
    memcpy(into, typed.data(), n);
    typed.erase(0, n);
    return static_cast<ssize_t>(n);
}

} // namespace

void set_up()
{
    // High numbers, so that what a program closes or opens by number is not these.
    owner = getpid();
    to_agent = fcntl(3, F_DUPFD_CLOEXEC, 200);
    from_agent = fcntl(4, F_DUPFD_CLOEXEC, 200);
    close(3);
    close(4);
    if (to_agent < 0 || from_agent < 0) {
        fprintf(stderr, "the C++ evaluator is started by the agent: descriptors 3 and 4 are its pipes\n");
        exit(2);
    }
    cookie_io_functions_t calls = {};
    calls.read = read_typed;
    stdin = fopencookie(nullptr, "r", calls);
    // scanf and cin read the same characters, as they do in a program.
    static __gnu_cxx::stdio_sync_filebuf<char> narrow(stdin);
    static __gnu_cxx::stdio_sync_filebuf<wchar_t> wide(stdin);
    std::cin.rdbuf(&narrow);
    std::wcin.rdbuf(&wide);
    size_t n = 0;
    for (std::ios *s : std::initializer_list<std::ios *>{&std::cin, &std::cout, &std::cerr, &std::clog})
        streams[n++] = {s, s->rdbuf()};
    // A line is shown when it ends, the rest with the cell.
    setvbuf(stdout, nullptr, _IOLBF, 1 << 16);
    setvbuf(stderr, nullptr, _IOLBF, 1 << 12);
}

std::optional<llvm::json::Object> next()
{
    for (;;) {
        auto object = next_object();
        if (!object)
            return std::nullopt;
        auto op = object->getString("op").value_or("");
        if (op != "ack" && op != "input")
            return object;
    }
}

// C++'s streams keep nothing of their own; and what a cell has put in their place may be gone by now.
void flush()
{
    fflush(stdout);
    fflush(stderr);
}

void send(llvm::json::Object line)
{
    flush();
    if (is_child())
        return;
    std::string text;
    llvm::raw_string_ostream out(text);
    out << llvm::json::Value(std::move(line)) << '\n';
    out.flush();
    write_all(text.data(), text.size());
}

void send_and_wait(llvm::json::Object line)
{
    send(std::move(line));
    if (!is_child())
        wait_for("ack");
}

void begin_cell(bool allow_stdin)
{
    typed.clear();
    typed_end = false;
    may_ask = allow_stdin;
    __fpurge(stdin);
    clearerr(stdin);
    for (auto &s : streams)
        s.stream->clear();
    std::wcin.clear();
}

void restore_streams()
{
    for (auto &s : streams)
        s.stream->rdbuf(s.buffer);
}

ssize_t read_as_user(int fd, void *into, size_t n)
{
    if (fd != STDIN_FILENO)
        return read(fd, into, n);
    return read_typed(nullptr, static_cast<char *>(into), n);
}

bool keep_synchronised(bool)
{
    return true;
}

void cut_off()
{
    int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd : {to_agent, from_agent, STDOUT_FILENO, STDERR_FILENO})
        dup2(nothing, fd);
}

} // namespace kgw::agent
