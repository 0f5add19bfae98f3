#include "scan.hpp"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace fs = std::filesystem;
using std::string;

namespace
{

constexpr size_t files_max = 10000;

bool is_source(const fs::path &path)
{
    static const std::set<string> endings = {".cpp", ".cc", ".cxx", ".c++", ".C"};
    return endings.count(path.extension()) != 0;
}

string normal(const fs::path &path)
{
    return path.lexically_normal();
}

// Without comments, and with strings emptied but for those of #include lines.
string without_comments(const string &text)
{
    string out;
    bool directive = false; // a # stands in the line so far
    for (size_t i = 0; i < text.size();) {
        if (text.compare(i, 2, "//") == 0) {
            i = std::min(text.find('\n', i), text.size());
        } else if (text.compare(i, 2, "/*") == 0) {
            auto end = text.find("*/", i + 2);
            i = end == string::npos ? text.size() : end + 2;
            out += ' ';
        } else if (text.compare(i, 2, "R\"") == 0 && (i == 0 || !isalnum(static_cast<unsigned char>(text[i - 1])))) {
            auto open = text.find('(', i);
            auto end = open == string::npos ? open : text.find(")" + text.substr(i + 2, open - i - 2) + "\"", open);
            i = end == string::npos ? text.size() : end + (open - i);
            out += "\"\"";
        } else if (text[i] == '"' || text[i] == '\'') {
            char quote = text[i];
            size_t end = i + 1;
            while (end < text.size() && text[end] != quote && text[end] != '\n')
                end += text[end] == '\\' && end + 1 < text.size() ? 2 : 1;
            if (end < text.size() && text[end] == quote) // else it is none, such as the mark in 1'000
                end++;
            if (directive)
                out.append(text, i, end - i);
            else
                out += quote == '"' ? "\"\"" : "0";
            directive = directive && !memchr(&text[i], '\n', end - i);
            i = end;
        } else {
            directive = text[i] == '#' || (directive && text[i] != '\n');
            out += text[i++];
        }
    }
    return out;
}

} // namespace

source scan(const string &text)
{
    source s;
    bool leading = true;
    auto plain = without_comments(text);
    for (size_t at = 0, end; at < plain.size(); at = end + 1) {
        end = std::min(plain.find('\n', at), plain.size());
        auto line = plain.substr(at, end - at);
        auto skip = [&line](size_t i) { return std::min(line.find_first_not_of(" \t\r", i), line.size()); };
        size_t i = skip(0);
        if (i == line.size())
            continue;
        string name;
        char close = 0;
        if (line[i] == '#' && line.compare(skip(i + 1), 7, "include") == 0) {
            i = skip(skip(i + 1) + 7);
            close = i < line.size() && line[i] == '<' ? '>' : i < line.size() && line[i] == '"' ? '"' : 0;
            auto stop = close ? line.find(close, i + 1) : string::npos;
            if (stop != string::npos)
                name = line.substr(i + 1, stop - i - 1);
        }
        if (name.empty() || close != '>')
            leading = false;
        if (name.empty())
            continue;
        s.local.push_back(name);
        if (close == '>')
            s.system.insert(name);
        if (leading)
            s.leading.push_back(name);
    }
    return s;
}

const source &project::at(const string &path)
{
    auto found = read.find(path);
    if (found != read.end())
        return found->second;
    std::ifstream in(path, std::ios::binary);
    string text{std::istreambuf_iterator<char>(in), {}};
    return read[path] = scan(text);
}

void project::list()
{
    if (listed)
        return;
    listed = true;
    std::error_code error;
    size_t n = 0;
    fs::recursive_directory_iterator i(".", fs::directory_options::skip_permission_denied, error), end;
    for (; !error && i != end && n < files_max; i.increment(error), n++) {
        auto name = i->path().filename().string();
        if (name[0] == '.' && i->is_directory())
            i.disable_recursion_pending();
        else if (i->is_regular_file() && is_source(i->path()))
            sources.push_back(normal(i->path()));
    }
    std::sort(sources.begin(), sources.end());
}

// Where the compiler would find it within the project; empty when it wouldn't.
string project::resolve(const string &from, const string &name) const
{
    for (const auto &folder : {fs::path(from).parent_path(), fs::path("."), fs::path("include"), fs::path("src")}) {
        auto path = normal(folder / name);
        std::error_code error;
        if (!path.empty() && path[0] != '/' && path.compare(0, 3, "../") != 0 && fs::is_regular_file(path, error))
            return path;
    }
    return "";
}

bool project::includes(const string &file, const string &header)
{
    auto names = at(file).local;
    return std::any_of(names.begin(), names.end(), [&](auto &name) { return resolve(file, name) == header; });
}

std::vector<string> project::needed_by(const string &entry)
{
    std::vector<string> linked{entry};
    std::set<string> seen{entry};
    std::deque<string> queue{entry};
    while (!queue.empty()) {
        auto file = queue.front();
        queue.pop_front();
        auto names = at(file).local;
        for (auto &name : names) {
            auto header = resolve(file, name);
            // A source file that is included is part of what includes it.
            if (header.empty() || !seen.insert(header).second)
                continue;
            queue.push_back(header);
            if (is_source(header))
                continue;
            list();
            fs::path h(header);
            for (auto &source : sources) {
                fs::path s(source);
                if (s.stem() == h.stem() && !seen.count(source) &&
                    (s.parent_path() == h.parent_path() || includes(source, header))) {
                    seen.insert(source);
                    queue.push_back(source);
                    linked.push_back(source);
                }
            }
        }
    }
    return linked;
}

std::vector<string> project::all_sources(const string &entry)
{
    list();
    std::vector<string> all{entry};
    for (auto &s : sources)
        if (s != entry)
            all.push_back(s);
    return all;
}
