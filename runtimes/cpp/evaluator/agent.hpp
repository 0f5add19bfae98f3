// The agent's side of the evaluator: lines of JSON on two pipes (docs/EVALUATORS.md), and what user code takes for stdin.
#pragma once

#include <optional>
#include <string>

#include "llvm/Support/JSON.h"

namespace kgw::agent
{

// Takes descriptors 3 and 4 away from where user code would meet them, and gives std::cin, stdin and read(0) to the agent.
void set_up();

// The next request, or nothing at the end.
std::optional<llvm::json::Object> next();

// Flushes the streams and writes one line.
void send(llvm::json::Object line);

// send() for what the agent acknowledges; returns when it has.
void send_and_wait(llvm::json::Object line);

// A new cell: what the last one left unread of stdin is gone.
void begin_cell(bool allow_stdin);
void flush();

// A cell that ended in the middle may have left std::cout and others with a buffer that is gone.
void restore_streams();

// read() as user code sees it.
ssize_t read_as_user(int fd, void *into, size_t n);

// std::ios::sync_with_stdio() as user code sees it: giving up stdin's and stdout's common order would cut std::cin off.
bool keep_synchronised(bool wanted);

// In a forked child: nothing that it writes reaches the agent.
void cut_off();

} // namespace kgw::agent
