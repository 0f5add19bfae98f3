// Which files of a project belong together: what includes what, read without a compiler.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

struct source {
    std::vector<std::string> local;   // "..." as written, and <...>, which may be the project's as well
    std::set<std::string> system;     // <...>
    std::vector<std::string> leading; // the <...> before anything else but comments
};

// Reads #include lines; comments and what stands in strings don't count, conditions aren't judged.
source scan(const std::string &text);

class project
{
public:
    // The source files that a program of this entry is linked from, the entry first (build.cpp says the rule).
    std::vector<std::string> needed_by(const std::string &entry);

    std::vector<std::string> all_sources(const std::string &entry);

    const source &at(const std::string &path);

private:
    void list();
    std::string resolve(const std::string &from, const std::string &name) const;
    bool includes(const std::string &file, const std::string &header);

    std::map<std::string, source> read;
    std::vector<std::string> sources; // sorted
    bool listed = false;
};
