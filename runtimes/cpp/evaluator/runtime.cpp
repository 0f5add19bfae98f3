#include "runtime.hpp"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

#include "agent.hpp"
#include "guard.hpp"
#include "llvm/Support/ConvertUTF.h"
#include "llvm/Support/raw_ostream.h"

namespace
{

std::string text;
llvm::json::Object bundle;
std::optional<llvm::json::Object> shown;

bool is_json(llvm::StringRef mime)
{
    return mime == "application/json" || mime.ends_with("+json") || mime.starts_with("application/vnd.jupyter.widget");
}

} // namespace

namespace kgw
{

std::optional<llvm::json::Object> runtime::take_shown()
{
    auto was = std::move(shown);
    shown.reset();
    text.clear();
    bundle.clear();
    return was;
}

} // namespace kgw

// Declared in the headers in /usr/local/include/kgw.
namespace kgw::detail
{

__attribute__((visibility("default"))) void put(const char *data, unsigned long n)
{
    text.append(data, n);
}

__attribute__((visibility("default"))) void put_integer(long long v)
{
    text += std::to_string(v);
}

__attribute__((visibility("default"))) void put_unsigned(unsigned long long v)
{
    text += std::to_string(v);
}

template <typename T> static void put_real(T v)
{
    char digits[128];
    auto end = std::to_chars(digits, digits + sizeof digits, v).ptr;
    std::string_view written(digits, static_cast<size_t>(end - digits));
    text += written;
    // 2.0 is no integer, and is to look so
    if (std::isfinite(v) && written.find_first_of(".e") == std::string_view::npos)
        text += ".0";
}

__attribute__((visibility("default"))) void put_float(float v)
{
    put_real(v);
}
__attribute__((visibility("default"))) void put_double(double v)
{
    put_real(v);
}
__attribute__((visibility("default"))) void put_long_double(long double v)
{
    put_real(v);
}

__attribute__((visibility("default"))) void put_quoted(const char *data, unsigned long n, char quote)
{
    text += quote;
    for (unsigned long i = 0; i < n; i++) {
        auto c = static_cast<unsigned char>(data[i]);
        char code[8];
        if (c == '\n')
            text += "\\n";
        else if (c == '\t')
            text += "\\t";
        else if (c == '\r')
            text += "\\r";
        else if (c == '\\' || c == static_cast<unsigned char>(quote))
            (text += '\\') += static_cast<char>(c);
        else if (c < 0x20 || c == 0x7f || (n == 1 && c >= 0x80)) {
            snprintf(code, sizeof code, "\\x%02x", c);
            text += code;
        } else
            text += static_cast<char>(c);
    }
    text += quote;
}

static std::string utf8(uint32_t c)
{
    char bytes[4], *end = bytes;
    if (llvm::ConvertCodePointToUTF8(c, end))
        return {bytes, end};
    char code[16];
    snprintf(code, sizeof code, "\\U%08x", c);
    return code;
}

__attribute__((visibility("default"))) void put_code_point(unsigned long c)
{
    auto bytes = utf8(static_cast<uint32_t>(c));
    put_quoted(bytes.data(), bytes.size(), '\'');
}

// Text in units of 1 byte (UTF-8), 2 (UTF-16) or 4.
__attribute__((visibility("default"))) void put_wide(const void *data, unsigned long n, unsigned long width)
{
    std::string bytes;
    auto halves = static_cast<const char16_t *>(data);
    for (unsigned long i = 0; i < n; i++) {
        if (width == 1)
            bytes += static_cast<const char *>(data)[i];
        else if (width == 4)
            bytes += utf8(static_cast<const uint32_t *>(data)[i]);
        else if (halves[i] >= 0xd800 && halves[i] < 0xdc00 && i + 1 < n) {
            bytes += utf8(0x10000u + ((halves[i] - 0xd800u) << 10) + (halves[i + 1] - 0xdc00u));
            i++;
        } else
            bytes += utf8(halves[i]);
    }
    put_quoted(bytes.data(), bytes.size(), '"');
}

__attribute__((visibility("default"))) void put_pointer(const void *p)
{
    char digits[32];
    snprintf(digits, sizeof digits, "%p", p);
    text += p ? digits : "nullptr";
}

__attribute__((visibility("default"))) void put_type(const char *name, unsigned long n)
{
    text += kgw::guard::without_cell_namespaces(std::string(name, n));
}

__attribute__((visibility("default"))) bool is_long()
{
    return text.size() > 100000;
}

__attribute__((visibility("default"))) void bundle_begin()
{
    text.clear();
    bundle.clear();
}

__attribute__((visibility("default"))) void bundle_add(const char *mime, unsigned long mime_n, const char *data, unsigned long n,
                                                       bool json)
{
    std::string type(mime, mime_n), value(data, n);
    llvm::json::Value held = llvm::json::fixUTF8(value);
    if (json || is_json(type)) {
        auto parsed = llvm::json::parse(value);
        if (parsed)
            held = std::move(*parsed);
        else
            llvm::consumeError(parsed.takeError());
    }
    bundle[llvm::json::fixUTF8(type)] = std::move(held);
}

// The text written so far is the bundle's plain text, if it has none.
static llvm::json::Object take_bundle()
{
    if (!text.empty() && !bundle.get("text/plain"))
        bundle["text/plain"] = llvm::json::fixUTF8(text);
    auto was = std::move(bundle);
    bundle.clear();
    text.clear();
    return was;
}

__attribute__((visibility("default"))) void bundle_result()
{
    if (!text.empty() || !bundle.empty())
        shown = take_bundle();
}

__attribute__((visibility("default"))) void bundle_display(const char *id, unsigned long n, bool update)
{
    llvm::json::Object event{{"event", "display"}, {"data", take_bundle()}, {"metadata", llvm::json::Object{}}};
    if (n > 0)
        event["display_id"] = llvm::json::fixUTF8(llvm::StringRef(id, n));
    if (update)
        event["update"] = true;
    kgw::agent::send_and_wait(std::move(event));
}

__attribute__((visibility("default"))) void clear_output(bool wait)
{
    kgw::agent::send_and_wait(llvm::json::Object{{"event", "clear"}, {"wait", wait}});
}

} // namespace kgw::detail
